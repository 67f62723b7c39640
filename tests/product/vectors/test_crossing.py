"""The covering array: every two of cases and values meet, and every requirement that vectors grade is crossed."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from twilio_conformance.spec import catalogue, situations
from twilio_vectors import crossing

FOUND = situations.load()
CATALOGUE = catalogue.load()

USUAL_ONLY = {
    "TFS-HANGUP-19": "it is about arguments that make construction fail",
    "TFS-INPUT-10": "it is about an instance that has not been set up",
    "TFS-ABUSE-07": "it is about an instance that has not been set up",
    "TFS-MEDIAOUT-11": "it is about kinds of frames, which every other vector of audio is crossed with",
}
"""Requirements that no crossed vector grades, and why."""


def named(entry: dict[str, Any]) -> str:
    return f"{entry['chapter']}: {entry['cases'][0]}"


@pytest.mark.parametrize("entry", FOUND.crossings, ids=named)
def test_every_two_of_cases_and_values_meet(entry: dict[str, Any]) -> None:
    dimension = {value.id: value.dimension for value in FOUND.values.values()}
    met: set[frozenset[str]] = set()
    for row in crossing.rows(FOUND, entry):
        met |= {frozenset(pair) for pair in combinations(row, 2)}
    columns = [set(entry["cases"])]
    columns += [{value for value, own in dimension.items() if own == name} for name in entry["dimensions"]]
    missing = [
        pair
        for one, other in combinations(columns, 2)
        for pair in ((left, right) for left in one for right in other)
        if frozenset(pair) not in met
    ]
    assert missing == []


def test_rows_are_the_same_every_time() -> None:
    assert [crossing.rows(FOUND, entry) for entry in FOUND.crossings] == [
        crossing.rows(FOUND, entry) for entry in FOUND.crossings
    ]


def test_every_requirement_that_vectors_grade_is_graded_in_situations() -> None:
    crossed = {
        requirement
        for name, vector in CATALOGUE.vectors.items()
        if catalogue.SEPARATOR in name
        for requirement in vector.requirements
    }
    chapters = {entry["chapter"] for entry in FOUND.crossings}
    graded = {
        requirement
        for name, vector in CATALOGUE.vectors.items()
        if name.partition("/")[0] in chapters
        for requirement in vector.requirements
    }
    assert graded - crossed - USUAL_ONLY.keys() == set()
    assert {name for name in USUAL_ONLY if name in crossed} == set()


def test_every_value_of_every_dimension_is_used() -> None:
    used = {value for name in CATALOGUE.vectors for value in name.split(catalogue.SEPARATOR)[1:]}
    assert FOUND.values.keys() - used == set()
    assert {value.dimension for value in FOUND.values.values()} == FOUND.dimensions.keys()
