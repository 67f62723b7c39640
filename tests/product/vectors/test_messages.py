"""The frames and messages of the vectors: Pipecat has the frames, JSON carries the messages unchanged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from twilio_conformance.subject import frames

Json = dict[str, Any]

V1 = Path(__file__).parents[3] / "vectors" / "v1"
VECTORS: dict[str, Json] = {
    f"{path.parent.name}/{path.stem}": json.loads(path.read_bytes())
    for path in sorted(V1.glob("*/*.json"))
    if "+" not in path.stem
}


def _frames(vector: Json) -> list[Json]:
    return [step["serialize"] for step in vector["steps"] if "serialize" in step]


def _numbers(value: Any) -> Iterator[int | float]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item)
    elif isinstance(value, int | float):
        yield value


def _sent(vector: Json) -> list[Any]:
    """The messages that the steps are expected to return."""
    expectations = [expectation for step in vector["steps"] for expectation in step.get("expect", [])]
    returned = [expectation.get("returns") for expectation in expectations]
    return [value["json"] for value in returned if isinstance(value, dict)]


SENT = {name: _sent(vector) for name, vector in VECTORS.items() if _sent(vector)}


@pytest.mark.parametrize("name", [name for name, vector in VECTORS.items() if _frames(vector)])
def test_pipecat_has_every_frame_with_these_arguments(name: str) -> None:
    for document in _frames(VECTORS[name]):
        assert type(frames.build(document)).__name__ == document["frame"]


@pytest.mark.parametrize("name", [name for name in SENT if name.startswith(("messages/", "mark/"))])
def test_transport_messages_are_expected_as_they_are_given(name: str) -> None:
    assert [frame["message"] for frame in _frames(VECTORS[name]) if "message" in frame] == SENT[name]


@pytest.mark.parametrize("name", SENT)
def test_messages_hold_only_numbers_that_every_json_reader_has(name: str) -> None:
    for number in _numbers(SENT[name]):
        assert abs(number) < 2**53 if isinstance(number, int) else math.isfinite(number)


@pytest.mark.parametrize("name", SENT)
def test_messages_survive_utf_8(name: str) -> None:
    text = json.dumps(SENT[name], ensure_ascii=False)
    assert json.loads(text.encode("utf-8")) == SENT[name]


def test_the_same_messages_are_sent_plain_and_urgent() -> None:
    names = {"plain": set[str](), "urgent": set[str]()}
    for name in VECTORS:
        manner, _, rest = name.removeprefix("messages/").partition("-")
        if manner in names:
            names[manner].add(rest)
    assert names["plain"] == names["urgent"]
    assert names["plain"]
