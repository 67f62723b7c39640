"""Reports to work on: small ones that are made up, and a real one of the installed Pipecat."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests import miniature
from tests.shared_dir import once
from twilio_conformance import EDITION
from twilio_conformance.engine.run import Run
from twilio_conformance.report.model import Report
from twilio_conformance.spec.catalogue import Catalogue, Chapter, Requirement, Vector
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.verdict import FAIL, PASS, Outcome, Threshold

REQUIREMENT = Requirement(
    id="TFS-A-01",
    chapter="A",
    level="MUST",
    profile="core",
    statement="It MUST.",
    rationale="",
    source=("here",),
    since=EDITION,
    capability=None,
    checks=("a/*",),
    excluded=None,
)
"""A requirement for tests to vary."""


ROOT = Path(__file__).parents[1]
IMPL = "pipecat.serializers.twilio"
SAMPLE = "CONSTRUCT-03 or TFS-CLEAR or HANGUP-14 or INPUT-02 or INPUT-06 or LATENCY-01 or FIDELITY-03 or FIDELITY-13"
"""What the real report holds: failures of each kind, requests, logs and measurements, within seconds."""

Json = dict[str, Any]
Make = Callable[..., Json]


def environment() -> dict[str, str]:
    return os.environ | {"PYTEST_ADDOPTS": "", "COLUMNS": "120"}


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
        usual = {"conformant": True, "partial": False, "counts": {}, "out_of_sight": 0}
        verdict = verdicts.setdefault(found["profile"], usual)
        counts = verdict["counts"].setdefault(found["level"], {})
        counts[found["status"]] = counts.get(found["status"], 0) + 1
        if found["level"] == "MUST" and found["status"] in ("fail", "not-testable"):
            verdict["conformant"] = False
    for verdict in verdicts.values():
        verdict["conformant"] &= verdict["counts"].get("MUST", {}).get("pass", 0) > 0
    return verdicts


def parse(document: Json) -> Report:
    """The objects of a report's JSON."""
    return Report.model_validate(document)


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


IMPLEMENTATION = {
    "name": "mine:Serializer",
    "version": "1.2.3",
    "capabilities": [],
    "pipecat": "1.14.0",
    "python": "3.11.7",
    "network": "in-process",
}
PASSED = Outcome(PASS, seconds=0.1)
FAILED = Outcome(FAIL, "the key differs", {"key": "1"}, None, ["setup(8000): returned None"])


def sample_requirements(count: int, **changes: Any) -> list[Requirement]:
    return [
        replace(REQUIREMENT, id=f"TFS-A-{number:02}", checks=(f"a/{number}-*",), **changes)
        for number in range(count)
    ]


def graded_run(outcomes: dict[str, list[Outcome]], requirements: list[Requirement] | None = None) -> Run:
    """A run that found these outcomes of the requirements of these ids, in a suite of just that size."""
    requirements = requirements or sample_requirements(len(outcomes))
    vectors = {}
    run = Run("mine", EDITION, Threshold(frozenset({"core"})), concurrency=1)
    for requirement, found in zip(requirements, outcomes.values(), strict=True):
        for number, outcome in enumerate(found):
            name = requirement.checks[0].replace("*", str(number))
            vectors[name] = Vector(miniature.vector(name, [], [{"requirement": requirement.id}]))
            run.outcomes[Entry(requirement.id, name)] = outcome
    chapter = Chapter("A", 1, "A", "", tuple(requirements))
    run.catalogue = Catalogue(EDITION, (chapter,), vectors, "0" * 64, {})
    run.executor = cast(Any, SimpleNamespace(implementation=IMPLEMENTATION, jobs={}, notes=[]))
    run.collected = list(run.outcomes)
    return run
