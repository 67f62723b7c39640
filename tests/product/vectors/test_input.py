"""The vectors of hostile input: what is refused stands beside a neighbour that is served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]

FOLDER = Path(__file__).resolve().parents[3] / "vectors" / "v1" / "input"
VECTORS: dict[str, Json] = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json")) if "+" not in path.stem
}
REFUSED = [name for name, vector in VECTORS.items() if vector["result"] == "invalid"]
ALONE = {
    "not-json-empty",
    "not-json-lone-surrogate",
    "not-json-nul",
    "bytes-empty",
    "bytes-gzip",
    "bytes-one-zero",
    "bytes-random",
    "bytes-wav-header",
}
"""Texts and bytes with nothing in common with any message."""


def requirements(vector: Json) -> set[str]:
    """What the vector grades, except that the next message is understood."""
    expectations = [*vector["expect"], *(one for step in vector["steps"] for one in step.get("expect", ()))]
    return {one["requirement"] for one in expectations} - {"TFS-INPUT-09"}


def test_what_is_refused_has_a_twin_unless_it_is_like_no_message() -> None:
    assert {name for name in REFUSED if "twin" not in VECTORS[name]} == ALONE


@pytest.mark.parametrize("name", sorted(set(REFUSED) - ALONE))
def test_a_twin_is_served_by_the_same_requirement(name: str) -> None:
    twin = VECTORS[VECTORS[name]["twin"].removeprefix("input/")]
    assert twin["result"] == "valid"
    assert requirements(twin) == requirements(VECTORS[name])
    keys = [
        one["frame"]["frame"] for step in twin["steps"] for one in step.get("expect", ()) if "frame" in one
    ]
    heard = [one["audio"]["at_least"] for one in twin["expect"]]
    assert keys == ["InputDTMFFrame"] or (len(heard) == 1 and heard[0] > 0)
