"""Checks of the chapter Latency: how long audio is delayed, at utterances, pauses and interruptions."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from twilio_conformance.audio import signals
from twilio_conformance.audio.alignment import recognise, silent_seconds
from twilio_conformance.audio.latency import delay_track, latency, timeline
from twilio_conformance.audio.levels import Real, Samples, Unmeasurable, decibels, rms
from twilio_conformance.audio.passage import Passage
from twilio_conformance.checks._audio_path import (
    DIRECTIONS,
    LATENCY_LIMIT,
    OUTGOING,
    PLACEMENT_ERROR,
    Direction,
    expect_recognised,
    in_turn,
)
from twilio_conformance.checks._core import check, expect
from twilio_conformance.errors import NotApplicable, NotTestable
from twilio_conformance.subject.probe import Probe, Subject
from twilio_conformance.twilio.clock import held

ADVISED_LATENCY = 0.020
"""Seconds of added latency in one direction that TFS-LATENCY-02 advises."""

SAMPLE = 1.5
"""Samples by which rounding changes a count: one in the path, and half of one for a rate that does not divide."""

SPEECH_LENGTHS = (0.53, 0.57, 0.61, 0.65)
"""Seconds of speech before an interruption: what works in blocks withholds more at one moment than at another."""

LONG_SPEECH = 20.0
"""Seconds of speech before an interruption that exceed any buffer of a player."""

LEAK_DB = -40.0
"""Level of stale audio relative to the interrupted speech, in dB: below the noise of μ-law, at -37 dB."""


async def _expect_latency(probe: Probe, limit: float) -> None:
    """Expect the latency of every direction, measured on two seconds of noise, to be within a limit."""
    worst, late = {}, {}
    for direction in in_turn(probe, DIRECTIONS):
        passage = await direction.passage(probe, direction.utterance(2))
        reference = direction.ideal(passage.signal)
        found = latency(passage, reference)
        expect_recognised(direction, found.correlation)
        track = delay_track(reference, passage.output, direction.rate_out)
        for name, series in (("withheld", found.withheld), ("latency", timeline(passage, track))):
            moments, waits = np.round(series.times, 4), np.round(1000 * series.values, 2)
            figures = {"seconds": moments.tolist(), "milliseconds": waits.tolist()}
            probe.record(f"{name}, {direction.path}", figures)
        worst[direction.path] = round(1000 * found.added, 2)
        if found.added > limit:
            late[str(direction)] = _ms(found.added)
    probe.record("added latency, ms", worst)
    expect(not late, "audio comes too late", f"at most {1000 * limit:g} ms", late)


def _ms(seconds: float) -> str:
    return f"{round(1000 * seconds, 2):g} ms"


@check("TFS-LATENCY-01", limit=40)
async def added_latency_is_at_most_60_ms(probe: Probe) -> None:
    """Withheld audio and group delay together, at every rate, in both directions."""
    await _expect_latency(probe, LATENCY_LIMIT)


@check("TFS-LATENCY-01", limit=40)
async def chunks_of_10_ms_to_1_s_are_no_later(probe: Probe) -> None:
    """Pipecat's transport sends what its audio_out_10ms_chunks says, 40 ms where nobody sets it; a player sends a clip."""
    late = {}
    for direction in in_turn(probe, DIRECTIONS):
        voice = direction.utterance(1)
        reference = direction.ideal(voice)
        # Milliseconds in a chunk; several sizes take turns.
        for sizes in ((10,), (40,), (100,), (250,), (500,), (1000,), (20, 60, 10, 180)):
            chunks = tuple(direction.rate_in * milliseconds // 1000 for milliseconds in sizes)
            added = latency(await direction.passage(probe, voice, chunks), reference).added
            if added > LATENCY_LIMIT:
                late[f"{direction}, {' and '.join(map(str, sizes))} ms"] = _ms(added)
    expect(not late, "audio comes too late", f"at most {1000 * LATENCY_LIMIT:g} ms", late)


@check("TFS-LATENCY-02", limit=40)
async def added_latency_is_at_most_20_ms(probe: Probe) -> None:
    """Withheld audio and group delay together, at every rate, in both directions."""
    await _expect_latency(probe, ADVISED_LATENCY)


@check("TFS-LATENCY-03", limit=40)
async def the_end_of_an_utterance_comes_out(probe: Probe) -> None:
    """After the last frame of half a second to a second of speech, at most 60 ms of it are still inside."""
    late = {}
    for direction in in_turn(probe, DIRECTIONS):
        for seconds in (0.5, 0.77, 1.0):
            passage = await direction.passage(probe, direction.utterance(seconds))
            missing = float(passage.withheld.values[-1])
            # Where the content can be measured, its delay counts as well.
            with contextlib.suppress(Unmeasurable):
                missing = max(missing, latency(passage).missing_end)
            if missing > LATENCY_LIMIT + SAMPLE / direction.rate_out:
                late[f"{direction}, {seconds:g} s"] = _ms(missing)
    expect(not late, "the end of an utterance is withheld", f"at most {1000 * LATENCY_LIMIT:g} ms", late)


@check("TFS-LATENCY-04", limit=40)
async def a_short_utterance_is_heard(probe: Probe) -> None:
    """Of 80 to 140 ms, all but 60 ms come out at once; of 20 to 60 ms, all when 0.1 s of silence follow."""
    lost = {}
    for direction in in_turn(probe, DIRECTIONS):
        for milliseconds in (80, 100, 120, 140):
            passage = await direction.passage(probe, direction.utterance(milliseconds / 1000))
            heard = float(passage.seconds_received[-1])
            least = milliseconds / 1000 - LATENCY_LIMIT - SAMPLE / direction.rate_out
            if heard < least or not passage.output.any():
                lost[f"{direction}, {milliseconds} ms"] = f"{1000 * heard:g} ms"
        for milliseconds in (20, 40, 60):
            voice = direction.utterance(milliseconds / 1000)
            passage = await direction.passage(probe, np.append(voice, direction.silence(0.1)))
            unheard = _missing_reference(direction.ideal(voice), passage.output, direction.rate_out)
            if unheard > PLACEMENT_ERROR:
                lost[f"{direction}, {milliseconds} ms and silence"] = f"without {1000 * unheard:.1f} ms"
    expect(not lost, "a short utterance is not heard", f"all but {1000 * LATENCY_LIMIT:g} ms", lost)


def _missing_reference(reference: Real, output: Samples, rate: int) -> float:
    """Return the seconds of a reference that an output lacks at its beginning, at its end and in between."""
    whole = len(reference) / rate
    found = recognise(reference, output, rate)
    if found is None:
        return whole
    late = max(found.delay + whole - len(output) / rate, 0.0)
    return max(-found.delay, 0.0) + late + silent_seconds(found)


@check("TFS-LATENCY-05", limit=60)
async def a_pause_loses_nothing(probe: Probe) -> None:
    """Utterances, pauses between them, silence: all are there, whole, in order; the event loop runs meanwhile."""
    # Seconds of real time, which passes in a thread: timers of resamplers use the real clock.
    await _expect_whole(
        probe, ((0.05,), (0.3, 0.3), (1.0,), (5.0,)), lambda pause: asyncio.to_thread(time.sleep, pause)
    )


@check("TFS-LATENCY-08", limit=60, since="2026.12")
async def a_long_pause_loses_nothing(probe: Probe) -> None:
    """Utterances before and after 15 s, a minute and ten minutes, on the clock that skips."""
    if probe.implementation.is_remote:
        raise NotApplicable("its clock cannot skip ten minutes, over stdio")
    await _expect_whole(probe, ((15.0, 60.0, 600.0),), asyncio.sleep)


async def _expect_whole(
    probe: Probe, calls: Sequence[tuple[float, ...]], wait: Callable[[float], Awaitable[None]]
) -> None:
    """Expect utterances with these pauses between them, in seconds, to come out whole, in each direction."""
    lost = {}
    for pauses in calls:
        # A short pause is made for each direction alone; a long one may grow while the other directions send.
        alone = [(direction,) for direction in DIRECTIONS]
        for directions in alone if pauses[0] < 0.2 else [DIRECTIONS]:
            subjects = [(direction, await direction.ready(probe)) for direction in in_turn(probe, directions)]
            heard: list[list[Passage]] = [[] for _ in directions]
            for seed, pause in enumerate((0, *pauses), start=1):
                await wait(pause)
                for (direction, subject), passages in zip(subjects, heard, strict=True):
                    voice = direction.utterance(0.61, seed=seed)
                    passages.append(await direction.carry(subject, voice))
            for (direction, subject), passages in zip(subjects, heard, strict=True):
                end = await direction.carry(subject, direction.silence(0.3))
                if damage := _damage(direction, passages, end):
                    lost[f"{direction}, pause of {', '.join(f'{pause:g}' for pause in pauses)} s"] = damage
    expect(not lost, "audio is damaged by a pause", "every utterance whole", lost)


def _damage(direction: Direction, passages: Sequence[Passage], end: Passage) -> str | None:
    """Return what is wrong with an utterance, or how much audio between two of them is lost or inserted."""
    output = np.concatenate([passage.output for passage in (*passages, end)])
    references = (direction.ideal(passage.signal) for passage in passages)
    found = [recognise(reference, output, direction.rate_out) for reference in references]
    places = [each.delay for each in found if each is not None]
    if len(places) < len(passages):
        return "an utterance is not heard"
    for one, next_one in itertools.pairwise(places):
        between = next_one - one - len(passages[0].signal) / direction.rate_in
        if not -PLACEMENT_ERROR < between < ADVISED_LATENCY:
            return f"{1000 * abs(between):.1f} ms {'lost' if between < 0 else 'inserted'}"
    first = direction.compare(passages[0].signal, output, embedded=True)
    others = (
        direction.compare(passage.signal, output, baseline=first.profile, embedded=True)
        for passage in passages[1:]
    )
    return first.damage or next((other.damage for other in others if other.damage), None)


async def _expect_silence(probe: Probe, turns: Sequence[Direction | None]) -> None:
    """Send speech, an interruption and silence, in turns of one call, for each length of speech.

    A turn is the direction of its silence; None for that of the speech.
    """
    leaks = {}
    worst: dict[str, float] = {}
    for direction in in_turn(probe, OUTGOING):
        stale, loudest = 0.0, LEAK_DB
        for seconds in (*SPEECH_LENGTHS, LONG_SPEECH):
            subject = await direction.ready(probe)
            for then in turns if seconds in SPEECH_LENGTHS else turns[:1]:
                leak, peak = await _leak(subject, direction, seconds, then or direction)
                stale, loudest = max(stale, leak), max(loudest, peak)
        worst[direction.path] = round(max(stale, worst.get(direction.path, 0.0)), 1)
        if stale:
            leaks[str(direction)] = f"up to {stale:.1f} ms, peak {round(loudest)} dB"
    probe.record("stale audio after a clear, ms", worst)
    expect(not leaks, "interrupted speech is sent after the clear", "silence", leaks)


async def _leak(
    subject: Subject, direction: Direction, seconds: float, then: Direction
) -> tuple[float, float]:
    """Return the milliseconds of speech that follow its clear, and their peak in dB relative to that of the speech."""
    with held():
        speech = await direction.carry(subject, direction.utterance(seconds))
        await subject.serialize({"frame": "InterruptionFrame"})
        after = await then.carry(subject, signals.silence(then.rate_in, 0.5))
    if not speech.output.any():
        raise NotTestable("there is no speech to interrupt", expected="audio", actual=f"silence, {direction}")
    # Leave out a DC offset, which TFS-FIDELITY-09 limits.
    moving = after.output - np.median(after.output) if after.output.size else np.zeros(0)
    peak = decibels(float(np.abs(moving).max(initial=0)), float(np.abs(speech.signal).max()))
    if max(peak, decibels(rms(moving), rms(speech.signal))) <= LEAK_DB:
        return 0.0, peak
    audible = np.flatnonzero(np.abs(moving) > 100)
    return 1000 * (int(audible[-1]) + 1) / direction.rate_out if audible.size else 0.0, peak


@check("TFS-LATENCY-06", limit=40)
async def nothing_of_the_interrupted_speech_follows_a_clear(probe: Probe) -> None:
    """Speech, interruption, silence, twice in a call: what is sent after a clear is silent, whenever it comes."""
    await _expect_silence(probe, (None, None))


@check("TFS-LATENCY-06", limit=40)
async def nothing_of_it_follows_with_another_rate(probe: Probe) -> None:
    """Speech, interruption, silence of another rate, as of another voice that begins with a breath."""
    for rate in (16000, 24000):
        await _expect_silence(probe, (Direction(True, rate),))


@check("TFS-LATENCY-07", limit=40)
async def audio_after_an_interruption_is_whole(probe: Probe) -> None:
    """Speech, interruption, speech: the second is whole, and hardly later than it is in a new call."""
    lost = {}
    for direction in in_turn(probe, OUTGOING):
        answer = np.append(direction.utterance(1.0, seed=3), direction.silence(0.3))
        voice = answer[: direction.rate_in]
        first = await direction.passage(probe, answer)
        usual = direction.compare(voice, first.output)
        subject = await direction.ready(probe)
        for time_in_call, seconds in (("first", 0.57), ("second", 0.57), ("third", LONG_SPEECH)):
            with held():
                await direction.carry(subject, direction.utterance(seconds))
                await subject.serialize({"frame": "InterruptionFrame"})
                passage = await direction.carry(subject, answer)
            heard = direction.compare(voice, passage.output, baseline=usual.profile)
            if heard.damage:
                lost[f"{direction}, {time_in_call} time"] = heard.damage
            elif (later := latency(passage).added - latency(first).added) > ADVISED_LATENCY:
                lost[f"{direction}, {time_in_call} time"] = f"{1000 * later:.0f} ms later"
    wanted = f"as in a call without one, and at most {1000 * ADVISED_LATENCY:.0f} ms later"
    expect(not lost, "the answer after an interruption is not whole, or late", wanted, lost)
