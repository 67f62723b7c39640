"""Levels: decibels, dBm0 and dBFS, the units every signal and measurement uses.

PCM units are int16 steps. A sine whose peak is 32,768 has 0 dBFS (so does any signal of the same RMS).
A sine whose peak just reaches the mu-law encoder's last decision value, 8159 of 14 bits or 32,636 of 16,
has +3.17 dBm0 (ITU-T G.711, theoretical load capacity). Hence dBFS = dBm0 - 3.205.
"""

import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Real = NDArray[np.float64]

FULL_SCALE = 32768.0
"""Peak of a sine of 0 dBFS, in PCM units."""

ULAW_PEAK = 4.0 * 8159
"""Peak of the largest sine that the mu-law encoder carries without overload, in PCM units."""

ULAW_PEAK_DBM0 = 3.17
"""Level of that sine, in dBm0."""

FLOOR_DB = -120.0
"""No level or ratio is reported below this, or above its negative: reports stay finite."""


class Unmeasurable(ValueError):
    """There is nothing to measure: the audio is empty, silent, or too short for the measurement."""


def decibels(amplitude: float, reference: float = 1.0) -> float:
    """Return 20 log10(amplitude / reference), within FLOOR_DB and -FLOOR_DB; FLOOR_DB for 0 over 0."""
    if amplitude <= 0:
        return FLOOR_DB
    if reference <= 0:
        return -FLOOR_DB
    return min(max(20 * math.log10(amplitude / reference), FLOOR_DB), -FLOOR_DB)


def peak_of(dbm0: float) -> float:
    """Return the peak, in PCM units, of a sine of that level in dBm0."""
    return ULAW_PEAK * float(10 ** ((dbm0 - ULAW_PEAK_DBM0) / 20))


def rms(samples: Samples | Real) -> float:
    """Return the root mean square in PCM units; 0 for no samples."""
    if not len(samples):
        return 0.0
    return float(np.sqrt(np.mean(np.square(np.asarray(samples, np.float64)))))


def dbm0(root_mean_square: float) -> float:
    """Return the level in dBm0 of a signal of that RMS, in PCM units; not below FLOOR_DB."""
    return decibels(root_mean_square, peak_of(0.0) / math.sqrt(2))


def dbfs(root_mean_square: float) -> float:
    """Return the level in dBFS of a signal of that RMS, in PCM units; not below FLOOR_DB."""
    return decibels(root_mean_square, FULL_SCALE / math.sqrt(2))
