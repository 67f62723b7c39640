"""The pages of the documentation and the blocks in them that are files or commands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]

PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])

PROGRAMS = {
    "python": (),
    "pytest": ("-m", "pytest", "-p", "no:randomly"),
    "twilio-conformance": ("-m", "twilio_conformance.cli"),
}
"""What is executed of a console block, as arguments of this environment's Python."""

_BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"\[exit status (\d)\]")
_FOREIGN = re.compile(r"(PYTEST|COV|PY_COLORS|CI$|GITHUB|TWILIO_CONFORMANCE|PYTHON)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the title that makes it a file, and its lines."""

    language: str
    title: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a console block, what a reader is told that it prints, and its exit status."""

    words: list[str]
    printed: list[str]
    status: int


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Block(language, title or None, text) for language, title, text in found]


def shell(page: Path) -> list[list[str]]:
    """The lines that a page has a reader type into a shell and shows no output of: its `sh` blocks, and indented lines."""
    text = page.read_text(encoding="utf-8")
    indented = re.findall(r"(?:^ {4}\S.*\n)+", _FENCED.sub("", text), re.MULTILINE)
    found = [block.text for block in blocks(page) if block.language == "sh"] + indented
    return [[line.strip() for line in block.splitlines() if line.strip()] for block in found]


def unnamed(page: Path) -> list[str]:
    """The first lines of fenced blocks that do not say what they are."""
    found = _FENCED.findall(page.read_text(encoding="utf-8"))
    return [block.splitlines()[1] for block in found if re.match(r"```(?:\n|bash|shell|zsh)", block)]


def commands(console: str) -> Iterator[Command]:
    """The commands of a console block."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        line, *printed = part.splitlines()
        status = next((int(found.group(1)) for text in printed if (found := _STATUS.fullmatch(text))), 0)
        yield Command(shlex.split(line), [text for text in printed if not _STATUS.fullmatch(text)], status)


def reader_environment(path: list[Path]) -> dict[str, str]:
    """The environment of a reader's shell, with nothing in it of the tests' own."""
    environment = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
    return environment | {
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "COLUMNS": "120",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(command: Command, folder: Path, path: list[Path]) -> subprocess.CompletedProcess[str]:
    """Runs a command in a folder as a reader would, with this environment's Python and pytest."""
    environment = reader_environment(path)
    program, *rest = command.words
    assert program in PROGRAMS, f"{program} is not executed: use a block of another language"
    return subprocess.run(
        [sys.executable, *PROGRAMS[program], *rest],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def lacking(printed: list[str], output: str) -> str | None:
    """The first line that a reader is promised and the output lacks, in this order; `...` is anything."""
    rest = re.sub(r"\d+\.\d+s\b", "N s", output).splitlines()
    for line in printed:
        if line.strip() == "...":
            continue
        pattern = re.compile(".*".join(map(re.escape, line.rstrip().split("..."))))
        while rest and not pattern.match(rest[0]):
            rest.pop(0)
        if not rest:
            return line
        rest.pop(0)
    return None
