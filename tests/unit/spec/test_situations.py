"""Situations: what a value changes in a vector, and what it leaves as it is."""

from __future__ import annotations

import copy

import pytest

from twilio_conformance.errors import DataError
from twilio_conformance.spec import catalogue, situations

VECTORS = catalogue.load().vectors
END = VECTORS["hangup/end-default"].data


def crossed(*ids: str) -> catalogue.Json:
    return situations.apply(END, situations.load().named(ids))


def test_a_check_names_its_case_and_the_values_of_its_situation() -> None:
    base, values = situations.parse("hangup/end-default+api-key+ie1")
    assert (base, [value.id for value in values]) == ("hangup/end-default", ["api-key", "ie1"])
    assert situations.parse("hangup/end-default") == ("hangup/end-default", [])


def test_an_empty_text_removes_an_argument() -> None:
    arguments = crossed("api-key")["given"]["arguments"]
    assert "auth_token" not in arguments
    assert arguments["api_key_secret"] == "${api_key_secret}"


def test_options_of_the_case_stay() -> None:
    off = VECTORS["hangup/disabled-end-cancel"].data
    params = situations.apply(off, situations.load().named(["defaults"]))["given"]["arguments"]["params"]
    assert params == {"ignore_rtvi_messages": True, "twilio_sample_rate": 8000, "auto_hang_up": False}


def test_another_requirement_speaks_of_another_host() -> None:
    hosts = {entry["requirement"]: entry["request"]["url"] for entry in crossed("ie1")["expect"]
             if "url" in entry.get("request", {})}  # fmt: skip
    assert hosts == {"TFS-HANGUP-08": "https://api.dublin.ie1.twilio.com"}


def test_frames_change_their_class_and_steps_come_between() -> None:
    vector = VECTORS["media-out/message-one-second"].data
    changed = situations.apply(vector, situations.load().named(["tts-audio", "empty-audio"]))
    kinds = [step["serialize"]["frame"] for step in changed["steps"]]
    assert kinds == ["OutputAudioRawFrame", "TTSAudioRawFrame"] * len(vector["steps"])
    assert [step.get("expect") for step in changed["steps"][1::2]] == [
        step.get("expect") for step in vector["steps"]
    ]


def test_the_vector_that_is_given_does_not_change() -> None:
    before = copy.deepcopy(END)
    crossed(*situations.load().values)
    assert before == END


def test_every_crossed_vector_is_its_case_in_its_situation() -> None:
    for name, vector in VECTORS.items():
        base, values = situations.parse(name)
        if values:
            again = situations.apply(VECTORS[base].data, values)
            assert {part: again[part] for part in ("given", "steps", "expect")} == {
                part: vector.data[part] for part in ("given", "steps", "expect")
            }, name


def test_a_check_in_code_gets_the_surroundings_and_what_to_remove() -> None:
    given = situations.surroundings(situations.load().named(["api-key", "position", "other-call"]))
    assert given["arguments"]["auth_token"] == ""
    assert given["passing"] == "position"
    assert given["needs"] == ["api_key"]
    assert given["beside"]["arguments"]["stream_sid"] == "${other_stream_sid}"


def test_a_damaged_file_is_named(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(situations, "specification_folder", lambda: tmp_path)
    situations.load.cache_clear()
    try:
        with pytest.raises(DataError, match=r"situations\.toml: cannot be read"):
            situations.load()
    finally:
        situations.load.cache_clear()
