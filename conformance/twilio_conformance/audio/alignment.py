"""Alignment: where the content of an output is, against an ideal reference at the same rate.

Delays come from content, by cross-correlation, never from counting. References come from closed forms
(`signals` at the output's rate) or from `ideal`. All functions raise Unmeasurable for empty or silent
audio. Give them signals that repeat nowhere: noise, sweeps, speech; a steady tone has no unique delay.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import soxr
from numpy.typing import NDArray

from twilio_conformance.audio.levels import FULL_SCALE, Real, Samples, Unmeasurable, dbm0, decibels, rms

MIN_CORRELATION = 0.5
"""The correlation from which on an output is taken for its reference: strangers reach 0.1, and no response or phase
that is permitted takes more than 0.2 of it."""


def ideal(samples: Samples | Real, rate_in: int, rate_out: int) -> Real:
    """Return samples resampled in one piece by soxr VHQ: linear phase, no delay, PCM units, not rounded."""
    signal = np.asarray(samples, np.float64)
    if rate_in == rate_out:
        return signal
    return np.asarray(soxr.resample(signal, rate_in, rate_out, quality="VHQ"), np.float64)


@dataclass(frozen=True, eq=False)
class Alignment:
    """An output laid over its reference.

    `delay` is in seconds, positive when the output is late: the one delay that fits the whole signal best.
    For linear phase that is the group delay; for other filters it is the phase delay, weighted by the
    signal's energy (`metrics.response` gives the group delay over frequency). `reference` is the reference
    moved by that delay, `output` the output, both cut to their overlap, which starts at sample `start` of
    the output, and without their means: DC is a number of its own (`metrics.dc_offset`).
    """

    rate: int
    delay: float
    start: int
    reference: Real
    output: Real

    @cached_property
    def gain(self) -> float:
        """The factor that makes the reference most like the output; negative for inverted polarity."""
        return float(np.sum(self.reference * self.output) / np.sum(self.reference**2))

    @property
    def gain_db(self) -> float:
        """The gain in dB, whatever the polarity."""
        return decibels(abs(self.gain))

    @property
    def polarity(self) -> int:
        """1 for the sign given, -1 for inverted audio."""
        return -1 if self.gain < 0 else 1

    @property
    def correlation(self) -> float:
        """Likeness of the waveforms: 1 when equal but for gain, about 0 for unrelated audio."""
        return abs(self.gain) * rms(self.reference) / rms(self.output)

    @cached_property
    def residual(self) -> Real:
        """What is left of the output without the reference at its gain, in PCM units."""
        return self.output - self.gain * self.reference

    @property
    def snr_db(self) -> float:
        """RMS of the reference at its gain over RMS of the residual; a sloping response lowers it."""
        return decibels(abs(self.gain) * rms(self.reference), rms(self.residual))

    def missing(self, seconds: float) -> float:
        """Seconds of the end of the reference, which lasts so many, that are not in the output."""
        return seconds + self.delay - (self.start + len(self.output)) / self.rate

    @property
    def wraps(self) -> int:
        """Runs of samples that miss the reference by more than three quarters of the int16 range: peaks that wrapped.

        A wrap misses by the whole range, saturation by far less, and a turned phase by half of it. Only a signal near
        full scale can show a wrap, and only an output whose content is recognised.
        """
        wild = np.abs(self.output - self.polarity * self.reference) > 1.5 * FULL_SCALE
        return int(np.count_nonzero(np.diff(wild, prepend=False, append=False)) // 2)


def peak_place(correlation: Real, at: int) -> float:
    """Return the exact place of a peak, by band-limited interpolation; good to about 0.01 sample."""
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
    """Return samples delayed by a fraction of a sample, same length, by a phase ramp."""
    if abs(fraction) < 1e-4:
        return samples
    count = 1 << (len(samples) + 256).bit_length()
    spectrum = np.fft.rfft(samples, count)
    spectrum *= np.exp(-2j * np.pi * fraction * np.arange(len(spectrum)) / count)
    return np.fft.irfft(spectrum, count)[: len(samples)]


def cross_correlation(reference: Real, output: Real) -> Real:
    """Return the cross-correlation; entry i is for an output i - (len(reference) - 1) samples late."""
    count = 1 << (len(reference) + len(output)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(output, count) * np.fft.rfft(reference[::-1], count), count)
    return cross[: len(reference) + len(output) - 1]


def align(
    reference: Samples | Real, output: Samples | Real, rate: int, *, reach: float | None = None
) -> Alignment:
    """Lay an output over its reference, both at `rate`; look for delays within +-`reach` seconds, or all.

    The error is under 0.02 sample at 20 dB SNR and more, from some hundred samples on. An output that is a
    piece of its reference is found in it.
    """
    wanted, heard = np.asarray(reference, np.float64), np.asarray(output, np.float64)
    if not wanted.any() or not heard.any():
        raise Unmeasurable("the audio is empty or silent")
    likeness = cross_correlation(wanted, heard - heard.mean())
    zero = len(wanted) - 1
    lags = np.arange(len(likeness)) - zero
    if reach is not None:
        lags = lags[np.abs(lags) <= round(reach * rate)]
    # The delay explains most of the output's energy; plain correlation would run to the loudest passage.
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
    """Lay an output over its reference; None where it is empty or silent, or something else."""
    try:
        found = align(reference, output, rate)
    except Unmeasurable:
        return None
    return found if found.correlation > MIN_CORRELATION else None


@dataclass(frozen=True, slots=True)
class Gap:
    """Silence in an output where its reference has sound: `start` in the output, both in seconds."""

    start: float
    seconds: float


def gaps(alignment: Alignment, *, drop_db: float = 20.0, frame: float = 0.005) -> tuple[Gap, ...]:
    """Find runs of frames at least `drop_db` below a reference of over -50 dBm0. Resolution: one frame."""
    size = round(frame * alignment.rate)
    count = len(alignment.output) // size
    heard, wanted = (
        np.sqrt(np.mean(x[: count * size].reshape(count, size) ** 2, axis=1))
        for x in (alignment.output, abs(alignment.gain) * alignment.reference)
    )
    audible = np.array([dbm0(level) > -50 for level in wanted], bool)
    missing = audible & (heard <= wanted * 10 ** (-drop_db / 20))
    edges = np.flatnonzero(np.diff(missing, prepend=False, append=False)).reshape(-1, 2)
    return tuple(
        Gap((alignment.start + int(first) * size) / alignment.rate, int(last - first) * size / alignment.rate)
        for first, last in edges
    )


def at_borders(count: int, borders: Real, rate: int, *, width: float = 0.001) -> NDArray[np.bool_]:
    """Tell which of `count` samples lie within +-`width` seconds of the borders, which are in samples too."""
    near = np.zeros(count, bool)
    reach = max(round(width * rate), 1)
    for border in np.rint(borders).astype(int):
        near[max(border - reach, 0) : max(border + reach, 0)] = True
    return near


def border_excess_db(residual: Real, borders: Real, rate: int, *, width: float = 0.001) -> float:
    """Return the RMS of a residual within +-`width` seconds of the borders over its RMS elsewhere, in dB.

    About 0 for a path without clicks. `borders` are in samples of the residual: a passage's borders, plus
    the delay, less an alignment's start. Raises Unmeasurable when one of the two sides has no sample.
    """
    near = at_borders(len(residual), borders, rate, width=width)
    if near.all() or not near.any():
        raise Unmeasurable("no border, or nothing but borders, within the residual")
    return decibels(rms(residual[near]), rms(residual[~near]))
