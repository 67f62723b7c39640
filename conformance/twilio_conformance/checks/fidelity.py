"""Checks of the chapter Fidelity: gain, distortion, response, noise, clipping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twilio_conformance.audio import metrics, signals
from twilio_conformance.audio.alignment import Alignment, align
from twilio_conformance.audio.latency import latency
from twilio_conformance.audio.levels import ULAW_PEAK_DBM0, Samples
from twilio_conformance.audio.passage import Passage
from twilio_conformance.audio.ulaw import WIRE_RATE
from twilio_conformance.checks._audio_path import (
    DIRECTIONS,
    Direction,
    expect_in_each,
    expect_recognised,
    expect_tone,
    in_turn,
)
from twilio_conformance.checks._core import check, expect
from twilio_conformance.subject.probe import Probe

TONE = signals.REFERENCE_TONE
TRACKED = {-10.0: 0.0, 3.0: 0.5, 0.0: 0.5, -20.0: 0.5, -30.0: 0.5, -40.0: 0.5, -45.0: 1.0, -50.0: 1.0}
"""Level in dBm0 to the limit of gain tracking in dB, relative to the gain at -10 dBm0 (ITU-T G.712)."""


async def _in_one_chunk(probe: Probe, direction: Direction, signal: Samples) -> Alignment:
    """Align the output of a signal given in one chunk: losses between chunks are for other checks."""
    passage = await direction.passage(probe, signal, len(signal))
    found = align(direction.ideal(signal), passage.output, direction.rate_out)
    expect_recognised(direction, found.correlation)
    return found


@check("TFS-FIDELITY-02", limit=40)
async def gain_is_unity_and_the_sign_is_kept(probe: Probe) -> None:
    """A tone of 1020 Hz at -10 dBm0 keeps its level to half a decibel, and noise its sign."""
    gains = {}

    async def fault(direction: Direction) -> str | None:
        passage = await direction.passage(probe, signals.sine(TONE, -10, direction.rate_in, 1))
        fit = metrics.fit_tones(passage.output, direction.rate_out, [TONE], edge=metrics.EDGE)
        gain = fit.level_dbm0 + 10
        gains[direction.path] = round(gain, 3)
        probe.record("gain at 1020 Hz, dB", gains)
        if abs(gain) > 0.5:
            return f"{gain:+.2f} dB"
        upright = (await _in_one_chunk(probe, direction, direction.utterance(1))).polarity > 0
        return None if upright else "inverted"

    await expect_in_each(
        in_turn(probe, DIRECTIONS), fault, "the level or the sign differs", "0 dB ± 0.5 dB, upright"
    )


async def _curve(
    probe: Probe, direction: Direction, levels: Sequence[float], seconds: float
) -> metrics.LevelCurve:
    """Measure a tone of 1020 Hz at each level, `seconds` each, followed by silence, so that its end comes out."""
    ladder = signals.level_ladder(TONE, levels, direction.rate_in, seconds)
    delay = max(latency(await direction.passage(probe, ladder)).group_delay, 0.0)
    tail = await direction.passage(probe, np.append(ladder, direction.silence(0.5)))
    passage = Passage(tail.rate_in, tail.rate_out, (ladder,), ((tail.output,),))
    curve = metrics.level_curve(passage, TONE, levels, delay=min(delay, 0.05))
    given, came = len(levels), len(curve.levels)
    expect(came == given, f"{direction}: not all of the tone came out", f"{given} levels", came)
    return curve


@check("TFS-FIDELITY-03", limit=40)
async def sinad_is_that_of_mu_law(probe: Probe) -> None:
    """A tone of 1020 Hz from 0 to -40 dBm0: at most 3 dB below ideal μ-law at the level that comes out."""
    wrong = {}
    for direction in in_turn(probe, DIRECTIONS):
        curve = await _curve(probe, direction, (0.0, -10.0, -20.0, -30.0, -40.0), 0.5)
        output_levels = np.minimum(curve.levels + curve.gain_db, ULAW_PEAK_DBM0)
        limits = [metrics.ideal_sinad(round(float(level), 2)) - 3 for level in output_levels]
        figures = {"dBm0": curve.levels.tolist(), "dB": np.round(curve.sinad_db, 2).tolist()}
        probe.record(f"SINAD, {direction.path}", figures | {"mask": np.round(limits, 2).tolist()})
        for level, limit, sinad in zip(curve.levels, limits, curve.sinad_db, strict=True):
            if sinad < limit:
                wrong[f"{direction}, {level:g} dBm0"] = f"{sinad:.1f} dB, of {limit:.1f} dB"
    expect(not wrong, "the tone is distorted", "ideal μ-law, less 3 dB", wrong)


async def _response(probe: Probe, low: float, limit: float) -> None:
    tones = np.array(signals.RESPONSE_TONES)

    async def deviation(direction: Direction) -> str | None:
        signal = signals.multitone(signals.RESPONSE_TONES, -8, direction.rate_in, 1)
        passage = await direction.passage(probe, signal)
        gains = metrics.response(passage, signals.RESPONSE_TONES)
        relative = gains - gains[np.abs(tones - TONE).argmin()]
        figures = {"Hz": tones.tolist(), "dB": np.round(relative, 3).tolist(), "mask": [low, limit]}
        probe.record(f"response, {direction.path}", figures)
        beyond = np.flatnonzero((relative < low) | (relative > limit))
        if not beyond.size:
            return None
        worst = beyond[np.abs(relative[beyond]).argmax()]
        return f"{relative[worst]:+.2f} dB at {tones[worst]:.0f} Hz"

    await expect_in_each(
        in_turn(probe, DIRECTIONS), deviation, "the response is not flat", f"{low:+g} to {limit:+g} dB"
    )


@check("TFS-FIDELITY-04", limit=40)
async def the_telephone_band_passes(probe: Probe) -> None:
    """No tone from 200 to 3400 Hz loses more than 3 dB or gains more than 1 dB against 1020 Hz."""
    await _response(probe, -3.0, 1.0)


@check("TFS-FIDELITY-05", limit=40)
async def the_telephone_band_is_flat(probe: Probe) -> None:
    """All tones from 200 to 3400 Hz are within half a decibel of that of 1020 Hz."""
    await _response(probe, -0.5, 0.5)


def _stop_tones(rate: int) -> tuple[float, ...]:
    """Return a tone in each 1000 Hz from the edge of the stop band to half the rate: no stage may fold any of them."""
    return (4600.0, 5300.0, *np.arange(6000 + TONE, 0.99 * rate / 2, 1000))


async def _stop_band(probe: Probe, limit: float) -> None:
    wrong, figures = {}, {}
    converting = [direction for direction in DIRECTIONS if direction.rate != WIRE_RATE]
    for direction in in_turn(probe, converting):
        for tone in _stop_tones(direction.rate) if direction.is_outgoing else (1020.0, 2300.0, 3400.0):
            passage = await direction.passage(probe, signals.sine(tone, -3, direction.rate_in, 0.5))
            alias = metrics.alias_db(passage, tone) if direction.is_outgoing else None
            level = max(metrics.images_db(passage, tone).values()) if alias is None else alias
            figures[f"{direction.path}, {tone:.0f} Hz"] = round(level, 1)
            if level > limit:
                wrong[f"{direction}, {tone:.0f} Hz"] = f"{level:.1f} dB"
    probe.record("aliases and images, dB", figures)
    expect(not wrong, "a tone comes out where none was", f"below {limit:g} dB", wrong)


@check("TFS-FIDELITY-06", limit=60)
async def aliases_and_images_are_40_db_down(probe: Probe) -> None:
    """Tones above 4600 Hz to Twilio, and the images above 4000 Hz of tones from Twilio."""
    await _stop_band(probe, -40.0)


@check("TFS-FIDELITY-07", limit=60)
async def aliases_and_images_are_50_db_down(probe: Probe) -> None:
    """Tones above 4600 Hz to Twilio, and the images above 4000 Hz of tones from Twilio."""
    await _stop_band(probe, -50.0)


@check("TFS-FIDELITY-08", limit=40)
async def silence_stays_silent(probe: Probe) -> None:
    """Digital silence comes out below -65 dBm0."""
    await _expect_silence(probe, 1)


@check("TFS-FIDELITY-08", limit=40, since="2026.12")
async def seconds_of_silence_stay_silent(probe: Probe) -> None:
    """Silence that lasts for 5 s does too, to the end: no comfort noise takes its place."""
    await _expect_silence(probe, 5)


async def _expect_silence(probe: Probe, seconds: float) -> None:
    async def noise(direction: Direction) -> str | None:
        passage = await direction.passage(probe, direction.silence(seconds))
        level = metrics.idle_noise_dbm0(passage.output[-direction.rate_out :])
        return f"{level:.1f} dBm0" if level > -65 else None

    await expect_in_each(in_turn(probe, DIRECTIONS), noise, "silence is noisy", "below -65 dBm0")


@check("TFS-FIDELITY-09", limit=40)
async def no_offset_is_added(probe: Probe) -> None:
    """Silence and a tone have no DC offset beyond two of μ-law's smallest steps."""
    wrong = {}
    for direction in in_turn(probe, DIRECTIONS):
        tone = signals.sine(TONE, -20, direction.rate_in, 1)
        for name, signal in (("silence", direction.silence(1)), ("tone", tone)):
            offset = metrics.dc_offset((await direction.passage(probe, signal)).output)
            if abs(offset) > 16:
                wrong[f"{direction}, {name}"] = f"{offset:+.1f}"
    expect(not wrong, "a DC offset is added", "at most 16 of 32768", wrong)


@check("TFS-FIDELITY-10", limit=40)
async def peaks_are_clipped_and_never_wrapped(probe: Probe) -> None:
    """A sweep that is clipped to full scale already: its flat tops overshoot in any filter.

    It begins at 600 Hz, where a filter against hum no longer turns the phase.
    """

    async def wrapped(direction: Direction) -> str | None:
        sweep = 4 * signals.sweep(600, 900, 3, direction.rate_in, 1).astype(np.int64)
        wave = np.clip(sweep, -32768, 32767).astype(np.int16)
        wraps = (await _in_one_chunk(probe, direction, wave)).wraps
        return f"{wraps} peaks" if wraps else None

    await expect_in_each(in_turn(probe, DIRECTIONS), wrapped, "peaks wrap around", "none")


@check("TFS-FIDELITY-15", limit=60)
async def the_gain_does_not_depend_on_the_level(probe: Probe) -> None:
    """A tone of 1020 Hz from +3 to -50 dBm0 has the gain that it has at -10 dBm0, within G.712's mask."""
    wrong = {}
    for direction in in_turn(probe, DIRECTIONS):
        curve = await _curve(probe, direction, list(TRACKED), 0.3)
        relative = curve.gain_db - curve.gain_db[0]
        figures = {"dBm0": curve.levels.tolist(), "dB": np.round(relative, 3).tolist()}
        probe.record(f"gain tracking, {direction.path}", figures | {"mask": list(TRACKED.values())})
        for (level, limit), gain in zip(TRACKED.items(), relative, strict=True):
            if abs(gain) > limit:
                wrong[f"{direction}, {level:g} dBm0"] = f"{gain:+.2f} dB, of ±{limit:g} dB"
    expect(not wrong, "the gain depends on the level", "that at -10 dBm0", wrong)


@check("TFS-FIDELITY-15", limit=40, since="2026.12")
async def a_quiet_tone_is_heard_to_its_end(probe: Probe) -> None:
    """Five seconds at -50 dBm0, as of a caller who speaks from afar, end as loud as they begin, within the same mask."""
    level, limit = min(TRACKED.items())

    async def change(direction: Direction) -> str | None:
        passage = await direction.passage(probe, signals.sine(TONE, level, direction.rate_in, 5))
        second = direction.rate_out
        parts = passage.output[second : 2 * second], passage.output[-second - second // 4 : -second // 4]
        first, last = (float(np.sqrt(np.mean(np.square(part, dtype=float)))) for part in parts)
        gain = 20 * np.log10(max(last, 1e-9) / max(first, 1e-9))
        return f"{gain:+.1f} dB, of ±{limit:g} dB" if abs(gain) > limit else None

    await expect_in_each(in_turn(probe, DIRECTIONS), change, "a quiet tone changes its level", "one level")


@check("TFS-FIDELITY-18", limit=40, since="2026.12")
async def other_rates_keep_length_and_pitch(probe: Probe) -> None:
    """A tone at rates that the other checks do not have, in both directions."""
    others = [Direction(is_outgoing, rate) for rate in (11025, 12000, 96000) for is_outgoing in (True, False)]
    for direction in in_turn(probe, others):
        await expect_tone(probe, direction)
