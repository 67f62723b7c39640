"""The rules: what the specification demands of a message or a frame."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from twilio_conformance.fuzz import oracle
from twilio_conformance.fuzz.strategies import CODES, MESSAGES, media

Json = dict[str, Any]

GOOD = media(CODES["tone"])
KINDS: dict[str, Json] = {
    "nothing": oracle.NOTHING,
    "anything": oracle.ANYTHING,
    "sent": oracle.SENT,
    "received": oracle.RECEIVED,
    "key": {"frame": {"frame": "InputDTMFFrame", "button": "1"}},
    "clear": {"returns": {"json": {"event": "clear", "streamSid": "${stream_sid}"}, "as": "text"}},
    "message": {"returns": {"json": {}}},
}


def edited(path: str, value: Any) -> Json:
    above, _, name = path.rpartition(".")
    message: Json = {**GOOD, "media": dict(GOOD["media"])}
    (message[above] if above else message)[name] = value
    return {"json": message}


@pytest.mark.parametrize(
    ("data", "requirement", "returns"),
    [
        ({"json": GOOD}, "TFS-MEDIAIN-03", "received"),
        ({"json": GOOD, "as": "bytes"}, "TFS-MEDIAIN-05", "received"),
        ({"json": MESSAGES[1]}, "TFS-DTMF-01", "key"),
        ({"text": "{"}, "TFS-INPUT-01", "nothing"),
        ({"json": []}, "TFS-INPUT-02", "nothing"),
        (edited("event", 5), "TFS-INPUT-03", "nothing"),
        (edited("event", "Media"), "TFS-INPUT-03", "nothing"),
        (edited("event", "other"), "TFS-MESSAGE-05", "nothing"),
        (edited("media", None), "TFS-INPUT-04", "nothing"),
        (edited("media.payload", 5), "TFS-INPUT-04", "nothing"),
        (edited("media.payload", "AAA"), "TFS-INPUT-05", "nothing"),
        (edited("media.payload", "AA==AAAA"), "TFS-INPUT-05", "nothing"),
        (edited("media.payload", "éééé"), "TFS-INPUT-05", "nothing"),
        (edited("media.payload", ""), "TFS-MEDIAIN-08", "nothing"),
        (edited("media.track", "outbound"), "TFS-MEDIAIN-09", "nothing"),
        (edited("media.track", 5), "TFS-INPUT-11", "anything"),
        (edited("sequenceNumber", 5), "TFS-INPUT-11", "anything"),
        (edited("streamSid", "MZ0"), "TFS-MEDIAIN-10", "nothing"),
        ({"json": {**MESSAGES[1], "dtmf": {"digit": "A"}}}, "TFS-DTMF-02", "nothing"),
        ({"json": {**MESSAGES[1], "dtmf": {}}}, "TFS-INPUT-06", "nothing"),
        ({"text": '{"event":"stop","event":"stop"}'}, "TFS-INPUT-11", "anything"),
        ({"text": '{"event":NaN}'}, "TFS-INPUT-11", "anything"),
        ({"base64": "/w=="}, "TFS-INPUT-07", "nothing"),
        ({"parts": [{"repeat": "[", "times": 5000}]}, "TFS-INPUT-08", "anything"),
        ({"parts": ['{"n":', {"repeat": "9", "times": 5000}, "}"]}, "TFS-INPUT-08", "anything"),
    ],
)
def test_a_message_has_its_rule(data: Json, requirement: str, returns: str) -> None:
    rule = oracle.rule_for_message(data, is_set_up=True)
    assert (rule.requirement, rule.expectation) == (requirement, KINDS[returns])


def test_good_audio_before_setup_may_give_anything() -> None:
    rule = oracle.rule_for_message({"json": GOOD}, is_set_up=False)
    assert (rule.requirement, rule.expectation) == ("TFS-INPUT-10", oracle.ANYTHING)


AUDIO: Json = {"frame": "OutputAudioRawFrame", "audio": "AAAA", "sample_rate": 8000, "num_channels": 1}


@pytest.mark.parametrize(
    ("frame", "requirement", "returns"),
    [
        ({"frame": "InterruptionFrame"}, "TFS-CLEAR-01", "clear"),
        ({"frame": "EndFrame"}, "TFS-HANGUP-13", "nothing"),
        ({"frame": "TextFrame", "text": "yes"}, "TFS-MESSAGE-07", "nothing"),
        ({"frame": "OutputTransportMessageFrame", "message": {}}, "TFS-MESSAGE-01", "message"),
        ({"frame": "OutputTransportMessageFrame", "message": 5}, "TFS-ABUSE-08", "anything"),
        (
            {"frame": "OutputTransportMessageUrgentFrame", "message": {"label": "rtvi-ai"}},
            "TFS-MESSAGE-03",
            "nothing",
        ),
        (AUDIO | {"frame": "InputAudioRawFrame"}, "TFS-MEDIAOUT-12", "nothing"),
        (AUDIO | {"audio": "AAA="}, "TFS-MEDIAOUT-11", "sent"),
        (AUDIO, "TFS-ABUSE-01", "anything"),
        (AUDIO | {"audio": ""}, "TFS-ABUSE-01", "nothing"),
        (AUDIO | {"audio": "AAA=", "sample_rate": 0}, "TFS-ABUSE-04", "nothing"),
        (AUDIO | {"audio": "AAA=", "sample_rate": 16000}, "TFS-ABUSE-06", "sent"),
        (AUDIO | {"audio": "AAAAAA==", "num_channels": 2}, "TFS-ABUSE-02", "sent"),
    ],
)
def test_a_frame_has_its_rule(frame: Json, requirement: str, returns: str) -> None:
    rule = oracle.rule_for_frame(frame, ignores_rtvi=True, rate=8000)
    assert (rule.requirement, rule.expectation) == (requirement, KINDS[returns])


def test_audio_before_setup_may_give_anything() -> None:
    rule = oracle.rule_for_frame(AUDIO, ignores_rtvi=True, rate=None)
    assert (rule.requirement, rule.expectation) == ("TFS-ABUSE-07", oracle.ANYTHING)


def test_discrepancies_share_their_kind_by_requirement_and_behavior() -> None:
    one, other = (oracle.Discrepancy("TFS-DTMF-01", message, "key") for message in ("a", "b"))
    assert one.kind == other.kind == "TFS-DTMF-01: key"
    assert oracle.Discrepancy(None, "a", "hung").kind == "no requirement: hung"


@pytest.mark.parametrize(
    ("requirement", "message", "is_hang"),
    [(None, "the implementation hung in setup", True), (None, "it ended the process", False),
     ("TFS-FAULT-02", "it hung", False)],
)  # fmt: skip
def test_only_a_session_over_its_time_is_a_hang(requirement: str | None, message: str, is_hang: bool) -> None:
    assert oracle.Discrepancy(requirement, message, "x").is_hang == is_hang


def test_the_names_of_a_session_are_the_same_in_every_process() -> None:
    values = oracle.NAMES.values
    assert values["stream_sid"].startswith("MZ")
    assert len(set(values.values())) == len(values)
    script = "from twilio_conformance.fuzz.oracle import NAMES; print(sorted(NAMES.values.items()))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == str(sorted(values.items()))
