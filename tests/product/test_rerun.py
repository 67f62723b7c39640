"""Whatever a report of the installed Pipecat says fails, its command and its replay show again.

It grades everything, live calls included, which is why `make test-live` runs it and `make test` does not.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.reports import IMPL, environment, grading_command
from tests.shared_dir import once

PARTS = 4
"""Tests that the replays are spread over: on a busy machine, all of them take longer than one test may."""

Json = dict[str, Any]
Failures = dict[tuple[str, str], Json]


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


@pytest.mark.parametrize("part", range(PARTS))
def test_every_kind_of_failure_fails_when_it_is_replayed(part: int, found: Failures, tmp_path: Path) -> None:
    """The first failing check of each requirement; those that depend on a loaded machine or a child are left out."""
    first = {
        name: identifier
        for name, identifier in reversed(found)
        if found[name, identifier]["status"] == "fail"
    }
    own = sorted(first.items())[part::PARTS]
    assert own
    replayed = {name: replay(f"{name}[{identifier}]", tmp_path) for name, identifier in own}
    assert {name for name, status in replayed.items() if status != 1} == set()


def replay(check: str, folder: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "twilio_conformance.cli", "replay", IMPL, check],
        cwd=folder,
        env=environment() | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode
