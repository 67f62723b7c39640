"""What counts as a difference, and what is permitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twilio_conformance.audio import ulaw
from twilio_conformance.audio.levels import Samples
from twilio_conformance.fuzz import oracle, sound
from twilio_conformance.fuzz.names import NAMES
from twilio_conformance.fuzz.strategies import CODES, MESSAGES, media

Json = dict[str, Any]

GOOD = media(CODES["tone"])


def tone(rate: int, seconds: float, amplitude: float = 8000) -> Samples:
    places = np.arange(round(rate * seconds))
    return np.asarray(np.rint(amplitude * np.sin(2 * np.pi * 1000 / rate * places)), dtype=np.int16)


def silence(rate: int, seconds: float) -> Samples:
    return np.zeros(round(rate * seconds), dtype=np.int16)


def edited(path: str, value: Any) -> Json:
    above, _, name = path.rpartition(".")
    message: Json = {**GOOD, "media": dict(GOOD["media"])}
    (message[above] if above else message)[name] = value
    return {"json": message}


@pytest.mark.parametrize(
    ("data", "requirement", "demand"),
    [
        ({"json": GOOD}, "TFS-MEDIAIN-03", "audio"),
        ({"json": GOOD, "as": "bytes"}, "TFS-MEDIAIN-05", "audio"),
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
def test_a_message_has_its_topic(data: Json, requirement: str, demand: str) -> None:
    topic = oracle.of_message(data, NAMES, is_set_up=True)
    assert (topic.requirement, topic.demand) == (requirement, demand)


def test_good_audio_before_setup_may_give_anything() -> None:
    topic = oracle.of_message({"json": GOOD}, NAMES, is_set_up=False)
    assert (topic.requirement, topic.demand) == ("TFS-INPUT-10", "anything")


@pytest.mark.parametrize(
    ("actual", "kind"),
    [
        (tone(24000, 1), None),
        (tone(24000, 0.95), None),
        (tone(24000, 0.93), "shorter"),
        (tone(24000, 1.03), "longer"),
        (np.concatenate((silence(24000, 0.05), tone(24000, 0.95))), None),
        (tone(24000, 1, 9000), None),
        (tone(24000, 1, 24000), "leaked"),
        (tone(24000, 1, 3000), "unlike"),
        (np.concatenate((tone(24000, 0.3), silence(24000, 0.4), tone(24000, 0.3))), "unlike"),
    ],
)
def test_converted_audio_is_compared_by_length_and_level(actual: Samples, kind: str | None) -> None:
    discord = sound.compare_converted(actual, tone(24000, 1), 24000, has_silence=False)
    assert (discord and discord.kind) == kind


def test_speech_that_silence_does_not_bring_out_is_lost() -> None:
    said = np.concatenate((tone(16000, 0.3), silence(16000, 0.5)))
    late = np.concatenate((silence(16000, 0.04), said))[: len(said)]
    cut = np.concatenate((tone(16000, 0.2), silence(16000, 0.6)))
    assert sound.compare_converted(late, said, 16000, has_silence=True) is None
    discord = sound.compare_converted(cut, said, 16000, has_silence=True)
    assert discord is not None
    assert discord.kind == "lost"


def test_codes_may_be_neighbours_and_no_more() -> None:
    order = np.argsort(ulaw.decode(bytes(range(256))), kind="stable").astype(np.uint8)
    order = order[order != 0x7F]
    for apart, kind in ((1, None), (2, "unlike")):
        discord = sound.compare_codes(order[apart:].tobytes(), order[:-apart].tobytes())
        assert (discord and discord.kind) == kind
    assert sound.compare_codes(b"\x7f" * 99, b"\xff" * 99) is None


def test_samples_at_8000_hz_have_to_be_the_same() -> None:
    said = tone(8000, 0.1)
    assert sound.compare_pcm(said[:-100], said) is None
    changed = said.copy()
    changed[7] += 1
    discord = sound.compare_pcm(changed, said)
    assert discord is not None
    assert discord.kind == "unlike"
