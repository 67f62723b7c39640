"""Whatever a report of the installed Pipecat says fails, its command runs again, and its script shows.

It grades everything, live calls included, which is why `make test-live` runs it and `make test` does not.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.reports import IMPL, environment, grading_command
from tests.shared_dir import once

Json = dict[str, Any]
Failures = dict[tuple[str, str], Json]

SLOW = ("TFS-FAULT-02", "TFS-FAULT-03", "TFS-FAULT-04")
"""Their scripts wait for a server that never answers, on the real clock, for as long as the implementation does."""

WORKERS = 2
"""Scripts at work at once."""


def grade(folder: Path, *options: str) -> Json:
    command = grading_command(f"--impl={IMPL}", "--profile=all", "-q", "--report=report.json", *options)
    run = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 1, run.stdout[-3000:] + run.stderr
    report: Json = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


def _fill(folder: Path) -> None:
    grade(folder)


def failures(report: Json) -> Failures:
    return {
        (name, check["id"]): check
        for name, found in report["requirements"].items()
        for check in found["checks"]
        if check["status"] in ("fail", "not-testable")
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Failures:
    folder = once(tmp_path_factory, "whole", _fill)
    return failures(json.loads((folder / "report.json").read_text(encoding="utf-8")))


def test_the_command_of_every_failure_fails_again_as_it_did(found: Failures, tmp_path: Path) -> None:
    commands = [shlex.split(check["rerun"]) for check in found.values()]
    assert len(commands) > 100
    assert {(*command[:2], command[-2]) for command in commands} == {("pytest", f"--impl={IMPL}", "-k")}
    report = grade(tmp_path, "-k", " or ".join(command[-1] for command in commands))
    again = failures(report)
    assert again.keys() == found.keys()
    assert report["ledger"]["collected"] == len(found)
    changed = {key for key, check in again.items() if without_names(check) != without_names(found[key])}
    assert changed == set()


def without_names(check: Json) -> str:
    """What a failure says, but for what differs from run to run: identifiers, and how much audio it was."""
    return str(check["message"]).partition(":")[0]


def test_the_script_of_every_kind_of_failure_shows_it(found: Failures, tmp_path: Path) -> None:
    """Of each requirement the first: a script exits with 1 where it fails, or prints what should not have been."""
    first = {name: check for (name, _), check in reversed(found.items()) if name not in SLOW}
    with ThreadPoolExecutor(WORKERS) as pool:
        shown = pool.map(lambda each: show(each[1], tmp_path / each[0]), first.items())
        silent = [name for name, is_shown in zip(first, shown, strict=True) if not is_shown]
    assert silent == []


def show(check: Json, folder: Path) -> bool:
    """Whether the script of a failure fails as the check did, or prints what it found."""
    folder.mkdir()
    (folder / "shown.py").write_text(check["reproduce"], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "shown.py"], cwd=folder, env=environment() | {"PYTHONWARNINGS": "ignore"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode == 1 or bool(done.stdout.strip())
