"""The chapter Credentials and identifiers: every leak is found, and nothing is given away by finding it."""

from __future__ import annotations

import pytest

from tests.unit.checks.bench import implementations
from tests.unit.checks.chapters import checks_of
from twilio_conformance.spec import catalogue

CHAPTER = "TFS-SECURE-"
LEAKY = implementations("leaky")


@pytest.mark.xdist_group("verdicts of clients")
@pytest.mark.parametrize("name", LEAKY)
def test_a_leaky_implementation_misses_just_the_requirements_that_it_breaks(
    name: str, verdicts: dict[str, dict[str, str]]
) -> None:
    missed = {
        requirement for requirement, status in verdicts[name].items() if status in ("fail", "not-testable")
    }
    assert missed == set(LEAKY[name].violates)


def test_every_requirement_is_broken_by_some_implementation() -> None:
    kinds = implementations("faulty") | LEAKY
    broken = {requirement for kind in kinds.values() for requirement in kind.violates}
    chapter = {name for name in catalogue.load().requirements if name.startswith(CHAPTER)}
    assert chapter
    assert chapter <= broken


@pytest.mark.parametrize("check", checks_of("secrecy"))
def test_the_reference_passes_and_a_broken_serializer_fails(
    check: str, chapters: dict[str, dict[str, str]]
) -> None:
    assert chapters[check] == {"reference": "pass", "broken": "fail"}
