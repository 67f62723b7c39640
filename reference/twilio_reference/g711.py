"""G.711 mu-law: codes to 16-bit PCM and back.

The standard leaves no freedom in decoding, so Python's own decoder serves (`audioop`, from 3.13
on the package audioop-lts; either way Pipecat brings it). Encoders differ. This one is that of
the ITU-T software tool library (G.191): it works on the upper 14 bits of a sample and takes a
negative sample by its one's complement, so that -1 to -3 are silence as 0 to 3 are.
"""

import audioop
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_SAMPLE_BITS: Final = np.dtype("<u2")


def _compress(samples: NDArray[np.int64]) -> NDArray[Any]:
    negative = samples < 0
    magnitude = np.where(negative, ~samples, samples) >> 2
    biased = np.minimum(magnitude + 33, 8191)
    exponent = np.frexp(biased)[1] - 6
    mantissa = biased >> (exponent + 1) & 15
    code: NDArray[Any] = ~(np.where(negative, 128, 0) | exponent << 4 | mantissa)
    return code.astype(np.uint8)


_CODES: Final = _compress(np.arange(65536, dtype=_SAMPLE_BITS).view("<i2").astype(np.int64))
"""The code of each sample, indexed by the sample's 16 bits read as unsigned."""


def decode(codes: bytes) -> bytes:
    """Expand mu-law codes.

    Args:
        codes: One code a byte.

    Returns:
        As many signed 16-bit little-endian samples, from -32124 to 32124.
    """
    return audioop.ulaw2lin(codes, 2)


def encode(pcm: bytes) -> bytes:
    """Compress samples to mu-law.

    Args:
        pcm: Signed 16-bit little-endian samples.

    Returns:
        One code a sample.

    Raises:
        ValueError: The length is odd.
    """
    return _CODES.take(np.frombuffer(pcm, _SAMPLE_BITS)).tobytes()
