"""The vectors of the chapter DTMF: all keys, no key among the misses, each miss one digit from its twin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pipecat.audio.dtmf.types import KeypadEntry

FOLDER = Path(__file__).parents[3] / "vectors" / "v1" / "dtmf"
VECTORS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_bytes()) for path in sorted(FOLDER.glob("*.json")) if "+" not in path.stem
}
MISSES = [name for name in VECTORS if name.startswith("miss-")]
ENTRIES = {entry.value for entry in KeypadEntry}


def _messages(name: str) -> list[dict[str, Any]]:
    steps = VECTORS[name]["steps"]
    return [step["deserialize"]["json"] for step in steps if step["deserialize"]["json"]["event"] == "dtmf"]


def _expected_buttons(name: str) -> list[str]:
    expectations = [step.get("expect", []) for step in VECTORS[name]["steps"]]
    return [item["frame"]["button"] for items in expectations for item in items if "frame" in item]


def test_the_keys_are_those_of_pipecats_keypad() -> None:
    keys = {button for name in VECTORS if name.startswith("key-") for button in _expected_buttons(name)}
    assert keys == ENTRIES


@pytest.mark.parametrize("name", [name for name in VECTORS if name not in [*MISSES, "key-after-misses"]])
def test_each_message_expects_the_button_of_its_digit(name: str) -> None:
    own = [message for message in _messages(name) if message.get("streamSid") != "${other_stream_sid}"]
    assert _expected_buttons(name) == [message["dtmf"]["digit"] for message in own]


@pytest.mark.parametrize("name", MISSES)
def test_a_miss_is_no_key_and_differs_from_its_twin_in_the_digit_alone(name: str) -> None:
    vector = VECTORS[name]
    twin = vector["twin"].removeprefix("dtmf/")
    (message,), (other,) = _messages(name), _messages(twin)
    digit, key = message["dtmf"]["digit"], other["dtmf"]["digit"]
    assert not (isinstance(digit, str) and digit in ENTRIES)
    assert key in ENTRIES
    assert message | {"dtmf": message["dtmf"] | {"digit": key}} == other
    assert vector["given"] == VECTORS[twin]["given"]


def test_no_two_misses_are_the_same_digit() -> None:
    digits = [json.dumps(message["dtmf"]["digit"]) for name in MISSES for message in _messages(name)]
    assert len(set(digits)) == len(digits)


def test_no_two_tracks_are_the_same() -> None:
    beside = [json.dumps(_messages(name)[0]["dtmf"]) for name in VECTORS if name.startswith("track-")]
    assert len(set(beside)) == len(beside)
