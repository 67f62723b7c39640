"""Grades mutants: the own requirement of each fails, by the checks that found it before, and no other."""

from __future__ import annotations

import fnmatch
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.proof.runner import Findings, Laboratory, Specimen, Task, named
from tests.serializers.broken.registry import Mutant
from twilio_conformance.spec.catalogue import Catalogue

PORTION = 3
"""Of so many checks of a sample one looks for a cascade in each mutant, another one in the next."""

MEASURED = ("audio", "live")
"""Profiles whose checks measure for seconds: audio's look for a cascade where audio is broken, live's in a full proof."""

COMPOSED = {"core": MEASURED, "robust": MEASURED, "secure": MEASURED, "audio": ("live",), "live": ()}
"""Profiles whose checks carry audio or whole calls through all that the profile before them requires."""

SUBJECT = "twilio_reference"
"""What is whole; where it fails itself, a mutant is not to blame."""

KILLS = Path(__file__).parent / "kills.json"
"""How many checks of each pattern killed each mutant when that was last written."""

CHECKS = Path(__file__).parent / "checks.json"
"""How many checks of each pattern grade each requirement: many a vector is one of several that kill the same mutants."""

Kills = dict[str, dict[str, int]]


@dataclass
class Graded:
    """All mutants that were graded: what is wrong, and which checks killed which."""

    faults: list[str] = field(default_factory=list)
    kills: Kills = field(default_factory=dict)


def is_audible(profiles: Mapping[str, str], mutant: Mutant) -> bool:
    """Whether it breaks audio: it violates a requirement of that profile, or says where else it shows there."""
    return any(
        profile == "audio" and (name == mutant.violates or mutant.may_fail(name))
        for name, profile in profiles.items()
    )


def audible(lab: Laboratory) -> list[Task]:
    """The tasks that measure audio."""
    return [
        task
        for task in lab.tasks.values()
        if any(lab.profiles[requirement] == "audio" for requirement in task.requirements)
    ]


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


def grade(lab: Laboratory, chosen: Sequence[Mutant], full: bool) -> Graded:
    """Grades mutants: by all checks of their own requirement, and by a part of a sample of the rest, or by all.

    Args:
        lab: The suite.
        chosen: The mutants.
        full: Whether every check looks for a cascade.
    """
    portion = 1 if full else PORTION
    rest = list(lab.tasks.values()) if full else sampled(lab, 1)
    loud = {mutant.name for mutant in chosen if is_audible(lab.profiles, mutant)}
    heard = audible(lab) if loud and not full else []
    [(_, whole)] = lab.grade([(Specimen(SUBJECT, named(SUBJECT)), rest + heard)])
    weak = whole.failures()
    graded = Graded([f"{name}: the reference fails it, which hides mutants" for name in weak])
    by_name = {mutant.name: mutant for mutant in chosen}

    def others(number: int, mutant: Mutant) -> list[Task]:
        return (rest + heard if mutant.name in loud else rest)[number % portion :: portion]

    work = (
        (
            Specimen(mutant.name, named(mutant.impl), mutant.isolated),
            plan(lab, mutant.violates, others(number, mutant)),
        )
        for number, mutant in enumerate(chosen)
    )
    for specimen, findings in lab.grade(work):
        mutant = by_name[specimen.name]
        graded.kills[mutant.name] = kills_of(lab, mutant, findings)
        for fault in faults_of(lab.profiles, mutant, findings, weak):
            print(f"  {fault}", flush=True)
            graded.faults.append(fault)
    return graded


def grade_own(lab: Laboratory, chosen: Sequence[Mutant]) -> Graded:
    """Grades mutants by the checks of their own requirement alone."""
    graded = Graded()
    by_name = {mutant.name: mutant for mutant in chosen}
    work = [
        (Specimen(mutant.name, named(mutant.impl), mutant.isolated), lab.tasks_of(mutant.violates))
        for mutant in chosen
    ]
    for specimen, findings in lab.grade(work):
        mutant = by_name[specimen.name]
        own = {mutant.violates: findings.outcomes.get(mutant.violates, {})}
        found = Findings({name: outcomes for name, outcomes in own.items() if outcomes})
        graded.kills[mutant.name] = kills_of(lab, mutant, found)
        graded.faults += faults_of(lab.profiles, mutant, found, ())
    return graded


def plan(lab: Laboratory, requirement: str, rest: Iterable[Task]) -> list[Task]:
    """A requirement's own tasks, then the rest."""
    own = lab.tasks_of(requirement)
    names = {task.id for task in own}
    return own + [task for task in rest if task.id not in names]


def faults_of(
    profiles: Mapping[str, str], mutant: Mutant, findings: Findings, weak: Iterable[str]
) -> Iterator[str]:
    """What is wrong with the suite, seen from a mutant.

    Args:
        profiles: The profile of each requirement.
        mutant: What was graded.
        findings: What was found.
        weak: Requirements that fail without a mutant.
    """
    if findings.trouble:
        yield f"{mutant.name}: the suite itself failed: {findings.trouble.splitlines()[-1]}"
    failures = findings.failures()
    own = failures.pop(mutant.violates, "pass")
    if own != "fail" and not (own == "not-testable" and mutant.untestable):
        yield f"{mutant.name}: not killed by {mutant.violates}, which says {own}"
    follows = set(COMPOSED[profiles[mutant.violates]])
    if is_audible(profiles, mutant):
        follows.discard("audio")
    cascade = [
        name
        for name, status in failures.items()
        if status == "fail"
        and name not in weak
        and profiles[name] not in follows
        and not mutant.may_fail(name)
    ]
    if cascade:
        yield f"{mutant.name}: violates {mutant.violates} only, yet these fail: {' '.join(sorted(cascade))}"


def kills_of(lab: Laboratory, mutant: Mutant, findings: Findings) -> dict[str, int]:
    """How many checks of each pattern of the mutant's own requirement killed it."""
    found = findings.outcomes.get(mutant.violates, {})
    fatal = [check for check, outcome in found.items() if not outcome.holds]
    patterns = lab.catalogue.requirements[mutant.violates].checks
    return dict(
        Counter(
            next(pattern for pattern in patterns if fnmatch.fnmatchcase(check, pattern)) for check in fatal
        )
    )


def missing(catalogue: Catalogue, registered: Iterable[Mutant]) -> list[str]:
    """The MUST and SHOULD requirements without a mutant."""
    violated = {mutant.violates for mutant in registered}
    return [
        f"{requirement.id}: no mutant violates it"
        for requirement in catalogue.requirements.values()
        if requirement.level in ("MUST", "SHOULD")
        and requirement.excluded is None
        and requirement.id not in violated
    ]


def lost(before: Kills, now: Kills) -> Iterator[str]:
    """Where a check that killed a mutant before no longer does: it is gone, or has become blind."""
    for name, patterns in before.items():
        for pattern, count in patterns.items() if name in now else ():
            left = now[name].get(pattern, 0)
            if left < count:
                yield f"{name}: {pattern} killed it with {count} checks, now with {left}"


def idle(catalogue: Catalogue, kills: Kills, registered: Iterable[Mutant]) -> list[str]:
    """The patterns of requirements that kill no mutant: nothing shows that their checks can fail."""
    violated: dict[str, set[str]] = {}
    for mutant in registered:
        violated.setdefault(mutant.violates, set()).update(kills.get(mutant.name, {}))
    return [
        f"{requirement.id}: {pattern} kills no mutant"
        for requirement in catalogue.requirements.values()
        if requirement.id in violated and requirement.level != "MAY"
        for pattern in requirement.checks
        if pattern not in violated[requirement.id]
    ]


def counted(lab: Laboratory) -> Kills:
    """How many checks of each pattern grade each requirement."""
    return {
        requirement.id: {
            pattern: len(fnmatch.filter([task.id for task in lab.tasks_of(requirement.id)], pattern))
            for pattern in requirement.checks
        }
        for requirement in lab.catalogue.requirements.values()
    }


def gone(lab: Laboratory) -> Iterator[str]:
    """Where a requirement is graded by fewer checks than when they were last counted."""
    now = counted(lab)
    recorded: Kills = json.loads(CHECKS.read_text())
    for requirement, patterns in recorded.items():
        for pattern, count in patterns.items():
            left = now.get(requirement, {}).get(pattern, 0)
            if left < count:
                yield f"{requirement}: {pattern} was {count} checks, and is {left}"


def read_kills() -> Kills:
    """What killed what when it was last written."""
    recorded: Kills = json.loads(KILLS.read_text()) if KILLS.exists() else {}
    return recorded


def write_kills(kills: Kills) -> None:
    """Keeps what killed what, beside what is known of other mutants."""
    _write(KILLS, read_kills() | kills)


def write_checks(lab: Laboratory) -> None:
    """Keeps how many checks there are."""
    _write(CHECKS, counted(lab))


def _write(place: Path, counts: Kills) -> None:
    lines = (
        f"  {json.dumps(name)}: {json.dumps(dict(sorted(own.items())))}"
        for name, own in sorted(counts.items())
    )
    place.write_text("{\n" + ",\n".join(lines) + "\n}\n")
