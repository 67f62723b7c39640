"""Test signals: deterministic, one-dimensional, int16, mono, at any sampling rate.

Throughout, `level` is the RMS of the whole signal in dBm0 (see `levels`), `rate` the sampling rate in Hz, `seconds`
the length, and frequencies are in Hz. Tones, sweeps and band-limited noise are continuous waveforms: the same call at
the output's rate is the ideal output, to one PCM unit of rounding. Every generator raises ValueError if a peak does
not fit int16.
"""

from collections.abc import Sequence

import numpy as np

from twilio_conformance.audio.levels import Real, Samples, peak_of, rms

REFERENCE_TONE = 1019.7
"""Hz; near 1 kHz and deliberately not a fraction of any sampling rate in use."""

TELEPHONE_BAND = (200.0, 3400.0)
"""Hz; the band in which a telephone channel is measured."""

RESPONSE_TONES = tuple(float(f) for f in np.linspace(*TELEPHONE_BAND, 32))
"""Hz; spaced so that the tones and their intermodulation products do not coincide."""


def _moments(rate: int, seconds: float) -> Real:
    return np.arange(round(rate * seconds)) / rate


def _pcm(waveform: Real) -> Samples:
    rounded = np.rint(waveform)
    if rounded.size and (rounded.min() < -32768 or rounded.max() > 32767):
        raise ValueError(f"a peak of {np.abs(rounded).max():.0f} does not fit int16: lower the level")
    return rounded.astype(np.int16)


def _at_level(waveform: Real, level: float) -> Samples:
    return _pcm(waveform * (peak_of(level) / np.sqrt(2) / rms(waveform)))


def silence(rate: int, seconds: float) -> Samples:
    """Return silence: zeros."""
    return np.zeros(round(rate * seconds), np.int16)


def sine(frequency: float, level: float, rate: int, seconds: float, *, phase: float = 0.0) -> Samples:
    """Return a sine with this phase, in radians, at the first sample; full scale of μ-law is +3.17 dBm0."""
    return _pcm(peak_of(level) * np.sin(2 * np.pi * frequency * _moments(rate, seconds) + phase))


def multitone(frequencies: Sequence[float], level: float, rate: int, seconds: float) -> Samples:
    """Return the sum of equal tones; Newman's phases (pi k^2 / K) keep its crest factor near 2."""
    moments = _moments(rate, seconds)
    waveform = np.zeros(len(moments))
    for index, frequency in enumerate(frequencies):
        waveform += np.cos(2 * np.pi * frequency * moments + np.pi * index**2 / len(frequencies))
    return _pcm(waveform * (peak_of(level) / np.sqrt(len(frequencies))))


def sweep(first: float, last: float, level: float, rate: int, seconds: float) -> Samples:
    """Return a sine whose frequency changes exponentially, from the first frequency to the last."""
    growth = np.log(last / first) / seconds
    cycles = first * np.expm1(growth * _moments(rate, seconds)) / growth
    return _pcm(peak_of(level) * np.sin(2 * np.pi * cycles))


def noise(
    level: float, rate: int, seconds: float, *, seed: int = 0, band: tuple[float, float] | None = None
) -> Samples:
    """Return Gaussian noise, white within a band of frequencies; by default, all below half the rate.

    With a band and a whole `rate * seconds`, the waveform is the same at every rate. Peaks reach about four times the
    RMS, so levels above -9 dBm0 may raise ValueError.
    """
    count = round(rate * seconds)
    bins = np.fft.rfftfreq(count, 1 / rate)
    low, high = band or (0.0, rate / 2)
    spectrum = np.random.default_rng(seed).standard_normal(2 * len(bins)).view(np.complex128)
    spectrum[(bins < low) | (bins > high) | (bins == 0)] = 0
    return _at_level(np.fft.irfft(spectrum, count), level)


def faded(signal: Samples, rate: int, seconds: float = 0.01) -> Samples:
    """Fade both ends of a signal by half a cosine, because a hard cut has components outside its band."""
    edge = round(rate * seconds)
    ramp = (1 - np.cos(np.pi * np.arange(edge) / edge)) / 2
    shaped = signal.astype(np.float64)
    shaped[:edge] *= ramp
    shaped[len(shaped) - edge :] *= ramp[::-1]
    return _pcm(shaped)


def utterance(rate: int, seconds: float, seed: int = 0) -> Samples:
    """Return noise in the telephone band at -12 dBm0, faded at both ends: its place in time can be measured exactly."""
    return faded(noise(-12, rate, seconds, seed=seed, band=(300, 3000)), rate, 0.005)


def level_ladder(frequency: float, levels: Sequence[float], rate: int, seconds: float) -> Samples:
    """Return a sine of continuous phase whose level changes in steps of `seconds` each."""
    step = round(rate * seconds)
    peaks = np.repeat([peak_of(level) for level in levels], step)
    return _pcm(peaks * np.sin(2 * np.pi * frequency * np.arange(len(peaks)) / rate))
