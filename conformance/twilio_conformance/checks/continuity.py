"""Checks of the chapter Fidelity: all of the audio comes out, in its place, whatever else goes on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from twilio_conformance.audio import metrics, signals
from twilio_conformance.audio.alignment import (
    RECOGNISED,
    Alignment,
    align,
    at_borders,
    gaps,
    ideal,
    recognise,
)
from twilio_conformance.audio.latency import delay_track
from twilio_conformance.audio.levels import Samples, Unmeasurable, decibels, rms
from twilio_conformance.audio.passage import Passage
from twilio_conformance.carriage import WAYS, WIRE_RATE, Way
from twilio_conformance.checks import check, expect
from twilio_conformance.errors import NotTestable
from twilio_conformance.probe import Probe
from twilio_conformance.twilio.clock import held

SAMPLE = 1.5
BLOCK = 0.25
"""Seconds by which what is withheld may vary: more than the longest block of any resampler in docs/resamplers.md."""

WINDOW = 0.04
"""Seconds of a window: noise of the telephone's band is told from other noise in so many."""

REACH = 0.05
"""Seconds around its place in which each window is looked for."""

LATER = 0.02
"""Seconds by which an utterance may be later than the first: what TFS-LATENCY-02 advises in all."""

STEADY_DB = 4.0
"""How much the gain of a window may differ: a response has 4 dB, from -3 to +1, to lean on what a window holds."""

Limits = dict[str, str]


def _damage(way: Way, given: Samples, output: Samples) -> str | None:
    """What has become of a voice, window by window; None where all of it is there, and in its place."""
    try:
        whole = align(ideal(given, way.rate_in, way.rate_out), output, way.rate_out)
    except Unmeasurable as error:
        return str(error)
    if whole.correlation < RECOGNISED:
        return f"likeness {whole.correlation:.2f}"
    if silent := gaps(whole):
        return f"silent for {1000 * sum(gap.seconds for gap in silent):.0f} ms"
    track = delay_track(whole.reference, whole.output, way.rate_out, window=WINDOW, hop=WINDOW, reach=REACH)
    if strange := int(np.count_nonzero(track.correlations < RECOGNISED)):
        return f"something else for {1000 * WINDOW * strange:.0f} ms"
    moved = WIRE_RATE * track.delays[np.abs(track.delays).argmax()]
    if abs(moved) > SAMPLE:
        return f"{moved:+.1f} samples of 8000 Hz out of place"
    if damped := _uneven(whole):
        return damped
    lost = WIRE_RATE * (len(given) / way.rate_in - len(whole.output) / way.rate_out)
    return f"{lost:.1f} samples of 8000 Hz lost" if lost > SAMPLE else None


def _uneven(whole: Alignment) -> str | None:
    """Where one window has another gain than the rest, or the other sign."""
    size = round(WINDOW * whole.rate)
    count = len(whole.output) // size
    heard, wanted = (x[: count * size].reshape(count, size) for x in (whole.output, whole.reference))
    gains = np.sum(heard * wanted, axis=1) / np.sum(wanted**2, axis=1) / whole.gain
    odd = np.flatnonzero((gains < 10 ** (-STEADY_DB / 20)) | (gains > 10 ** (STEADY_DB / 20)))
    return (
        f"{gains[odd[0]]:.2f} times the gain of the rest after {WINDOW * odd[0]:.2f} s" if odd.size else None
    )


@check("TFS-FIDELITY-01", limit=40)
async def nothing_is_lost_repeated_or_inserted(probe: Probe) -> None:
    """Four seconds, then one of silence: every piece comes out, as long after the first as it was given."""
    wrong: Limits = {}
    for way in WAYS:
        voice = signals.utterance(way.rate_in, 4)
        passage = await way.passage(probe, np.append(voice, signals.silence(way.rate_in, 1)))
        if damage := _damage(way, voice, passage.output):
            wrong[str(way)] = damage
            continue
        wanted, second = ideal(voice, way.rate_in, way.rate_out), way.rate_out
        first, last = (align(wanted[at : at + second], passage.output, second) for at in (0, 3 * second))
        moved = (last.delay - first.delay - 3) * second
        if abs(moved) > SAMPLE:
            wrong[str(way)] = f"{moved:+.1f} samples in 3 s"
        elif passage.length_error > SAMPLE:
            wrong[str(way)] = f"{passage.length_error:+.1f} samples in all"
    expect(not wrong, "audio is lost, repeated or inserted", expected="to one sample", actual=wrong)


SIZES: dict[str, Callable[[int], int | tuple[int, ...]]] = {
    "10 ms": lambda rate: rate // 100,
    "20 ms": lambda rate: rate // 50,
    "odd sizes": lambda rate: (rate // 97, rate // 53 + 1, 1, rate // 31),
    "1 s": lambda rate: rate,
    "single samples": lambda _: 1,
}

CLEAN_DB = 30.0
"""Two passages through μ-law differ by the noise of both, 34 dB down at its 37 dB; 4 dB are left."""


@check("TFS-FIDELITY-11", limit=60)
async def the_size_of_chunks_changes_nothing(probe: Probe) -> None:
    """The same speech in one chunk, and in chunks from one sample to a second: alike, at the borders too."""
    wrong: Limits = {}
    for way in WAYS:
        for seconds, names in ((1.5, list(SIZES)[:-1]), (0.25, list(SIZES)[-1:])):
            signal = signals.utterance(way.rate_in, seconds, seed=6)
            whole = (await way.passage(probe, signal, len(signal))).output
            given = recognise(ideal(signal, way.rate_in, way.rate_out), whole, way.rate_out)
            if given is None:
                wrong[f"{way}, one chunk"] = "not what was given"
                continue
            for name in names:
                passage = await way.passage(probe, signal, SIZES[name](way.rate_in))
                try:
                    likeness = _likeness(way, whole, passage, given.delay)
                except Unmeasurable as error:
                    wrong[f"{way}, {name}"] = str(error)
                    continue
                if likeness < CLEAN_DB:
                    wrong[f"{way}, {name}"] = f"{likeness:.1f} dB"
    expect(
        not wrong, "the chunks can be heard", expected=f"one chunk's audio, at {CLEAN_DB:g} dB", actual=wrong
    )


def _likeness(way: Way, whole: Samples, passage: Passage, late: float) -> float:
    """The signal over what differs from the audio of one chunk, in dB: in all or at the borders, the lower."""
    found = align(whole, passage.output, way.rate_out)
    differs = found.output - found.reference
    borders = passage.borders + (late + found.delay) * way.rate_out - found.start
    near = at_borders(len(differs), borders, way.rate_out)
    clicks = rms(differs[near]) if near.any() else 0.0
    return decibels(rms(found.reference), max(rms(differs), clicks))


@check("TFS-FIDELITY-12", limit=240)
async def ten_minutes_do_not_drift(probe: Probe) -> None:
    """Ten minutes in chunks of a second: each begins as late as the first does, to a millisecond."""
    wrong: Limits = {}
    for way in (way for way in WAYS if way.rate in (24000, 44100)):
        minute = signals.utterance(way.rate_in, 60, seed=7)
        subject = await way.ready(probe)
        with held():
            minutes = [await way.carry(subject, minute, way.rate_in) for _ in range(10)]
        inside = minutes[0].withheld.values
        kept = 600 - sum(passage.output.size for passage in minutes) / way.rate_out
        if kept - float(inside[:5].max()) > BLOCK:
            wrong[str(way)] = (
                f"{kept:.2f} s withheld after ten minutes, {inside[:5].max():.2f} s after five seconds"
            )
            continue
        reference = ideal(minute[: 2 * way.rate_in], way.rate_in, way.rate_out)
        output = np.concatenate([passage.output for passage in minutes])
        pieces = [
            align(reference, output[start : start + 2 * way.rate_out], way.rate_out, reach=0.3)
            for start in range(0, 600 * way.rate_out, 60 * way.rate_out)
        ]
        likeness = min(piece.correlation for piece in pieces)
        moved = max((piece.delay - pieces[0].delay for piece in pieces), key=abs)
        if likeness < RECOGNISED or abs(moved) > 0.001:
            wrong[str(way)] = f"{1000 * moved:+.2f} ms, likeness {likeness:.2f}"
    expect(not wrong, "the audio drifts", expected="within 1 ms", actual=wrong)


@check("TFS-FIDELITY-13", limit=40)
async def a_change_of_rate_keeps_both_voices_whole(probe: Probe) -> None:
    """24, 16, 8, 48 and again 24 kHz, without a pause: each utterance comes out whole, at its pitch, and not late."""
    subject = await WAYS[0].ready(probe)
    wrong: Limits = {}
    ways = [Way(True, rate) for rate in (24000, 16000, 8000, 48000, 24000)]
    voices = [signals.utterance(way.rate_in, 0.6, seed=20 + seed) for seed, way in enumerate(ways)]
    ending = signals.silence(ways[-1].rate_in, 0.3)
    with held():
        passages = [await way.carry(subject, voice) for way, voice in zip(ways, voices, strict=True)]
        passages.append(await ways[-1].carry(subject, ending))
    output = np.concatenate([passage.output for passage in passages])
    withheld = [float(passage.withheld.values.max()) for passage in passages]
    for number, (way, voice) in enumerate(zip(ways, voices, strict=True), start=1):
        later = withheld[number - 1] - withheld[0]
        if damage := _damage(way, voice, output):
            wrong[f"{number}: {way}"] = damage
        elif later > LATER:
            wrong[f"{number}: {way}"] = f"{1000 * later:.0f} ms later than the first"
    expect(not wrong, "an utterance is damaged by the change", expected="each one whole", actual=wrong)


@check("TFS-FIDELITY-14", limit=40)
async def calls_and_directions_never_mix(probe: Probe) -> None:
    """Two calls and both directions, served in turn, give what each gives alone, but for μ-law's noise."""
    wrong: Limits = {}
    for rate in (8000, 24000, 44100):
        ways = [Way(True, rate), Way(False, rate)]
        voices = {
            (call, way): signals.utterance(way.rate_in, 0.5, seed=30 + call)
            for call in (0, 1)
            for way in ways
        }
        alone = {key: await _heard_alone(probe, key[1], voice) for key, voice in voices.items()}
        subjects = [await probe.ready(rate=rate, out_rate=rate) for _ in (0, 1)]
        mixed: dict[tuple[int, Way], list[Samples]] = {key: [] for key in voices}
        with held():
            for piece in range(25):
                for (call, way), voice in voices.items():
                    chunk = voice[piece * way.chunk : (piece + 1) * way.chunk]
                    mixed[call, way].append((await way.carry(subjects[call], chunk)).output)
        for (call, way), pieces in mixed.items():
            if apart := _apart(alone[call, way], np.concatenate(pieces)):
                wrong[f"call {call + 1}, {way}"] = apart
    expect(not wrong, "another call or direction is heard", expected="the same as alone", actual=wrong)


@check("TFS-FIDELITY-14", limit=40)
async def an_interruption_leaves_the_caller_alone(probe: Probe) -> None:
    """The agent is interrupted while the caller speaks: the caller's audio is what it is without that."""
    wrong: Limits = {}
    for way in (way for way in WAYS if not way.is_outgoing):
        voice = signals.utterance(way.rate_in, 1, seed=40)
        alone = await _heard_alone(probe, way, voice)
        subject = await way.ready(probe)
        agent = Way(True, way.rate)
        await agent.carry(subject, signals.utterance(way.rate, 0.2, seed=41))
        with held():
            before = await way.carry(subject, voice[: WIRE_RATE // 2])
            await subject.serialize({"frame": "InterruptionFrame"})
            after = await way.carry(subject, voice[WIRE_RATE // 2 :])
        if apart := _apart(alone, np.concatenate((before.output, after.output))):
            wrong[str(way)] = apart
    expect(not wrong, "the interruption is heard by the agent", expected="the same as without", actual=wrong)


async def _heard_alone(probe: Probe, way: Way, voice: Samples) -> Samples:
    output = (await way.passage(probe, voice)).output
    if not output.any():
        raise NotTestable("a call alone is not heard", expected="audio", actual=f"silence, {way}")
    return output


def _apart(alone: Samples, output: Samples) -> str | None:
    """How far an output is from that of the same audio alone; None within what μ-law's noise explains."""
    found = metrics.difference(alone, output)
    if found.length == 0 and found.rms_db <= -CLEAN_DB:
        return None
    return f"{found.length:+d} samples, {found.rms_db:.0f} dB apart"
