"""G.711 μ-law, derived from the definition of its decision values.

ITU-T G.711 defines 128 intervals for each sign on a 14-bit scale: 8 segments of 16, with steps that double from
segment to segment, and a first interval of half the width. A code decodes to the middle of its interval. 16-bit PCM is
four times that scale. A sample equal to a decision value belongs to the interval above it, for both signs, as in the
reference software of the ITU (G.191).
"""

import numpy as np
from numpy.typing import NDArray

from twilio_conformance.audio.levels import Real, Samples

WIRE_RATE = 8000
"""The sampling rate of Twilio's μ-law, in Hz."""

_STEPS = np.concatenate(([1], np.full(15, 2), *(np.full(16, 2 << segment) for segment in range(1, 8))))
DECISION_VALUES: NDArray[np.int64] = 4 * np.concatenate(([0], np.cumsum(_STEPS)))
"""The 129 decision values of one sign, in PCM units: 0, 4, 12, ..., 32,636."""

_MIDDLES = 2 * (DECISION_VALUES[:-1] + DECISION_VALUES[1:]) // 4
_MIDDLES[0] = 0

# Codes count down from 0xFF (+0) to 0x80 and from 0x7F (-0) to 0x00 as the magnitude grows.
DECODED: Samples = np.concatenate((-_MIDDLES[::-1], _MIDDLES[::-1])).astype(np.int16)
"""The int16 value of each of the 256 codes, in code order."""

_THRESHOLDS = np.concatenate((-DECISION_VALUES[127:0:-1], DECISION_VALUES[:128]))
_CODES = np.concatenate((np.arange(0x00, 0x80), np.arange(0xFF, 0x7F, -1))).astype(np.uint8)


def _codes(samples: Samples | Real) -> NDArray[np.uint8]:
    return _CODES[np.searchsorted(_THRESHOLDS, samples, side="right")]


_ENCODED = _codes(np.arange(1 << 16, dtype=np.uint16).view(np.int16))


def decode(codes: bytes | NDArray[np.uint8]) -> Samples:
    """Decode μ-law codes, one sample for each code."""
    octets = np.frombuffer(codes, np.uint8) if isinstance(codes, bytes) else codes
    return DECODED[octets]


def encode(samples: Samples | Real) -> bytes:
    """Encode samples in PCM units as μ-law codes; samples beyond the last decision value saturate."""
    if samples.dtype == np.int16:
        # Look up int16 samples: a search would dominate the time of minutes of audio.
        return _ENCODED[samples.view(np.uint16)].tobytes()
    return _codes(samples).tobytes()
