"""Vectors with a premise: what would hold cannot be tested where nothing tried to reach Twilio."""

from __future__ import annotations

import pytest

from twilio_conformance.checks import _vectors
from twilio_conformance.checks._expectations import Session
from twilio_conformance.errors import NotTestable, Violation
from twilio_conformance.spec import catalogue
from twilio_conformance.subject.probe import Observation, Raised

VECTOR = catalogue.load().vectors["hangup/answer-failed-500-20500"]
QUIET = Observation("serialize(EndFrame)")
LOUD = Observation("serialize(EndFrame)", raised=Raised("OSError", frozenset(), "no"))


def grade(step: Observation, *, attempted: bool) -> None:
    _vectors.grade(
        VECTOR.data, Session(steps=[step], attempted=attempted), "TFS-HANGUP-13", lambda value: value
    )


def test_the_vector_has_a_premise() -> None:
    assert VECTOR.data["premise"] == "attempt"


def test_what_holds_after_an_attempt_is_a_pass() -> None:
    grade(QUIET, attempted=True)


def test_what_holds_without_an_attempt_cannot_be_tested() -> None:
    with pytest.raises(NotTestable, match="nothing tried to reach"):
        grade(QUIET, attempted=False)


@pytest.mark.parametrize("attempted", [True, False])
def test_what_does_not_hold_is_a_violation_all_the_same(attempted: bool) -> None:
    with pytest.raises(Violation, match="raised the wrong thing"):
        grade(LOUD, attempted=attempted)


def test_every_vector_of_an_answer_has_the_premise() -> None:
    graded = ("TFS-HANGUP-13", "TFS-FAULT-01", "TFS-FAULT-02", "TFS-FAULT-03")
    without = [
        name
        for name, vector in catalogue.load().vectors.items()
        if set(graded) & set(vector.requirements) and vector.data.get("premise") != "attempt"
    ]
    assert without == []
