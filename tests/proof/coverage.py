"""Measure which lines of the reference each check runs, to skip checks that cannot reach a mutation."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from tests.proof.mutation import FOLDER, PACKAGE, Mutation
from tests.proof.runner import Candidate, Runner, Task, loader
from twilio_conformance.subject.target import Implementation

Line = tuple[str, int]

_FILES = {str(path): path.stem for path in FOLDER.glob("*.py")}


@dataclass(frozen=True)
class Coverage:
    """The checks that pass for the reference, fastest first, with the lines that each runs."""

    lines: dict[str, frozenset[Line]]
    """By the id of the check."""

    def checks_of(self, mutation: Mutation) -> list[str]:
        """Return the checks that may notice a mutation: those that run its lines.

        No check runs the lines of a module's import, so any check may notice a mutation there.
        """
        own = {(mutation.module, line) for line in mutation.lines}
        return [name for name, lines in self.lines.items() if lines & own] or list(self.lines)


def measure(runner: Runner, tasks: Iterable[Task]) -> Coverage:
    """Run checks on the reference and record which of its lines they run."""
    tasks = list(tasks)
    candidate = Candidate(PACKAGE, _traced, measure=_lines_run)
    halves = [tasks[start::2] for start in range(2)]
    found: dict[str, Any] = {}
    for _, results in runner.grade((candidate, half) for half in halves):
        failing = {
            name
            for outcomes in results.outcomes.values()
            for name, outcome in outcomes.items()
            if not outcome.holds
        }
        found |= {name: measured for name, measured in results.measurements.items() if name not in failing}
    quick = sorted(found, key=lambda name: found[name]["seconds"])
    return Coverage({name: frozenset(map(tuple, found[name]["lines"])) for name in quick})


_RUN: set[Line] = set()
_started = 0.0


def _traced() -> Implementation:
    global _started
    found = loader(PACKAGE)()
    threading.settrace(_trace_call)
    sys.settrace(_trace_call)
    _RUN.clear()
    _started = time.monotonic()
    return found


def _trace_call(frame: FrameType, _event: str, _argument: Any) -> Any:
    if (module := _FILES.get(frame.f_code.co_filename)) is None:
        return None
    _RUN.add((module, frame.f_lineno))

    def trace_line(inner: FrameType, _event: str, _argument: Any) -> Any:
        _RUN.add((module, inner.f_lineno))
        return trace_line

    return trace_line


def _lines_run() -> dict[str, Any]:
    """Return the lines run since the last call, and the seconds that have passed."""
    global _started
    now = time.monotonic()
    found = {"lines": sorted(_RUN), "seconds": now - _started}
    _RUN.clear()
    _started = now
    return found
