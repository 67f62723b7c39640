"""Levels: decibels and dBm0, the units of every signal and measurement.

A PCM unit is one step of int16. A sine whose peak just reaches the μ-law encoder's last decision value, 8159 of
14 bits or 32,636 of 16, has +3.17 dBm0 (ITU-T G.711, theoretical load capacity).
"""

import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
"""One-dimensional mono audio, int16, in PCM units."""

Real = NDArray[np.float64]
"""A one-dimensional array of float64: mono audio in PCM units, or values as documented where it is used."""

FULL_SCALE = 32768.0
"""Magnitude of the most negative int16 sample, in PCM units."""

ULAW_PEAK = 4.0 * 8159
"""Peak of the largest sine that μ-law encodes without overload, in PCM units."""

ULAW_PEAK_DBM0 = 3.17
"""Level of that sine, in dBm0."""

FLOOR_DB = -120.0
"""Lower bound of every level and ratio in dB, and the upper bound with its sign changed, so that reports stay finite."""


class Unmeasurable(ValueError):
    """The audio is empty, silent, or too short for the measurement."""


def decibels(amplitude: float, reference: float = 1.0) -> float:
    """Return 20 log10(amplitude / reference), within FLOOR_DB and -FLOOR_DB; FLOOR_DB if both are 0."""
    if amplitude <= 0:
        return FLOOR_DB
    if reference <= 0:
        return -FLOOR_DB
    return min(max(20 * math.log10(amplitude / reference), FLOOR_DB), -FLOOR_DB)


def peak_of(dbm0: float) -> float:
    """Return the peak, in PCM units, of a sine of this level in dBm0."""
    return ULAW_PEAK * float(10 ** ((dbm0 - ULAW_PEAK_DBM0) / 20))


def rms(samples: Samples | Real) -> float:
    """Return the root mean square in PCM units; 0 for no samples."""
    if not len(samples):
        return 0.0
    return float(np.sqrt(np.mean(np.square(np.asarray(samples, np.float64)))))


def dbm0(root_mean_square: float) -> float:
    """Return the level in dBm0 of a signal of this RMS in PCM units; at least FLOOR_DB."""
    return decibels(root_mean_square, peak_of(0.0) / math.sqrt(2))
