"""One graded run: what is to be graded, the worker that does it, and what was found."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from twilio_conformance import EDITION
from twilio_conformance.engine.executor import Executor, Found, Job
from twilio_conformance.errors import DataError, UsageError
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.catalogue import PROFILES, Catalogue, Requirement
from twilio_conformance.spec.coverage import Entry, Ledger, entries
from twilio_conformance.spec.known_failures import Baseline
from twilio_conformance.spec.verdict import Gate, Outcome, ProfileVerdict, judge, status_of

VECTOR_LIMIT = 60.0
"""Seconds of real time for one vector: a client in a thread waits on the real clock, 30 s at the most."""

LARGEST_CREW = 8
"""Children at work at once; more only queue for the same processors."""


@dataclass
class Run:
    """Grades one implementation against one edition."""

    impl: str
    edition: str
    gate: Gate
    jobs: int
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
        """All that the edition asks for, in the order of the specification."""
        checks = {name: requirement for name, (requirement, _) in self.executor.checks.items()}
        return entries(self.catalogue, checks)

    @cached_property
    def executor(self) -> Executor:
        """The worker, started at its first use."""
        return Executor(self.impl, self.edition, jobs=self.jobs)

    def start(self) -> None:
        """Starts the worker and waits for the implementation.

        Raises:
            UsageError: The edition or the implementation does not exist.
            DataError: The specification or the vectors are damaged.
        """
        if self.edition > EDITION or not self.catalogue.requirements:
            raise UsageError(f"--edition={self.edition}: no such edition; the newest is {EDITION}")
        # While the worker imports the implementation, there is time for it.
        with ThreadPoolExecutor(1) as thread:
            verified = thread.submit(catalogue.verify, self.catalogue)
            self.executor.start()
        try:
            verified.result()
            self.entries  # noqa: B018
        except DataError:
            self.executor.close()
            raise

    def close(self) -> None:
        """Ends the worker."""
        self.executor.close()

    def begin(self, collected: Iterable[Entry], *, ahead: bool) -> None:
        """Takes note of what will be asked for; `ahead` lets the worker start on all of it at once."""
        self.collected = list(collected)
        if ahead:
            # The longest first: begun last, it would run on alone.
            jobs = map(self._job, self.collected)
            self.executor.submit(sorted(jobs, key=lambda job: job.limit, reverse=True))

    def grade(self, entry: Entry) -> Outcome:
        """The outcome of one line of the account."""
        found: Found = self.executor.result(self._job(entry))
        if found.output:
            self.outputs[entry.check] = found.output
        return found.outcomes[entry.requirement]

    def note(self, sentences: Iterable[str]) -> None:
        """Keeps what the summary and the report have to say of the run itself, once."""
        self.notes += [sentence for sentence in sentences if sentence not in self.notes]

    def keep(self, entry: Entry, outcome: Outcome, output: str) -> None:
        """Keeps an outcome, and what the implementation printed meanwhile."""
        self.outcomes[entry] = outcome
        if output:
            self.outputs[entry.check] = output

    def _job(self, entry: Entry) -> Job:
        vector = self.catalogue.vectors.get(entry.check)
        if vector is None:
            return Job(entry.check, (entry.requirement,), self.executor.checks[entry.check][1])
        own = tuple(name for name in vector.requirements if name in self.catalogue.requirements)
        return Job(vector.id, own, VECTOR_LIMIT)

    def known(self, entry: Entry) -> str | None:
        """Why the baseline lets the failure of this line through; None where it does not."""
        return self.baseline.reason(entry) if self.baseline else None

    def requirement(self, entry: Entry) -> Requirement:
        """The requirement of a line of the account."""
        return self.catalogue.requirements[entry.requirement]

    def by_requirement(self) -> dict[str, dict[str, Outcome]]:
        """The outcomes of every requirement that was graded, by check, in the order of the specification."""
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
        """The account of the run."""
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
        """The command that runs one check again, and fails as long as the check does."""
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
    """The profiles that --profile names.

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


def default_jobs() -> int:
    """How many children to run at once on this machine."""
    return max(2, min((os.cpu_count() or 1) + 1, LARGEST_CREW))
