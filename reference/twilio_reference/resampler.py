"""A streaming sample-rate converter: polyphase FIR, linear phase, two milliseconds of delay.

The filter is a Kaiser-windowed sinc, 16 samples of the slower rate to each side. With 8 kHz on
one side it is flat to 3.4 kHz and rejects from 4.6 kHz on; docs/resamplers.md has the figures.
"""

from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SAMPLE: Final = np.dtype("<i2")

MIN_RATE: Final = 1_000
MAX_RATE: Final = 384_000
"""The rates that a resampler takes, in Hz."""

_REACH: Final = 16
"""Half the filter's length in samples of the slower rate: its group delay."""

_BETA: Final = 7.5
"""Kaiser window: 76 dB of rejection for a transition of 1.2 kHz at this reach and 8 kHz."""

_MAX_TERM: Final = 512
"""Largest term of a ratio. Every usual rate over 8000 reduces to less (44.1 kHz: 441/80)."""

_TILE: Final = 32
"""Output samples of a tile, or a few more: wide enough for one product, narrow enough to hold few zeros."""

_COEFFICIENT_BITS: Final = 32
"""A 16-bit sample times such a coefficient, summed, fits the 53 bits of a double without rounding."""


@lru_cache(maxsize=16)
def _filter(up: int, down: int) -> tuple[int, int, int, NDArray[np.float64]]:
    """Lay the filter out as matrices, each from a window of input to a tile of output.

    A block is the shortest run of output after which the phases repeat, or a multiple of it. One matrix for
    all of a block would be mostly zeros where the block is long, so a long one is cut into tiles.

    Args:
        up: Output samples per ``down`` input samples.
        down: Input samples per ``up`` output samples; the two have no common factor.

    Returns:
        How many input samples a block consumes, how many it needs from before, how many input samples lie
        between the windows of two tiles, and the matrices, of shape (tiles, window, output samples of a tile).
    """
    slow, fast = sorted((up, down))
    repeats = ceil(_REACH / slow)
    step, block = repeats * down, repeats * up
    history = ceil(2 * _REACH * fast / up) - 1
    tiles = max((count for count in range(1, block // _TILE + 1) if block % count == 0), default=1)
    stride, size = step // tiles, block // tiles
    # Distance of an input from the filter's centre for an output, in samples of the slower rate.
    row, column = np.ogrid[-history:step, :block]
    distance = (column * down - row * up) / fast - _REACH
    inside = abs(distance) < _REACH
    near = distance[inside]
    taps = np.zeros(distance.shape)
    taps[inside] = np.sinc(near) * np.i0(_BETA * np.sqrt(1 - (near / _REACH) ** 2))
    # Every phase sums to exactly 1 (no ripple on a constant), in whole multiples of 2**-32.
    one = 2.0**_COEFFICIENT_BITS
    taps = np.rint(taps * (one / taps.sum(axis=0)))
    taps[abs(taps).argmax(axis=0), np.arange(block)] += one - taps.sum(axis=0)
    window = history + step - (tiles - 1) * stride
    cut = [taps[tile * stride :, tile * size :][:window, :size] for tile in range(tiles)]
    return step, history, stride, np.array(cut) / one


class Resampler:
    """Converts one stream of mono 16-bit little-endian PCM from one rate to another.

    After n samples of input, ceil(n * output_rate / input_rate) samples have been given out:
    nothing is held back but what the filter still looks back at, `delay` seconds of it. All
    arithmetic is exact up to the final rounding to 16 bits, so the output is the same to the
    bit whatever the chunks. Equal rates pass through. A ratio with a term above 512 after
    reduction (no usual pair of rates has one) is taken as the nearest that has none, at most
    0.1 % off.
    """

    def __init__(self, input_rate: int, output_rate: int) -> None:
        """Start at silence.

        Args:
            input_rate: In Hz.
            output_rate: In Hz.

        Raises:
            ValueError: A rate is outside MIN_RATE to MAX_RATE.
        """
        slow, fast = sorted((input_rate, output_rate))
        if not MIN_RATE <= slow <= fast <= MAX_RATE:
            raise ValueError(f"sample rates must be from {MIN_RATE} to {MAX_RATE} Hz")
        self.input_rate = input_rate
        self.output_rate = output_rate
        small, large = Fraction(slow, fast).limit_denominator(_MAX_TERM).as_integer_ratio()
        self._up, self._down = (small, large) if input_rate == fast else (large, small)
        self.delay = 0.0 if small == large else _REACH / slow
        self._step, self._history, self._stride, self._taps = _filter(self._up, self._down)
        self.reset()

    def reset(self) -> None:
        """Forget all input so far."""
        self._held = bytes(2 * self._history)  # the input from `history` samples before the block on
        self._given = 0  # output samples of the block that have been given out

    def process(self, pcm: bytes) -> bytes:
        """Convert a chunk of any length.

        Args:
            pcm: Signed 16-bit little-endian samples, an even number of bytes.

        Returns:
            The output that has become due, in the same format; empty if none has.
        """
        if self._up == self._down:
            return pcm
        held = self._held + pcm
        tiles, window, size = self._taps.shape
        block = tiles * size
        received = len(held) // 2 - self._history
        due = -(-received * self._up // self._down)
        blocks = -(-due // block)
        whole = received // self._step
        self._held = held[2 * whole * self._step :]
        if blocks > whole:
            held += bytes(2 * self._step)
        output: NDArray[np.float64]
        if tiles == 1:
            windows = np.ndarray((blocks, window), _SAMPLE, held, 0, (2 * self._step, 2))
            output = windows.astype(np.float64).dot(self._taps[0])
        else:
            shape, strides = (tiles, blocks, window), (2 * self._stride, 2 * self._step, 2)
            cut = np.ndarray(shape, _SAMPLE, held, 0, strides).astype(np.float64, order="C")
            output = np.matmul(cut, self._taps).swapaxes(0, 1)
        output = output.ravel()[self._given : due]
        self._given = due - whole * block
        np.rint(output, out=output)
        output.clip(-32768, 32767, out=output)
        converted: bytes = output.astype(_SAMPLE).tobytes()
        return converted

    def flush(self) -> bytes:
        """Give out the audio still inside the filter, about `delay` seconds, and reset."""
        tail = self.process(bytes(2 * ceil(self.delay * self.input_rate)))
        self.reset()
        return tail


def overlay(tail: bytes, pcm: bytes) -> tuple[bytes, bytes]:
    """Mix what is left of one stream into the beginning of the next.

    Args:
        tail: Signed 16-bit little-endian samples.
        pcm: Samples in the same format.

    Returns:
        `pcm` with the tail in it, and what of the tail is longer than `pcm`.
    """
    shared = min(len(tail), len(pcm))
    mixed = np.frombuffer(tail[:shared], _SAMPLE).astype(np.int32) + np.frombuffer(pcm[:shared], _SAMPLE)
    return mixed.clip(-32768, 32767).astype(_SAMPLE).tobytes() + pcm[shared:], tail[shared:]
