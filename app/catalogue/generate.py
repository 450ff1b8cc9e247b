#!/usr/bin/env python3
"""Prints the catalogue of the shop, made from goods.txt, as SQL.

Every run prints the same bytes: a product has the same number on every
machine, so the documentation and the tests can name one.
"""

import random
import sys
from pathlib import Path

PRODUCTS = 1000
FIRST = "Enamel Mug, 350 ml, Forest Green"  # product 1, which the documentation quotes
SOLD_OUT = 0.04  # share of products of which none is left
MOST_IN_STOCK = 200

# mysqld's --init-file reader takes statements of some ten kilobytes only.
ROWS_PER_STATEMENT = 50

# Only random() gives the same numbers in every version of Python, so it is
# the one method used.
RNG = random.Random(20250)


def pick(items):
    return items[int(RNG.random() * len(items))]


def shuffle(items):
    for last in range(len(items) - 1, 0, -1):
        other = int(RNG.random() * (last + 1))
        items[last], items[other] = items[other], items[last]


def read_goods(path):
    """The kinds of goods by category: dicts of what goods.txt says of each."""
    categories = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        key, _, text = line.partition(": ")
        if key == "category":
            category, _, prefix = text.partition(", ")
            kinds = categories[category] = []
        elif key == "last":
            last = text.split(" | ")
        elif key in ("product", "titles"):
            kinds.append({"prefix": prefix, "last": last, key: text.split(" | ")})
        else:
            kinds[-1][key] = text.split(" | ")
    return categories


def cents(price):
    euros, _, rest = price.partition(".")
    return int(euros) * 100 + int(rest)


def describe(kind):
    """Two or three sentences: what it is, one more fact, and maybe a third."""
    fact = pick(kind["then"])
    others = [s for s in kind["then"] + kind["last"] if s != fact]
    sentences = [pick(kind["first"]), fact]
    if RNG.random() < 0.6:
        sentences.append(pick(others))
    return " ".join(sentences)


def products_of(kinds, category):
    """All sizes and variants of the kinds, in an order without a pattern."""
    products = []
    for number, kind in enumerate(kinds, start=1):
        things = kind.get("titles") or [
            (kind["product"][0], variant) for variant in kind.get("variants", [""])
        ]
        for thing in things:
            for size in kind["sizes"]:
                label, _, price = size.rpartition(" ")
                parts = (thing, label) if isinstance(thing, str) else (thing[0], label, thing[1])
                products.append({
                    "sku": f"{kind['prefix']}-{number:02}{len(products):03}",
                    "name": ", ".join(part for part in parts if part),
                    "category": category,
                    "description": describe(kind),
                    "price_cents": cents(price),
                    "stock": 0 if RNG.random() < SOLD_OUT else 1 + int(RNG.random() * MOST_IN_STOCK),
                })
    shuffle(products)
    products.sort(key=lambda product: product["name"] == FIRST)  # the last one is dealt first
    return products


def catalogue(path):
    """The shop's products, one of each category in turn, as on a shelf."""
    shelves = [products_of(kinds, category) for category, kinds in read_goods(path).items()]
    possible = sum(map(len, shelves))
    if possible < PRODUCTS:
        sys.exit(f"generate.py: {path} is enough for {possible} products only, not {PRODUCTS}")
    products = []
    while len(products) < PRODUCTS:
        shelves = [shelf for shelf in shelves if shelf]
        shuffle(shelves)
        products += [shelf.pop() for shelf in shelves]
    del products[PRODUCTS:]
    products.sort(key=lambda product: product["name"] != FIRST)
    return products


def quote(value):
    """A value as SQL writes it."""
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def sql(products):
    yield "-- Made by generate.py from goods.txt.\n"
    yield "SET NAMES utf8mb4;\n"
    for start in range(0, len(products), ROWS_PER_STATEMENT):
        rows = products[start:start + ROWS_PER_STATEMENT]
        yield f"INSERT INTO products (id, {', '.join(rows[0])}) VALUES\n"
        yield ",\n".join(
            f"({number}, {', '.join(map(quote, row.values()))})"
            for number, row in enumerate(rows, start=start + 1)
        )
        yield ";\n"
    # A search rates a word by how few of all products have it: how many there are MySQL would know only seconds later.
    yield "ANALYZE TABLE products;\n"


def main():
    text = "".join(sql(catalogue(Path(__file__).with_name("goods.txt"))))
    # Not print(): the locale of the machine has no say in the bytes.
    sys.stdout.buffer.write(text.encode("utf-8"))


if __name__ == "__main__":
    main()
