"""The comparison of a session's steps and audio within what the specification permits."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from twilio_conformance.checks._expectations import Session
from twilio_conformance.fuzz.compare import compare
from twilio_conformance.fuzz.oracle import NAMES
from twilio_conformance.fuzz.strategies import CODES, COMPLETED, MESSAGES, NO_HANG_UP, media
from twilio_conformance.subject.frames import FrameValue, Value
from twilio_conformance.subject.observation import Observation, Raised

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


def step(call: str, value: Value = None, raised: str | None = None) -> Observation:
    exception = None if raised is None else Raised(raised, frozenset({"Exception"}), "")
    return Observation(call, value, exception)


def seen(*steps: Observation, construction: str | None = None, obstacle: str | None = None) -> Session:
    obstacle = obstacle or (construction and "the constructor raised")
    return Session(step("construct()", raised=construction), obstacle, list(steps))


def kinds(played: Json, actual: Session, expected: Session) -> list[str]:
    return [discrepancy.kind for discrepancy in compare(played, actual, expected)]


def text(**message: Any) -> str:
    return json.dumps(NAMES.fill(message))


CLEAR = text(event="clear", streamSid="${stream_sid}")


def sent(codes: bytes) -> str:
    return text(event="media", streamSid="MZ", media={"payload": base64.b64encode(codes).decode()})


def received(size: int, rate: int = 8000) -> FrameValue:
    attributes = {"audio": bytes(2 * size), "sample_rate": rate}
    return FrameValue("InputAudioRawFrame", frozenset(), attributes)


def key(button: str) -> FrameValue:
    return FrameValue("InputDTMFFrame", frozenset(), {"button": button})


OTHER = FrameValue("TextFrame", frozenset(), {})


@pytest.mark.parametrize(
    ("given", "call", "ours", "theirs", "found"),
    [
        (INTERRUPTION, "serialize(…)", CLEAR, CLEAR, []),
        (INTERRUPTION, "serialize(…)", text(streamSid="${stream_sid}", event="clear"), CLEAR, []),
        (INTERRUPTION, "serialize(…)", None, CLEAR, ["TFS-CLEAR-01: value"]),
        (INTERRUPTION, "serialize(…)", "clear", CLEAR, ["TFS-CLEAR-01: value"]),
        (INTERRUPTION, "serialize(…)", CLEAR.encode(), CLEAR, ["TFS-CLEAR-01: value"]),
        (KEY, "deserialize(…)", key("1"), key("1"), []),
        (KEY, "deserialize(…)", key("2"), key("1"), ["TFS-DTMF-01: value"]),
        (KEY, "deserialize(…)", None, key("1"), ["TFS-DTMF-01: value"]),
        ({"deserialize": {"text": "{"}}, "deserialize(…)", key("1"), None,
         ["TFS-INPUT-01: returns InputDTMFFrame"]),
        ({"deserialize": {"json": MESSAGES[2]}}, "deserialize(…)", OTHER, None,
         ["TFS-MARK-03: returns TextFrame"]),
        (SPEECH, "deserialize(…)", received(800), received(800), []),
        (SPEECH, "deserialize(…)", received(100), received(800), ["TFS-MEDIAIN-03: shorter from Twilio"]),
        (SPEECH, "deserialize(…)", None, received(800), ["TFS-LATENCY-03: shorter from Twilio"]),
        (SPEECH, "deserialize(…)", received(800, 16000), received(800), ["TFS-SETUP-02: rate"]),
        (SPEECH, "deserialize(…)", OTHER, received(800), ["TFS-MEDIAIN-01: value"]),
        (AUDIO, "serialize(…)", sent(b"\xff" * 800), sent(b"\xff" * 800), []),
        (AUDIO, "serialize(…)", sent(b"\x00" * 800), sent(b"\xff" * 800), ["TFS-MEDIAOUT-05: unlike to Twilio"]),
        (AUDIO, "serialize(…)", sent(b"\xff" * 80), sent(b"\xff" * 800),
         ["TFS-MEDIAOUT-08: shorter to Twilio"]),
        (AUDIO, "serialize(…)", text(event="media"), sent(b"\xff" * 800), ["TFS-MEDIAOUT-02: value"]),
        (AUDIO, "serialize(…)", sent(b"\xff" * 800).encode(), sent(b"\xff" * 800), ["TFS-MEDIAOUT-01: value"]),
        (AUDIO, "serialize(…)", text(event="media"), None, ["TFS-MEDIAOUT-02: value"]),
    ],
)  # fmt: skip
def test_a_value_is_compared_by_its_rule(
    given: Json, call: str, ours: Value, theirs: Value, found: list[str]
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
        (Session(obstacle="hung in setup"), seen(), "the implementation hung in setup"),
        (seen(), Session(obstacle="hung"), "the reference hung"),
        (seen(), seen(obstacle="setup raised X"), "the reference setup raised X"),
    ],
)
def test_a_session_that_did_not_end_is_found_without_a_requirement(
    actual: Session, expected: Session, message: str
) -> None:
    [found] = compare(session(), actual, expected)
    assert (found.requirement, found.message) == (None, message)
