"""Every line that a page has a reader type without showing its output is executed, or stands here with the reason."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.product.pages.pages import PAGES, ROOT, reader_environment, shell, unnamed
from tests.shared_dir import once

INDEX = (
    "installs from a package index; tests/product/test_packaging.py and `make wheel-check` install the wheel"
)
WHOLE = "makes an environment and grades all; tests/product/test_make.py runs the target, and CI the whole"
SUITE = "these very tests; CI runs them"
PACKAGES = (
    "needs packages of the line before; `make examples` grades them, and the table says what came of it"
)

UNEXECUTED = {
    "pip install 'pipecat-twilio-conformance[live]'": INDEX,
    'pip install "$(echo dist/pipecat_twilio_conformance-*.whl)[live]"': INDEX,
    "pip install pipecat-acefone==0.1.3 voicelink==0.1.1": INDEX,
    "cd examples": PACKAGES,
    'pytest --impl=acefone_adapter -k "TFS-SETUP or TFS-MEDIA or TFS-DTMF or TFS-CLEAR or TFS-MESSAGE or TFS-MARK'
    ' or TFS-INPUT"': PACKAGES,
    "make grade IMPL=pipecat.serializers.twilio": WHOLE,
    "make grade IMPL=pkg.module PROFILE=core REPORT=report.json": WHOLE,
    "make grade IMPL=pkg.module PIPECAT=1.8.1": WHOLE,
    "make drift": "CI runs it over the whole project, of which these tests hold a part",
    "make test": SUITE,
    "make check": SUITE,
}
"""What is not executed, without the comment behind it, and why."""

NARROW = "-p no:randomly -p no:cacheprovider -k TFS-CLEAR-01"
"""What is added to a command that would grade everything: each of them grades one requirement here."""

SERIALIZER = '''\
"""A reader's own serializer."""

from twilio_reference.serializer import TwilioFrameSerializer


class Serializer(TwilioFrameSerializer):
    """Another name of it."""
'''


def command(line: str) -> str:
    """A line without the comment behind it."""
    return line.partition(" #")[0].strip()


LINES = sorted(
    {command(line) for page in PAGES for block in shell(page) for line in block} - UNEXECUTED.keys()
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's folder: a copy of what the pages speak of, a serializer, an adapter, a test and two reports."""
    return once(tmp_path_factory, "reader", _furnish)


def _furnish(place: Path) -> None:
    for name in ("spec", "vectors", "docs", "examples"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Makefile", place)
    shutil.copytree(ROOT / "examples" / "javascript", place, dirs_exist_ok=True)
    for name in ("my_bot", "my_pkg"):
        (place / name).mkdir()
        (place / name / "__init__.py").touch()
        (place / name / "twilio.py").write_text(SERIALIZER, encoding="utf-8")
    (place / "test_bot.py").write_text("def test_the_bot() -> None:\n    assert True\n", encoding="utf-8")
    assert _type("pytest --impl=my_bot.twilio --report=report.json", place).returncode == 0
    shutil.copy(place / "report.json", place / "older.json")


def _type(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Types a line into a shell in which this environment is active."""
    if line.startswith("pytest "):
        line = f"{line} {NARROW}"
    if line.startswith("make"):
        line = f"{line} --old-file=dev-env PY='{sys.executable}'"
    environment = reader_environment([])
    del environment["PYTHONDONTWRITEBYTECODE"]  # else each of them would compile the suite anew
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    return subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("line", LINES)
def test_a_line_for_the_shell_does_what_it_says(line: str, folder: Path) -> None:
    if "node " in line and shutil.which("node") is None:
        pytest.skip("this line runs a program of Node.js, and there is none: install nodejs")
    done = _type(line, folder)
    assert done.returncode == 0, f"{line}\n{(done.stdout + done.stderr)[-3000:]}"


def test_a_line_that_fails_is_found(folder: Path) -> None:
    assert _type("twilio-conformance html nothing.json -o page.html", folder).returncode == 4


def test_what_is_not_executed_still_stands_on_a_page() -> None:
    typed = {command(line) for page in PAGES for block in shell(page) for line in block}
    assert UNEXECUTED.keys() - typed == set()
    assert len(LINES) >= 11


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_says_what_it_is(page: Path) -> None:
    assert unnamed(page) == []


def test_a_block_and_an_indented_line_are_both_taken_for_commands(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Text\n\n    make one  # a\n    make two\n\n```sh\npytest\n```\n\n```python\n    no\n```\n\n```\nx\n```\n"
    )
    assert shell(page) == [["pytest"], ["make one  # a", "make two"]]
    assert unnamed(page) == ["x"]
