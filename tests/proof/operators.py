"""Operator mutation: grade every mutation of the reference by the suite alone, until a check fails.

The first check tried is the one that killed the mutation on record, then all that run its lines.
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
from tests.proof.runner import Candidate, Results, Runner, Task

SURVIVORS = Path(__file__).parent / "survivors.toml"
"""The known survivors, with the reason why each survives."""

KILLERS = Path(__file__).parent / "killers.json"
"""The check that killed each mutation in the recorded run."""

TARGET = 95.0
"""Percentage of mutations, except equivalent and permitted ones, that the suite has to kill."""


@dataclass
class MutationResults:
    """The mutations that were graded: the check that killed each, and those that survive."""

    killers: dict[str, str]
    survivors: list[str]
    failed: list[str]


class _Trials:
    """The suite, with the checks that are tried on mutations."""

    def __init__(self, runner: Runner, full: bool) -> None:
        self.runner = runner
        # Shorter checks notice whatever a live call would.
        needless = set() if full else {task.id for task in tasks_of(runner, "live")}
        self.tasks = [task for name, task in runner.tasks.items() if name not in needless]

    @cached_property
    def coverage(self) -> Coverage:
        """The lines that each check runs, measured on first use."""
        return coverage.measure(self.runner, self.tasks)

    def grade(self, chosen: Iterable[Mutation], tasks: dict[str, list[str]], tried: MutationResults) -> None:
        """Grade mutations, each by its tasks in order until one fails."""
        work = (
            (
                Candidate(mutation.key, found(mutation)),
                [self.runner.tasks[name] for name in tasks[mutation.key]],
            )
            for mutation in chosen
        )
        for candidate, results in self.runner.grade(
            work, lambda results: killer_in(self.runner, results) is not None
        ):
            if results.error:
                tried.failed.append(candidate.name)
            elif (killer := killer_in(self.runner, results)) is not None:
                tried.killers[candidate.name] = killer
                print(f"  {killer} kills {candidate.name}", flush=True)
            else:
                tried.survivors.append(candidate.name)
                print(f"  survives: {candidate.name} ({results.seconds:.0f} s)", flush=True)


def grade(
    runner: Runner, full: bool, names: Sequence[str] = (), write: bool = False
) -> tuple[str, list[str]]:
    """Grade mutations of the reference, each until a MUST or SHOULD fails.

    Args:
        runner: The suite.
        full: Whether to ignore the record: grade known survivors too, and try all checks.
        names: Modules of the reference; none means all.
        write: Whether to record which check killed which mutation.

    Returns:
        A sentence with the score, and the faults: unexplained survivors, or a score below the target.
    """
    everything = [mutation for mutation in mutations() if not names or mutation.module in names]
    equivalent, permitted = known("equivalent"), known("permitted")
    excused = {*equivalent, *permitted}
    record = {} if full else read_killers()
    tried, bench = MutationResults({}, [], []), _Trials(runner, full)
    on_record = [mutation for mutation in everything if record.get(mutation.key) in runner.tasks]
    bench.grade(on_record, {mutation.key: [record[mutation.key]] for mutation in on_record}, tried)
    rest = [
        mutation
        for mutation in everything
        if mutation.key not in tried.killers and (full or mutation.key not in excused)
    ]
    tried.survivors.clear()
    if rest:
        bench.grade(rest, {mutation.key: bench.coverage.checks_of(mutation) for mutation in rest}, tried)
    if write:
        write_killers(tried.killers)
    graded = {mutation.key for mutation in everything}
    forbidden, visible = graded - excused, graded - equivalent.keys()
    killed = len(tried.killers.keys() & forbidden)
    score = 100 * killed / max(len(forbidden), 1)
    faults = [
        f"{name}: survives, and survivors.toml gives no reason"
        for name in tried.survivors
        if name not in excused
    ]
    faults += [
        f"{name}: is killed by {tried.killers[name]}, yet survivors.toml has it"
        for name in excused & tried.killers.keys()
    ]
    faults += [f"{name}: the suite itself fails on it" for name in tried.failed]
    if score < TARGET:
        faults.append(f"only {score:.1f} % are killed; the target is {TARGET:g} %")
    return (
        f"mutations of the reference killed by the suite alone: {killed} of {len(forbidden)} ({score:.1f} %);"
        f" another {len(graded - visible)} are equivalent and {len(visible - forbidden)} permitted"
        f" ({100 * killed / max(len(visible), 1):.1f} % of all that are not equivalent)"
    ), faults


def tasks_of(runner: Runner, *profiles: str) -> list[Task]:
    """Return the tasks that grade the requirements of profiles."""
    own = [
        requirement
        for requirement in runner.catalogue.requirements.values()
        if requirement.profile in profiles
    ]
    return [task for requirement in own for task in runner.tasks_of(requirement.id)]


def killer_in(runner: Runner, results: Results) -> str | None:
    """Return the first check of a MUST or SHOULD that failed."""
    return next(
        (
            check
            for requirement, outcomes in results.outcomes.items()
            if runner.catalogue.requirements[requirement].level != "MAY"
            for check, outcome in outcomes.items()
            if not outcome.holds
        ),
        None,
    )


def known(kind: str) -> dict[str, str]:
    """Return the recorded survivors of a kind, `equivalent` or `permitted`, with their reasons."""
    listed: dict[str, str] = tomllib.loads(SURVIVORS.read_text()).get(kind, {})
    return listed


def read_killers() -> dict[str, str]:
    """Return the check that killed each mutation, as recorded."""
    recorded: dict[str, str] = json.loads(KILLERS.read_text()) if KILLERS.exists() else {}
    return recorded


def write_killers(killers: dict[str, str]) -> None:
    """Record the check that killed each mutation, in the order of the reference's lines.

    The records of modules that were not graded are kept.
    """
    merged = read_killers() | killers
    order = [mutation.key for mutation in mutations()]
    kept = {key: merged[key] for key in order if key in merged}
    KILLERS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
