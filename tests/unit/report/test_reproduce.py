"""The script of a failure does what the check did."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.report.conftest import IMPL, environment
from twilio_conformance.report import reproduce
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.coverage import Entry

CATALOGUE = catalogue.load()


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "shown.py").write_text(script)
    return subprocess.run(
        [sys.executable, "shown.py"],
        cwd=folder,
        env=environment() | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_every_vector_has_a_script_that_is_python() -> None:
    for vector in CATALOGUE.vectors.values():
        script = reproduce.script(IMPL, Entry(vector.requirements[0], vector.id), CATALOGUE)
        compile(script, vector.id, "exec")
        assert len(script) <= reproduce.LONGEST


@pytest.mark.parametrize(
    ("vector", "shows"),
    [
        ("input/not-object-negative", "AttributeError"),
        ("hangup/answer-ended-400", "Failed to terminate Twilio call"),
        ("clear/interruption-plain", '"event": "clear"'),
    ],
)
def test_a_script_shows_what_the_vector_is_about(vector: str, shows: str, tmp_path: Path) -> None:
    found = run(reproduce.script(IMPL, Entry("TFS-ANY-01", vector), CATALOGUE), tmp_path)
    assert shows in found.stdout + found.stderr


@pytest.mark.parametrize(
    ("vector", "waits"), [("faults/silent-cancel", True), ("faults/refuse-cancel", False)]
)
def test_a_script_that_may_wait_for_long_says_so(vector: str, waits: bool) -> None:
    script = reproduce.script(IMPL, Entry("TFS-FAULT-02", vector), CATALOGUE)
    assert (reproduce.PATIENCE in script) == waits


def test_a_hang_up_in_a_script_reaches_the_double_and_nobody_else(tmp_path: Path) -> None:
    script = reproduce.script(IMPL, Entry("TFS-HANGUP-14", "hangup/answer-ended-400"), CATALOGUE)
    found = run(script, tmp_path)
    assert "host='api.twilio.com'" in found.stdout
    assert "answer_status=400" in found.stdout
    assert "invented" not in found.stdout + found.stderr


def test_the_scripts_of_real_failures_fail_with_their_findings(real: Path, tmp_path: Path) -> None:
    """One of each kind: a vector written out, a vector by its name, a check in code."""
    report = json.loads((real / "report.json").read_text())
    failing = [
        check for found in report["requirements"].values() for check in found["checks"] if check["reproduce"]
    ]
    kinds = {
        "vector": [
            each
            for each in failing
            if "async def main" in each["reproduce"] and "raised" in str(each["actual"])
        ],
        "by name": [each for each in failing if "vectors.play" in each["reproduce"]],
        "check": [each for each in failing if "load_checks" in each["reproduce"]],
    }
    assert kinds["vector"] and kinds["check"]
    for kind, found in kinds.items():
        for each in found[:1]:
            shown = run(each["reproduce"], tmp_path)
            assert shown.returncode == 1, (kind, each["id"], shown.stdout)
            if kind != "vector":
                assert each["message"].rpartition(": ")[2] in shown.stderr


def test_a_check_that_holds_has_no_script(real: Path) -> None:
    report = json.loads((real / "report.json").read_text())
    for found in report["requirements"].values():
        for check in found["checks"]:
            assert bool(check["reproduce"]) == (check["status"] in ("fail", "not-testable"))
