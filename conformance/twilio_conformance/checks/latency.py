"""Checks of the chapter Latency: how long audio stays inside, and what becomes of it at pauses and breaks."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence

import numpy as np

from twilio_conformance.audio import signals
from twilio_conformance.audio.alignment import RECOGNISED, gaps, ideal, recognise
from twilio_conformance.audio.latency import Latency, delay_track, latency, timeline
from twilio_conformance.audio.levels import Real, Samples, Unmeasurable, decibels, rms
from twilio_conformance.audio.passage import Passage, Series
from twilio_conformance.audio.utterance import compare_utterance
from twilio_conformance.checks._audio_path import DIRECTIONS, Direction
from twilio_conformance.checks._core import check, expect
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.probe import Probe, Subject
from twilio_conformance.twilio.clock import held

MOST = 0.060
GOOD = 0.020
"""Seconds of added latency in one direction: what is demanded, and what is advised."""

OTHER_SIZES = ((10,), (40,), (100,), (250,), (500,), (1000,), (20, 60, 10, 180))
"""Milliseconds of audio in a chunk; several take turns."""

SAMPLE = 1.5
"""Samples by which counts differ for rounding: one of the path, and half of a rate that does not divide."""

LONG_PAUSE = 0.2
PAUSES = ((0.05,), (0.3, 0.3), (1.0,), (5.0,))
"""Seconds of real time between the utterances of a call; timers in resamplers run on the real clock."""

MOMENTS = (0.53, 0.57, 0.61, 0.65)
"""Seconds of speech before an interruption: what answers in blocks holds more at one moment than at another."""

LONG = 20.0
"""Seconds of a speech that is longer than a player's buffer, and is interrupted too."""

EXACT = 0.001
"""Seconds to which content is placed: a tenth of that at worst, and the edge of an utterance is faded."""

LEAK_DB = -40.0
"""Stale audio over the interrupted utterance: below the noise of μ-law, which is 37 dB down."""


async def added_latency(probe: Probe, way: Direction) -> Latency:
    """The latency of a way, on two seconds of noise; a signal that is not recognised has none."""
    passage = await way.passage(probe, signals.utterance(way.rate_in, 2))
    reference = ideal(passage.signal, way.rate_in, way.rate_out)
    found = latency(passage, reference)
    expect(
        found.correlation > RECOGNISED,
        f"{way}: what comes out is not what was given",
        expected=f"a likeness above {RECOGNISED:g}",
        actual=round(found.correlation, 3),
    )
    _record(probe, f"withheld, {way}", found.withheld)
    _record(probe, f"latency, {way}", timeline(passage, delay_track(reference, passage.output, way.rate_out)))
    return found


def _record(probe: Probe, name: str, series: Series) -> None:
    probe.record(
        name,
        {
            "seconds": np.round(series.times, 4).tolist(),
            "milliseconds": np.round(1000 * series.values, 2).tolist(),
        },
    )


async def _expect_latency(probe: Probe, limit: float) -> None:
    worst: dict[str, float] = {}
    for way in DIRECTIONS:
        found = await added_latency(probe, way)
        worst[str(way)] = round(1000 * found.added, 2)
    probe.record("added latency, ms", worst)
    late = {way: value for way, value in worst.items() if value > 1000 * limit}
    expect(not late, "audio comes too late", expected=f"at most {1000 * limit:g} ms", actual=_ms(late))


def _ms(values: dict[str, float]) -> dict[str, str]:
    return {way: f"{value:g} ms" for way, value in values.items()}


@check("TFS-LATENCY-01", limit=40)
async def added_latency_is_at_most_60_ms(probe: Probe) -> None:
    """Withheld audio and group delay together, at every rate, in both directions."""
    await _expect_latency(probe, MOST)


@check("TFS-LATENCY-01", limit=40)
async def chunks_of_10_ms_to_1_s_are_no_later(probe: Probe) -> None:
    """Pipecat's transport sends what its audio_out_10ms_chunks says, 40 ms where nobody sets it; a player sends a clip."""
    late: dict[str, float] = {}
    for way in DIRECTIONS:
        voice = signals.utterance(way.rate_in, 1)
        reference = ideal(voice, way.rate_in, way.rate_out)
        for sizes in OTHER_SIZES:
            chunks = tuple(way.rate_in * milliseconds // 1000 for milliseconds in sizes)
            if (added := latency(await way.passage(probe, voice, chunks), reference).added) > MOST:
                late[f"{way}, {' and '.join(map(str, sizes))} ms"] = round(1000 * added, 2)
    expect(not late, "audio comes too late", expected=f"at most {1000 * MOST:g} ms", actual=_ms(late))


@check("TFS-LATENCY-02", limit=40)
async def added_latency_is_at_most_20_ms(probe: Probe) -> None:
    """Withheld audio and group delay together, at every rate, in both directions."""
    await _expect_latency(probe, GOOD)


@check("TFS-LATENCY-03", limit=40)
async def the_end_of_an_utterance_comes_out(probe: Probe) -> None:
    """After the last frame of half a second to a second of speech, at most 60 ms of it are still inside."""
    late = {}
    for way in DIRECTIONS:
        for seconds in (0.5, 0.77, 1.0):
            passage = await way.passage(probe, signals.utterance(way.rate_in, seconds))
            missing = _missing(passage)
            if missing > MOST + SAMPLE / way.rate_out:
                late[f"{way}, {seconds:g} s"] = round(1000 * missing, 2)
    expect(
        not late,
        "the end of an utterance is withheld",
        expected=f"at most {1000 * MOST:g} ms",
        actual=_ms(late),
    )


def _missing(passage: Passage) -> float:
    """Seconds at the end of a passage that have not come out, by content where there is enough of it."""
    withheld = float(passage.withheld.values[-1])
    try:
        return max(withheld, latency(passage).missing_end)
    except Unmeasurable:
        return withheld


@check("TFS-LATENCY-04", limit=40)
async def a_short_utterance_is_heard(probe: Probe) -> None:
    """Of 80 to 140 ms, all but 60 ms come out at once; of 20 to 60 ms, all when 0.1 s of silence follow."""
    lost = {}
    for way in DIRECTIONS:
        for milliseconds in (80, 100, 120, 140):
            seconds = milliseconds / 1000
            passage = await way.passage(probe, signals.utterance(way.rate_in, seconds))
            if (
                float(passage.seconds_received[-1]) < seconds - MOST - SAMPLE / way.rate_out
                or not passage.output.any()
            ):
                lost[f"{way}, {milliseconds} ms"] = f"{1000 * float(passage.seconds_received[-1]):g} ms"
        for milliseconds in (20, 40, 60):
            voice = signals.utterance(way.rate_in, milliseconds / 1000)
            followed = np.append(voice, signals.silence(way.rate_in, 0.1))
            passage = await way.passage(probe, followed)
            unheard = _unheard(ideal(voice, way.rate_in, way.rate_out), passage.output, way.rate_out)
            if unheard > EXACT:
                lost[f"{way}, {milliseconds} ms and silence"] = f"without {1000 * unheard:.1f} ms"
    expect(not lost, "a short utterance is not heard", expected=f"all but {1000 * MOST:g} ms", actual=lost)


def _unheard(reference: Real, output: Samples, rate: int) -> float:
    """Seconds of a reference that an output lacks at its beginning, at its end and in between."""
    whole = len(reference) / rate
    found = recognise(reference, output, rate)
    if found is None:
        return whole
    silent = sum(gap.seconds for gap in gaps(found))
    return max(-found.delay, 0.0) + max(found.delay + whole - len(output) / rate, 0.0) + silent


@check("TFS-LATENCY-05", limit=60)
async def a_pause_loses_nothing(probe: Probe) -> None:
    """Utterances, pauses between them, silence: all are there, whole, in order; the event loop runs meanwhile."""
    lost = {}
    for pauses in PAUSES:
        # A short pause is one way's own; a long one only grows while the other ways take their turn.
        for ways in [[way] for way in DIRECTIONS] if pauses[0] < LONG_PAUSE else [DIRECTIONS]:
            calls = [(way, await way.ready(probe)) for way in ways]
            heard: list[list[Passage]] = [[] for _ in ways]
            for seed in range(1, len(pauses) + 2):
                if seed > 1:
                    # In a thread: the clock skips nothing meanwhile, and timers of the loop run too.
                    await asyncio.to_thread(time.sleep, pauses[seed - 2])
                for (way, subject), passages in zip(calls, heard, strict=True):
                    voice = signals.utterance(way.rate_in, 0.61, seed=seed)
                    passages.append(await way.carry(subject, voice))
            for (way, subject), passages in zip(calls, heard, strict=True):
                end = await way.carry(subject, signals.silence(way.rate_in, 0.3))
                if damage := _damaged(way, passages, end):
                    lost[f"{way}, pause of {pauses[0]:g} s"] = damage
    expect(not lost, "audio is damaged by a pause", expected="every utterance whole", actual=lost)


def _damaged(way: Direction, passages: Sequence[Passage], end: Passage) -> str | None:
    """What is wrong with an utterance, or how much less, or how much more, lies between two of them than was given."""
    output = np.concatenate([passage.output for passage in (*passages, end)])
    references = (ideal(passage.signal, way.rate_in, way.rate_out) for passage in passages)
    places = [
        found.delay for reference in references if (found := recognise(reference, output, way.rate_out))
    ]
    if len(places) < len(passages):
        return "an utterance is not heard"
    for one, next_one in itertools.pairwise(places):
        between = next_one - one - len(passages[0].signal) / way.rate_in
        if not -EXACT < between < GOOD:
            return f"{1000 * abs(between):.1f} ms {'lost' if between < 0 else 'inserted'}"
    first = compare_utterance(passages[0].signal, output, way.rates, embedded=True)
    others = (
        compare_utterance(passage.signal, output, way.rates, baseline=first.profile, embedded=True)
        for passage in passages[1:]
    )
    return first.damage or next((other.damage for other in others if other.damage), None)


async def _expect_silence(probe: Probe, turns: Sequence[Direction | None]) -> None:
    """Speech, interruption, silence, in turns of one call, for each moment; of a turn, the way of its silence."""
    leaks = {}
    for way in (way for way in DIRECTIONS if way.is_outgoing):
        stale, loudest = 0.0, LEAK_DB
        for seconds in (*MOMENTS, LONG):
            subject = await way.ready(probe)
            for then in turns if seconds in MOMENTS else turns[:1]:
                leak, peak = await _leak(subject, way, seconds, then or way)
                stale, loudest = max(stale, leak), max(loudest, peak)
        if stale:
            leaks[str(way)] = f"up to {stale:.1f} ms, peak {round(loudest)} dB"
    expect(not leaks, "interrupted speech is sent after the clear", expected="silence", actual=leaks)


async def _leak(subject: Subject, way: Direction, seconds: float, then: Direction) -> tuple[float, float]:
    """Milliseconds of interrupted speech that follow its clear, and their peak in dB over that of the speech."""
    with held():
        speech = await way.carry(subject, signals.utterance(way.rate_in, seconds))
        await subject.serialize({"frame": "InterruptionFrame"})
        after = await then.carry(subject, signals.silence(then.rate_in, 0.5))
    if not speech.output.any():
        raise NotTestable("there is no speech to interrupt", expected="audio", actual=f"silence, {way}")
    # An offset is no speech; TFS-FIDELITY-09 limits it.
    moving = after.output - np.median(after.output) if after.output.size else np.zeros(0)
    peak = decibels(float(np.abs(moving).max(initial=0)), float(np.abs(speech.signal).max()))
    heard = max(peak, decibels(rms(moving), rms(speech.signal))) > LEAK_DB
    return _length(moving, way.rate_out) if heard else 0.0, peak


@check("TFS-LATENCY-06", limit=40)
async def nothing_of_the_interrupted_speech_follows_a_clear(probe: Probe) -> None:
    """Speech, interruption, silence, twice in a call: what is sent after a clear is silent, whenever it comes."""
    await _expect_silence(probe, (None, None))


@check("TFS-LATENCY-06", limit=40)
async def nothing_of_it_follows_with_another_rate(probe: Probe) -> None:
    """Speech, interruption, silence of another rate, as of another voice that begins with a breath."""
    for rate in (16000, 24000):
        await _expect_silence(probe, (Direction(True, rate),))


def _length(samples: Real, rate: int) -> float:
    """Milliseconds up to the last sample that can be heard."""
    heard = np.flatnonzero(np.abs(samples) > 100)
    return 1000 * (int(heard[-1]) + 1) / rate if heard.size else 0.0


@check("TFS-LATENCY-07", limit=40)
async def audio_after_an_interruption_is_whole(probe: Probe) -> None:
    """Speech, interruption, speech: the second is whole, and hardly later than it is in a new call."""
    lost = {}
    for way in (way for way in DIRECTIONS if way.is_outgoing):
        answer = np.append(signals.utterance(way.rate_in, 1.0, seed=3), signals.silence(way.rate_in, 0.3))
        voice = answer[: way.rate_in]
        first = await way.passage(probe, answer)
        usual = compare_utterance(voice, first.output, way.rates)
        subject = await way.ready(probe)
        for time_in_call, seconds in (("first", 0.57), ("second", 0.57), ("third", LONG)):
            with held():
                await way.carry(subject, signals.utterance(way.rate_in, seconds))
                await subject.serialize({"frame": "InterruptionFrame"})
                passage = await way.carry(subject, answer)
            heard = compare_utterance(voice, passage.output, way.rates, baseline=usual.profile)
            if heard.damage:
                lost[f"{way}, {time_in_call} time"] = heard.damage
            elif (later := latency(passage).added - latency(first).added) > GOOD:
                lost[f"{way}, {time_in_call} time"] = f"{1000 * later:.0f} ms later"
    expect(
        not lost,
        "the answer after an interruption is not whole, or late",
        expected=f"as in a call without one, and at most {1000 * GOOD:.0f} ms later",
        actual=lost,
    )
