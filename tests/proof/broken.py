"""Grade broken serializers: each must fail the requirement that it violates, and no other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.proof.runner import Candidate, Results, Runner, Task, loader
from tests.serializers.broken.registry import BrokenSerializer
from twilio_conformance.spec.catalogue import Catalogue, matches

SAMPLE_SHARE = 3
"""A quick proof grades each serializer by one in this many checks of other requirements, in turn."""

SLOW_PROFILES = ("audio", "live")
"""Profiles whose checks take seconds.

Those of audio grade serializers that break audio; those of live grade others only in a full proof.
"""

DEPENDENT_PROFILES = {
    "core": SLOW_PROFILES,
    "robust": SLOW_PROFILES,
    "secure": SLOW_PROFILES,
    "audio": ("live",),
    "live": (),
}
"""For each profile, the profiles whose requirements may fail along with one of its own."""

REFERENCE = "twilio_reference"
"""The implementation that conforms; what it fails itself is not held against a broken serializer."""

KILLS = Path(__file__).parent / "kills.json"
"""How many checks of each pattern killed each serializer in the recorded run."""

CHECKS = Path(__file__).parent / "checks.json"
"""How many checks of each pattern grade each requirement.

Kills alone do not show that a vector was removed where others of its pattern kill the same serializers.
"""

Kills = dict[str, dict[str, int]]


@dataclass
class Graded:
    """What grading broken serializers found: faults of the suite, and the checks that killed each one."""

    faults: list[str] = field(default_factory=list)
    kills: Kills = field(default_factory=dict)


def is_audio_fault(profiles: Mapping[str, str], serializer: BrokenSerializer) -> bool:
    """Return whether the fault violates, or is declared to show in, a requirement of profile audio."""
    return any(
        profile == "audio" and (name == serializer.violates or serializer.may_fail(name))
        for name, profile in profiles.items()
    )


def audio_tasks_of(runner: Runner) -> list[Task]:
    """Return the tasks that grade profile audio."""
    return [
        task
        for task in runner.tasks.values()
        if any(runner.profiles[requirement] == "audio" for requirement in task.requirements)
    ]


def sample_tasks(runner: Runner, most: int) -> list[Task]:
    """Return up to `most` tasks of each pattern of each requirement outside the slow profiles."""
    chosen: dict[str, Task] = {}
    for requirement in runner.catalogue.requirements.values():
        if requirement.profile in SLOW_PROFILES:
            continue
        own = [task.id for task in runner.tasks_of(requirement.id)]
        for pattern in requirement.checks:
            found = [name for name in own if matches(name, pattern)]
            step = max(1, len(found) // most)
            chosen |= {name: runner.tasks[name] for name in found[::step][:most]}
    return list(chosen.values())


def grade(runner: Runner, chosen: Sequence[BrokenSerializer], full: bool) -> Graded:
    """Grade broken serializers by all checks of their own requirement and some of the others.

    Args:
        runner: The suite.
        chosen: The broken serializers.
        full: Whether to grade each by every check.
    """
    share = 1 if full else SAMPLE_SHARE
    rest = list(runner.tasks.values()) if full else sample_tasks(runner, 1)
    breaks_audio = {serializer.name for serializer in chosen if is_audio_fault(runner.profiles, serializer)}
    audio_tasks = audio_tasks_of(runner) if breaks_audio and not full else []
    [(_, whole)] = runner.grade([(Candidate(REFERENCE, loader(REFERENCE)), rest + audio_tasks)])
    unreliable = whole.failures()
    graded = Graded(
        [
            f"{name}: the reference fails it, so broken serializers cannot be judged by it"
            for name in unreliable
        ]
    )
    by_name = {serializer.name: serializer for serializer in chosen}

    def others(number: int, serializer: BrokenSerializer) -> list[Task]:
        return (rest + audio_tasks if serializer.name in breaks_audio else rest)[number % share :: share]

    work = (
        (
            Candidate(serializer.name, loader(serializer.impl), serializer.isolated),
            plan(runner, serializer.violates, others(number, serializer)),
        )
        for number, serializer in enumerate(chosen)
    )
    for candidate, results in runner.grade(work):
        serializer = by_name[candidate.name]
        graded.kills[serializer.name] = kills_of(runner, serializer, results)
        for fault in faults_of(runner.profiles, serializer, results, unreliable):
            print(f"  {fault}", flush=True)
            graded.faults.append(fault)
    return graded


def grade_own(runner: Runner, chosen: Sequence[BrokenSerializer]) -> Graded:
    """Grade broken serializers by the checks of their own requirement alone."""
    graded = Graded()
    by_name = {serializer.name: serializer for serializer in chosen}
    work = [
        (
            Candidate(serializer.name, loader(serializer.impl), serializer.isolated),
            runner.tasks_of(serializer.violates),
        )
        for serializer in chosen
    ]
    for candidate, results in runner.grade(work):
        serializer = by_name[candidate.name]
        own = {serializer.violates: results.outcomes.get(serializer.violates, {})}
        found = Results({name: outcomes for name, outcomes in own.items() if outcomes})
        graded.kills[serializer.name] = kills_of(runner, serializer, found)
        graded.faults += faults_of(runner.profiles, serializer, found, ())
    return graded


def plan(runner: Runner, requirement: str, rest: Iterable[Task]) -> list[Task]:
    """Return the tasks of a requirement, followed by the others."""
    own = runner.tasks_of(requirement)
    names = {task.id for task in own}
    return own + [task for task in rest if task.id not in names]


def faults_of(
    profiles: Mapping[str, str], serializer: BrokenSerializer, results: Results, unreliable: Iterable[str]
) -> Iterator[str]:
    """Yield the faults of the suite that a broken serializer reveals.

    Args:
        profiles: The profile of each requirement.
        serializer: The serializer that was graded.
        results: Its results.
        unreliable: Requirements that the reference fails too.
    """
    if results.error:
        yield f"{serializer.name}: the suite itself failed: {results.error.splitlines()[-1]}"
    failures = results.failures()
    own = failures.pop(serializer.violates, "pass")
    if own != "fail" and not (own == "not-testable" and serializer.untestable):
        yield f"{serializer.name}: not killed by {serializer.violates}, which says {own}"
    follows = set(DEPENDENT_PROFILES[profiles[serializer.violates]])
    if is_audio_fault(profiles, serializer):
        follows.discard("audio")
    cascade = [
        name
        for name, status in failures.items()
        if status == "fail"
        and name not in unreliable
        and profiles[name] not in follows
        and not serializer.may_fail(name)
    ]
    if cascade:
        yield f"{serializer.name}: violates {serializer.violates} only, yet these fail: {' '.join(sorted(cascade))}"


def kills_of(runner: Runner, serializer: BrokenSerializer, results: Results) -> dict[str, int]:
    """Return how many checks of each pattern of its own requirement killed a serializer."""
    found = results.outcomes.get(serializer.violates, {})
    fatal = [check for check, outcome in found.items() if not outcome.holds]
    patterns = runner.catalogue.requirements[serializer.violates].checks
    return dict(Counter(next(pattern for pattern in patterns if matches(check, pattern)) for check in fatal))


def without_serializer(catalogue: Catalogue, registered: Iterable[BrokenSerializer]) -> list[str]:
    """Return the MUST and SHOULD requirements that no broken serializer violates."""
    violated = {serializer.violates for serializer in registered}
    return [
        f"{requirement.id}: no broken serializer violates it"
        for requirement in catalogue.requirements.values()
        if requirement.level in ("MUST", "SHOULD")
        and requirement.excluded is None
        and requirement.id not in violated
    ]


def fewer_kills(before: Kills, now: Kills) -> Iterator[str]:
    """Yield where fewer checks kill a serializer than on record: some were removed, or notice less."""
    for name, patterns in before.items():
        for pattern, count in patterns.items() if name in now else ():
            left = now[name].get(pattern, 0)
            if left < count:
                yield f"{name}: {pattern} killed it with {count} checks, now with {left}"


def patterns_without_kill(
    catalogue: Catalogue, kills: Kills, registered: Iterable[BrokenSerializer]
) -> list[str]:
    """Return the patterns of checks that kill no serializer, so that nothing shows that they can fail."""
    violated: dict[str, set[str]] = {}
    for serializer in registered:
        violated.setdefault(serializer.violates, set()).update(kills.get(serializer.name, {}))
    return [
        f"{requirement.id}: {pattern} kills no broken serializer"
        for requirement in catalogue.requirements.values()
        if requirement.id in violated and requirement.level != "MAY"
        for pattern in requirement.checks
        if pattern not in violated[requirement.id]
    ]


def count_checks(runner: Runner) -> Kills:
    """Return how many checks of each pattern grade each requirement."""
    return {
        requirement.id: {
            pattern: sum(matches(task.id, pattern) for task in runner.tasks_of(requirement.id))
            for pattern in requirement.checks
        }
        for requirement in runner.catalogue.requirements.values()
    }


def fewer_checks(runner: Runner) -> Iterator[str]:
    """Yield where fewer checks grade a requirement than on record."""
    now = count_checks(runner)
    recorded: Kills = json.loads(CHECKS.read_text())
    for requirement, patterns in recorded.items():
        for pattern, count in patterns.items():
            left = now.get(requirement, {}).get(pattern, 0)
            if left < count:
                yield f"{requirement}: {pattern} was {count} checks, and is {left}"


def read_kills() -> Kills:
    """Return the recorded kills."""
    recorded: Kills = json.loads(KILLS.read_text()) if KILLS.exists() else {}
    return recorded


def write_kills(kills: Kills) -> None:
    """Record kills, and keep those of serializers that were not graded."""
    _write(KILLS, read_kills() | kills)


def write_checks(runner: Runner) -> None:
    """Record how many checks grade each requirement."""
    _write(CHECKS, count_checks(runner))


def _write(place: Path, counts: Kills) -> None:
    lines = (
        f"  {json.dumps(name)}: {json.dumps(dict(sorted(own.items())))}"
        for name, own in sorted(counts.items())
    )
    place.write_text("{\n" + ",\n".join(lines) + "\n}\n")
