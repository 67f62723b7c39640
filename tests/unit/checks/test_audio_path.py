"""Directions of audio, and what is read from observations."""

from __future__ import annotations

import base64
import json
from itertools import count
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from pipecat.frames.frames import OutputAudioRawFrame, TTSAudioRawFrame

from twilio_conformance.audio import signals, ulaw
from twilio_conformance.checks._audio_path import (
    DIRECTIONS,
    Direction,
    audio_frame,
    expect_in_each,
    expect_recognised,
    in_turn,
    payload_of,
    pcm_of,
)
from twilio_conformance.errors import NotTestable, Violation
from twilio_conformance.subject.frames import ApplicationAudioRawFrame, FrameValue
from twilio_conformance.subject.observation import Observation
from twilio_conformance.subject.target import BASE_URL, IN_PROCESS
from twilio_conformance.twilio.caller import CallerTrack


def heard(audio: bytes) -> Observation:
    return Observation("deserialize", FrameValue("InputAudioRawFrame", frozenset(), {"audio": audio}))


def test_directions_name_their_ends_and_rates() -> None:
    assert [str(Direction(way, 16000)) for way in (True, False)] == [
        "16000 Hz to Twilio",
        "Twilio to 16000 Hz",
    ]
    assert Direction(True, 16000).rates == (16000, 8000)
    assert Direction(False, 16000).rates == (8000, 16000)
    assert len(set(DIRECTIONS)) == len(DIRECTIONS) == 14


def test_directions_take_turns_through_kinds_of_frames_and_ways_to_construct() -> None:
    probe = Mock(turns=count(), implementation=Mock(is_remote=False, network=IN_PROCESS, capabilities=set()))
    turns = list(in_turn(probe, [Direction(True, 8000)] * 16))
    kinds, ways = {turn.kind for turn in turns}, {turn.way for turn in turns}
    assert {ApplicationAudioRawFrame, OutputAudioRawFrame, TTSAudioRawFrame} <= kinds
    assert ways == {"without auto_hang_up", "with a token", "with a region", "with params"}
    assert len({(turn.kind, turn.way) for turn in turns}) == len(kinds) * len(ways) == 16
    assert str(turns[0]) == "8000 Hz to Twilio, with OutputAudioRawFrame, without auto_hang_up"
    assert [str(turn) for turn in in_turn(probe, [Direction(False, 8000)])] == [
        "Twilio to 8000 Hz, without auto_hang_up"
    ]


def test_an_adapter_gets_no_class_of_the_suite_and_a_base_url_no_region() -> None:
    remote = Mock(is_remote=True, network=BASE_URL, capabilities={"api_key"})
    turns = list(in_turn(Mock(turns=count(), implementation=remote), [Direction(True, 8000)] * 20))
    assert ApplicationAudioRawFrame not in {turn.kind for turn in turns}
    ways = {turn.way for turn in turns}
    assert ways == {"without auto_hang_up", "with a token", "with an API key", "with params"}


async def test_faults_of_all_directions_are_in_one_finding() -> None:
    async def measure(direction: Direction) -> str | None:
        return "late" if direction.rate == 8000 else None

    with pytest.raises(Violation, match="too late") as caught:
        await expect_in_each(DIRECTIONS, measure, "too late", "in time")
    assert caught.value.actual == {"8000 Hz to Twilio": "late", "Twilio to 8000 Hz": "late"}
    await expect_in_each(DIRECTIONS[1:2], measure, "too late", "in time")


def test_an_output_with_a_low_correlation_is_a_violation() -> None:
    expect_recognised(DIRECTIONS[0], 0.9)
    with pytest.raises(Violation, match="not what was given"):
        expect_recognised(DIRECTIONS[0], 0.1)


@pytest.mark.parametrize("value", ["no JSON", "{}", '{"media": {"payload": "*"}}'])
def test_only_a_media_message_has_codes(value: Any) -> None:
    assert payload_of(Observation("serialize", '{"media": {"payload": "AAE="}}')) == b"\0\1"
    assert payload_of(Observation("serialize")) is None
    with pytest.raises(NotTestable, match="no media message"):
        payload_of(Observation("serialize", value))


def test_only_an_audio_frame_of_whole_samples_has_samples() -> None:
    samples = pcm_of(heard(b"\1\0\2\0"))
    assert samples is not None
    assert samples.tolist() == [1, 2]
    assert pcm_of(Observation("deserialize")) is None
    with pytest.raises(NotTestable, match="odd number"):
        pcm_of(heard(b"\1"))
    with pytest.raises(NotTestable, match="no audio"):
        pcm_of(Observation("deserialize", "text"))


def test_a_frame_repeats_its_samples_in_every_channel() -> None:
    frame = audio_frame(np.array([1, 2], np.int16), 16000, channels=2)
    assert (frame.audio, frame.num_channels) == (b"\1\0\1\0\2\0\2\0", 2)


@pytest.mark.parametrize("is_outgoing", [True, False])
async def test_a_signal_is_carried_in_chunks_of_20_ms(is_outgoing: bool) -> None:
    class Echo:
        """An instance at 8000 Hz that returns what it is given."""

        track = CallerTrack()

        async def serialize_each(self, frames: Any) -> list[Observation]:
            codes = [ulaw.encode(np.frombuffer(frame.audio, np.int16)[::channels]) for frame in frames]
            payloads = [base64.b64encode(each).decode() for each in codes]
            return [Observation("serialize", json.dumps({"media": {"payload": each}})) for each in payloads]

        async def deserialize_each(self, messages: Any) -> list[Observation]:
            codes = [base64.b64decode(message["media"]["payload"]) for message in messages]
            return [heard(ulaw.decode(each).tobytes()) for each in codes]

    channels, direction, subject = 1 + is_outgoing, Direction(is_outgoing, 8000), Echo()
    signal = signals.utterance(8000, 0.1)
    passage = await direction.carry(subject, signal, channels=channels)  # type: ignore[arg-type]
    assert [len(chunk) for chunk in passage.given] == [160] * 5
    assert np.array_equal(passage.output, ulaw.decode(ulaw.encode(signal)))
    assert direction.compare(signal, passage.output).damage is None
