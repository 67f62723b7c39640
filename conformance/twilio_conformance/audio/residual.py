"""The residual: an output less what one linear filter makes of its reference.

A path that does not change over time is such a filter, whatever its phase and response. What remains is noise,
distortion and everything that changes over time: gaps, clicks, attenuated or inverted parts, other audio.
"""

import numpy as np

from twilio_conformance.audio.alignment import align, ideal
from twilio_conformance.audio.levels import Real, Samples, decibels, rms
from twilio_conformance.audio.passage import Series

RATE = 8000
"""Hz at which the filter is fitted: content is narrowed 4000 Hz."""

REACH = 0.005
"""Seconds of the filter to each side of the delay: twice what filters for the telephone band need."""


def residual(
    reference: Samples | Real,
    output: Samples | Real,
    rate: int,
    *,
    training_seconds: float | None = None,
    window: float = 0.04,
) -> Series:
    """Fit a filter to an output and its reference, and measure what remains.

    Args:
        reference: What was given, resampled to RATE, in PCM units; taken to be surrounded by silence.
        output: The output, in PCM units.
        rate: The sampling rate of the output, in Hz; at least 8000.
        training_seconds: Seconds of the output to which the filter is fitted; by default, all of it.
        window: Seconds in a window.

    Returns:
        The level of the residual relative to the filtered reference, in dB, for each window of the whole output:
        silence around the reference counts too.

    Raises:
        Unmeasurable: One of the two is empty or silent, or they do not overlap.
    """
    heard = np.asarray(output, np.float64)
    heard = heard - heard.mean() if len(heard) else heard
    wanted, narrow = np.asarray(reference, np.float64), ideal(heard, rate, RATE)
    known = len(narrow) if training_seconds is None else round(training_seconds * RATE)
    whole = align(wanted[:known], narrow[:known], RATE)
    reach = round(REACH * RATE)
    placed = _placed_in_silence(wanted, round(whole.delay * RATE) + reach, len(narrow) + 2 * reach)
    explained = np.convolve(placed, _fit_filter(placed, narrow[:known], 2 * reach + 1), "valid")
    level = rms(explained[placed[reach : len(placed) - reach] != 0])
    left: Real = _window_powers(narrow - explained, round(window * RATE))
    if rate > RATE:
        narrowed = ideal(narrow, RATE, rate)
        shared = min(len(narrowed), len(heard))
        outside = heard[:shared] - narrowed[:shared]
        images = _window_powers(outside, round(window * rate))
        count = min(len(left), len(images))
        left = left[:count] + images[:count]
    times = np.asarray((np.arange(len(left)) + 0.5) * window, np.float64)
    return Series(times, np.array([decibels(float(np.sqrt(power)), level) for power in left], np.float64))


def _placed_in_silence(wanted: Real, first: int, count: int) -> Real:
    """Return `count` samples of silence with the reference from sample `first` on, which may be negative."""
    placed = np.zeros(count)
    piece = wanted[max(-first, 0) : max(count - first, 0)]
    placed[max(first, 0) : max(first, 0) + len(piece)] = piece
    return placed


def _fit_filter(placed: Real, heard: Real, taps: int) -> Real:
    """Fit the filter that turns the placed reference into the output, by least squares."""
    rows = np.lib.stride_tricks.sliding_window_view(placed, taps)[: len(heard)]
    products: Real = np.zeros((taps, taps))
    shares: Real = np.zeros(taps)
    for start in range(0, len(rows), RATE):
        piece = np.ascontiguousarray(rows[start : start + RATE])
        products += piece.T @ piece
        shares += piece.T @ heard[start : start + RATE]
    # Where the reference has no sound any filter fits: prefer the smallest.
    products[np.diag_indices(taps)] *= 1 + 1e-6
    return np.asarray(np.linalg.solve(products, shares)[::-1], np.float64)


def _window_powers(samples: Real, size: int) -> Real:
    """Return the mean power of each whole window of `size` samples."""
    count = len(samples) // size
    squares = samples[: count * size].reshape(count, size) ** 2
    return np.asarray(squares.mean(axis=1), np.float64)
