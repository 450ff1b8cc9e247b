"""Rules for Dockerfiles: dockerfiles.py FILE... prints what is wrong, a line each, and fails when something is.

- no "# syntax=": it makes every build fetch a parser from a registry
- no image without a version but those of the lab: the next build would be another
- apt-get install takes nothing it was not told to, and its package lists are removed in the same layer
- COPY instead of ADD, which also fetches and unpacks
- ENTRYPOINT as a JSON list: a shell in between would get the signals
"""

import json
import re
import sys
from pathlib import Path

BAKE_FILE = Path("services/images.hcl")
HEREDOC = re.compile(r"<<-?\s*[\"']?(\w+)[\"']?")


def instructions(lines):
    """(line number, text) of each; continued lines are joined, comments dropped, a here-document belongs to its RUN."""
    pending = iter(enumerate(lines, 1))
    for number, line in pending:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        start, text = number, line
        while text.endswith("\\"):
            _, line = next(pending, (0, ""))
            if not line.lstrip().startswith("#"):
                text = text[:-1] + " " + line.strip()
        for end in HEREDOC.findall(text):
            for _, line in pending:
                if line.strip() == end:
                    break
                text += "\n" + line
        yield start, text.strip()


def named_contexts():
    """The names that the bake file gives to images and folders, for FROM and --from."""
    text = BAKE_FILE.read_text(encoding="utf-8") if BAKE_FILE.is_file() else ""
    blocks = re.findall(r"contexts\s*=\s*\{([^}]*)\}", text)
    return {name for block in blocks for name in re.findall(r"([\w-]+)\s*=", block)}


def floating(image, own):
    """Whether the same name may be another image tomorrow."""
    if image in own or image == "scratch" or image.startswith("webstack/") or "@sha256:" in image:
        return False
    name, _, tag = image.rpartition("/")[2].partition(":")
    return tag in ("", "latest")


def image_faults(text, own):
    if match := re.match(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", text, re.I):
        if floating(match[1], own):
            yield f"no version: FROM {match[1]}"
        own.add(match[2] or "")
    for image in re.findall(r"\s--from=(\S+)|,from=([^,\s]+)", text):
        image = "".join(image)
        if not image.isdigit() and floating(image, own):
            yield f"no version: --from={image}"


def run_faults(text):
    script = text.replace("\\\n", " ")
    installs = list(re.finditer(r"\bapt(?:-get)?\s[^;&|\n]*?\binstall\b[^;&|\n]*", script))
    for install in installs:
        if "--no-install-recommends" not in install[0]:
            yield "apt-get install without --no-install-recommends"
    if installs and "/var/lib/apt/lists/*" not in script[installs[-1].end() :]:
        yield "the package lists stay in the layer: rm -rf /var/lib/apt/lists/*"


def exec_form(text):
    try:
        return isinstance(json.loads(text.split(None, 1)[1]), list)
    except (IndexError, json.JSONDecodeError):
        return False


def faults(lines):
    own = named_contexts()
    for number, line in enumerate(lines, 1):
        if re.match(r"\s*#\s*syntax\s*=", line, re.I):
            yield number, "no # syntax= line"
    for number, text in instructions(lines):
        word = text.split()[0].upper()
        for fault in image_faults(text, own):
            yield number, fault
        if word == "RUN":
            for fault in run_faults(text):
                yield number, fault
        if word == "ADD":
            yield number, "ADD; use COPY"
        if word == "ENTRYPOINT" and not exec_form(text):
            yield number, 'ENTRYPOINT is not a list: ["program", "argument"]'


def main(files):
    found = [
        f"{file}:{number}: {fault}"
        for file in files
        for number, fault in faults(Path(file).read_text(encoding="utf-8").splitlines())
    ]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
