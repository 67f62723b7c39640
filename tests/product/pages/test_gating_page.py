"""docs/gating.md as a maintainer lives it: its commands are run, and what they print is compared."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "gating.md"

REASONS = dict(re.findall(r'requirement = "(.+)"\nreason = "(.+)"', PAGE.read_text()))
"""The reasons that the page gives, by requirement."""

OTHER_REASON = "tracker 5946"


@dataclass(frozen=True, slots=True)
class Block:
    """Commands of the page, what they print (… for anything) and the exit status of the last."""

    commands: tuple[str, ...]
    shown: tuple[str, ...]
    status: int


def blocks() -> list[Block]:
    """The console blocks of the page."""
    found = []
    for text in re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL):
        lines = text.splitlines()
        commands = tuple(line[2:] for line in lines if line.startswith("$ "))
        shown = tuple(line for line in lines if not line.startswith(("$ ", "[exit status ")) and line != "…")
        found.append(Block(commands, shown, int(lines[-1].removeprefix("[exit status ").rstrip("]"))))
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The maintainer's folder; `pytest` is this Python's, with the suite as a plugin."""
    folder = tmp_path_factory.mktemp("maintainer")
    shell = f'#!/bin/sh\nexec "{sys.executable}" -m pytest -p twilio_conformance.plugin "$@"\n'
    (folder / "bin").mkdir()
    (folder / "bin" / "pytest").write_text(shell)
    (folder / "bin" / "pytest").chmod(0o755)
    return folder


def run(commands: tuple[str, ...], folder: Path) -> tuple[int, str]:
    """Runs commands in a shell; the exit status of the last, and all that they print."""
    foreign = ("PYTEST", "COV", "CI", "GITHUB")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{environment['PATH']}"
    paths = [str(ROOT / "conformance"), str(ROOT / "reference"), environment.get("PYTHONPATH", "")]
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "COLUMNS": "240"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(
        ["sh", "-c", "\n".join(commands)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def give_reasons(place: Path) -> None:
    """What the maintainer does in an editor."""
    requirement = ""
    lines = []
    for line in place.read_text().splitlines():
        if line.startswith("requirement = "):
            requirement = line.partition('"')[2].rstrip('"')
        reason = REASONS.get(requirement, OTHER_REASON)
        lines.append(line.replace('reason = ""', f'reason = "{reason}"'))
    place.write_text("\n".join(lines) + "\n")


def shows(line: str, text: str) -> bool:
    """Whether a line of the page is among the lines that were printed, … standing for anything."""
    pattern = ".*".join(re.escape(" ".join(part.split())) for part in line.split("…"))
    return any(re.search(pattern, " ".join(printed.split())) for printed in text.splitlines())


@pytest.mark.skipif(
    importlib.metadata.version("pipecat-ai") != "1.14.0", reason="the page is about pipecat-ai 1.14.0"
)
def test_the_session_on_the_page_goes_as_it_says(project: Path) -> None:
    statuses = [block.status for block in blocks()]
    assert statuses == [1, 3, 0, 3, 0, 3, 0]
    for number, block in enumerate(blocks()):
        status, text = run(block.commands, project)
        assert status == block.status, f"{block.commands}:\n{text[-3000:]}"
        missing = [line for line in block.shown if not shows(line, text)]
        assert not missing, f"{block.commands} does not print {missing}:\n{text[-3000:]}"
        if number == 1:
            give_reasons(project / "known.toml")


def test_the_table_names_every_exit_status_of_the_session() -> None:
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    named = {int(status) for line in table for status in re.findall(r"exit status (\d)", line)}
    assert named >= {block.status for block in blocks()}
