"""Every command in the documentation does what the page says; each page has a folder of its own."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.product.pages.pages import PAGES, ROOT, blocks, commands, lacking, run
from twilio_conformance import cli

COPIED = ("conformance", "reference", "spec", "vectors", "docs", "tools")
"""What a page that changes the project needs of it."""

ELSEWHERE = ("fuzzing", "gating", "reports")
"""Pages of long runs, whose commands have tests of their own in tests/unit and tests/product."""

EXECUTED = [
    page
    for page in PAGES
    if page.stem not in ELSEWHERE and any(block.language == "console" for block in blocks(page))
]


@pytest.mark.parametrize("page", EXECUTED, ids=lambda page: page.stem)
def test_the_commands_of_a_page_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    folder, path = tmp_path / "a reader's folder", []
    consoles = "".join(block.text for block in blocks(page) if block.language == "console")
    if "'node " in consoles and shutil.which("node") is None:
        pytest.skip("this page runs a program of Node.js, and there is none: install nodejs")
    if "tools." in consoles:
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        path = [folder, *(folder / name for name in ("conformance", "reference", "vectors"))]
    folder.mkdir(exist_ok=True)
    for block in blocks(page):
        if block.title is not None:
            place = folder / block.title
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(block.text, encoding="utf-8")
        if block.language != "console":
            continue
        for step in commands(block.text):
            done = run(step, folder, path)
            output = done.stdout + done.stderr
            assert done.returncode == step.status, f"{step.words}: {done.returncode}\n{output[-3000:]}"
            line = lacking(step.printed, output)
            assert line is None, f"{step.words} does not print {line!r}:\n{output[-3000:]}"


def test_a_page_that_promises_too_much_is_found() -> None:
    assert lacking(["...", "core  MUST 5/5", "..."], "one\ncore  MUST 5/5\nend") is None
    assert lacking(["core  MUST .../5"], "core  MUST 4/5 in 1.25s") is None
    assert lacking(["end", "core"], "core\nend") == "core"
    assert lacking(["core  MUST 5/5"], "core  MUST 4/5") == "core  MUST 5/5"


NAMED = re.compile(r"(?:`|^(?: {4}|\$ )?)((?:pytest|twilio-conformance) [^`\n#]+)", re.MULTILINE)
"""Command lines in text, in tables and in blocks, of which not all are executed."""


def named(program: str) -> list[str]:
    """The command lines of a program that any page names, without the brackets around what is optional."""
    lines = {line for page in PAGES for line in NAMED.findall(page.read_text(encoding="utf-8"))}
    return sorted(re.sub(r"[][]", "", line) for line in lines if line.startswith(f"{program} "))


@pytest.mark.parametrize("line", named("twilio-conformance"))
def test_a_subcommand_that_a_page_names_is_understood(line: str) -> None:
    arguments = shlex.split(line)[1:]
    if arguments == ["--version"]:
        with pytest.raises(SystemExit) as ended:
            cli._parser().parse_args(arguments)
        assert ended.value.code == 0
    else:
        assert callable(cli._parser().parse_args(arguments).run)


def test_every_option_of_pytest_that_a_page_names_exists() -> None:
    options = {option for line in named("pytest") for option in re.findall(r" (--[a-z][a-z-]*)", line)}
    help = subprocess.run([sys.executable, "-m", "pytest", "--help"], capture_output=True, text=True).stdout
    assert len(options) > 5
    assert {option for option in options if not re.search(rf"{option}\b", help)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"(?:`|^ {4}|^\$ )make ([a-z][a-z-]*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    missing = {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)}
    assert missing == set()
