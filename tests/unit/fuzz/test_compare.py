"""The comparison of a session's steps and audio within what the specification permits."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from twilio_conformance.fuzz.compare import compare
from twilio_conformance.fuzz.strategies import CODES, COMPLETED, MESSAGES, NO_HANG_UP, media

Json = dict[str, Any]

SETUP = {"audio_in_sample_rate": 8000, "audio_out_sample_rate": 8000}
INTERRUPTION: Json = {"serialize": {"frame": "InterruptionFrame"}}
KEY: Json = {"deserialize": {"json": MESSAGES[1]}}
SPEECH: Json = {"deserialize": {"json": media(CODES["tone"] * 100)}}
AUDIO: Json = {
    "serialize": {
        "frame": "OutputAudioRawFrame", "audio": base64.b64encode(bytes(1600)).decode(), "sample_rate": 8000,
        "num_channels": 1,
    }
}  # fmt: skip


def session(*steps: Json, arguments: Json = NO_HANG_UP) -> Json:
    return {"given": {"arguments": arguments, "setup": SETUP, "answers": [COMPLETED]}, "steps": list(steps)}


def step(call: str, value: Json | None = None, raised: str | None = None) -> Json:
    exception = None if raised is None else {"kind": raised, "bases": ["Exception"], "message": ""}
    return {"call": call, "value": value, "raised": exception, "seconds": 0.0}


def seen(*steps: Json, construction: str | None = None, obstacle: str | None = None) -> Json:
    raised = step("", raised=construction)["raised"]
    return {"construction": raised, "obstacle": obstacle or (construction and "the constructor raised"),
            "steps": list(steps), "requests": [], "logs": [], "told": []}  # fmt: skip


def kinds(played: Json, actual: Json, expected: Json) -> list[str]:
    return [discrepancy.kind for discrepancy in compare(played, actual, expected)]


def text(**message: Any) -> Json:
    return {"text": json.dumps(message)}


CLEAR = text(event="clear", streamSid="MZ")


def sent(codes: bytes) -> Json:
    return text(event="media", streamSid="MZ", media={"payload": base64.b64encode(codes).decode()})


def received(size: int, rate: int = 8000) -> Json:
    audio = base64.b64encode(bytes(2 * size)).decode()
    return {"frame": "InputAudioRawFrame", "bases": [], "carried": {"audio": audio, "sample_rate": rate}}


def key(button: str) -> Json:
    return {"frame": "InputDTMFFrame", "bases": [], "carried": {"button": button}}


@pytest.mark.parametrize(
    ("given", "call", "ours", "theirs", "found"),
    [
        (INTERRUPTION, "serialize(…)", CLEAR, CLEAR, []),
        (INTERRUPTION, "serialize(…)", {"text": '{ "streamSid": "MZ", "event": "clear" }'}, CLEAR, []),
        (INTERRUPTION, "serialize(…)", None, CLEAR, ["TFS-CLEAR-01: text"]),
        (INTERRUPTION, "serialize(…)", {"text": "clear"}, CLEAR, ["TFS-CLEAR-01: text"]),
        (KEY, "deserialize(…)", key("1"), key("1"), []),
        (KEY, "deserialize(…)", key("2"), key("1"), ["TFS-DTMF-01: key"]),
        (KEY, "deserialize(…)", None, key("1"), ["TFS-DTMF-01: key"]),
        ({"deserialize": {"text": "{"}}, "deserialize(…)", key("1"), None,
         ["TFS-INPUT-01: returns InputDTMFFrame"]),
        ({"deserialize": {"json": MESSAGES[2]}}, "deserialize(…)", {"frame": "TextFrame"}, None,
         ["TFS-MARK-03: returns TextFrame"]),
        (SPEECH, "deserialize(…)", received(800), received(800), []),
        (SPEECH, "deserialize(…)", received(100), received(800), ["TFS-MEDIAIN-03: shorter from Twilio"]),
        (SPEECH, "deserialize(…)", None, received(800), ["TFS-LATENCY-03: shorter from Twilio"]),
        (SPEECH, "deserialize(…)", received(800, 16000), received(800), ["TFS-SETUP-02: rate"]),
        (SPEECH, "deserialize(…)", {"frame": "TextFrame"}, received(800), ["TFS-MEDIAIN-01: frame"]),
        (AUDIO, "serialize(…)", sent(b"\xff" * 800), sent(b"\xff" * 800), []),
        (AUDIO, "serialize(…)", sent(b"\x00" * 800), sent(b"\xff" * 800), ["TFS-MEDIAOUT-05: unlike to Twilio"]),
        (AUDIO, "serialize(…)", sent(b"\xff" * 80), sent(b"\xff" * 800),
         ["TFS-MEDIAOUT-08: shorter to Twilio"]),
        (AUDIO, "serialize(…)", text(event="media"), sent(b"\xff" * 800), ["TFS-MEDIAOUT-02: members"]),
    ],
)  # fmt: skip
def test_a_value_is_compared_by_its_rule(
    given: Json, call: str, ours: Json | None, theirs: Json | None, found: list[str]
) -> None:
    assert kinds(session(given), seen(step(call, ours)), seen(step(call, theirs))) == found


@pytest.mark.parametrize(
    ("raised", "kind", "expectation"),
    [
        ("KeyError", "TFS-CLEAR-01: raises KeyError", {"raises": None}),
        ("DidNotReturn", "TFS-FAULT-02: hangs", {"raises": None}),
    ],
)
def test_an_exception_that_the_reference_does_not_raise_is_found(
    raised: str, kind: str, expectation: Json
) -> None:
    actual = seen(step("serialize(InterruptionFrame)", raised=raised))
    [found] = compare(session(INTERRUPTION), actual, seen(step("serialize(InterruptionFrame)", CLEAR)))
    assert (found.kind, found.step, found.expectation) == (kind, 0, expectation)


def test_audio_after_an_interruption_may_not_be_longer() -> None:
    steps = [step("serialize(…)", CLEAR), step("serialize(…)", sent(b"\xff" * 800))]
    late = [steps[0], step("serialize(…)", sent(b"\xff" * 1600))]
    assert kinds(session(INTERRUPTION, AUDIO), seen(*late), seen(*steps)) == [
        "TFS-LATENCY-06: longer to Twilio"
    ]


CREDENTIALS = {"call_sid": "a", "account_sid": "b", "auth_token": "c"}


@pytest.mark.parametrize(
    ("arguments", "ours", "theirs", "found"),
    [
        ({}, "ValueError", "ValueError", []),
        ({}, None, "ValueError", ["TFS-CONSTRUCT-06: accepts"]),
        (CREDENTIALS, None, "ValueError", ["TFS-CONSTRUCT-08: accepts"]),
        ({}, "ValueError", None, ["TFS-CONSTRUCT-01: refuses"]),
        (NO_HANG_UP, "ValueError", None, []),
        (NO_HANG_UP, None, "ValueError", []),
        (NO_HANG_UP, "TypeError", None, ["TFS-CONSTRUCT-01: refuses"]),
    ],
)
def test_a_constructor_may_refuse_incomplete_arguments_only(
    arguments: Json, ours: str | None, theirs: str | None, found: list[str]
) -> None:
    played = session(arguments=arguments)
    assert kinds(played, seen(construction=ours), seen(construction=theirs)) == found


@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        ({"ended": "hung in setup"}, seen(), "the implementation hung in setup"),
        (seen(), {"ended": "hung"}, "the reference hung"),
        (seen(), seen(obstacle="setup raised X"), "the reference setup raised X"),
    ],
)
def test_a_session_that_did_not_end_is_found_without_a_requirement(
    actual: Json, expected: Json, message: str
) -> None:
    [found] = compare(session(), actual, expected)
    assert (found.requirement, found.message) == (None, message)
