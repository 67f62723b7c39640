"""Metrics: tones fitted by least squares, and gain, distortion, response and noise derived from them.

Each metric measures one property; none alone shows that audio is right. SINAD in particular ignores gain, delay,
length and polarity. `edge`, in seconds, leaves out both ends of the samples, where filters settle. `Unmeasurable` is
raised wherever a fit has too few samples.
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


@dataclass(frozen=True, slots=True, eq=False)
class ToneFit:
    """Tones fitted to samples: x(t) = offset + sum of Re(phasor exp(2 pi i f t)), t = 0 at sample 0.

    Attributes:
        frequencies: In Hz.
        phasors: One for each frequency, in PCM units.
        offset: The DC offset, in PCM units.
        residual: The samples within the edges less the fit, in PCM units.
    """

    frequencies: Real
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

    For one tone at 37 dB SINAD in half a second at 8 kHz, the level is good to 0.01 dB and SINAD to 0.3 dB.

    Args:
        samples: In PCM units.
        rate: Their sampling rate, in Hz.
        frequencies: In Hz, below half the rate.
        edge: Seconds to leave out at both ends.

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
    return ToneFit(tones, phasors, offset, inner - offset - np.einsum("nk,k->n", waves, phasors).real)


@lru_cache(maxsize=256)
def ideal_sinad(level: float, frequency: float = REFERENCE_TONE, rate: int = 8000) -> float:
    """Return the SINAD of ideal μ-law, in dB, measured over four seconds of a sine.

    Args:
        level: In dBm0.
        frequency: In Hz.
        rate: The sampling rate, in Hz.
    """
    tone = peak_of(level) * np.sin(2 * np.pi * frequency / rate * np.arange(4 * rate))
    return fit_tones(ulaw.decode(ulaw.encode(np.rint(tone))), rate, [frequency]).sinad_db


@dataclass(frozen=True, slots=True, eq=False)
class LevelCurve:
    """SINAD and gain of a path for a sine, in dB, at each of `levels` in dBm0."""

    levels: Real
    sinad_db: Real
    gain_db: Real


def level_curve(
    passage: Passage,
    frequency: float,
    levels: Sequence[float],
    *,
    delay: float = 0.0,
    edge: float = 0.05,
) -> LevelCurve:
    """Measure SINAD and gain at each step of a `signals.level_ladder`.

    Gain is relative to the level given, not the quantised one; it is the median over pieces of 5 ms, so that breaks
    of the phase do not lower it.

    Args:
        passage: A passage whose signal is the ladder and nothing else.
        frequency: Of the sine, in Hz.
        levels: Of the steps, in dBm0.
        delay: The group delay of the path, in seconds.
        edge: Seconds to leave out at both ends of a step.

    Returns:
        The curve, without the steps that are not complete in the output.
    """
    seconds = len(passage.signal) / passage.rate_in / len(levels)
    output, rate = passage.output, passage.rate_out
    steps = (
        output[max(round((i * seconds + delay) * rate), 0) : round(((i + 1) * seconds + delay) * rate)]
        for i in range(len(levels))
    )
    whole = [step for step in steps if len(step) >= round((seconds - edge) * rate)]
    fits = [fit_tones(step, rate, [frequency], edge=edge) for step in whole]
    kept = np.array(levels[: len(fits)], np.float64)
    peaks = [_peak_of_pieces(step, rate, frequency, edge) for step in whole]
    gains = np.array([decibels(peak, peak_of(level)) for peak, level in zip(peaks, kept, strict=True)])
    return LevelCurve(kept, np.array([f.sinad_db for f in fits]), gains)


def _peak_of_pieces(samples: Samples, rate: int, frequency: float, edge: float) -> float:
    """Return the median peak of pieces of 5 ms; fewer than half of them contain a break at a border of 20 ms."""
    cut, size = round(edge * rate), rate // 200
    places = range(cut, len(samples) - cut - size + 1, size)
    return float(np.median([fit_tones(samples[at : at + size], rate, [frequency]).peaks[0] for at in places]))


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """A frequency response.

    Attributes:
        frequencies: In Hz.
        gain_db: The gain at each frequency, in dB.
        group_delay: Between neighbouring frequencies, in seconds.
    """

    frequencies: Real
    gain_db: Real
    group_delay: Real

    def relative_db(self, frequency: float = REFERENCE_TONE) -> Real:
        """Return the gains, in dB, relative to the gain at the tone nearest to `frequency` in Hz."""
        return self.gain_db - float(self.gain_db[np.abs(self.frequencies - frequency).argmin()])


def response(
    passage: Passage, frequencies: Sequence[float], *, delay: float = 0.0, edge: float = 0.05
) -> Response:
    """Compare the tones of a multi-tone before and after a path.

    Through μ-law the gain is good to 0.1 dB in a second. Group delay is the slope of the phase between neighbouring
    tones, good to about 20 µs through μ-law.

    Args:
        passage: A passage whose signal is the multi-tone.
        frequencies: Of the tones, in Hz.
        delay: The path's delay from `latency`, in seconds; the group delay is unambiguous within half a period of the
            tones' spacing around it.
        edge: Seconds to leave out at both ends.
    """
    before = fit_tones(passage.signal, passage.rate_in, frequencies, edge=edge)
    after = fit_tones(passage.output, passage.rate_out, frequencies, edge=edge)
    gains = np.array([decibels(b, a) for a, b in zip(before.peaks, after.peaks, strict=True)])
    turned = after.phasors / before.phasors * np.exp(2j * np.pi * before.frequencies * delay)
    slope = np.angle(turned[1:] / turned[:-1]) / (2 * np.pi * np.diff(before.frequencies))
    return Response(before.frequencies, gains, delay - slope)


def folded(frequency: float, rate: int) -> float:
    """Return the frequency in Hz that a tone has after sampling at `rate` without a filter."""
    return abs(frequency - rate * round(frequency / rate))


def alias_db(passage: Passage, frequency: float, *, edge: float = 0.05) -> float:
    """Return the level of a tone's alias relative to the tone given, in dB.

    Through μ-law the floor is about -70 dB for a tone of 0 dBm0; an alias below the smallest step disappears, which
    gives FLOOR_DB.

    Args:
        passage: A passage whose signal is the tone.
        frequency: Of the tone, in Hz; above half the rate of the output.
        edge: Seconds to leave out at both ends.
    """
    given = fit_tones(passage.signal, passage.rate_in, [frequency], edge=edge)
    alias = fit_tones(passage.output, passage.rate_out, [folded(frequency, passage.rate_out)], edge=edge)
    return decibels(alias.peaks[0], given.peaks[0])


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """The images of a tone after a path to a higher rate: in Hz, with levels in dB relative to the tone given."""

    frequencies: Real
    levels_db: Real

    @property
    def worst_db(self) -> float:
        """The level of the strongest image, in dB."""
        return float(self.levels_db.max())


def images(passage: Passage, frequency: float, *, edge: float = 0.05) -> Images:
    """Measure the images of a tone after a path to a higher rate, at k * rate_in ± frequency.

    Args:
        passage: A passage whose signal is the tone.
        frequency: Of the tone, in Hz.
        edge: Seconds to leave out at both ends.

    Raises:
        Unmeasurable: No image is below half the rate of the output.
    """
    centres = np.arange(1, passage.rate_out // passage.rate_in + 1) * float(passage.rate_in)
    places = np.sort(np.concatenate((centres - frequency, centres + frequency)))
    places = places[places < passage.rate_out / 2]
    if not len(places):
        raise Unmeasurable(f"no image of {frequency:g} Hz below {passage.rate_out / 2:g} Hz")
    given = fit_tones(passage.signal, passage.rate_in, [frequency], edge=edge).peaks[0]
    after = fit_tones(passage.output, passage.rate_out, [frequency, *places], edge=edge).peaks[1:]
    return Images(places, np.array([decibels(peak, given) for peak in after]))


def dc_offset(samples: Samples | Real) -> float:
    """Return the mean, in PCM units.

    Raises:
        Unmeasurable: There are no samples.
    """
    if not len(samples):
        raise Unmeasurable("no samples")
    return float(np.mean(samples))


def idle_noise_dbm0(samples: Samples | Real) -> float:
    """Return the unweighted RMS without DC, in dBm0: the idle-channel noise if silence was given."""
    return dbm0(rms(np.asarray(samples, np.float64) - dc_offset(samples)))


@dataclass(frozen=True, slots=True)
class Difference:
    """How a second output differs from a first.

    Attributes:
        length: By how many samples it is longer.
        rms_db: The RMS of the difference over the common length, relative to that of the first, in dB.
    """

    length: int
    rms_db: float


def difference(first: Samples, second: Samples) -> Difference:
    """Compare two outputs of the same signal, sample by sample, without aligning them."""
    common = min(len(first), len(second))
    steps = second[:common].astype(np.float64) - first[:common]
    return Difference(len(second) - len(first), decibels(rms(steps), rms(first[:common])))
