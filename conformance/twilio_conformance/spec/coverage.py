"""What an edition asks for, and how much of it a run has covered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from twilio_conformance import EDITION
from twilio_conformance.errors import DataError
from twilio_conformance.spec.catalogue import Catalogue, Requirement, matches


class Entry(NamedTuple):
    """A requirement and a vector or check that grades it."""

    requirement: str
    check: str


@dataclass(frozen=True)
class Ledger:
    """The coverage of a run.

    Attributes:
        expected: Every entry of the edition.
        collected: The entries that were selected.
        executed: The entries that have an outcome.
        excluded: Why requirements have no check, by id.
    """

    expected: frozenset[Entry]
    collected: frozenset[Entry]
    executed: frozenset[Entry]
    excluded: dict[str, str]

    @property
    def partial(self) -> bool:
        """Whether entries were left out on purpose, with -k, --deselect or a path."""
        return self.collected != self.expected

    @property
    def missing(self) -> tuple[Entry, ...]:
        """The entries that were collected and have no outcome."""
        return tuple(sorted(self.collected - self.executed))

    def as_json(self) -> dict[str, object]:
        """Return the ledger of a report."""
        return {
            "expected": len(self.expected),
            "collected": len(self.collected),
            "executed": len(self.executed),
            "missing": [f"{entry.requirement}[{entry.check}]" for entry in self.missing],
            "excluded": self.excluded,
        }


def entries(catalogue: Catalogue, checks: Mapping[str, str]) -> list[Entry]:
    """Return every entry of the catalogue, in the order of the specification.

    `checks` holds the requirement of each check in code, by the id of the check. Raise DataError if there is a check
    without a requirement, a requirement without a check, or a pattern that matches nothing. Older editions lack
    some of each and are exempt.
    """
    graded: dict[str, list[str]] = {}
    for vector in catalogue.vectors.values():
        for name in vector.requirements:
            graded.setdefault(name, []).append(vector.id)
    for check, name in checks.items():
        graded.setdefault(name, []).append(check)
    problems = [
        f"{check} names {identifier}, which the specification does not hold"
        for identifier, found in graded.items()
        if identifier not in catalogue.requirements
        for check in found
    ]
    found_entries: list[Entry] = []
    for requirement in catalogue.requirements.values():
        found = graded.get(requirement.id, [])
        problems += _disagreements(requirement, found)
        found_entries += [Entry(requirement.id, check) for check in found]
    if problems and catalogue.edition == EDITION:
        raise DataError("requirements and checks disagree:\n  " + "\n  ".join(problems))
    return found_entries


def _disagreements(requirement: Requirement, found: list[str]) -> list[str]:
    """Return where the checks that a requirement names and those that name it differ."""
    if requirement.excluded is not None:
        return [f"{requirement.id} is excluded, yet {check} grades it" for check in found[:1]]
    strangers = [
        f"{check} grades {requirement.id}, whose checks do not name it"
        for check in found
        if not requirement.is_graded_by(check)
    ]
    unmatched = [
        f"{requirement.id} names {pattern}, which matches no vector or check of it"
        for pattern in requirement.checks
        if not any(matches(check, pattern) for check in found)
    ]
    return strangers + unmatched
