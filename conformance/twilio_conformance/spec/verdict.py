"""Outcomes of checks, statuses of requirements, and the verdict on each profile."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from twilio_conformance.spec.catalogue import LEVELS, PROFILES, Requirement

PASS = "pass"
FAIL = "fail"
NOT_APPLICABLE = "not-applicable"
NOT_TESTABLE = "not-testable"

CONFORMANT, NOT_CONFORMANT, PARTIAL = "conformant", "not conformant", "partial run"
OUT_OF_SIGHT, NOTHING_APPLIES = "not testable here", "not applicable"
"""The possible verdicts; the last one means that no requirement of the profile applies."""

_SEVERITY = (NOT_APPLICABLE, PASS, NOT_TESTABLE, FAIL)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found out about one requirement; every field is JSON.

    Attributes:
        status: PASS, FAIL, NOT_APPLICABLE or NOT_TESTABLE.
        message: The finding, as a sentence; empty for a pass.
        expected: The expected value.
        actual: The actual value.
        trace: The calls and requests that led to the finding, a line each.
        where: Where the implementation raised, the innermost place last; see `subject.stack`.
        call: The call that shows the finding, whole, if the trace shows only a part of it.
        seconds: How long the check took, in real seconds without skipped time.
        out_of_sight: Whether only this machine keeps the requirement from being tested.
        metrics: What the check measured, by name.
    """

    status: str
    message: str = ""
    expected: Any = None
    actual: Any = None
    trace: list[str] = field(default_factory=list)
    where: list[dict[str, Any]] = field(default_factory=list)
    call: str = ""
    seconds: float = 0.0
    out_of_sight: bool = False
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether no violation was found."""
        return self.status in (PASS, NOT_APPLICABLE)


class Gradable(Protocol):
    """A requirement, of the specification or of a report."""

    @property
    def level(self) -> str:
        """MUST, SHOULD or MAY."""
        ...

    @property
    def profile(self) -> str:
        """The profile that it belongs to."""
        ...


@dataclass(frozen=True, slots=True)
class Threshold:
    """The requirements that decide on the exit status.

    Attributes:
        profiles: Their profiles.
        strict: Whether SHOULD counts as well as MUST.
    """

    profiles: frozenset[str]
    strict: bool = False

    def includes(self, requirement: Gradable) -> bool:
        """Return whether a failure of the requirement makes the run fail."""
        return requirement.profile in self.profiles and requirement.level in LEVELS[: 1 + self.strict]


@dataclass(frozen=True, slots=True)
class ProfileVerdict:
    """The verdict on one profile.

    Attributes:
        conformant: Whether some MUST applies, every one that does holds, and nothing was left out.
        partial: Whether some check was left out of the run.
        counts: Requirements by level and status.
        out_of_sight: Number of MUSTs that only this machine keeps from being tested.
    """

    conformant: bool
    partial: bool
    counts: dict[str, dict[str, int]]
    out_of_sight: int = 0

    @property
    def is_violated(self) -> bool:
        """Whether some MUST does not hold or could not be tested."""
        return any(self.counts["MUST"][status] for status in (FAIL, NOT_TESTABLE))

    @property
    def word(self) -> str:
        """The verdict in a word or two."""
        must = self.counts.get("MUST", {})
        against = must.get(FAIL, 0) + must.get(NOT_TESTABLE, 0)
        if self.conformant:
            return CONFORMANT
        if against:
            return OUT_OF_SIGHT if against == self.out_of_sight else NOT_CONFORMANT
        return PARTIAL if self.partial or must.get(PASS) else NOTHING_APPLIES


def status_of(outcomes: Iterable[Outcome]) -> str:
    """Return the status of a requirement, which is the worst of its checks."""
    return worst(outcome.status for outcome in outcomes)


def worst(statuses: Iterable[str]) -> str:
    """Return the most serious of some statuses."""
    return max(statuses, key=_SEVERITY.index)


def conclude(
    statuses: Collection[tuple[str, str | None]], *, partial: bool, out_of_sight: int
) -> ProfileVerdict:
    """Return the verdict on one profile from the level and status of each of its requirements (None: not graded).

    See `ProfileVerdict` for the other arguments.
    """
    graded = list(statuses)
    counts = {level: {status: graded.count((level, status)) for status in _SEVERITY} for level in LEVELS}
    must = [status for level, status in statuses if level == "MUST"]
    holds = all(status in (PASS, NOT_APPLICABLE) for status in must)
    return ProfileVerdict(holds and PASS in must and not partial, partial, counts, out_of_sight)


def judge(
    requirements: Iterable[Requirement],
    statuses: Mapping[str, str],
    *,
    partial: bool,
    out_of_sight: Collection[str] = (),
) -> dict[str, ProfileVerdict]:
    """Judge every profile that has requirements; one of which nothing applies is never conformant.

    Args:
        requirements: All requirements of the edition, including excluded ones.
        statuses: The status of each requirement that was graded.
        partial: Whether some check was left out of the run.
        out_of_sight: The requirements that only this machine keeps from being tested.

    Returns:
        The verdict on each profile.
    """
    graded = [requirement for requirement in requirements if requirement.excluded is None]
    verdicts = {}
    for profile in PROFILES:
        if own := [requirement for requirement in graded if requirement.profile == profile]:
            found = [(entry.level, statuses.get(entry.id)) for entry in own]
            unseen = sum(entry.level == "MUST" and entry.id in out_of_sight for entry in own)
            verdicts[profile] = conclude(found, partial=partial, out_of_sight=unseen)
    return verdicts
