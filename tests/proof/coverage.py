"""Which lines of the reference each check runs: what cannot meet a mutation need not be tried on it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from tests.proof.mutation import FOLDER, PACKAGE, Mutation
from tests.proof.runner import Laboratory, Specimen, Task, named
from twilio_conformance.subject.target import Implementation

Line = tuple[str, int]

_FILES = {str(path): path.stem for path in FOLDER.glob("*.py")}


@dataclass(frozen=True)
class Coverage:
    """The checks that hold for the reference, the quick ones first, with the lines that each runs."""

    lines: dict[str, frozenset[Line]]
    """By the id of the check."""

    def meeting(self, mutation: Mutation) -> list[str]:
        """The checks that may notice a mutation: those that run its lines.

        Lines that run when the module is imported are run by none; then any check may notice it.
        """
        own = {(mutation.module, line) for line in mutation.lines}
        return [name for name, lines in self.lines.items() if lines & own] or list(self.lines)


def measure(lab: Laboratory, tasks: Iterable[Task]) -> Coverage:
    """Runs checks on the reference and keeps which of its lines they run."""
    tasks = list(tasks)
    specimen = Specimen(PACKAGE, _traced, note=_lines_run)
    lanes = [tasks[lane::2] for lane in range(2)]
    found: dict[str, Any] = {}
    for _, findings in lab.grade((specimen, lane) for lane in lanes):
        failing = {
            name
            for outcomes in findings.outcomes.values()
            for name, outcome in outcomes.items()
            if not outcome.holds
        }
        found |= {name: note for name, note in findings.notes.items() if name not in failing}
    quick = sorted(found, key=lambda name: found[name]["seconds"])
    return Coverage({name: frozenset(map(tuple, found[name]["lines"])) for name in quick})


_RUN: set[Line] = set()
_SINCE = 0.0


def _traced() -> Implementation:
    global _SINCE
    found = named(PACKAGE)()
    threading.settrace(_trace_call)
    sys.settrace(_trace_call)
    _RUN.clear()
    _SINCE = time.monotonic()
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
    """The lines that have run since this was last asked, and for how long."""
    global _SINCE
    now = time.monotonic()
    found = {"lines": sorted(_RUN), "seconds": now - _SINCE}
    _RUN.clear()
    _SINCE = now
    return found
