"""Graded runs of pytest in this process: the plugin is the real one, the results of the checks are made up."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests import miniature
from tests.reports import IMPLEMENTATION, REQUIREMENT
from twilio_conformance import EDITION
from twilio_conformance.engine.executor import Executor
from twilio_conformance.engine.messages import Job, Result
from twilio_conformance.engine.run import Run
from twilio_conformance.errors import SuiteError
from twilio_conformance.spec.catalogue import Catalogue, Chapter, Vector
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.verdict import PASS, Outcome

FIRST = Entry("TFS-IN-01", "in/first")
SECOND = Entry("TFS-IN-01", "in/second")
GAIN = Entry("TFS-IN-02", "media.gain")
LEVEL = Entry("TFS-OUT-01", "media.level")
KEY = Entry("TFS-OUT-02", "out/key")
ENTRIES = [FIRST, SECOND, GAIN, LEVEL, KEY]
"""The checks of the made-up suite, in the order of its specification: two vectors, two functions, a vector."""

MODULES = {"media.gain": "media_in", "media.level": "media_out"}
"""The file of each check in code; both share a prefix, as in the real suite."""

OPTIONS = (
    *("-p", "twilio_conformance.plugin", "--impl=mine"),
    *("-c", os.devnull, "--rootdir=.", "-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
"""Options of every run; the plugin is imported already, and no configuration but the defaults applies."""

REQUIREMENTS = {
    "IN": [
        replace(REQUIREMENT, id="TFS-IN-01", chapter="IN", checks=("in/*",)),
        replace(REQUIREMENT, id="TFS-IN-02", chapter="IN", checks=("media.gain",)),
    ],
    "OUT": [
        replace(REQUIREMENT, id="TFS-OUT-01", chapter="OUT", level="SHOULD", checks=("media.level",)),
        replace(REQUIREMENT, id="TFS-OUT-02", chapter="OUT", profile="secure", checks=("out/key",)),
    ],
}


def catalogue() -> Catalogue:
    """Return the specification and the vectors of the made-up suite."""
    chapters = [
        Chapter(name, number, name, "", tuple(own))
        for number, (name, own) in enumerate(REQUIREMENTS.items(), 1)
    ]
    vectors = {
        entry.check: Vector(miniature.vector(entry.check, [], [{"requirement": entry.requirement}]))
        for entry in ENTRIES
        if "/" in entry.check
    }
    return Catalogue(EDITION, tuple(chapters), vectors, "0" * 64, {})


class MadeUpExecutor(Executor):
    """An executor without a worker, whose results are given."""

    def __init__(self, results: Mapping[str, Result]) -> None:
        super().__init__("mine", EDITION, concurrency=1)
        super().close()
        self.implementation = IMPLEMENTATION | {"file": "mine.py"}
        self.jobs = {
            entry.check: Job(entry.check, [entry.requirement], 60.0, MODULES.get(entry.check, ""))
            for entry in ENTRIES
        }
        self.results = results
        self.submitted: list[str] = []
        self.is_closed = False

    def submit(self, checks: Any) -> None:
        self.submitted += checks

    def result(self, check: str) -> Result:
        result = self.results[check]
        if result.trouble:
            raise SuiteError(result.trouble)
        return result

    def close(self) -> None:
        self.is_closed = True


def results(outcomes: Mapping[Entry, Outcome], **members: str) -> dict[str, Result]:
    """Return a result for every check, which passes unless another outcome is given."""
    return {
        entry.check: Result(
            entry.check, {entry.requirement: outcomes.get(entry, Outcome(PASS, seconds=0.1))}, **members
        )
        for entry in ENTRIES
    }


def put(run: Run, found: Mapping[str, Result]) -> MadeUpExecutor:
    """Give a run the made-up suite and these results."""
    executor = MadeUpExecutor(found)
    run.catalogue, run.executor = catalogue(), executor
    return executor


@dataclass(frozen=True)
class Session:
    """A run of pytest that has ended.

    Attributes:
        status: The exit status.
        text: What pytest printed.
        counts: The numbers in its last line, by word.
        reports: The reports of the items that ran, in order.
        report: The JSON report, if there is one.
        executor: The executor of the run; None if it did not get that far.
    """

    status: int
    text: str
    counts: dict[str, int]
    reports: list[pytest.TestReport]
    report: dict[str, Any] | None
    executor: MadeUpExecutor | None

    @property
    def order(self) -> list[str]:
        """The ids of the items that ran."""
        return [report.nodeid for report in self.reports]

    @property
    def verdicts(self) -> dict[str, tuple[bool, bool]]:
        """Whether each profile is conformant, and whether the run was partial."""
        assert self.report is not None, self.text
        return {
            name: (verdict["conformant"], verdict["partial"])
            for name, verdict in self.report["verdict"].items()
        }


class Grade(Protocol):
    """Grades the made-up suite with these options; see `results` for the outcomes."""

    def __call__(
        self, *options: str, outcomes: Mapping[Entry, Outcome] | None = None, **members: str
    ) -> Session: ...


@pytest.fixture
def grade(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Grade:
    """Grade an implementation in this process; report.json is written beside the tests of the project."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    report = pytester.path / "report.json"

    def grade(*options: str, outcomes: Mapping[Entry, Outcome] | None = None, **members: str) -> Session:
        executors: list[MadeUpExecutor] = []

        def start(run: Run) -> None:
            executors.append(put(run, results(outcomes or {}, **members)))

        monkeypatch.setattr(Run, "start", start)
        done = pytester.runpytest_inprocess(*OPTIONS, f"--report={report}", *options)
        # A run that pytest refuses to start has no recorder.
        recorder = getattr(done, "reprec", None)
        logged = (
            recorder.getreports("pytest_runtest_logreport")
            if isinstance(recorder, pytest.HookRecorder)
            else []
        )
        return Session(
            int(done.ret),
            f"{done.stdout}\n{done.stderr}",
            _counts(done.outlines),
            [each for each in logged if each.when == "call"],
            _load(report),
            executors[0] if executors else None,
        )

    return grade


def _counts(lines: list[str]) -> dict[str, int]:
    last = next((line for line in reversed(lines) if " in " in line and line.startswith("=")), "")
    parts = last.strip("= ").partition(" in ")[0].split(", ")
    return {word: int(number) for number, _, word in (part.partition(" ") for part in parts) if word}


def _load(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    document: dict[str, Any] = json.loads(path.read_text())
    return document
