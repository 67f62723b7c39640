"""The account of a run: every requirement has its checks, every check its requirement."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reports import REQUIREMENT
from twilio_conformance import EDITION
from twilio_conformance.errors import DataError
from twilio_conformance.spec.catalogue import Catalogue, Chapter, Requirement, Vector
from twilio_conformance.spec.coverage import Entry, Ledger, entries


def _vector(name: str, *requirements: str) -> Vector:
    expect = [{"requirement": requirement} for requirement in requirements]
    return Vector({"id": name, "since": EDITION, "steps": [], "expect": expect})


def _catalogue(*requirements: Requirement, vectors: tuple[Vector, ...], edition: str = EDITION) -> Catalogue:
    chapter = Chapter("A", 1, "A", "", requirements)
    return Catalogue(edition, (chapter,), {vector.id: vector for vector in vectors}, "", {})


def test_each_requirement_has_a_line_for_each_vector_and_check() -> None:
    requirement = replace(REQUIREMENT, checks=("a/*", "module.check"))
    known = _catalogue(requirement, vectors=(_vector("a/1", requirement.id), _vector("a/2", requirement.id)))
    assert entries(known, {"module.check": requirement.id}) == [
        Entry("TFS-A-01", "a/1"),
        Entry("TFS-A-01", "a/2"),
        Entry("TFS-A-01", "module.check"),
    ]


OTHER = replace(REQUIREMENT, id="TFS-A-02", checks=("b/1",))

#: What disagrees, and what is said of it.
DISAGREEMENTS = {
    "a vector of no requirement": (
        _catalogue(REQUIREMENT, vectors=(_vector("a/1", REQUIREMENT.id, "TFS-A-09"),)),
        "a/1 names TFS-A-09, which the specification does not hold",
    ),
    "a requirement of no vector": (
        _catalogue(REQUIREMENT, OTHER, vectors=(_vector("a/1", REQUIREMENT.id),)),
        "TFS-A-02 names b/1, which matches no vector or check of it",
    ),
    "a pattern that matches the vector of another": (
        _catalogue(
            REQUIREMENT, OTHER, vectors=(_vector("a/1", REQUIREMENT.id), _vector("b/1", REQUIREMENT.id))
        ),
        "TFS-A-02 names b/1, which matches no vector or check of it",
    ),
    "a vector that its requirement does not name": (
        _catalogue(REQUIREMENT, vectors=(_vector("a/1", REQUIREMENT.id), _vector("c/1", REQUIREMENT.id))),
        "c/1 grades TFS-A-01, whose checks do not name it",
    ),
    "a vector of an excluded requirement": (
        _catalogue(
            replace(REQUIREMENT, checks=(), excluded="nobody can"), vectors=(_vector("a/1", REQUIREMENT.id),)
        ),
        "TFS-A-01 is excluded, yet a/1 grades it",
    ),
}


@pytest.mark.parametrize("case", DISAGREEMENTS)
def test_what_disagrees_is_named(case: str) -> None:
    known, sentence = DISAGREEMENTS[case]
    with pytest.raises(DataError, match="requirements and checks disagree") as raised:
        entries(known, {})
    assert sentence in str(raised.value)


@pytest.mark.parametrize("case", DISAGREEMENTS)
def test_an_older_edition_need_not_hold_all_that_the_checks_speak_of(case: str) -> None:
    known, _ = DISAGREEMENTS[case]
    assert {entry.requirement for entry in entries(replace(known, edition="2000.01"), {})} <= {REQUIREMENT.id}


LINES = [Entry(f"TFS-A-{number:02}", "a/1") for number in range(6)]
SOME = st.frozensets(st.sampled_from(LINES))


@settings(deadline=None)
@given(expected=SOME, collected=SOME, executed=SOME)
def test_nothing_is_whole_that_lacks_a_line(
    expected: frozenset[Entry], collected: frozenset[Entry], executed: frozenset[Entry]
) -> None:
    ledger = Ledger(expected, collected, executed, {})
    assert ledger.partial == (collected != expected)
    assert set(ledger.missing) == collected - executed
    assert ledger.as_json()["missing"] == [f"{entry.requirement}[a/1]" for entry in ledger.missing]
