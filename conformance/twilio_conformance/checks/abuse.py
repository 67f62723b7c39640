"""Checks of the chapter Serialize under abuse: messages, odd frames, two channels, cancellation and memory."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import dataclasses
import gc
import json
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from pipecat.frames import frames

from twilio_conformance.audio import metrics, signals, ulaw
from twilio_conformance.audio.alignment import MIN_CORRELATION, align
from twilio_conformance.audio.levels import Samples
from twilio_conformance.audio.passage import split
from twilio_conformance.audio.ulaw import WIRE_RATE
from twilio_conformance.checks._audio_path import (
    OUTGOING,
    PLACEMENT_ERROR,
    Direction,
    audio_frame,
    expect_in_each,
    in_turn,
    payload_of,
)
from twilio_conformance.checks._core import check, expect
from twilio_conformance.subject.frames import Json, shorten
from twilio_conformance.subject.probe import Probe
from twilio_conformance.subject.steps import END, end_call
from twilio_conformance.twilio.clock import held

MOST_KEPT = 64 * 1024
"""Bytes that an instance may keep of a minute of call, or of 20,000 messages."""

CYCLE: Json = {"event": "mark"}
CYCLE["self"] = CYCLE

DEEP: Json = {}
for _ in range(100_000):
    DEEP = {"a": DEEP}

NOT_JSON: Json = {
    "a set": {"members": {1, 2}},
    "bytes": {"payload": b"\xff"},
    "an object": {"value": object()},
    "NaN": {"value": float("nan")},
    "infinity": {"value": float("inf")},
    "a cycle": CYCLE,
    "keys that are tuples": {(1, 2): 3},
    "100,000 levels": DEEP,
    "a list": [1, 2],
    "a text": "hello",
    "a number": 3,
    "None": None,
}
"""Messages that are not JSON objects, or not JSON at all."""

NUMBERED: tuple[Json, ...] = tuple(
    {"sequenceNumber": "#", "streamSid": "${stream_sid}"} | message
    for message in (
        {"event": "media", "media": {"track": "inbound", "chunk": "#", "timestamp": "#", "payload": "/w=="}},
        {"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": "5"}},
        {"event": "mark", "mark": {"name": "m#"}},
    )
)
"""What a caller sends, with # for its number."""


@check("TFS-ABUSE-08")
async def a_message_that_cannot_be_json_raises_nothing_and_sends_nothing_invalid(probe: Probe) -> None:
    """With the RTVI filter on and off, and with both kinds of transport message."""
    for ignores in (True, False):
        subject = await probe.ready(
            stream_sid="${stream_sid}", params={"auto_hang_up": False, "ignore_rtvi_messages": ignores}
        )
        for name, message in NOT_JSON.items():
            for kind in (frames.OutputTransportMessageFrame, frames.OutputTransportMessageUrgentFrame):
                observation = await subject.serialize(kind(message=message))
                harmless = observation.raised is None and _is_json_or_nothing(observation.value)
                wanted, actual = "None, or JSON text", observation.outcome
                expect(harmless, f"a message with {name} does harm", wanted, actual)


def _is_json_or_nothing(value: Any) -> bool:
    if value is None:
        return True
    constants: list[str] = []
    try:
        json.loads(value, parse_constant=constants.append)
    except (TypeError, ValueError):
        return False
    # NaN and the infinities are no JSON, though json reads them.
    return isinstance(value, str) and not constants


@check("TFS-ABUSE-09")
async def a_frame_is_the_same_after_serialize_as_before(probe: Probe) -> None:
    """Other processors hold the same frame."""
    probe.require_object()
    subject = await probe.ready()
    pcm = bytes(range(256)) * 5
    given: list[frames.Frame] = [
        frames.OutputAudioRawFrame(audio=pcm, sample_rate=rate, num_channels=channels)
        for rate, channels in ((8000, 1), (24000, 1), (8000, 2), (16000, 2))
    ]
    given += [
        frames.OutputTransportMessageFrame(message={"event": "mark", "mark": {"name": "a"}}),
        frames.OutputTransportMessageFrame(message={"label": "rtvi-ai"}),
        *(frames.InterruptionFrame(), frames.EndFrame(), frames.CancelFrame()),
    ]
    for frame in given:
        before = copy.deepcopy(_contents(frame))
        await subject.serialize(frame)
        after = _contents(frame)
        changed = [name for name in before | after if before.get(name, ...) != after.get(name, ...)]
        contents = {name: shorten(after.get(name)) for name in changed}
        message = f"serialize changes a {type(frame).__name__}"
        expect(not changed, message, "the frame as it was", contents)


def _contents(frame: frames.Frame) -> dict[str, Any]:
    return {entry.name: getattr(frame, entry.name) for entry in dataclasses.fields(frame)} | vars(frame)


@check("TFS-ABUSE-10", since="2026.12")
async def a_cancelled_conversion_holds_up_nothing(probe: Probe) -> None:
    """The conversion is cancelled where it first waits, or a little later; then audio, clear and the end follow."""
    probe.require_object()
    kinds = in_turn(probe, (Direction(True, rate) for rate in (8000, 24000) for _ in range(3)))
    for number, direction in enumerate(kinds):
        # A long frame may be converted elsewhere.
        speech = audio_frame(direction.utterance((0.2, 1.0)[number % 2]), direction.rate, kind=direction.kind)
        subject = await probe.ready(out_rate=direction.rate, **probe.arguments())
        # Computation takes no time, so that a slow machine is not taken for a lock.
        with held():
            cancelled = asyncio.create_task(subject.serialize(speech))
            for _ in range(1 + number % 3):
                await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.wait([cancelled])
            for frame in (speech, frames.InterruptionFrame(), END):
                is_end = frame is END
                seen = await (end_call(subject, limit=1) if is_end else subject.serialize(frame, limit=1))
                name = "EndFrame" if is_end else type(frame).__name__
                message = f"{direction}: a cancelled conversion holds up the {name} after it"
                is_done = seen.raised is None and (is_end or seen.value is not None)
                expect(is_done, message, "an answer within 1 s", seen.outcome)
        ended = len(probe.exchanges)
        expect(ended > number, f"{direction}: the call is not ended", "a request", ended - number)


@check("TFS-ABUSE-11", limit=60, since="2026.12")
async def a_minute_of_call_leaves_nothing_in_memory(probe: Probe) -> None:
    """A minute in both directions at 24 kHz, after ten seconds that fill what is filled once."""
    subject = await probe.ready(rate=24000, out_rate=24000)
    agent, caller = (split(signals.utterance(rate, 10), rate // 50) for rate in (24000, 8000))
    spoken, heard = list(agent), [ulaw.encode(chunk) for chunk in caller]

    async def ten_seconds() -> None:
        await subject.repeat("serialize", (audio_frame(chunk, 24000) for chunk in spoken), limit=60)
        await subject.repeat("deserialize", _texts(probe, map(subject.track.message, heard)), limit=60)

    await ten_seconds()
    with _expect_little_kept(probe, "a minute of call"):
        for _ in range(6):
            await ten_seconds()


@check("TFS-ABUSE-11", limit=60, since="2026.12")
async def sixty_thousand_messages_leave_nothing_in_memory(probe: Probe) -> None:
    """Keys, marks and short pieces of audio, of which the last 20,000 leave nothing."""
    subject = await probe.ready()

    def texts(numbers: range) -> Iterator[str]:
        for number in numbers:
            yield forms[number % len(forms)].replace("#", str(number))

    forms = list(_texts(probe, NUMBERED))
    await subject.repeat("deserialize", texts(range(40_000)), limit=60)
    with _expect_little_kept(probe, "20,000 messages"):
        await subject.repeat("deserialize", texts(range(40_000, 60_000)), limit=60)


def _texts(probe: Probe, messages: Iterable[Json]) -> Iterator[str]:
    return (json.dumps(probe.names.fill(message)) for message in messages)


@contextlib.contextmanager
def _expect_little_kept(probe: Probe, meanwhile: str) -> Iterator[None]:
    """Expect that what is allocated in the context and not freed at its end takes little memory."""
    gc.collect()
    tracemalloc.start()
    yield
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    probe.record("memory kept, bytes", {meanwhile: kept})
    wanted = f"at most {MOST_KEPT >> 10} KiB"
    expect(kept <= MOST_KEPT, f"memory is kept after {meanwhile}", wanted, f"{kept / 1024:.0f} KiB")


@check("TFS-ABUSE-12", limit=40, since="2026.12")
async def both_channels_are_heard_and_do_not_wrap(probe: Probe) -> None:
    """Another tone in each of two channels; then a sweep at full scale in both."""
    tones = (440.0, 1240.0)

    async def fault(direction: Direction) -> str | None:
        left, right = (signals.sine(tone, -10, direction.rate, 0.5) for tone in tones)
        output = await _mixed_down(probe, direction, left, right)
        levels = [metrics.fit_tones(output, WIRE_RATE, [tone]).peaks[0] for tone in tones]
        if min(levels) < max(levels) / 4 or min(levels) < LEAST_HEARD:
            return f"{tones[int(np.argmin(levels))]:g} Hz, which is in one channel, is not heard"
        loud = signals.sweep(600, 900, 3, direction.rate, 0.5)
        both = align(direction.ideal(loud), await _mixed_down(probe, direction, loud, loud), WIRE_RATE)
        # Clipping leaves a likeness of 0.97.
        return "two loud channels wrap around" if abs(both.correlation) < 0.9 or both.wraps else None

    await expect_in_each(in_turn(probe, OUTGOING), fault, "a channel is lost or damaged", "both channels")


LEAST_HEARD = 500
"""The lowest peak of a tone that was given with a peak of about 10,000 in one of two channels."""


async def _mixed_down(probe: Probe, direction: Direction, *channels: Samples) -> Samples:
    """Return what a new instance sends for these channels, in frames of 20 ms."""
    subject = await direction.ready(probe)
    pieces = split(np.stack(channels, axis=1), direction.chunk)
    given = [
        direction.kind(audio=piece.astype("<i2").tobytes(), sample_rate=direction.rate, num_channels=2)
        for piece in pieces
    ]
    sent = await subject.serialize_each(given)
    return ulaw.decode(b"".join(payload_of(each) or b"" for each in sent))


@check("TFS-ABUSE-13", limit=40, since="2026.12")
async def speech_around_odd_frames_is_whole(probe: Probe) -> None:
    """Speech in whose midst there are frames without samples, or one frame of half a sample, at every rate."""

    async def fault(direction: Direction) -> str | None:
        voice = direction.utterance(1)
        half = len(voice) // 2
        usual = direction.compare(voice, (await direction.passage(probe, voice)).output, embedded=True)
        for odd in ([b""] * 3, [b"\x40"]):
            subject = await direction.ready(probe)
            with held():
                before = await direction.carry(subject, voice[:half])
                for pcm in odd:
                    await subject.serialize(
                        direction.kind(audio=pcm, sample_rate=direction.rate, num_channels=1)
                    )
                after = await direction.carry(subject, np.append(voice[half:], direction.silence(0.3)))
            output = np.concatenate((before.output, after.output))
            if damage := direction.compare(voice, output, baseline=usual.profile, embedded=True).damage:
                return f"{'half a sample' if odd[0] else 'no samples'}: {damage}"
        return None

    await expect_in_each(in_turn(probe, OUTGOING), fault, "speech around it is damaged", "whole")


@check("TFS-ABUSE-14", limit=40, since="2026.12")
async def ten_seconds_in_one_frame_are_whole(probe: Probe) -> None:
    """Ten seconds and the silence after them in one frame, at every rate."""

    async def fault(direction: Direction) -> str | None:
        voice = direction.utterance(10)
        whole = np.append(voice, direction.silence(0.3))
        output = (await direction.passage(probe, whole, len(whole))).output
        wanted = direction.ideal(voice)
        first, last = (align(wanted[at : at + WIRE_RATE], output, WIRE_RATE) for at in (0, 9 * WIRE_RATE))
        if min(first.correlation, last.correlation) < MIN_CORRELATION:
            return "the first or the last second is not heard"
        moved = 1000 * (last.delay - first.delay - 9)
        return f"{moved:+.1f} ms in 9 s" if abs(moved) > 1000 * PLACEMENT_ERROR else None

    await expect_in_each(in_turn(probe, OUTGOING), fault, "a long frame is damaged", "whole")
