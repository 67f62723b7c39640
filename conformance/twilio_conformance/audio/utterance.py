"""Comparison of an utterance with an output: whether all of it is there, in place, and sounds like a baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twilio_conformance.audio.alignment import MIN_CORRELATION, Alignment, align, ideal, silent_seconds
from twilio_conformance.audio.latency import delay_track
from twilio_conformance.audio.levels import Samples, Unmeasurable
from twilio_conformance.audio.passage import Series
from twilio_conformance.audio.residual import RATE, residual
from twilio_conformance.audio.ulaw import WIRE_RATE

SAMPLE = 1.5
"""Samples at 8000 Hz by which content may be out of place."""

WINDOW = 0.04
"""Seconds in a window: enough to tell noise in the telephone band from other noise."""

REACH = 0.05
"""Seconds around its place within which each window is looked for."""

MAX_GAIN_CHANGE_DB = 4.0
"""Decibels by which the gain of a window may differ: the width of the permitted response, -3 to +1 dB."""

MAX_CLEAN_NOISE_DB = -30.0
"""The residual of any permitted path in dB: the worst encoder (-34), images and aliases (-40), and a 3 dB margin."""

MAX_NOISE_VARIATION_DB = 6.0
"""Decibels by which windows of the same noise differ at most: chi-squared of 160 values or more in 40 ms."""


@dataclass(frozen=True, slots=True)
class PathProfile:
    """How a path treats an utterance.

    Attributes:
        delay: Of the utterance within the output, in seconds.
        gain: A factor, negative for inverted polarity.
        noise_db: The typical residual, in dB relative to the utterance.
    """

    delay: float
    gain: float
    noise_db: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing an utterance with an output.

    Attributes:
        damage: What is wrong, as a phrase; None if nothing is.
        profile: How the path treats the utterance; None if that cannot be measured.
    """

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
) -> Comparison:
    """Find an utterance in an output, and compare it window by window.

    Args:
        voice: The utterance.
        output: The output, beginning with the call that was given the first of the utterance.
        rates: The sampling rates of `voice` and `output`, in Hz.
        baseline: The profile of another utterance that this one has to resemble; by default, its own average.
        embedded: Whether the output holds other audio around the utterance.
        training_seconds: Seconds of the utterance to which the path's filter is fitted; by default, all of it.

    Returns:
        What is wrong, and the profile of the path where it can be measured.
    """
    rate_in, rate_out = rates
    try:
        whole = align(ideal(voice, rate_in, rate_out), output, rate_out)
        if whole.correlation < MIN_CORRELATION:
            return Comparison(f"likeness {whole.correlation:.2f}")
        if damage := _content_damage(voice, rate_in, whole):
            return Comparison(damage)
        first = whole.start if embedded else 0
        piece = output[first : first + len(whole.output)] if embedded else output
        noise = residual(
            ideal(voice, rate_in, RATE), piece, rate_out, training_seconds=training_seconds, window=WINDOW
        )
    except Unmeasurable as error:
        return Comparison(str(error))
    profile = PathProfile(whole.delay, whole.gain, float(np.median(noise.values)))
    wanted = baseline or profile
    return Comparison(
        _gain_damage(whole, wanted.gain) or _added_sound(noise, wanted.noise_db, embedded=embedded), profile
    )


def _content_damage(voice: Samples, rate_in: int, whole: Alignment) -> str | None:
    """Return what is missing, replaced or out of place, or None."""
    if silent := silent_seconds(whole):
        return f"silent for {1000 * silent:.0f} ms"
    track = delay_track(whole.reference, whole.output, whole.rate, window=WINDOW, hop=WINDOW, reach=REACH)
    if strange := int(np.count_nonzero(track.correlations < MIN_CORRELATION)):
        return f"something else for {1000 * WINDOW * strange:.0f} ms"
    moved = WIRE_RATE * track.delays[np.abs(track.delays).argmax()]
    if abs(moved) > SAMPLE:
        return f"{moved:+.1f} samples of 8000 Hz out of place"
    lost = WIRE_RATE * (len(voice) / rate_in - len(whole.output) / whole.rate)
    return f"{lost:.1f} samples of 8000 Hz lost" if lost > SAMPLE else None


def _gain_damage(whole: Alignment, wanted: float) -> str | None:
    """Return where the gain of a window differs, or its sign, or None."""
    size = round(WINDOW * whole.rate)
    count = len(whole.output) // size
    heard, given = (x[: count * size].reshape(count, size) for x in (whole.output, whole.reference))
    gains = np.sum(heard * given, axis=1) / np.sum(given**2, axis=1) / wanted
    odd = np.flatnonzero(
        (gains < 10 ** (-MAX_GAIN_CHANGE_DB / 20)) | (gains > 10 ** (MAX_GAIN_CHANGE_DB / 20))
    )
    if not odd.size:
        return None
    return f"{gains[odd[0]]:.2f} times the gain it should have, after {WINDOW * odd[0]:.2f} s"


def _added_sound(noise: Series, wanted: float, *, embedded: bool) -> str | None:
    """Return where other sound is added, or None; at the ends of an embedded utterance other audio may overlap."""
    levels = noise.values[1:-1] if embedded else noise.values
    loud = np.flatnonzero(levels > max(MAX_CLEAN_NOISE_DB, wanted + MAX_NOISE_VARIATION_DB))
    if not loud.size:
        return None
    return (
        f"other sound, {levels.max():+.0f} dB against it, for {1000 * WINDOW * loud.size:.0f} ms"
        f" where {wanted:.0f} dB are usual"
    )
