"""Whoever is compared must do the same work: the answers are the same bytes, or nothing is measured."""

import re

from . import stack
from .goals import NotRun

# What differs from request to request by its nature: the id that Nginx gives it, and what the cache had.
BY_NATURE = re.compile(r"\b[0-9a-f]{32}\b|(?<=<dt>Cache</dt><dd>)[a-z]+")
COMPARED = ("content-type", "content-length", "x-db-role")


def read(service, path):
    """Status, the compared headers and the body."""
    head, _, body = stack.fetch(service, path).partition("\n\n")
    status, *lines = head.split("\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return status, {name: headers.get(name) for name in COMPARED}, BY_NATURE.sub("…", body)


def require_same(services, path):
    """NotRun: two of them answer differently; the text says where."""
    first, *others = services
    expected = read(first, path)
    for other in others:
        for what, ours, theirs in zip(("status", "headers", "body"), expected, read(other, path), strict=True):
            if ours != theirs:
                raise NotRun(f"{path}: {other} has another {what} than {first}{where(ours, theirs)}")


def where(ours, theirs):
    if not isinstance(ours, str):
        return f": {theirs} for {ours}"
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    return f" from byte {at}: {theirs[at : at + 40]!r} for {ours[at : at + 40]!r}"
