"""Metrics: tones fitted by least squares, and what they tell of gain, distortion, response and noise.

Each number stands for one property; none of them alone says that audio is right. SINAD in particular
ignores gain, delay, length and polarity. All fits are over samples that the caller chooses; `edge`, in
seconds, leaves out both ends, where filters swing in and out.
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
    """Tones found in samples: x(t) = offset + sum of Re(phasor exp(2 pi i f t)), t = 0 at sample 0.

    `phasors` and `offset` (the DC) in PCM units; `residual` is what the fit leaves, of the samples within
    the edges.
    """

    frequencies: Real
    phasors: NDArray[np.complex128]
    offset: float
    residual: Real

    @property
    def peaks(self) -> Real:
        """The tones' peaks, in PCM units."""
        return np.abs(self.phasors)

    @property
    def level_dbm0(self) -> float:
        """Level of all but DC, in dBm0: what breaks a tone's phase takes nothing from it."""
        return dbm0(float(np.hypot(np.linalg.norm(self.peaks) / np.sqrt(2), rms(self.residual))))

    @property
    def sinad_db(self) -> float:
        """RMS of the tones over RMS of all else but DC, in dB; FLOOR_DB when there is no tone."""
        return decibels(float(np.linalg.norm(self.peaks)) / np.sqrt(2), rms(self.residual))


def fit_tones(
    samples: Samples | Real, rate: int, frequencies: Sequence[float] | Real, *, edge: float = 0.0
) -> ToneFit:
    """Fit tones of known frequencies and a DC offset, all at once (IEEE 1057's three-parameter fit).

    For one tone at 37 dB SINAD in half a second at 8 kHz the level is good to 0.01 dB and SINAD to 0.3 dB.
    Raises Unmeasurable when there are fewer than 4 samples an unknown or a tone is above half the rate.
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
    # Sums of products of waves have a closed form (Dirichlet's kernel): no large matrix product is needed,
    # and none of BLAS's threads, which spin for long on a busy machine.
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
    """Return the SINAD, in dB, of ideal mu-law for a sine of that level in dBm0, over four seconds."""
    tone = peak_of(level) * np.sin(2 * np.pi * frequency / rate * np.arange(4 * rate))
    return fit_tones(ulaw.decode(ulaw.encode(np.rint(tone))), rate, [frequency]).sinad_db


@dataclass(frozen=True, slots=True, eq=False)
class LevelCurve:
    """What a path does to a sine at each level: `levels` in dBm0, `sinad_db` and `gain_db` in dB."""

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
    """Measure SINAD and gain at each step of a `signals.level_ladder`, given the path's group delay.

    The ladder is all of the signal given. Steps that the output does not hold whole are left out: compare
    the length of the curve with that of `levels`. Gain is the median of pieces of 5 ms, from which breaks
    of the phase take nothing, against the level given, not the one quantised.
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
    """The median of pieces: fewer than half of them hold a break, wherever the breaks of 20 ms fall."""
    cut, size = round(edge * rate), rate // 200
    places = range(cut, len(samples) - cut - size + 1, size)
    return float(np.median([fit_tones(samples[at : at + size], rate, [frequency]).peaks[0] for at in places]))


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """A frequency response: `gain_db` at each of `frequencies`, `group_delay` in seconds between them."""

    frequencies: Real
    gain_db: Real
    group_delay: Real

    @property
    def ripple_db(self) -> float:
        """Largest less smallest gain, in dB."""
        return float(np.ptp(self.gain_db))

    def relative_db(self, frequency: float = REFERENCE_TONE) -> Real:
        """Return the gains in dB relative to the gain at the tone nearest to `frequency`."""
        return self.gain_db - float(self.gain_db[np.abs(self.frequencies - frequency).argmin()])


def response(
    passage: Passage, frequencies: Sequence[float], *, delay: float = 0.0, edge: float = 0.05
) -> Response:
    """Compare the tones of a multi-tone before and after a path.

    Gain is good to 0.1 dB through mu-law in a second. Group delay is the slope of the phase between
    neighbours, good to about 20 us through mu-law, and unambiguous within half a period of their spacing
    around `delay` (the path's delay from `latency`).
    """
    before = fit_tones(passage.signal, passage.rate_in, frequencies, edge=edge)
    after = fit_tones(passage.output, passage.rate_out, frequencies, edge=edge)
    gains = np.array([decibels(b, a) for a, b in zip(before.peaks, after.peaks, strict=True)])
    turned = after.phasors / before.phasors * np.exp(2j * np.pi * before.frequencies * delay)
    slope = np.angle(turned[1:] / turned[:-1]) / (2 * np.pi * np.diff(before.frequencies))
    return Response(before.frequencies, gains, delay - slope)


def folded(frequency: float, rate: int) -> float:
    """Return where a tone lands when it is sampled at `rate` without a filter, in Hz."""
    return abs(frequency - rate * round(frequency / rate))


def alias_db(passage: Passage, frequency: float, *, edge: float = 0.05) -> float:
    """Return the level of a tone's alias over the level of the tone given, in dB.

    For a tone above half of rate_out. Through mu-law the floor is about -70 dB for a tone of 0 dBm0,
    and an alias below the smallest step vanishes: FLOOR_DB.
    """
    given = fit_tones(passage.signal, passage.rate_in, [frequency], edge=edge)
    alias = fit_tones(passage.output, passage.rate_out, [folded(frequency, passage.rate_out)], edge=edge)
    return decibels(alias.peaks[0], given.peaks[0])


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """The images of a tone after a path to a higher rate: places in Hz, levels in dB over the tone given."""

    frequencies: Real
    levels_db: Real

    @property
    def worst_db(self) -> float:
        """The strongest image, in dB."""
        return float(self.levels_db.max())


def images(passage: Passage, frequency: float, *, edge: float = 0.05) -> Images:
    """Measure the images of one tone after a path to a higher rate: at k rate_in +- frequency.

    Raises Unmeasurable when rate_out has no room for an image.
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
    """Return the mean, in PCM units; Unmeasurable for no samples."""
    if not len(samples):
        raise Unmeasurable("no samples")
    return float(np.mean(samples))


def idle_noise_dbm0(samples: Samples | Real) -> float:
    """Return the RMS about the mean, in dBm0, unweighted: noise of an idle channel when silence went in."""
    return dbm0(rms(np.asarray(samples, np.float64) - dc_offset(samples)))


def byte_order_db(samples: Samples) -> float:
    """Return how much smoother samples are than with their bytes swapped, in dB.

    Smoothness is RMS over RMS of the sample-to-sample steps. Speech and tones below 2 kHz give +4 dB or more
    in the right order, and as many below 0 in the wrong one, or about 0 when it was coded or filtered since.
    It cannot tell for white noise, nor for peaks below 128 PCM units, where swapped audio is smooth and
    48 dB too loud: there the gain tells.
    """
    roughness = []
    for order in (samples.byteswap(), samples):
        values = order.astype(np.float64)
        if not values.any():
            raise Unmeasurable("the audio is empty or silent")
        roughness.append(rms(np.diff(values)) / rms(values))
    return decibels(roughness[0], roughness[1])


@dataclass(frozen=True, slots=True)
class Difference:
    """How a second output differs from a first, over their common length, and `length` in samples.

    `largest` is in PCM units, `rms_db` over the first's RMS.
    """

    length: int
    largest: int
    rms_db: float

    @property
    def identical(self) -> bool:
        """Whether every sample, and their number, is the same."""
        return self.length == 0 and self.largest == 0


def difference(first: Samples, second: Samples) -> Difference:
    """Compare two outputs sample by sample, as they are: for one signal given in different chunks."""
    common = min(len(first), len(second))
    steps = second[:common].astype(np.float64) - first[:common]
    return Difference(
        len(second) - len(first), int(np.abs(steps).max(initial=0)), decibels(rms(steps), rms(first[:common]))
    )
