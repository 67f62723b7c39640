"""Reports to work on: small ones that are made up, and a real one of the installed Pipecat."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.shared_dir import once

ROOT = Path(__file__).parents[3]
IMPL = "pipecat.serializers.twilio"
SAMPLE = "CONSTRUCT-03 or TFS-CLEAR or HANGUP-14 or INPUT-02 or INPUT-06 or LATENCY-01 or FIDELITY-03 or FIDELITY-13"
"""What the real report holds: failures of each kind, requests, logs and measurements, within seconds."""

Json = dict[str, Any]
Make = Callable[..., Json]


def environment() -> dict[str, str]:
    return os.environ | {"PYTEST_ADDOPTS": ""}


def grading_command(*arguments: str) -> list[str]:
    return [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir=."),
        *arguments,
    ]


def check(name: str, status: str = "pass", **members: Any) -> Json:
    """One check of a report."""
    usual: Json = {
        "id": name,
        "status": status,
        "expected": None,
        "actual": None,
        "message": "" if status == "pass" else "something differs",
        "trace": [],
        "output": "",
        "rerun": f"pytest --impl=my.serializer -k '{name}'",
        "reproduce": "",
        "seconds": 0.001,
    }
    return usual | members


def _requirement(chapter: str, level: str, profile: str, *checks: Json) -> Json:
    worst = ("not-applicable", "pass", "not-testable", "fail")
    return {
        "chapter": chapter,
        "level": level,
        "profile": profile,
        "statement": f"It {level} work.",
        "rationale": "Else it does not.",
        "source": ["https://www.twilio.com/docs/voice", "api.txt: it works"],
        "status": max((each["status"] for each in checks), key=worst.index),
        "checks": list(checks),
    }


def _verdicts(requirements: dict[str, Json]) -> Json:
    verdicts: Json = {}
    for found in requirements.values():
        usual = {"conformant": True, "partial": False, "counts": {}}
        verdict = verdicts.setdefault(found["profile"], usual)
        counts = verdict["counts"].setdefault(found["level"], {})
        counts[found["status"]] = counts.get(found["status"], 0) + 1
        if found["level"] == "MUST" and found["status"] in ("fail", "not-testable"):
            verdict["conformant"] = False
    for verdict in verdicts.values():
        verdict["conformant"] &= verdict["counts"].get("MUST", {}).get("pass", 0) > 0
    return verdicts


def left_out(report: Json) -> Json:
    """The report of a run that left one of its checks out."""
    report["ledger"]["expected"] += 1
    for verdict in report["verdict"].values():
        verdict |= {"partial": True, "conformant": False}
    return report


@pytest.fixture
def make() -> Make:
    """Makes a report of a few requirements; `statuses` says what became of some checks."""

    def build(statuses: dict[str, str] | None = None, **members: Any) -> Json:
        given = {"clear/one": "pass", "clear/two": "pass", "mark/one": "pass", "audio.flat": "pass"} | (
            statuses or {}
        )
        requirements = {
            "TFS-CLEAR-01": _requirement(
                "Clear", "MUST", "core", *(check(name, given[name]) for name in ("clear/one", "clear/two"))
            ),
            "TFS-MARK-01": _requirement("Mark", "SHOULD", "core", check("mark/one", given["mark/one"])),
            "TFS-FLAT-01": _requirement("Audio", "MUST", "audio", check("audio.flat", given["audio.flat"])),
        }
        report = {
            "suite": "2026.11.0",
            "edition": "2026.11",
            "vectors_digest": "ab" * 32,
            "implementation": {
                "spec": "my.serializer",
                "name": "my.serializer:TwilioFrameSerializer",
                "version": "1.0",
                "capabilities": [],
            },
            "pipecat": "1.14.0",
            "python": "3.11.7",
            "network": "in-process double over TLS",
            "started": "2026-11-22T10:00:00+00:00",
            "finished": "2026-11-22T10:00:05+00:00",
            "gate": {"profiles": ["core"], "strict": False},
            "requirements": requirements,
            "verdict": _verdicts(requirements),
            "metrics": {},
            "notes": [],
            "ledger": {"expected": 4, "collected": 4, "executed": 4, "missing": [], "excluded": {}},
            "complete": True,
        }
        return copy.deepcopy({name: members.get(name, value) for name, value in report.items()})

    return build


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Json, str], str]:
    """Writes a report to a file and gives its path."""

    def save(report: Json, name: str = "report.json") -> str:
        path = tmp_path / name
        path.write_text(json.dumps(report))
        return str(path)

    return save


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with report.json, .html, .svg and .md of the installed Pipecat, from one graded run."""
    return once(tmp_path_factory, "real", _grade)


def _grade(folder: Path) -> None:
    forms = [f"--report=report.{form}" for form in ("json", "html", "svg", "md")]
    command = grading_command(f"--impl={IMPL}", "--profile=all", "-q", "-k", SAMPLE, *forms)
    run = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=900, check=False
    )
    assert run.returncode == 1, run.stdout + run.stderr
