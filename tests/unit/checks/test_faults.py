"""The chapter Hang-up under faults: what breaks a requirement misses it, and nothing permitted does."""

from __future__ import annotations

import pytest

from tests.unit.checks.bench import REFERENCE, implementations
from tests.unit.checks.chapters import checks_of
from twilio_conformance.spec import catalogue

pytestmark = pytest.mark.xdist_group("verdicts of clients")

CHAPTER = "TFS-FAULT-"
FAULTY = implementations("faulty")


def _missed(found: dict[str, str]) -> set[str]:
    return {name for name, status in found.items() if status in ("fail", "not-testable")}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_hang_up_misses_just_the_requirements_that_it_breaks(
    name: str, verdicts: dict[str, dict[str, str]]
) -> None:
    assert _missed(verdicts[name]) == set(FAULTY[name].violates)


@pytest.mark.parametrize("name", [REFERENCE, *implementations("permitted")])
def test_every_permitted_way_to_hang_up_keeps_every_requirement(
    name: str, verdicts: dict[str, dict[str, str]]
) -> None:
    assert verdicts[name]
    assert not _missed(verdicts[name])


@pytest.mark.parametrize("name", ["RequestsInAThread", "UrllibInAThread"])
def test_a_client_in_a_thread_is_graded_by_everything(name: str, verdicts: dict[str, dict[str, str]]) -> None:
    assert verdicts[name].keys() == verdicts[REFERENCE].keys()


def test_every_requirement_is_broken_by_some_implementation() -> None:
    broken = {requirement for kind in FAULTY.values() for requirement in kind.violates}
    chapter = {name for name in catalogue.load().requirements if name.startswith(CHAPTER)}
    assert chapter
    assert chapter <= broken


@pytest.mark.parametrize("check", checks_of("faults"))
def test_the_reference_passes_and_a_broken_serializer_fails(
    check: str, chapters: dict[str, dict[str, str]]
) -> None:
    assert chapters[check] == {"reference": "pass", "broken": "fail"}
