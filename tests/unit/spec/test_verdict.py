"""Outcomes, statuses and the verdict on a profile."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reports import REQUIREMENT
from twilio_conformance.spec.catalogue import LEVELS, PROFILES
from twilio_conformance.spec.verdict import (
    FAIL,
    NOT_APPLICABLE,
    NOT_TESTABLE,
    PASS,
    Outcome,
    Threshold,
    judge,
    status_of,
)

STATUSES = [NOT_APPLICABLE, PASS, NOT_TESTABLE, FAIL]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
OUTCOMES = st.builds(
    Outcome,
    st.sampled_from(STATUSES),
    st.text(),
    JSON,
    JSON,
    st.lists(st.text()),
    st.floats(0, 100),
    st.dictionaries(st.text(), JSON),
)


@settings(deadline=None)
@given(OUTCOMES)
def test_an_outcome_survives_the_way_through_json(outcome: Outcome) -> None:
    assert Outcome(**json.loads(json.dumps(asdict(outcome)))) == outcome


@pytest.mark.parametrize(
    ("status", "holds"), [(PASS, True), (NOT_APPLICABLE, True), (NOT_TESTABLE, False), (FAIL, False)]
)
def test_what_cannot_be_tested_does_not_hold(status: str, holds: bool) -> None:
    assert Outcome(status).holds == holds


@settings(deadline=None)
@given(st.lists(st.sampled_from(STATUSES), min_size=1))
def test_the_status_of_a_requirement_is_the_worst_of_its_checks(statuses: list[str]) -> None:
    worst = max(statuses, key=STATUSES.index)
    assert status_of(map(Outcome, statuses)) == worst


@pytest.mark.parametrize(
    ("profile", "level", "strict", "held"),
    [
        ("core", "MUST", False, True),
        ("core", "SHOULD", False, False),
        ("core", "SHOULD", True, True),
        ("core", "MAY", True, False),
        ("robust", "MUST", True, False),
    ],
)
def test_the_gate_holds_back_by_profile_and_level(profile: str, level: str, strict: bool, held: bool) -> None:
    requirement = replace(REQUIREMENT, profile=profile, level=level)
    assert Threshold(frozenset({"core"}), strict).includes(requirement) == held


REQUIREMENTS = [
    replace(REQUIREMENT, id=f"TFS-{profile.upper()}-{number:02}", profile=profile, level=level)
    for profile in ("core", "robust")
    for number, level in enumerate(("MUST", "MUST", "SHOULD", "MAY"))
]
GRADED = st.dictionaries(st.sampled_from([entry.id for entry in REQUIREMENTS]), st.sampled_from(STATUSES))


@settings(deadline=None)
@given(GRADED, st.booleans())
def test_a_profile_is_conformant_where_all_was_graded_and_every_must_holds(
    statuses: dict[str, str], partial: bool
) -> None:
    for profile, verdict in judge(REQUIREMENTS, statuses, partial=partial).items():
        musts = [entry.id for entry in REQUIREMENTS if entry.profile == profile and entry.level == "MUST"]
        found = [statuses.get(name) for name in musts]
        hold = PASS in found and all(status in (PASS, NOT_APPLICABLE) for status in found)
        assert verdict.conformant == (hold and not partial)
        assert verdict.is_violated == any(statuses.get(name) in (FAIL, NOT_TESTABLE) for name in musts)
        assert not (verdict.conformant and verdict.is_violated)


@settings(deadline=None)
@given(GRADED)
def test_the_counts_of_a_verdict_are_of_what_was_graded(statuses: dict[str, str]) -> None:
    verdicts = judge(REQUIREMENTS, statuses, partial=False)
    total = sum(sum(counts.values()) for entry in verdicts.values() for counts in entry.counts.values())
    assert total == len(statuses)
    assert all(list(entry.counts) == list(LEVELS) for entry in verdicts.values())


def test_a_profile_without_requirements_has_no_verdict() -> None:
    assert list(judge(REQUIREMENTS, {}, partial=False)) == ["core", "robust"]
    assert set(PROFILES) > {"core", "robust"}


@pytest.mark.parametrize(
    ("statuses", "out_of_sight", "partial", "word"),
    [
        ((PASS, NOT_APPLICABLE), (), False, "conformant"),
        ((PASS, NOT_APPLICABLE), (), True, "partial run"),
        ((NOT_APPLICABLE, NOT_APPLICABLE), (), False, "not applicable"),
        ((PASS, NOT_TESTABLE), (), False, "not conformant"),
        ((PASS, NOT_TESTABLE), (1,), False, "not testable here"),
        ((PASS, NOT_TESTABLE), (1,), True, "not testable here"),
        ((FAIL, NOT_TESTABLE), (1,), False, "not conformant"),
        ((NOT_TESTABLE, NOT_TESTABLE), (1,), False, "not conformant"),
    ],
)
def test_the_verdict_in_a_word(
    statuses: tuple[str, str], out_of_sight: tuple[int, ...], partial: bool, word: str
) -> None:
    musts = [entry.id for entry in REQUIREMENTS if entry.profile == "core" and entry.level == "MUST"]
    hidden = [musts[place] for place in out_of_sight]
    verdict = judge(
        REQUIREMENTS, dict(zip(musts, statuses, strict=True)), partial=partial, out_of_sight=hidden
    )["core"]
    assert verdict.word == word
    assert verdict.conformant == (word == "conformant")


def test_an_excluded_requirement_keeps_nobody_from_conformance() -> None:
    excluded = replace(REQUIREMENT, id="TFS-CORE-09", excluded="nobody can", checks=())
    verdict = judge([REQUIREMENT, excluded], {REQUIREMENT.id: PASS}, partial=False)["core"]
    assert verdict.conformant
