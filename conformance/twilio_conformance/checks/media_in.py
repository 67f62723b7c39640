"""Checks of the chapter Media from Twilio."""

from __future__ import annotations

import asyncio
import base64
import itertools
from random import Random

from twilio_conformance.checks._audio_path import VOICE_RATES, Direction, expect_tone, in_turn
from twilio_conformance.checks._core import check, expect
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.frames import FrameValue, Json, describe
from twilio_conformance.subject.probe import Probe, Subject

MESSAGES = 25
"""Messages of 20 ms: converters withhold the first ones."""

SILENCE = b"\xff" * 160
"""20 ms of silence in mu-law."""

SILENT = 5
"""Messages of silence among them, the last ones, each like the others."""

PAUSE = 10
"""Seconds between two messages, on the clock of both sides."""

EARLIEST, LATEST = 20_000_000, 11 * 10**9
"""Nanoseconds between the frames of two messages with a pause between: the audio's own 20 ms, or the pause."""


@check("TFS-MEDIAIN-04")
async def a_tone_from_twilio_keeps_its_frequency_and_length(probe: Probe) -> None:
    """A tone from Twilio arrives in pipelines of other rates with its frequency and its length."""
    for direction in in_turn(probe, (Direction(False, rate) for rate in VOICE_RATES)):
        await expect_tone(probe, direction)


@check("TFS-MEDIAIN-11", since="2026.12")
async def a_frame_holds_bytes_and_ints(probe: Probe) -> None:
    """The audio is bytes, and rate and channels are int: no bytearray, no view, no number of another library."""
    probe.require_object()
    wanted = {"audio": "bytes", "sample_rate": "int", "num_channels": "int"}
    for rate in (8000, 16000):
        for frame in await _frames(await probe.ready(rate=rate)):
            if frame.is_a("InputAudioRawFrame"):
                actual = {name: frame.types[name] for name in wanted}
                expect(actual == wanted, "an attribute has another type", wanted, actual)


@check("TFS-MEDIAIN-12", since="2026.12")
async def each_message_gives_a_frame_of_its_own(probe: Probe) -> None:
    """No frame is given twice, none has another's id, and none changes once it has been given."""
    probe.require_object()
    for rate in (8000, 16000):
        subject, probe.kept = await probe.ready(rate=rate), []
        frames = await _frames(subject)
        given = [value for value in probe.kept if value is not None]
        again = len(given) - len({id(value) for value in given})
        expect(not again, "a frame is given twice", "a new frame for each message", f"{again} given again")
        ids = [frame.id for frame in frames]
        expect(len(set(ids)) == len(ids), "two frames have the same id", "an id for each frame", ids)
        changed = sum(describe(value) != frame for value, frame in zip(given, frames, strict=True))
        expect(not changed, "a frame changed after it was given", "none", f"{changed} of {len(given)} frames")


@check("TFS-MEDIAIN-13", since="2026.12")
async def a_timestamp_is_in_nanoseconds(probe: Probe) -> None:
    """Frames of messages 10 s apart have no pts, or ints as far apart as their audio or as the messages."""
    probe.require_object()
    frames = [frame for frame in await _frames(await probe.ready(), PAUSE) if frame.pts is not None]
    for frame in frames:
        wanted, actual = ("int", "int"), (type(frame.pts).__name__, frame.types["pts"])
        expect(actual == wanted, "pts has another type", "None or int", actual)
    audio = [frame.pts for frame in frames if frame.is_a("InputAudioRawFrame")]
    for before, after in itertools.pairwise(audio):
        apart, limits = after - before, f"{EARLIEST:,} to {LATEST:,} ns between frames"
        expect(EARLIEST <= apart <= LATEST, "pts is not in nanoseconds", limits, f"{apart:,}")


async def _frames(subject: Subject, pause: float = 0) -> list[FrameValue]:
    """Return the frames of half a second of noise and silence, and of a key pressed twice; NotTestable without audio."""
    codes = Random(12).randbytes(160 * (MESSAGES - SILENT)) + SILENCE * SILENT
    messages: list[Json] = [
        _message(
            "media",
            track="inbound",
            chunk=f"{number + 1}",
            timestamp=f"{number * PAUSE * 1000}",
            payload=base64.b64encode(codes[160 * number :][:160]).decode(),
        )
        for number in range(MESSAGES)
    ]
    frames = []
    for message in [*messages, *[_message("dtmf", track="inbound_track", digit="5")] * 2]:
        value = (await subject.deserialize(message)).value
        frames += [value] if isinstance(value, FrameValue) else []
        await asyncio.sleep(pause)
    if not any(frame.is_a("InputAudioRawFrame") for frame in frames):
        raise NotTestable(
            "no audio came", expected="InputAudioRawFrame", actual=[repr(frame) for frame in frames]
        )
    return frames


def _message(event: str, **members: str) -> Json:
    return {"event": event, "streamSid": "${stream_sid}", event: members}
