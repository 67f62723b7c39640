"""Checks of the chapter Fidelity: length, gain, distortion, response, noise, clipping, separation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from twilio_conformance.audio import metrics, signals
from twilio_conformance.audio.alignment import RECOGNISED, Alignment, align, at_borders, gaps, ideal
from twilio_conformance.audio.latency import latency
from twilio_conformance.audio.levels import Samples, Unmeasurable, decibels, rms
from twilio_conformance.audio.passage import Passage
from twilio_conformance.carriage import WAYS, Way
from twilio_conformance.checks import check, expect
from twilio_conformance.errors import NotTestable
from twilio_conformance.probe import Probe
from twilio_conformance.twilio.clock import held

TONE = signals.REFERENCE_TONE
SAMPLE = 1.5
BLOCK = 0.25
"""Seconds by which what is withheld may vary: more than the longest block of any resampler in docs/resamplers.md."""

LEVELS = (0.0, -10.0, -20.0, -30.0, -40.0)

Limits = dict[str, str]


async def _passage(
    probe: Probe, way: Way, signal: Samples, chunks: int | Sequence[int] | None = None
) -> Passage:
    return await way.carry(await way.ready(probe), signal, chunks)


def _noise(rate: int, seconds: float, seed: int = 0, level: float = -12) -> Samples:
    return signals.faded(signals.noise(level, rate, seconds, seed=seed, band=(300, 3000)), rate)


def _aligned(way: Way, passage: Passage) -> Alignment:
    found = align(ideal(passage.signal, passage.rate_in, passage.rate_out), passage.output, passage.rate_out)
    expect(
        found.correlation > RECOGNISED,
        f"{way}: what comes out is not what was given",
        expected=f"a likeness above {RECOGNISED:g}",
        actual=round(found.correlation, 3),
    )
    return found


@check("TFS-FIDELITY-01", limit=40)
async def nothing_is_lost_repeated_or_inserted(probe: Probe) -> None:
    """Four seconds, then one of silence: the end comes as long after the beginning as it was given."""
    wrong: Limits = {}
    for way in WAYS:
        voice = _noise(way.rate_in, 4)
        passage = await _passage(probe, way, np.append(voice, signals.silence(way.rate_in, 1)))
        wanted = ideal(voice, way.rate_in, way.rate_out)
        whole, beginning, end = (
            align(piece, passage.output, way.rate_out)
            for piece in (wanted, wanted[: way.rate_out], wanted[3 * way.rate_out :])
        )
        if silent := gaps(whole):
            wrong[str(way)] = f"silent for {1000 * sum(gap.seconds for gap in silent):.0f} ms"
            continue
        moved = (end.delay - beginning.delay - 3) * way.rate_out
        if abs(moved) > SAMPLE or min(beginning.correlation, end.correlation) < RECOGNISED:
            wrong[str(way)] = f"{moved:+.1f} samples in 3 s, likeness {end.correlation:.2f}"
        elif passage.length_error > SAMPLE:
            wrong[str(way)] = f"{passage.length_error:+.1f} samples in all"
    expect(not wrong, "audio is lost, repeated or inserted", expected="to one sample", actual=wrong)


@check("TFS-FIDELITY-02", limit=40)
async def gain_is_unity_and_the_sign_is_kept(probe: Probe) -> None:
    """A tone of 1020 Hz at -10 dBm0 keeps its level to half a decibel, and noise its sign."""
    wrong: Limits = {}
    gains = {}
    for way in WAYS:
        passage = await _passage(probe, way, signals.sine(TONE, -10, way.rate_in, 1))
        gain = metrics.fit_tones(passage.output, way.rate_out, [TONE], edge=0.05).level_dbm0 + 10
        gains[str(way)] = round(gain, 3)
        if abs(gain) > 0.5:
            wrong[str(way)] = f"{gain:+.2f} dB"
        elif _aligned(way, await _passage(probe, way, _noise(way.rate_in, 1))).polarity < 0:
            wrong[str(way)] = "inverted"
    probe.record("gain at 1020 Hz, dB", gains)
    expect(not wrong, "the level or the sign differs", expected="0 dB ± 0.5 dB, upright", actual=wrong)


@check("TFS-FIDELITY-03", limit=40)
async def sinad_is_that_of_mu_law(probe: Probe) -> None:
    """A tone of 1020 Hz from 0 to -40 dBm0: at most 3 dB below ideal μ-law."""
    wrong: Limits = {}
    for way in WAYS:
        passage = await _passage(probe, way, signals.level_ladder(TONE, LEVELS, way.rate_in, 0.5))
        delay = max(latency(passage).group_delay, 0.0)
        tail = await _passage(probe, way, np.append(passage.signal, signals.silence(way.rate_in, 0.5)))
        curve = metrics.level_curve(_cut(tail, len(passage.signal)), TONE, LEVELS, delay=min(delay, 0.05))
        probe.record(
            f"SINAD, {way}", {"dBm0": curve.levels.tolist(), "dB": np.round(curve.sinad_db, 2).tolist()}
        )
        for level, sinad in zip(curve.levels, curve.sinad_db, strict=True):
            if sinad < (limit := metrics.ideal_sinad(float(level)) - 3):
                wrong[f"{way}, {level:g} dBm0"] = f"{sinad:.1f} dB, of {limit:.1f} dB"
        if len(curve.levels) < len(LEVELS):
            wrong[str(way)] = f"only {len(curve.levels)} of {len(LEVELS)} levels came out"
    expect(not wrong, "the tone is distorted", expected="ideal μ-law, less 3 dB", actual=wrong)


def _cut(passage: Passage, count: int) -> Passage:
    """The passage with its signal cut to `count` samples; what came out stays."""
    given = np.split(passage.signal, [count])[0]
    return Passage(
        passage.rate_in, passage.rate_out, (given,), (tuple(m for a in passage.received for m in a),), (0.0,)
    )


async def _response(probe: Probe, low: float, limit: float) -> None:
    wrong: Limits = {}
    for way in WAYS:
        passage = await _passage(probe, way, signals.multitone(signals.RESPONSE_TONES, -8, way.rate_in, 1))
        found = metrics.response(passage, signals.RESPONSE_TONES)
        relative = found.relative_db()
        probe.record(
            f"response, {way}", {"Hz": found.frequencies.tolist(), "dB": np.round(relative, 3).tolist()}
        )
        beyond = np.flatnonzero((relative < low) | (relative > limit))
        if beyond.size:
            worst = beyond[np.abs(relative[beyond]).argmax()]
            wrong[str(way)] = f"{relative[worst]:+.2f} dB at {found.frequencies[worst]:.0f} Hz"
    expect(not wrong, "the response is not flat", expected=f"{low:+g} to {limit:+g} dB", actual=wrong)


@check("TFS-FIDELITY-04", limit=40)
async def the_telephone_band_passes(probe: Probe) -> None:
    """No tone from 200 to 3400 Hz loses more than 3 dB or gains more than 1 dB against 1020 Hz."""
    await _response(probe, -3.0, 1.0)


@check("TFS-FIDELITY-05", limit=40)
async def the_telephone_band_is_flat(probe: Probe) -> None:
    """All tones from 200 to 3400 Hz are within half a decibel of that of 1020 Hz."""
    await _response(probe, -0.5, 0.5)


async def _stop_band(probe: Probe, limit: float) -> None:
    wrong: Limits = {}
    levels = {}
    for way in (way for way in WAYS if way.rate != 8000):
        for tone in (4600.0, 5300.0, 7000.0) if way.is_outgoing else (1020.0, 2300.0, 3400.0):
            passage = await _passage(probe, way, signals.sine(tone, -3, way.rate_in, 0.5))
            level = (
                metrics.alias_db(passage, tone) if way.is_outgoing else metrics.images(passage, tone).worst_db
            )
            levels[f"{way}, {tone:.0f} Hz"] = round(level, 1)
            if level > limit:
                wrong[f"{way}, {tone:.0f} Hz"] = f"{level:.1f} dB"
    probe.record("aliases and images, dB", levels)
    expect(not wrong, "a tone comes out where none was", expected=f"below {limit:g} dB", actual=wrong)


@check("TFS-FIDELITY-06", limit=40)
async def aliases_and_images_are_40_db_down(probe: Probe) -> None:
    """Tones above 4600 Hz to Twilio, and the images above 4000 Hz of tones from Twilio."""
    await _stop_band(probe, -40.0)


@check("TFS-FIDELITY-07", limit=40)
async def aliases_and_images_are_50_db_down(probe: Probe) -> None:
    """Tones above 4600 Hz to Twilio, and the images above 4000 Hz of tones from Twilio."""
    await _stop_band(probe, -50.0)


@check("TFS-FIDELITY-08", limit=40)
async def silence_stays_silent(probe: Probe) -> None:
    """Digital silence comes out below -65 dBm0."""
    wrong: Limits = {}
    for way in WAYS:
        passage = await _passage(probe, way, signals.silence(way.rate_in, 1))
        noise = metrics.idle_noise_dbm0(passage.output)
        if noise > -65:
            wrong[str(way)] = f"{noise:.1f} dBm0"
    expect(not wrong, "silence is noisy", expected="below -65 dBm0", actual=wrong)


@check("TFS-FIDELITY-09", limit=40)
async def no_offset_is_added(probe: Probe) -> None:
    """Silence and a tone have no DC offset beyond two of μ-law's smallest steps."""
    wrong: Limits = {}
    for way in WAYS:
        for name, signal in (
            ("silence", signals.silence(way.rate_in, 1)),
            ("tone", signals.sine(TONE, -20, way.rate_in, 1)),
        ):
            passage = await _passage(probe, way, signal)
            offset = metrics.dc_offset(passage.output)
            if abs(offset) > 16:
                wrong[f"{way}, {name}"] = f"{offset:+.1f}"
    expect(not wrong, "a DC offset is added", expected="at most 16 of 32768", actual=wrong)


@check("TFS-FIDELITY-10", limit=40)
async def peaks_are_clipped_and_never_wrapped(probe: Probe) -> None:
    """A sweep that is clipped to full scale already: its flat tops overshoot in any filter."""
    wrong: Limits = {}
    for way in WAYS:
        sweep = 4 * signals.sweep(200, 400, 3, way.rate_in, 1).astype(np.int64)
        wave = np.clip(sweep, -32768, 32767).astype(np.int16)
        passage = await _passage(probe, way, wave)
        if (wraps := _aligned(way, passage).wraps) > 0:
            wrong[str(way)] = f"{wraps} peaks"
    expect(not wrong, "peaks wrap around", expected="none", actual=wrong)


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
            signal = _noise(way.rate_in, seconds, seed=6)
            whole = (await _passage(probe, way, signal, len(signal))).output
            for name in names:
                passage = await _passage(probe, way, signal, SIZES[name](way.rate_in))
                try:
                    likeness = _likeness(way, whole, passage)
                except Unmeasurable as error:
                    wrong[f"{way}, {name}"] = str(error)
                    continue
                if likeness < CLEAN_DB:
                    wrong[f"{way}, {name}"] = f"{likeness:.1f} dB"
    expect(
        not wrong, "the chunks can be heard", expected=f"one chunk's audio, at {CLEAN_DB:g} dB", actual=wrong
    )


def _likeness(way: Way, whole: Samples, passage: Passage) -> float:
    """The signal over what differs from the audio of one chunk, in dB: in all or at the borders, the lower."""
    found = align(whole, passage.output, way.rate_out)
    differs = found.output - found.reference
    late = align(ideal(passage.signal, way.rate_in, way.rate_out), passage.output, way.rate_out).delay
    near = at_borders(len(differs), passage.borders + late * way.rate_out - found.start, way.rate_out)
    clicks = rms(differs[near]) if near.any() else 0.0
    return decibels(rms(found.reference), max(rms(differs), clicks))


@check("TFS-FIDELITY-12", limit=240)
async def ten_minutes_do_not_drift(probe: Probe) -> None:
    """Ten minutes in chunks of a second: the last minute stands where the first does, to a millisecond."""
    wrong: Limits = {}
    for way in (way for way in WAYS if way.rate in (24000, 44100)):
        minute = _noise(way.rate_in, 60, seed=7)
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
        output, beginning = np.concatenate([passage.output for passage in minutes]), 5 * way.rate_out
        reference = ideal(minute[: 5 * way.rate_in], way.rate_in, way.rate_out)
        first, last = (
            align(reference, output[start : start + beginning], way.rate_out, reach=0.3)
            for start in (0, 9 * 60 * way.rate_out)
        )
        if min(first.correlation, last.correlation) < RECOGNISED or abs(last.delay - first.delay) > 0.001:
            wrong[str(way)] = f"{1000 * (last.delay - first.delay):+.2f} ms, likeness {last.correlation:.2f}"
    expect(not wrong, "the audio drifts", expected="within 1 ms", actual=wrong)


@check("TFS-FIDELITY-13", limit=40)
async def a_change_of_rate_keeps_both_voices_whole(probe: Probe) -> None:
    """24, 16, 8 and 48 kHz in turn: each utterance is recognised, at its pitch, with the level of TFS-FIDELITY-04."""
    subject = await WAYS[0].ready(probe)
    wrong: Limits = {}
    rates = (24000, 16000, 8000, 48000)
    voices = [_noise(rate, 0.6, seed=20 + number) for number, rate in enumerate(rates)]
    given = [np.append(voice, signals.silence(rate, 0.3)) for voice, rate in zip(voices, rates, strict=True)]
    with held():
        passages = [
            await Way(True, rate).carry(subject, signal) for signal, rate in zip(given, rates, strict=True)
        ]
    for rate, voice, passage in zip(rates, voices, passages, strict=True):
        try:
            found = align(ideal(voice, rate, 8000), passage.output, 8000)
        except Unmeasurable as error:
            wrong[f"{rate} Hz"] = str(error)
            continue
        missing = max(-found.delay * 8000, 0.0)
        level = decibels(rms(found.output), rms(found.reference))
        if found.correlation < RECOGNISED or not -3 <= level <= 1 or missing > SAMPLE:
            wrong[f"{rate} Hz"] = (
                f"likeness {found.correlation:.2f}, {level:+.2f} dB, {missing:.0f} samples lost"
            )
    expect(not wrong, "an utterance is damaged by the change", expected="each one whole", actual=wrong)


@check("TFS-FIDELITY-14", limit=40)
async def calls_and_directions_never_mix(probe: Probe) -> None:
    """Two calls and both directions, served in turn, give what each gives alone, but for μ-law's noise."""
    wrong: Limits = {}
    for rate in (8000, 24000, 44100):
        ways = [Way(True, rate), Way(False, rate)]
        voices = {(call, way): _noise(way.rate_in, 0.5, seed=30 + call) for call in (0, 1) for way in ways}
        alone = {key: (await _passage(probe, key[1], voice)).output for key, voice in voices.items()}
        if not all(output.any() for output in alone.values()):
            raise NotTestable("a call alone is not heard", expected="audio both ways", actual=f"at {rate} Hz")
        subjects = [await probe.ready(rate=rate, out_rate=rate) for _ in (0, 1)]
        mixed: dict[tuple[int, Way], list[Samples]] = {key: [] for key in voices}
        with held():
            for piece in range(25):
                for (call, way), voice in voices.items():
                    chunk = voice[piece * way.chunk : (piece + 1) * way.chunk]
                    mixed[call, way].append((await way.carry(subjects[call], chunk)).output)
        for (call, way), pieces in mixed.items():
            found = metrics.difference(alone[call, way], np.concatenate(pieces))
            if found.length or found.rms_db > -CLEAN_DB:
                wrong[f"call {call + 1}, {way}"] = f"{found.length:+d} samples, {found.rms_db:.0f} dB apart"
    expect(not wrong, "another call or direction is heard", expected="the same as alone", actual=wrong)
