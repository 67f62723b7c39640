"""What has become of an utterance on its way: whether all of it is there, in its place, and sounds as others do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twilio_conformance.audio.alignment import MIN_CORRELATION, Alignment, align, gaps, ideal
from twilio_conformance.audio.latency import delay_track
from twilio_conformance.audio.levels import Samples, Unmeasurable
from twilio_conformance.audio.residual import RATE, Residual, residual
from twilio_conformance.audio.ulaw import WIRE_RATE

SAMPLE = 1.5
"""Samples of 8000 Hz by which content is placed."""

WINDOW = 0.04
"""Seconds of a window: noise of the telephone's band is told from other noise in so many."""

REACH = 0.05
"""Seconds around its place in which each window is looked for."""

STEADY_DB = 4.0
"""How much the gain of a window may differ: a response has 4 dB, from -3 to +1, to lean on what a window holds."""

CLEAN_DB = -30.0
"""μ-law's noise is 37 dB down, that of the worst encoder 34 dB, and images and aliases 40 dB: 33 dB; 3 dB are left."""

RESTLESS_DB = 6.0
"""What windows of one and the same noise differ by at most, 40 ms of it: chi-squared of 160 values or more."""


@dataclass(frozen=True, slots=True)
class PathProfile:
    """How a path treats an utterance: its delay within the output in seconds, gain with sign, and noise in dB."""

    delay: float
    gain: float
    noise_db: float


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance in an output: what is wrong with it, or how it came through."""

    damage: str | None
    profile: PathProfile | None = None


def compare_utterance(
    voice: Samples,
    output: Samples,
    rates: tuple[int, int],
    *,
    baseline: PathProfile | None = None,
    embedded: bool = False,
    training_seconds: float | None = None,
) -> Heard:
    """Find an utterance in an output, and compare it window by window.

    Args:
        voice: What was said, int16.
        output: What came out, from the call on that gave the first of it, int16.
        rates: The sampling rates of `voice` and of `output`, in Hz.
        baseline: How another utterance came through, which this one has to resemble; by default, its own average.
        embedded: Whether there is other audio around it; otherwise the output holds nothing but this utterance.
        training_seconds: Seconds of the utterance from which the path is learned; by default, all of it.
    """
    rate_in, rate_out = rates
    try:
        whole = align(ideal(voice, rate_in, rate_out), output, rate_out)
        if whole.correlation < MIN_CORRELATION:
            return Heard(f"likeness {whole.correlation:.2f}")
        if damage := _torn(voice, rate_in, whole):
            return Heard(damage)
        first = whole.start if embedded else 0
        piece = output[first : first + len(whole.output)] if embedded else output
        noise = residual(
            ideal(voice, rate_in, RATE), piece, rate_out, learned=training_seconds, window=WINDOW
        )
    except Unmeasurable as error:
        return Heard(str(error))
    profile = PathProfile(whole.delay, whole.gain, noise.typical_db)
    wanted = baseline or profile
    return Heard(_uneven(whole, wanted.gain) or _unlike(noise, wanted.noise_db, embedded=embedded), profile)


def _torn(voice: Samples, rate_in: int, whole: Alignment) -> str | None:
    """What is missing, replaced, or out of its place."""
    if silent := gaps(whole):
        return f"silent for {1000 * sum(gap.seconds for gap in silent):.0f} ms"
    track = delay_track(whole.reference, whole.output, whole.rate, window=WINDOW, hop=WINDOW, reach=REACH)
    if strange := int(np.count_nonzero(track.correlations < MIN_CORRELATION)):
        return f"something else for {1000 * WINDOW * strange:.0f} ms"
    moved = WIRE_RATE * track.delays[np.abs(track.delays).argmax()]
    if abs(moved) > SAMPLE:
        return f"{moved:+.1f} samples of 8000 Hz out of place"
    lost = WIRE_RATE * (len(voice) / rate_in - len(whole.output) / whole.rate)
    return f"{lost:.1f} samples of 8000 Hz lost" if lost > SAMPLE else None


def _uneven(whole: Alignment, wanted: float) -> str | None:
    """Where a window has another gain than is wanted, or the other sign."""
    size = round(WINDOW * whole.rate)
    count = len(whole.output) // size
    heard, given = (x[: count * size].reshape(count, size) for x in (whole.output, whole.reference))
    gains = np.sum(heard * given, axis=1) / np.sum(given**2, axis=1) / wanted
    odd = np.flatnonzero((gains < 10 ** (-STEADY_DB / 20)) | (gains > 10 ** (STEADY_DB / 20)))
    if not odd.size:
        return None
    return f"{gains[odd[0]]:.2f} times the gain it should have, after {WINDOW * odd[0]:.2f} s"


def _unlike(noise: Residual, wanted: float, *, embedded: bool) -> str | None:
    """Where more has come to the utterance than usual; at its ends other audio may reach in."""
    levels = noise.windows.values[1:-1] if embedded else noise.windows.values
    loud = np.flatnonzero(levels > max(CLEAN_DB, wanted + RESTLESS_DB))
    if not loud.size:
        return None
    return (
        f"other sound, {levels.max():+.0f} dB against it, for {1000 * WINDOW * loud.size:.0f} ms"
        f" where {wanted:.0f} dB are usual"
    )
