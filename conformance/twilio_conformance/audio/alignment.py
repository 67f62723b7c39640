"""Alignment: where the content of an output is, relative to an ideal reference at the same rate.

Delays are measured by cross-correlation of content, never by counting samples. References come from closed forms
(`signals` at the output's rate) or from `ideal`. Use signals that repeat nowhere, such as noise or sweeps: a steady
tone has no unique delay.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import soxr
from numpy.typing import NDArray

from twilio_conformance.audio.levels import FULL_SCALE, Real, Samples, Unmeasurable, dbm0, rms

MIN_CORRELATION = 0.5
"""The correlation above which an output is taken for its reference: unrelated audio reaches 0.1, and no permitted
response or phase lowers it by more than 0.2."""


def ideal(samples: Samples | Real, rate_in: int, rate_out: int) -> Real:
    """Resample audio in one piece, from one rate in Hz to another, by soxr VHQ: linear phase, no delay, not rounded."""
    signal = np.asarray(samples, np.float64)
    if rate_in == rate_out:
        return signal
    return np.asarray(soxr.resample(signal, rate_in, rate_out, quality="VHQ"), np.float64)


@dataclass(frozen=True, eq=False)
class Alignment:
    """An output aligned with its reference.

    Attributes:
        rate: The sampling rate of both, in Hz.
        delay: Seconds by which the output is late: the one delay that fits the whole signal best. For linear phase
            that is the group delay; for other filters it is the phase delay, weighted by the signal's energy.
        start: The sample of the output where the overlap begins.
        reference: The reference moved by the delay, cut to the overlap, without its mean.
        output: The output, cut to the overlap, without its mean (see `metrics.dc_offset`).
    """

    rate: int
    delay: float
    start: int
    reference: Real
    output: Real

    @cached_property
    def gain(self) -> float:
        """The factor by which the reference fits the output best; negative for inverted polarity."""
        return float(np.sum(self.reference * self.output) / np.sum(self.reference**2))

    @property
    def polarity(self) -> int:
        """1, or -1 for inverted audio."""
        return -1 if self.gain < 0 else 1

    @property
    def correlation(self) -> float:
        """Correlation of the waveforms, 0 to 1: 1 if they differ only in gain, about 0 for unrelated audio."""
        return abs(self.gain) * rms(self.reference) / rms(self.output)

    @cached_property
    def residual(self) -> Real:
        """The output less the reference at its gain, in PCM units."""
        return self.output - self.gain * self.reference

    def missing(self, seconds: float) -> float:
        """Return how many seconds the output lacks at the end of a reference that lasts `seconds`."""
        return seconds + self.delay - (self.start + len(self.output)) / self.rate

    @property
    def wraps(self) -> int:
        """The number of wrapped peaks: runs of samples off by more than three quarters of the int16 range.

        A wrapped sample is off by the whole range, saturation by far less, and a shifted phase by half of it. Only
        a signal near full scale can show a wrap, and only if its content is recognised.
        """
        wild = np.abs(self.output - self.polarity * self.reference) > 1.5 * FULL_SCALE
        return int(np.count_nonzero(np.diff(wild, prepend=False, append=False)) // 2)


def peak_place(correlation: Real, at: int) -> float:
    """Return the exact place of the peak near index `at`, by band-limited interpolation; good to about 0.01 sample."""
    near = np.arange(max(at - 64, 0), min(at + 65, len(correlation)))
    moves = np.arange(-16, 17) / 16
    distance = near[None, :] - (at + moves)[:, None]
    kernel = np.sinc(distance) * np.cos(np.pi * distance / 132) ** 2
    fine = np.abs(kernel @ correlation[near])
    best = min(max(int(fine.argmax()), 1), len(fine) - 2)
    before, top, after = fine[best - 1 : best + 2]
    bend = before - 2 * top + after
    return at + float(moves[best] + (0 if bend == 0 else (before - after) / (2 * bend) / 16))


def _moved(samples: Real, fraction: float) -> Real:
    """Delay samples by a fraction of a sample, by a phase ramp; the length stays the same."""
    if abs(fraction) < 1e-4:
        return samples
    count = 1 << (len(samples) + 256).bit_length()
    spectrum = np.fft.rfft(samples, count)
    spectrum *= np.exp(-2j * np.pi * fraction * np.arange(len(spectrum)) / count)
    return np.fft.irfft(spectrum, count)[: len(samples)]


def cross_correlation(reference: Real, output: Real) -> Real:
    """Return the cross-correlation; entry i is for an output that is i - (len(reference) - 1) samples late."""
    count = 1 << (len(reference) + len(output)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(output, count) * np.fft.rfft(reference[::-1], count), count)
    return cross[: len(reference) + len(output) - 1]


def align(reference: Samples | Real, output: Samples | Real, rate: int) -> Alignment:
    """Align an output with its reference, both in PCM units at `rate` Hz; the output may be a part of its reference.

    Args:
        reference: The ideal output.
        output: The output.
        rate: The sampling rate of both, in Hz.

    Returns:
        The alignment. Its delay is good to 0.02 sample from some hundred samples and 20 dB SNR on.

    Raises:
        Unmeasurable: One of the two is empty or silent, or they do not overlap.
    """
    wanted, heard = np.asarray(reference, np.float64), np.asarray(output, np.float64)
    if not wanted.any() or not heard.any():
        raise Unmeasurable("the audio is empty or silent")
    likeness = cross_correlation(wanted, heard - heard.mean())
    zero = len(wanted) - 1
    lags = np.arange(len(likeness)) - zero
    # Normalize by the energy of the overlap; plain correlation would favour the loudest part.
    energy = np.concatenate(([0.0], np.cumsum(wanted**2)))
    laid = energy[np.clip(len(heard) - lags, 0, len(wanted))] - energy[np.clip(-lags, 0, len(wanted))]
    score = np.abs(likeness[lags + zero]) / np.sqrt(np.maximum(laid, 1e-9 * energy[-1]))
    at = int(lags[score.argmax()]) + zero
    delay = peak_place(likeness, at) - zero
    whole = round(delay)
    start, stop = max(whole, 0), min(len(heard), len(wanted) + whole)
    moved, piece = _moved(wanted, delay - whole)[start - whole : stop - whole], heard[start:stop]
    if len(piece) < 2 or not np.ptp(moved) or not np.ptp(piece):
        raise Unmeasurable("the output and its reference do not overlap")
    return Alignment(rate, delay / rate, start, moved - moved.mean(), piece - piece.mean())


def recognise(reference: Samples | Real, output: Samples | Real, rate: int) -> Alignment | None:
    """Align an output with its reference as `align` does; None if it is empty, silent or something else."""
    try:
        found = align(reference, output, rate)
    except Unmeasurable:
        return None
    return found if found.correlation > MIN_CORRELATION else None


def silent_seconds(alignment: Alignment) -> float:
    """Return for how long an output is 20 dB or more below a reference that is above -50 dBm0, in steps of 5 ms."""
    size = alignment.rate // 200
    count = len(alignment.output) // size
    heard, wanted = (
        np.sqrt(np.mean(x[: count * size].reshape(count, size) ** 2, axis=1))
        for x in (alignment.output, abs(alignment.gain) * alignment.reference)
    )
    audible = np.array([dbm0(level) > -50 for level in wanted], bool)
    return int(np.count_nonzero(audible & (heard <= wanted / 10))) * size / alignment.rate


def at_borders(count: int, borders: Real, rate: int, *, width: float = 0.001) -> NDArray[np.bool_]:
    """Return a mask of `count` samples: which are within `width` seconds of a border, given in samples."""
    near = np.zeros(count, bool)
    reach = max(round(width * rate), 1)
    for border in np.rint(borders).astype(int):
        near[max(border - reach, 0) : max(border + reach, 0)] = True
    return near
