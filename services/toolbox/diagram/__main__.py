"""The command: a Compose model in, a figure out."""

import json
import sys

from . import __doc__ as manual
from .dot import Drawing
from .model import Mistake
from .read import read_model
from .svg import to_svg


def main(arguments):
    if arguments not in ([], ["--dot"]):
        print(manual.strip())
        return 0 if arguments == ["--help"] else 2
    try:
        compose = json.load(sys.stdin)
        if not isinstance(compose, dict) or not compose.get("services"):
            raise Mistake("no services: this wants the output of docker compose config --format json")
        model = read_model(compose)
        sys.stdout.write(Drawing(model).dot() if arguments else to_svg(model))
    except (Mistake, json.JSONDecodeError, OSError) as mistake:
        print(f"diagram: {mistake}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
