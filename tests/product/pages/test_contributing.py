"""The change that CONTRIBUTING.md shows applies to the project, and does what the page says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.product.pages.pages import ROOT, Command, blocks, run

PAGE = ROOT / "CONTRIBUTING.md"
COPIED = ("conformance", "docs", "reference", "spec", "tests", "tools", "vectors")
GENERATED = re.compile(r"vectors/v1/|spec/SPECIFICATION\.md|docs/traceability\.md|docs/rules\.md")
MOST_FILES = 4


def change() -> str:
    """Return the diff that the page shows."""
    (diff,) = [block.text for block in blocks(PAGE) if block.language == "diff"]
    return diff


def graded() -> list[str]:
    """Return the commands with which the page grades a serializer: the reference, then the broken one."""
    return re.findall(r"`(pytest --impl=\S+ -k TFS-[A-Z]+-\d+)`", PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project in which the change is applied and what is generated is written."""
    folder = tmp_path_factory.mktemp("project")
    for name in COPIED:
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
        )
    done = subprocess.run(
        ["git", "apply", "--verbose", "-"],
        cwd=folder,
        input=change(),
        env={"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(folder.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for module in ("twilio_vectors.build", "tools.render"):
        written = run(Command(["python", "-m", module], [], 0), folder, path(folder))
        assert written.returncode == 0, written.stderr
    return folder


def path(folder: Path) -> list[Path]:
    """Return what is on Python's path in a copy of the project."""
    return [folder, *(folder / name for name in ("conformance", "reference", "vectors"))]


def test_the_change_touches_few_files_and_none_that_is_generated() -> None:
    touched = re.findall(r"(?m)^\+\+\+ b/(.+)$", change())
    assert 0 < len(touched) <= MOST_FILES
    assert [name for name in touched if GENERATED.match(name)] == []


@pytest.mark.parametrize(
    ("index", "status", "verdict"),
    [(0, 0, "core    partial run     MUST 1/1"), (1, 1, "core    not conformant  MUST 0/1")],
    ids=["the reference passes", "the broken serializer fails"],
)
def test_the_new_requirement_is_graded(project: Path, index: int, status: int, verdict: str) -> None:
    words = shlex.split(graded()[index])
    done = run(Command(words, [], status), project / "docs", path(project))
    assert done.returncode == status, done.stdout
    assert verdict in done.stdout


def test_the_vectors_of_the_copy_are_up_to_date(project: Path) -> None:
    done = run(Command(["python", "-m", "twilio_vectors.build", "--check"], [], 0), project, path(project))
    assert done.returncode == 0, done.stderr
