"""Operator mutation: grades every mutation of the reference by the suite alone, until something fails.

A mutation is tried first on the check that killed it when that was last written down, then on all that run its lines.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.proof import coverage
from tests.proof.coverage import Coverage
from tests.proof.mutation import Mutation, found, mutations
from tests.proof.runner import Findings, Laboratory, Specimen, Task

SURVIVORS = Path(__file__).parent / "survivors.toml"
"""The survivors that are known, with the reason why each survives."""

KILLERS = Path(__file__).parent / "killers.json"
"""By which check each mutation was killed when that was last written."""

TARGET = 95.0
"""Per cent of the mutations which the suite has to kill, but for those that are equivalent or permitted."""


@dataclass
class Trial:
    """The mutations that were graded: what killed which, and what survives."""

    killers: dict[str, str]
    survivors: list[str]
    troubled: list[str]


class _Bench:
    """The suite, with the checks that are tried on a mutation."""

    def __init__(self, lab: Laboratory, full: bool) -> None:
        self.lab = lab
        # What a live call shows, shorter checks show as well.
        needless = set() if full else {task.id for task in tasks_of(lab, "live")}
        self.tasks = [task for name, task in lab.tasks.items() if name not in needless]

    @cached_property
    def coverage(self) -> Coverage:
        """Measured when it is first needed."""
        return coverage.measure(self.lab, self.tasks)

    def grade(self, chosen: Iterable[Mutation], tasks: dict[str, list[str]], trial: Trial) -> None:
        """Grades mutations, each by its tasks in order until one fails."""
        work = (
            (Specimen(mutation.key, found(mutation)), [self.lab.tasks[name] for name in tasks[mutation.key]])
            for mutation in chosen
        )
        for specimen, findings in self.lab.grade(
            work, lambda findings: killer_in(self.lab, findings) is not None
        ):
            if findings.trouble:
                trial.troubled.append(specimen.name)
            elif (killer := killer_in(self.lab, findings)) is not None:
                trial.killers[specimen.name] = killer
                print(f"  {killer} kills {specimen.name}", flush=True)
            else:
                trial.survivors.append(specimen.name)
                print(f"  survives: {specimen.name} ({findings.seconds:.0f} s)", flush=True)


def grade(
    lab: Laboratory, full: bool, names: Sequence[str] = (), write: bool = False
) -> tuple[str, list[str]]:
    """Grades mutations of the reference until a MUST or SHOULD fails for each.

    Args:
        lab: The suite.
        full: Whether those that survive on record are graded too, and killers on record are not believed.
        names: Modules of the reference; none means all.
        write: Whether to keep which check killed which mutation.

    Returns:
        A sentence with the score, and what is wrong: survivors that nobody explains, or too many.
    """
    everything = [mutation for mutation in mutations() if not names or mutation.module in names]
    equivalent, permitted = known("equivalent"), known("permitted")
    excused = {*equivalent, *permitted}
    record = {} if full else read_killers()
    trial, bench = Trial({}, [], []), _Bench(lab, full)
    on_record = [mutation for mutation in everything if record.get(mutation.key) in lab.tasks]
    bench.grade(on_record, {mutation.key: [record[mutation.key]] for mutation in on_record}, trial)
    rest = [
        mutation
        for mutation in everything
        if mutation.key not in trial.killers and (full or mutation.key not in excused)
    ]
    trial.survivors.clear()
    if rest:
        bench.grade(rest, {mutation.key: bench.coverage.meeting(mutation) for mutation in rest}, trial)
    if write:
        write_killers(trial.killers)
    graded = {mutation.key for mutation in everything}
    forbidden, visible = graded - excused, graded - equivalent.keys()
    killed = len(trial.killers.keys() & forbidden)
    score = 100 * killed / max(len(forbidden), 1)
    faults = [
        f"{name}: survives, and survivors.toml gives no reason"
        for name in trial.survivors
        if name not in excused
    ]
    faults += [
        f"{name}: is killed by {trial.killers[name]}, yet survivors.toml has it"
        for name in excused & trial.killers.keys()
    ]
    faults += [f"{name}: the suite itself fails on it" for name in trial.troubled]
    if score < TARGET:
        faults.append(f"only {score:.1f} % are killed; the target is {TARGET:g} %")
    return (
        f"mutations of the reference killed by the suite alone: {killed} of {len(forbidden)} ({score:.1f} %);"
        f" beside them {len(graded - visible)} equivalent and {len(visible - forbidden)} permitted"
        f" ({100 * killed / max(len(visible), 1):.1f} % of all that can be told apart)"
    ), faults


def tasks_of(lab: Laboratory, *profiles: str) -> list[Task]:
    """All that grades the requirements of profiles."""
    own = [
        requirement for requirement in lab.catalogue.requirements.values() if requirement.profile in profiles
    ]
    return [task for requirement in own for task in lab.tasks_of(requirement.id)]


def killer_in(lab: Laboratory, findings: Findings) -> str | None:
    """The first check of a MUST or SHOULD that failed."""
    return next(
        (
            check
            for requirement, outcomes in findings.outcomes.items()
            if lab.catalogue.requirements[requirement].level != "MAY"
            for check, outcome in outcomes.items()
            if not outcome.holds
        ),
        None,
    )


def known(kind: str) -> dict[str, str]:
    """The survivors on record, with their reasons: those that are `equivalent`, or those `permitted`."""
    listed: dict[str, str] = tomllib.loads(SURVIVORS.read_text()).get(kind, {})
    return listed


def read_killers() -> dict[str, str]:
    """What killed which mutation when that was last written."""
    recorded: dict[str, str] = json.loads(KILLERS.read_text()) if KILLERS.exists() else {}
    return recorded


def write_killers(killers: dict[str, str]) -> None:
    """Keeps what killed which, in the order of the reference's lines, beside what is known of other modules."""
    merged = read_killers() | killers
    order = [mutation.key for mutation in mutations()]
    kept = {key: merged[key] for key in order if key in merged}
    KILLERS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
