"""The residual: what is left of an output when all that one linear filter makes of its reference is taken away.

A path that is the same at every moment is such a filter, whatever it does to phase and response. What is left is
noise, distortion, and all that changes on the way: holes, clicks, damped or inverted stretches, other audio.
"""

from dataclasses import dataclass

import numpy as np

from twilio_conformance.audio.alignment import align, ideal
from twilio_conformance.audio.levels import Real, Samples, decibels, rms
from twilio_conformance.audio.passage import Series

RATE = 8000
"""Hz at which the filter is sought: what carries content is below 4000 Hz."""

REACH = 0.005
"""Seconds of the filter to each side of the delay: twice what filters of the telephone's band need."""


@dataclass(frozen=True, slots=True, eq=False)
class Residual:
    """How an output differs from its reference.

    `delay` is in seconds. `windows` is the level of the residual over that of what is explained, in dB, window by
    window from the output's beginning to its end: the silence around a reference counts too.
    """

    delay: float
    windows: Series

    @property
    def typical_db(self) -> float:
        """The window in the middle of all, in dB."""
        return float(np.median(self.windows.values))

    @property
    def worst_db(self) -> float:
        """The loudest window, in dB."""
        return float(self.windows.values.max())

    @property
    def worst_at(self) -> float:
        """The moment of the loudest window, in seconds of the output."""
        return float(self.windows.times[self.windows.values.argmax()])


def residual(
    reference: Samples | Real,
    output: Samples | Real,
    rate: int,
    *,
    learned: float | None = None,
    window: float = 0.04,
) -> Residual:
    """Explain an output by its reference.

    Args:
        reference: What was given, at RATE; silence is taken to be around it.
        output: What came out of it, at `rate`.
        rate: In Hz, 8000 or more.
        learned: Seconds of the output from which the filter is learned; all of it where not given.
        window: Seconds of a window.

    Raises:
        Unmeasurable: One of the two is empty or silent.
    """
    heard = np.asarray(output, np.float64)
    heard = heard - heard.mean() if len(heard) else heard
    wanted, narrow = np.asarray(reference, np.float64), ideal(heard, rate, RATE)
    known = len(narrow) if learned is None else round(learned * RATE)
    whole = align(wanted[:known], narrow[:known], RATE)
    reach = round(REACH * RATE)
    laid = _laid(wanted, round(whole.delay * RATE) + reach, len(narrow) + 2 * reach)
    explained = np.convolve(laid, _learn(laid, narrow[:known], 2 * reach + 1), "valid")
    level = rms(explained[laid[reach : len(laid) - reach] != 0])
    left: Real = _powers(narrow - explained, round(window * RATE))
    if rate > RATE:
        below = ideal(narrow, RATE, rate)
        shared = min(len(below), len(heard))
        above = heard[:shared] - below[:shared]
        images = _powers(above, round(window * rate))
        count = min(len(left), len(images))
        left = left[:count] + images[:count]
    times = np.asarray((np.arange(len(left)) + 0.5) * window, np.float64)
    return Residual(
        whole.delay,
        Series(times, np.array([decibels(float(np.sqrt(power)), level) for power in left], np.float64)),
    )


def _laid(wanted: Real, first: int, count: int) -> Real:
    """The reference in silence of `count` samples, from place `first` on, which may be before the beginning."""
    laid = np.zeros(count)
    piece = wanted[max(-first, 0) : max(count - first, 0)]
    laid[max(first, 0) : max(first, 0) + len(piece)] = piece
    return laid


def _learn(laid: Real, heard: Real, taps: int) -> Real:
    """The filter that makes the laid reference most like what is heard, by least squares."""
    rows = np.lib.stride_tricks.sliding_window_view(laid, taps)[: len(heard)]
    products: Real = np.zeros((taps, taps))
    shares: Real = np.zeros(taps)
    for start in range(0, len(rows), RATE):
        piece = np.ascontiguousarray(rows[start : start + RATE])
        products += piece.T @ piece
        shares += piece.T @ heard[start : start + RATE]
    # Where the reference has no sound any filter would do: the smallest is taken.
    products[np.diag_indices(taps)] *= 1 + 1e-6
    return np.asarray(np.linalg.solve(products, shares)[::-1], np.float64)


def _powers(samples: Real, size: int) -> Real:
    """The mean power of each whole window."""
    count = len(samples) // size
    squares = samples[: count * size].reshape(count, size) ** 2
    return np.asarray(squares.mean(axis=1), np.float64)
