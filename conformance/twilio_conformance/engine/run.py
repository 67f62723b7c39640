"""One graded run: what to grade, the worker that does it, and the results."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from twilio_conformance import EDITION
from twilio_conformance.engine.executor import Executor
from twilio_conformance.engine.messages import Result
from twilio_conformance.errors import UsageError
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.catalogue import PROFILES, Catalogue, Requirement
from twilio_conformance.spec.coverage import Entry, Ledger, entries
from twilio_conformance.spec.known_failures import Baseline
from twilio_conformance.spec.verdict import Outcome, ProfileVerdict, Threshold, judge, status_of

MAX_CHILDREN = 8
"""Children that run at once; more would only queue for the same processors."""


@dataclass
class Run:
    """Grades one implementation against one edition.

    Attributes:
        impl: The value of --impl.
        edition: The edition to grade against.
        gate: What decides on the exit status.
        concurrency: How many children may run at once.
        started: When the run began.
        outcomes: The outcome of each entry that was graded.
        outputs: What the implementation printed, by check.
        troubles: Failures of the run itself.
        notes: Sentences for the summary and the report.
        collected: The entries that were selected.
        cut_short: Whether the run ended before all of them were graded.
        baseline: The known failures, if there are any.
    """

    impl: str
    edition: str
    gate: Threshold
    concurrency: int
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    outcomes: dict[Entry, Outcome] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    collected: list[Entry] = field(default_factory=list)
    cut_short: bool = False
    baseline: Baseline | None = None

    @cached_property
    def catalogue(self) -> Catalogue:
        """Requirements and vectors of the edition."""
        return catalogue.load(self.edition)

    @cached_property
    def entries(self) -> list[Entry]:
        """Every pair of requirement and check in the edition, in the order of the specification."""
        checks = {job.id: job.requirements[0] for job in self.executor.jobs.values() if job.module}
        return entries(self.catalogue, checks)

    @cached_property
    def executor(self) -> Executor:
        """What runs the checks; `start` starts it."""
        return Executor(self.impl, self.edition, concurrency=self.concurrency)

    def start(self) -> None:
        """Start the worker and wait for the implementation.

        Raises:
            UsageError: The edition or the implementation does not exist.
            DataError: The specification or the vectors are damaged.
        """
        self.executor.launch()
        try:
            # The worker imports the implementation meanwhile.
            if self.edition > EDITION or not self.catalogue.requirements:
                raise UsageError(f"--edition={self.edition}: no such edition; the newest is {EDITION}")
            self.executor.wait_until_ready(self.catalogue)
            self.entries  # noqa: B018
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the worker."""
        self.executor.close()

    def select(self, entries: Iterable[Entry]) -> None:
        """Note what was selected, and let the worker start on it.

        Args:
            entries: The entries that will be graded.
        """
        self.collected = list(entries)
        self.executor.submit(entry.check for entry in sorted(self.collected, key=self._turn))

    def _turn(self, entry: Entry) -> tuple[int, float]:
        """Return the sort key by which jobs start.

        Calls in real time come first, since they only wait; then what is cheap, in the order in which it is shown;
        then long audio, the longest first, since started last it would run on alone.
        """
        job = self.executor.jobs[entry.check]
        if job.in_real_time:
            return 0, 0.0
        return (2, -job.limit) if self.requirement(entry).profile == "audio" else (1, 0.0)

    def note(self, sentences: Iterable[str]) -> None:
        """Add sentences about the run itself to the summary and the report, each once."""
        self.notes = list(dict.fromkeys([*self.notes, *sentences]))

    def record(self, entry: Entry, result: Result) -> None:
        """Record the outcome of an entry, and what the implementation printed meanwhile."""
        self.outcomes[entry] = result.outcomes[entry.requirement]
        if result.output:
            self.outputs[entry.check] = result.output

    def in_module(self, stem: str) -> Collection[str]:
        """Return the ids of the checks that are defined in a file of `checks/`."""
        return {job.id for job in self.executor.jobs.values() if job.module == stem}

    def known(self, entry: Entry) -> str | None:
        """Return why the failure of an entry is known; None if it is not."""
        return self.baseline.reason(entry) if self.baseline else None

    def requirement(self, entry: Entry) -> Requirement:
        """Return the requirement of an entry."""
        return self.catalogue.requirements[entry.requirement]

    def by_requirement(self) -> dict[str, dict[str, Outcome]]:
        """Return the outcomes by requirement, then by check, in the order of the specification."""
        ordered: dict[str, dict[str, Outcome]] = {}
        for entry in self.entries:
            if entry in self.outcomes:
                ordered.setdefault(entry.requirement, {})[entry.check] = self.outcomes[entry]
        return ordered

    @property
    def statuses(self) -> dict[str, str]:
        """The status of every requirement that was graded."""
        return {name: status_of(outcomes.values()) for name, outcomes in self.by_requirement().items()}

    @property
    def ledger(self) -> Ledger:
        """What the edition holds, what was selected and what was graded."""
        excluded = {
            entry.id: entry.excluded for entry in self.catalogue.requirements.values() if entry.excluded
        }
        return Ledger(frozenset(self.entries), frozenset(self.collected), frozenset(self.outcomes), excluded)

    @property
    def verdicts(self) -> dict[str, ProfileVerdict]:
        """The verdict on every profile."""
        partial = self.cut_short or self.ledger.partial or bool(self.ledger.missing)
        out_of_sight = {
            name
            for name, outcomes in self.by_requirement().items()
            if all(outcome.out_of_sight for outcome in outcomes.values() if not outcome.holds)
            and any(outcome.out_of_sight for outcome in outcomes.values())
        }
        return judge(
            self.catalogue.requirements.values(), self.statuses, partial=partial, out_of_sight=out_of_sight
        )

    def rerun(self, entry: Entry) -> list[str]:
        """Return the command that runs one check again and fails as long as the check does."""
        requirement = self.requirement(entry)
        profile = [] if requirement.profile == "core" else [f"--profile={requirement.profile}"]
        level = ["--level=SHOULD"] if requirement.level == "SHOULD" else []
        return [
            "pytest",
            f"--impl={self.impl}",
            *profile,
            *level,
            "-k",
            f"{entry.requirement}[{entry.check}]",
        ]


def parse_profiles(text: str) -> frozenset[str]:
    """Parse the value of --profile.

    Args:
        text: Names of profiles, separated by commas, or `all`.

    Returns:
        The profiles.

    Raises:
        UsageError: One of them does not exist.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        return frozenset(PROFILES)
    unknown = [name for name in names if name not in PROFILES]
    if unknown or not names:
        raise UsageError(
            f"--profile={text}: no such profile: {', '.join(unknown) or 'none named'};"
            f" there are {', '.join(PROFILES)}, and all"
        )
    return frozenset(names)


def default_concurrency() -> int:
    """Return how many children to run at once on this machine."""
    return max(2, min((os.cpu_count() or 1) + 1, MAX_CHILDREN))
