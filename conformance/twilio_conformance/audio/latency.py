"""Latency: how late the content of an output is, in total and window by window, and where it jumps."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from twilio_conformance.audio.alignment import align, cross_correlation, ideal, peak_place
from twilio_conformance.audio.levels import Real, Samples, Unmeasurable
from twilio_conformance.audio.passage import Passage, Series

TRUSTED = 0.7
"""The correlation below which a window does not tell the delay."""


@dataclass(frozen=True, slots=True, eq=False)
class Latency:
    """The delay of a path, in seconds.

    Attributes:
        withheld: `Passage.withheld`.
        group_delay: The delay of the content within the output.
        correlation: The correlation at that delay; if it is low, the content is not recognised and the delay
            means nothing.
    """

    withheld: Series
    group_delay: float
    correlation: float

    @property
    def added(self) -> float:
        """Total added latency: the most audio withheld after any call, and the group delay.

        By this much the content is later, in gapless playback, than through a path that returns each chunk at
        once. In a bursty path the sample that waits longest decides. Exact for chunks of one size; lost audio
        counts as withheld.
        """
        # Output without input shortens no wait.
        return max(float(self.withheld.values.max()), 0.0) + self.group_delay

    @property
    def missing_end(self) -> float:
        """Seconds at the end of the signal whose content has not come out."""
        return float(self.withheld.values[-1]) + self.group_delay


def latency(passage: Passage, reference: Samples | Real | None = None) -> Latency:
    """Measure the delay of a passage against the ideal output, which is computed by default."""
    if reference is None:
        reference = ideal(passage.signal, passage.rate_in, passage.rate_out)
    found = align(reference, passage.output, passage.rate_out)
    return Latency(passage.withheld, found.delay, found.correlation)


@dataclass(frozen=True, slots=True)
class Slip:
    """A jump of the content at a time of the output: seconds below 0 were lost, above 0 inserted."""

    time: float
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class DelayTrack:
    """The delay of the content, window by window.

    Attributes:
        rate: The sampling rate, in Hz.
        times: The middles of the windows in the output, in seconds.
        delays: In seconds.
        correlations: 0 to 1; 0 for windows without sound.
    """

    rate: int
    times: Real
    delays: Real
    correlations: Real

    @property
    def trusted(self) -> Series:
        """The delays of the windows in which the reference is recognised."""
        kept = self.correlations >= TRUSTED
        return Series(self.times[kept], self.delays[kept])

    @property
    def slips(self) -> tuple[Slip, ...]:
        """Jumps of half a sample or more, apart from drift, that last for two windows or more."""
        times, delays = self.trusted.times, self.trusted.values
        if len(times) < 4:
            return ()
        straight = (delays - times * np.median(np.diff(delays) / np.diff(times))) * self.rate
        levels: list[list[int]] = []
        for i, delay in enumerate(straight):
            if not levels or abs(delay - np.median(straight[levels[-1][-3:]])) > 0.25:
                levels.append([])
            levels[-1].append(i)
        found = []
        for before, after in pairwise(level for level in levels if len(level) > 1):
            jump = float(np.median(straight[after[:3]]) - np.median(straight[before[-3:]]))
            if abs(jump) >= 0.5:
                found.append(Slip(float(times[before[-1]] + times[after[0]]) / 2, jump / self.rate))
        return tuple(found)


def delay_track(
    reference: Samples | Real,
    output: Samples | Real,
    rate: int,
    *,
    window: float = 0.04,
    hop: float = 0.04,
    reach: float = 0.3,
) -> DelayTrack:
    """Measure the delay of each window of an output.

    In pitched sound a window may match the next period: use noise to find slips. For `DelayTrack.slips` windows must
    not overlap.

    Args:
        reference: The ideal output, in PCM units.
        output: The output, in PCM units.
        rate: The sampling rate of both, in Hz.
        window: Seconds in a window.
        hop: Seconds from one window to the next.
        reach: The largest delay, in seconds either way.

    Returns:
        The delays, good to about 0.05 sample.

    Raises:
        Unmeasurable: The output is shorter than a window, or the reference is silent.
    """
    wanted, heard = np.asarray(reference, np.float64), np.asarray(output, np.float64)
    size, margin = round(window * rate), round(reach * rate)
    if len(heard) < size or not wanted.any():
        raise Unmeasurable("the audio is shorter than a window, or silent")
    heard = heard - heard.mean()
    starts = np.arange(0, len(heard) - size + 1, max(round(hop * rate), 1))
    padded = np.pad(wanted, (margin, margin + max(len(heard) - len(wanted), 0)))
    quiet = 1e-4 * size * float(np.mean(wanted**2))
    delays, correlations = np.zeros(len(starts)), np.zeros(len(starts))
    for i, start in enumerate(starts):
        piece = heard[start : start + size]
        place = padded[start : start + size + 2 * margin]
        likeness = cross_correlation(place, piece)[::-1][size - 1 : size + 2 * margin]
        energy = np.concatenate(([0.0], np.cumsum(place**2)))
        local = energy[size:] - energy[: 2 * margin + 1]
        norm = np.sqrt(np.maximum(local, quiet) * max(float(piece @ piece), quiet))
        score = likeness / norm
        at = int(np.abs(score).argmax())
        delays[i] = (margin - peak_place(score, at)) / rate
        correlations[i] = min(abs(score[at]), 1.0)
    return DelayTrack(rate, (starts + size / 2) / rate, delays, correlations)


def timeline(passage: Passage, track: DelayTrack) -> Series:
    """Return how long the sound of each trusted window stayed in the path, in seconds, over the time of the output.

    Counted from the call that gave the window's middle to the call that returned it; 0 if that is the same call.
    """
    trusted = track.trusted
    middles = trusted.times + 0.5 / track.rate  # within a sample, never on a border between calls
    came = np.searchsorted(passage.seconds_given, middles - trusted.values)
    left = np.searchsorted(passage.seconds_received, middles)
    moments, last = passage.seconds_given, len(passage.given) - 1
    return Series(trusted.times, moments[np.clip(left, 0, last)] - moments[np.clip(came, 0, last)])
