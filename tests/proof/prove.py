"""The command behind `make proof`: shows that every check can fail, and that nothing permitted does."""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from loguru import logger

from tests.mutants import registry as mutants
from tests.mutants.registry import Mutant
from tests.proof.laboratory import Findings, Laboratory, Specimen, Task, named

SAMPLES = 3
"""Checks of each pattern of a requirement that look for a cascade; `--full` takes all."""

MEASURED = ("audio", "live")
"""Profiles whose checks measure for seconds; they look for a cascade with `--full` only."""

SUBJECT = "twilio_reference"
"""What is whole; where it fails itself, a mutant is not to blame."""


@dataclass
class Result:
    """What a part of the proof found: lines for the reader, and what is wrong."""

    title: str
    count: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        sound = self.count - len({fault.partition(":")[0] for fault in self.faults})
        return f"{self.title}: {sound} of {self.count}, {self.seconds:.0f} s"


def sampled(lab: Laboratory, most: int) -> list[Task]:
    """The tasks that look for a cascade: a few of each pattern of each requirement that is quick to grade."""
    chosen: dict[str, Task] = {}
    for requirement in lab.catalogue.requirements.values():
        if requirement.profile in MEASURED:
            continue
        own = [task.id for task in lab.tasks_of(requirement.id)]
        for pattern in requirement.checks:
            found = fnmatch.filter(own, pattern)
            step = max(1, len(found) // most)
            chosen |= {name: lab.tasks[name] for name in found[::step][:most]}
    return list(chosen.values())


def plan(lab: Laboratory, requirement: str, rest: Iterable[Task]) -> list[Task]:
    """A requirement's own tasks, then the rest."""
    own = lab.tasks_of(requirement)
    names = {task.id for task in own}
    return own + [task for task in rest if task.id not in names]


def faults_of(mutant: Mutant, findings: Findings, weak: frozenset[str]) -> Iterator[str]:
    """What is wrong with the suite, seen from a mutant.

    Args:
        mutant: What was graded.
        findings: What was found.
        weak: Requirements that fail without a mutant.
    """
    failures = findings.failures()
    own = failures.pop(mutant.violates, "pass")
    if own != "fail" and not (own == "not-testable" and mutant.untestable):
        yield f"{mutant.name}: not killed by {mutant.violates}, which is {own}"
    cascade = [
        name
        for name, status in failures.items()
        if status == "fail" and name not in weak and not mutant.may_fail(name)
    ]
    if cascade:
        yield f"{mutant.name}: violates {mutant.violates} only, yet these fail: {' '.join(sorted(cascade))}"


def prove_mutants(lab: Laboratory, chosen: list[Mutant], full: bool) -> Result:
    """Grades every mutant: its own requirement has to fail, and no other."""
    started = time.monotonic()
    everything = list(lab.tasks.values()) if full else sampled(lab, SAMPLES)
    few = everything if full else sampled(lab, 1)
    [(_, whole)] = lab.grade([(Specimen(SUBJECT, named(SUBJECT)), everything)])
    weak = frozenset(whole.failures())
    result = Result("mutants killed by their own requirement and no other", len(chosen))
    by_name = {mutant.name: mutant for mutant in chosen}
    work = (
        (Specimen(mutant.name, named(mutant.impl), mutant.isolated), plan(lab, mutant.violates, few if mutant.isolated else everything))
        for mutant in chosen
    )
    for specimen, findings in lab.grade(work):
        if findings.seconds > 8:
            print(f"  ({specimen.name} took {findings.seconds:.1f} s, {findings.timeouts} hung)", flush=True)
        for fault in faults_of(by_name[specimen.name], findings, weak):
            result.faults.append(fault)
            print(f"  {fault} ({findings.seconds:.1f} s)", flush=True)
    result.faults += [f"{name}: the reference fails it" for name in sorted(weak)]
    result.seconds = time.monotonic() - started
    return result


def missing(lab: Laboratory, registered: Iterable[Mutant]) -> list[str]:
    """The MUST and SHOULD requirements without a mutant."""
    violated = {mutant.violates for mutant in registered}
    return [
        requirement.id
        for requirement in lab.catalogue.requirements.values()
        if requirement.level in ("MUST", "SHOULD")
        and requirement.excluded is None
        and requirement.id not in violated
    ]


def main(arguments: list[str]) -> int:
    """Runs the proof and says what it found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="mutants, files of mutants or requirements; all without one")
    parser.add_argument("--full", action="store_true", help="look for a cascade with every check")
    options = parser.parse_args(arguments)
    logger.remove()
    lab = Laboratory(lanes=os.cpu_count() or 1)
    registered = list(mutants.load().values())
    chosen = [
        mutant
        for mutant in registered
        if not options.names
        or {mutant.name, mutant.violates, mutant.module.rpartition(".")[2]} & set(options.names)
    ]
    result = prove_mutants(lab, chosen, options.full)
    print(result)
    without = missing(lab, registered)
    print(f"requirements without a mutant: {len(without)} {' '.join(without)}")
    return 1 if result.faults or without else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
