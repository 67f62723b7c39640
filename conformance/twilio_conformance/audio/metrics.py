"""Metrics: tones fitted by least squares, and gain, distortion, response and noise derived from them.

Each metric measures one property; none alone shows that audio is right. SINAD in particular ignores gain, delay,
length and polarity. Those of a passage leave out EDGE at both ends, where filters settle, and raise `Unmeasurable` if
the output is too short for a fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from twilio_conformance.audio import ulaw
from twilio_conformance.audio.levels import Real, Samples, Unmeasurable, dbm0, decibels, peak_of, rms
from twilio_conformance.audio.passage import Passage
from twilio_conformance.audio.signals import REFERENCE_TONE

EDGE = 0.05
"""Seconds at both ends of a signal, or of a step of it, in which filters settle."""


@dataclass(frozen=True, slots=True, eq=False)
class ToneFit:
    """Tones fitted to samples: x(t) = offset + sum of Re(phasor exp(2 pi i f t)), t = 0 at sample 0.

    Attributes:
        phasors: One for each frequency, in PCM units.
        offset: The DC offset, in PCM units.
        residual: The samples within the edges less the fit, in PCM units.
    """

    phasors: NDArray[np.complex128]
    offset: float
    residual: Real

    @property
    def peaks(self) -> Real:
        """The peaks of the tones, in PCM units."""
        return np.abs(self.phasors)

    @property
    def level_dbm0(self) -> float:
        """The level of everything but DC, in dBm0; breaks in a tone's phase do not lower it."""
        return dbm0(float(np.hypot(np.linalg.norm(self.peaks) / np.sqrt(2), rms(self.residual))))

    @property
    def sinad_db(self) -> float:
        """RMS of the tones over RMS of everything else but DC, in dB; FLOOR_DB if there is no tone."""
        return decibels(float(np.linalg.norm(self.peaks)) / np.sqrt(2), rms(self.residual))


def fit_tones(
    samples: Samples | Real, rate: int, frequencies: Sequence[float] | Real, *, edge: float = 0.0
) -> ToneFit:
    """Fit tones of known frequencies and a DC offset together (the three-parameter fit of IEEE 1057).

    Args:
        samples: In PCM units.
        rate: Their sampling rate, in Hz.
        frequencies: In Hz, below half the rate.
        edge: Seconds to leave out at both ends.

    Returns:
        The fit. For one tone at 37 dB SINAD in half a second at 8 kHz, the level is good to 0.01 dB, SINAD to 0.3 dB.

    Raises:
        Unmeasurable: There are fewer than 4 samples for each unknown, or a tone is not below half the rate.
    """
    tones = np.asarray(frequencies, np.float64)
    cut = round(edge * rate)
    inner = np.asarray(samples, np.float64)[cut : len(samples) - cut]
    if len(inner) < 4 * (2 * len(tones) + 1):
        raise Unmeasurable(f"{len(inner)} samples are too few for {len(tones)} tones")
    if tones.max() >= rate / 2:
        raise Unmeasurable(f"{tones.max():g} Hz cannot exist at {rate} Hz")
    turns = tones / rate
    waves = np.exp(2j * np.pi * np.outer(np.arange(cut, cut + len(inner)), turns))
    # Sums of products of waves have a closed form (the Dirichlet kernel). It avoids a large matrix product, whose
    # BLAS threads spin for long on a busy machine.
    both = np.concatenate((turns, -turns, [0.0]))
    apart = both[None, :] - both[:, None]
    kernel = len(inner) * np.sinc(len(inner) * apart) / np.sinc(apart)
    products = kernel * np.exp(2j * np.pi * apart * (cut + (len(inner) - 1) / 2))
    shares = np.conj(np.einsum("n,nk->k", inner, waves))
    found = np.linalg.solve(products, np.concatenate((shares, np.conj(shares), [inner.sum()])))
    phasors, offset = 2 * found[: len(tones)], float(found[-1].real)
    return ToneFit(phasors, offset, inner - offset - np.einsum("nk,k->n", waves, phasors).real)


@lru_cache(maxsize=256)
def ideal_sinad(level: float, frequency: float = REFERENCE_TONE, rate: int = 8000) -> float:
    """Return the SINAD of ideal μ-law, in dB, measured over four seconds of a sine of this level in dBm0."""
    tone = peak_of(level) * np.sin(2 * np.pi * frequency / rate * np.arange(4 * rate))
    return fit_tones(ulaw.decode(ulaw.encode(np.rint(tone))), rate, [frequency]).sinad_db


@dataclass(frozen=True, slots=True, eq=False)
class LevelCurve:
    """SINAD and gain of a path for a sine, in dB, at each of `levels` in dBm0."""

    levels: Real
    sinad_db: Real
    gain_db: Real


def level_curve(
    passage: Passage, frequency: float, levels: Sequence[float], *, delay: float = 0.0
) -> LevelCurve:
    """Measure SINAD and gain at each step of a `signals.level_ladder`.

    Gain is relative to the level given, not the quantised one; it is the median over pieces of 5 ms, so that breaks
    of the phase do not lower it.

    Args:
        passage: A passage whose signal is the ladder and nothing else.
        frequency: Of the sine, in Hz.
        levels: Of the steps, in dBm0.
        delay: The group delay of the path, in seconds.

    Returns:
        The curve, without the steps that are not complete in the output.
    """
    seconds = len(passage.signal) / passage.rate_in / len(levels)
    output, rate = passage.output, passage.rate_out
    steps = (
        output[max(round((i * seconds + delay) * rate), 0) : round(((i + 1) * seconds + delay) * rate)]
        for i in range(len(levels))
    )
    whole = [step for step in steps if len(step) >= round((seconds - EDGE) * rate)]
    fits = [fit_tones(step, rate, [frequency], edge=EDGE) for step in whole]
    kept = np.array(levels[: len(fits)], np.float64)
    peaks = [_peak_of_pieces(step, rate, frequency) for step in whole]
    gains = np.array([decibels(peak, peak_of(level)) for peak, level in zip(peaks, kept, strict=True)])
    return LevelCurve(kept, np.array([f.sinad_db for f in fits]), gains)


def _peak_of_pieces(samples: Samples, rate: int, frequency: float) -> float:
    """Return the median peak of pieces of 5 ms; fewer than half of them contain a break at a border of 20 ms."""
    cut, size = round(EDGE * rate), rate // 200
    places = range(cut, len(samples) - cut - size + 1, size)
    return float(np.median([fit_tones(samples[at : at + size], rate, [frequency]).peaks[0] for at in places]))


def response(passage: Passage, frequencies: Sequence[float]) -> Real:
    """Return the gain in dB of each tone of a multi-tone, which is the signal of a passage.

    Through μ-law it is good to 0.1 dB in a second.
    """
    before = fit_tones(passage.signal, passage.rate_in, frequencies, edge=EDGE)
    after = fit_tones(passage.output, passage.rate_out, frequencies, edge=EDGE)
    return np.array([decibels(b, a) for a, b in zip(before.peaks, after.peaks, strict=True)])


def folded(frequency: float, rate: int) -> float:
    """Return the frequency in Hz that a tone has after sampling at `rate` without a filter."""
    return abs(frequency - rate * round(frequency / rate))


def alias_db(passage: Passage, frequency: float) -> float:
    """Return the level, in dB, of the alias of a tone above half the rate of the output relative to the tone given.

    Through μ-law the floor is about -70 dB for a tone of 0 dBm0; an alias below the smallest step disappears, which
    gives FLOOR_DB.
    """
    given = fit_tones(passage.signal, passage.rate_in, [frequency], edge=EDGE)
    alias = fit_tones(passage.output, passage.rate_out, [folded(frequency, passage.rate_out)], edge=EDGE)
    return decibels(alias.peaks[0], given.peaks[0])


def images_db(passage: Passage, frequency: float) -> dict[float, float]:
    """Return the images of a tone after a path to a higher rate, at k * rate_in ± frequency, in Hz.

    Args:
        passage: A passage whose signal is the tone.
        frequency: Of the tone, in Hz.

    Returns:
        The level of each image, in dB relative to the tone given.

    Raises:
        Unmeasurable: No image is below half the rate of the output.
    """
    centres = np.arange(1, passage.rate_out // passage.rate_in + 1) * float(passage.rate_in)
    places = np.sort(np.concatenate((centres - frequency, centres + frequency)))
    places = places[places < passage.rate_out / 2]
    if not len(places):
        raise Unmeasurable(f"no image of {frequency:g} Hz below {passage.rate_out / 2:g} Hz")
    given = fit_tones(passage.signal, passage.rate_in, [frequency], edge=EDGE).peaks[0]
    after = fit_tones(passage.output, passage.rate_out, [frequency, *places], edge=EDGE).peaks[1:]
    levels = (decibels(peak, given) for peak in after)
    return dict(zip(places.tolist(), levels, strict=True))


def dc_offset(samples: Samples | Real) -> float:
    """Return the mean, in PCM units; raise Unmeasurable if there are no samples."""
    if not len(samples):
        raise Unmeasurable("no samples")
    return float(np.mean(samples))


def idle_noise_dbm0(samples: Samples | Real) -> float:
    """Return the unweighted RMS without DC, in dBm0: the idle-channel noise if silence was given."""
    return dbm0(rms(np.asarray(samples, np.float64) - dc_offset(samples)))


def difference_db(first: Samples, second: Samples) -> float:
    """Return the RMS of the difference of two outputs over their common length, relative to the first, in dB."""
    common = min(len(first), len(second))
    steps = second[:common].astype(np.float64) - first[:common]
    return decibels(rms(steps), rms(first[:common]))
