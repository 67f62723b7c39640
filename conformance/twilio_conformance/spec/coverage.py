"""The account of a run: what the edition holds, what was collected, what was executed."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from twilio_conformance import EDITION
from twilio_conformance.errors import DataError
from twilio_conformance.spec.catalogue import Catalogue, Requirement


class Entry(NamedTuple):
    """One line of the account: a requirement and the vector or check that grades it."""

    requirement: str
    check: str


@dataclass(frozen=True)
class Ledger:
    """What was expected of a run and what came of it."""

    expected: frozenset[Entry]
    collected: frozenset[Entry]
    executed: frozenset[Entry]
    excluded: dict[str, str]

    @property
    def partial(self) -> bool:
        """Whether something was left out of the run on purpose: by -k, --deselect or a path."""
        return self.collected != self.expected

    @property
    def missing(self) -> tuple[Entry, ...]:
        """What was collected and never came to an end."""
        return tuple(sorted(self.collected - self.executed))

    def as_json(self) -> dict[str, object]:
        """The ledger of a report."""
        return {
            "expected": len(self.expected),
            "collected": len(self.collected),
            "executed": len(self.executed),
            "missing": [f"{entry.requirement}[{entry.check}]" for entry in self.missing],
            "excluded": self.excluded,
        }


def entries(catalogue: Catalogue, checks: Mapping[str, str]) -> list[Entry]:
    """Every line that the catalogue asks for, in the order of the specification.

    Args:
        catalogue: Requirements and vectors.
        checks: The requirement of each check in code, by the check's id.

    Raises:
        DataError: A check without a requirement, a requirement without a check, or a pattern that matches
            nothing. An older edition lacks some of each, and is not held to it.
    """
    graded = _by_requirement(catalogue, checks)
    problems = [
        f"{check} names {identifier}, which the specification does not hold"
        for identifier, found in graded.items()
        if identifier not in catalogue.requirements
        for check in found
    ]
    lines = []
    for requirement in catalogue.requirements.values():
        found = graded.get(requirement.id, [])
        problems += _disagreements(requirement, found)
        lines += [Entry(requirement.id, check) for check in found]
    if problems and catalogue.edition == EDITION:
        raise DataError("requirements and checks disagree:\n  " + "\n  ".join(problems))
    return lines


def _by_requirement(catalogue: Catalogue, checks: Mapping[str, str]) -> dict[str, list[str]]:
    graded: dict[str, list[str]] = {}
    for vector in catalogue.vectors.values():
        for requirement in vector.requirements:
            graded.setdefault(requirement, []).append(vector.id)
    for check, requirement in checks.items():
        graded.setdefault(requirement, []).append(check)
    return graded


def _disagreements(requirement: Requirement, found: list[str]) -> list[str]:
    """Where the checks that a requirement names and those that name it are not the same."""
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
        if not any(fnmatch.fnmatchcase(check, pattern) for check in found)
    ]
    return strangers + unmatched
