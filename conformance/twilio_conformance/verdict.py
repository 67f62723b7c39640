"""Outcomes of checks, statuses of requirements, and the verdict on each profile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from twilio_conformance.catalogue import LEVELS, PROFILES, Requirement

PASS = "pass"
FAIL = "fail"
NOT_APPLICABLE = "not-applicable"
NOT_TESTABLE = "not-testable"

_SEVERITY = (NOT_APPLICABLE, PASS, NOT_TESTABLE, FAIL)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found of one requirement; everything in it is JSON."""

    status: str
    message: str = ""
    expected: Any = None
    actual: Any = None
    trace: tuple[str, ...] = ()
    seconds: float = 0.0
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the implementation."""
        return self.status in (PASS, NOT_APPLICABLE)

    def as_json(self) -> dict[str, Any]:
        """The outcome as a JSON object."""
        return asdict(self) | {"trace": list(self.trace)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Outcome:
        """The outcome that `as_json` wrote."""
        return cls(**{**document, "trace": tuple(document["trace"])})


@dataclass(frozen=True, slots=True)
class Gate:
    """What decides on the exit status: profiles, and whether SHOULD counts."""

    profiles: frozenset[str]
    strict: bool = False

    def holds_back(self, requirement: Requirement) -> bool:
        """Whether a failure of the requirement makes the run fail."""
        levels = ("MUST", "SHOULD") if self.strict else ("MUST",)
        return requirement.profile in self.profiles and requirement.level in levels


@dataclass(frozen=True, slots=True)
class ProfileVerdict:
    """The verdict on one profile; counts are of requirements, by level and status."""

    conformant: bool
    partial: bool
    counts: dict[str, dict[str, int]]

    @property
    def is_violated(self) -> bool:
        """Whether some MUST is known not to hold, or could not be seen to."""
        return any(self.counts["MUST"][status] for status in (FAIL, NOT_TESTABLE))


def status_of(outcomes: Iterable[Outcome]) -> str:
    """The status of a requirement: the worst of its checks."""
    return max((outcome.status for outcome in outcomes), key=_SEVERITY.index)


def judge(
    requirements: Iterable[Requirement], statuses: Mapping[str, str], *, partial: bool
) -> dict[str, ProfileVerdict]:
    """The verdict on every profile that has requirements: conformant where all were graded, all MUSTs hold.

    Args:
        requirements: All that the edition holds, excluded ones too.
        statuses: The status of each requirement that was graded.
        partial: Whether some check was left out of the run.
    """
    graded = [requirement for requirement in requirements if requirement.excluded is None]
    verdicts = {}
    for profile in PROFILES:
        own = [requirement for requirement in graded if requirement.profile == profile]
        if not own:
            continue
        counts: dict[str, dict[str, int]] = {}
        for level in LEVELS:
            found = [statuses[entry.id] for entry in own if entry.level == level and entry.id in statuses]
            counts[level] = {status: found.count(status) for status in _SEVERITY}
        must = [statuses.get(entry.id) for entry in own if entry.level == "MUST"]
        holds = all(status in (PASS, NOT_APPLICABLE) for status in must)
        verdicts[profile] = ProfileVerdict(conformant=holds and not partial, partial=partial, counts=counts)
    return verdicts
