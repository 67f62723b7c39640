"""The vectors of the chapter Construction against the requirements' own words."""

from __future__ import annotations

import json
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "vectors" / "v1" / "construction"
VECTORS = {
    path.stem: json.loads(path.read_bytes()) for path in sorted(FOLDER.glob("*.json")) if "+" not in path.stem
}

CREDENTIALS = ("call_sid", "account_sid", "auth_token")
KEY = ("api_key_sid", "api_key_secret")
PLACES: tuple[frozenset[str], ...] = tuple(
    frozenset(chosen) for size in range(3) for chosen in combinations(("region", "edge"), size)
)
SWITCHES = (None, True, False)


def _arguments(vector: dict[str, Any]) -> dict[str, Any]:
    """The arguments that hold something, the members of params among them."""
    given = dict(vector["given"]["arguments"])
    given |= given.pop("params", {})
    return {name: value for name, value in given.items() if value not in ("", None)}


def _must_be_refused(arguments: dict[str, Any]) -> bool:
    """Whether TFS-CONSTRUCT-06, 08, 13 or 15 asks for a ValueError."""
    if "stream_sid" not in arguments:
        return True
    if arguments.get("auto_hang_up") is False:
        return False
    half_key = len(arguments.keys() & set(KEY)) == 1
    token = {"auth_token"} if not arguments.keys() >= set(KEY) else set()
    absent = ({"call_sid", "account_sid"} | token) - arguments.keys()
    return half_key or bool(absent) or len(arguments.keys() & {"region", "edge"}) == 1


def _is_left_open(arguments: dict[str, Any]) -> bool:
    """Whether both outcomes are permitted: half a pair that is not used, or a token beside a whole key."""
    unused = arguments.get("auto_hang_up") is False
    halves = any(len(arguments.keys() & set(pair)) == 1 for pair in (KEY, ("region", "edge")))
    return (unused and halves) or arguments.keys() >= {"auth_token", *KEY}


@pytest.mark.parametrize("name", VECTORS)
def test_the_result_is_what_the_requirements_say(name: str) -> None:
    arguments = _arguments(VECTORS[name])
    expected = (
        "invalid" if _must_be_refused(arguments) else "acceptable" if _is_left_open(arguments) else "valid"
    )
    assert VECTORS[name]["result"] == expected


@pytest.mark.parametrize("name", VECTORS)
def test_the_expected_exception_follows_from_the_result(name: str) -> None:
    vector = VECTORS[name]
    permitted = {"valid": None, "invalid": "ValueError", "acceptable": ["ValueError", None]}[vector["result"]]
    assert {json.dumps(item["raises"]) for item in vector.get("construction", ())} <= {json.dumps(permitted)}


@pytest.mark.parametrize("name", [name for name in VECTORS if name.startswith("missing-")])
def test_just_the_absent_credentials_have_to_be_named_where_nothing_else_is_wrong(name: str) -> None:
    arguments = _arguments(VECTORS[name])
    mentioned = [text for item in VECTORS[name]["construction"] for text in item.get("mentions", ())]
    is_pair = ("region" in arguments) == ("edge" in arguments)
    assert mentioned == [credential for credential in CREDENTIALS if is_pair and credential not in arguments]


@pytest.mark.parametrize("name", [name for name, vector in VECTORS.items() if "twin" in vector])
def test_a_twin_differs_in_one_argument(name: str) -> None:
    vector = VECTORS[name]
    here = vector["given"]["arguments"]
    there = VECTORS[vector["twin"].partition("/")[2]]["given"]["arguments"]
    assert len([key for key in here.keys() | there.keys() if here.get(key) != there.get(key)]) == 1


def test_every_subset_of_credentials_meets_every_switch_and_place() -> None:
    documented = {*CREDENTIALS, "region", "edge", "stream_sid", "auto_hang_up"}
    present = {
        (
            frozenset(arguments.keys() & set(CREDENTIALS)),
            arguments.get("auto_hang_up"),
            frozenset(arguments.keys() & {"region", "edge"}),
        )
        for arguments in map(_arguments, VECTORS.values())
        if arguments.keys() <= documented
    }
    subsets = [frozenset(chosen) for size in range(4) for chosen in combinations(CREDENTIALS, size)]
    assert set(product(subsets, SWITCHES, PLACES)) <= present
