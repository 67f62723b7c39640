"""Grades the implementations beside it by the chapters Hang-up under faults and Credentials and identifiers.

Run as a program, because the network double and the clock are put into the process. It prints JSON: by class,
the status of every requirement that was graded.
"""

from __future__ import annotations

import fnmatch
import importlib
import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from tests.proof.runner import Candidate, Runner, Task, loader
from tests.unit.checks.implementations.sound import Sound
from twilio_conformance.spec.verdict import status_of

CHAPTERS = ("TFS-FAULT-*", "TFS-SECURE-*")
REFERENCE = "twilio_reference"
MODULES = ("permitted", "faulty", "leaky")

SLOW = (
    "faults/silent-*",
    "faults/unending-*",
    "faults/again-silent",
    "faults/either-200-endless",
    "faults.*",
    "secrecy.*",
)
"""Checks that take seconds where no clock skips."""

LANES = 6
"""Implementations at work at once: some of them do nothing but wait."""


def implementations(module: str) -> dict[str, type[Sound]]:
    """The classes of a module beside this one, by name."""
    found = importlib.import_module(f"tests.unit.checks.implementations.{module}")
    return {
        name: kind
        for name, kind in inspect.getmembers(found, inspect.isclass)
        if issubclass(kind, Sound) and kind.__module__ == found.__name__
    }


def plan(lab: Runner, kind: type[Sound]) -> Iterator[list[Task]]:
    """What a class is graded by, in lists that may be at work at the same time."""
    chosen = {task.id: task for name in kind.violates for task in lab.tasks_of(name)}
    for requirement in lab.catalogue.requirements.values():
        if not _matches(requirement.id, CHAPTERS):
            continue
        own = [task.id for task in lab.tasks_of(requirement.id)]
        for pattern in requirement.checks:
            names = fnmatch.filter(own, pattern)
            if kind.violates:
                names = list(_sample(kind, requirement.chapter, names))
            chosen |= {name: lab.tasks[name] for name in names}
    slow = [name for name in chosen if kind.keeps_real_time and _matches(name, SLOW)]
    yield from ([chosen[name]] for name in slow)
    if rest := [task for name, task in chosen.items() if name not in slow]:
        yield rest


def _sample(kind: type[Sound], chapter: str, names: Sequence[str]) -> Iterator[str]:
    """What a broken implementation is graded by besides what it breaks: of each pattern, a cheap one."""
    at_home = any(f"-{chapter}-" in requirement for requirement in kind.violates)
    if names and not kind.keeps_real_time and (at_home or "/" in names[0]):
        yield names[0]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def main() -> None:
    """Grades all of them."""
    lab = Runner(jobs=LANES)
    sound = loader(f"{Sound.__module__}:{Sound.__name__}")()
    kinds = {name: kind for module in MODULES for name, kind in implementations(module).items()}
    # Looked up once, because that takes longer than a check; they differ in nothing but the class.
    work = [
        (Candidate(name, partial(replace, sound, construct=kind, name=name)), tasks)
        for name, kind in kinds.items()
        for tasks in plan(lab, kind)
    ]
    work += [(Candidate(REFERENCE, loader(REFERENCE)), tasks) for tasks in plan(lab, Sound)]
    # What waits longest begins first.
    work.sort(key=lambda item: len(item[1]))
    found: dict[str, dict[str, list[str]]] = {}
    for specimen, findings in lab.grade(work):
        for requirement, outcomes in findings.outcomes.items():
            own = found.setdefault(specimen.name, {}).setdefault(requirement, [])
            own.append(status_of(outcomes.values()))
    worst = ("fail", "not-testable", "pass", "not-applicable")
    json.dump(
        {
            name: {requirement: min(own, key=worst.index) for requirement, own in requirements.items()}
            for name, requirements in found.items()
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
