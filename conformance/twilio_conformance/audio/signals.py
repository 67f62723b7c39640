"""Test signals: deterministic, int16, mono, at any sampling rate.

Levels are in dBm0 of the whole signal's RMS (see `levels`), times in seconds, frequencies in Hz. Tones,
multi-tones, sweeps, speech and band-limited noise are one continuous waveform sampled at the rate asked
for: the same call at the output's rate is therefore the ideal output, to the rounding of one PCM step.
Every generator raises ValueError when a peak would not fit int16.
"""

from collections.abc import Sequence

import numpy as np

from twilio_conformance.audio.levels import Real, Samples, peak_of, rms

REFERENCE_TONE = 1019.7
"""Hz; near 1 kHz and, on purpose, not a fraction of any sampling rate in use."""

TELEPHONE_BAND = (200.0, 3400.0)
"""Hz; the band in which a telephone channel is measured."""

RESPONSE_TONES = tuple(float(f) for f in np.linspace(*TELEPHONE_BAND, 32))
"""Hz; spaced so that neither the tones nor their intermodulation fall on one grid."""

_DTMF_ROWS = (697.0, 770.0, 852.0, 941.0)
_DTMF_COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)
_DTMF_KEYS = "123A456B789C*0#D"


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
    """Return zeros."""
    return np.zeros(round(rate * seconds), np.int16)


def sine(frequency: float, level: float, rate: int, seconds: float, *, phase: float = 0.0) -> Samples:
    """Return a sine that starts at `phase` radians; +3.17 dBm0 is mu-law's full scale, +3.2 int16's."""
    return _pcm(peak_of(level) * np.sin(2 * np.pi * frequency * _moments(rate, seconds) + phase))


def multitone(frequencies: Sequence[float], level: float, rate: int, seconds: float) -> Samples:
    """Return equal tones with Newman's phases (pi k^2 / K), which keep the crest factor near 2."""
    moments = _moments(rate, seconds)
    waveform = np.zeros(len(moments))
    for index, frequency in enumerate(frequencies):
        waveform += np.cos(2 * np.pi * frequency * moments + np.pi * index**2 / len(frequencies))
    return _pcm(waveform * (peak_of(level) / np.sqrt(len(frequencies))))


def dtmf(key: str, level: float, rate: int, seconds: float) -> Samples:
    """Return a key's tone pair (ITU-T Q.23), both tones alike; ValueError for a key that does not exist."""
    if len(key) != 1 or key not in _DTMF_KEYS:
        raise ValueError(f"no DTMF key {key!r}")
    row, column = divmod(_DTMF_KEYS.index(key), 4)
    return multitone((_DTMF_ROWS[row], _DTMF_COLUMNS[column]), level, rate, seconds)


def sweep(
    first: float, last: float, level: float, rate: int, seconds: float, *, logarithmic: bool = True
) -> Samples:
    """Return a sine whose frequency moves from `first` to `last`, by equal ratios or equal steps."""
    moments = _moments(rate, seconds)
    if logarithmic:
        growth = np.log(last / first) / seconds
        cycles = first * np.expm1(growth * moments) / growth
    else:
        cycles = first * moments + (last - first) * moments**2 / (2 * seconds)
    return _pcm(peak_of(level) * np.sin(2 * np.pi * cycles))


def noise(
    level: float,
    rate: int,
    seconds: float,
    *,
    seed: int = 0,
    band: tuple[float, float] | None = None,
    pink: bool = False,
) -> Samples:
    """Return Gaussian noise, white or pink, in `band` (everything below half the rate when None).

    With a band, and `rate * seconds` whole, the waveform is the same at every rate. Peaks reach about four
    times the RMS, so levels above -9 dBm0 may raise ValueError.
    """
    count = round(rate * seconds)
    bins = np.fft.rfftfreq(count, 1 / rate)
    low, high = band or (0.0, rate / 2)
    spectrum = np.random.default_rng(seed).standard_normal(2 * len(bins)).view(np.complex128)
    spectrum[(bins < low) | (bins > high) | (bins == 0)] = 0
    if pink:
        spectrum[1:] /= np.sqrt(bins[1:])
    return _at_level(np.fft.irfft(spectrum, count), level)


def faded(signal: Samples, rate: int, seconds: float = 0.01) -> Samples:
    """Return the signal with both ends faded by half a cosine: a hard cut would leave its band."""
    edge = round(rate * seconds)
    ramp = (1 - np.cos(np.pi * np.arange(edge) / edge)) / 2
    shaped = signal.astype(np.float64)
    shaped[:edge] *= ramp
    shaped[len(shaped) - edge :] *= ramp[::-1]
    return _pcm(shaped)


def utterance(rate: int, seconds: float, seed: int = 0) -> Samples:
    """Return noise in the telephone band at -12 dBm0, faded at both ends: its place in time is unmistakable."""
    return faded(noise(-12, rate, seconds, seed=seed, band=(300, 3000)), rate, 0.005)


def impulses(peak: int, rate: int, seconds: float, at: Sequence[float]) -> Samples:
    """Return silence with one sample of `peak` PCM units at each of the moments in `at`."""
    signal = silence(rate, seconds)
    signal[[round(moment * rate) for moment in at]] = peak
    return signal


def level_ladder(frequency: float, levels: Sequence[float], rate: int, seconds: float) -> Samples:
    """Return one sine without a break in phase, whose level steps through `levels`, `seconds` each."""
    step = round(rate * seconds)
    peaks = np.repeat([peak_of(level) for level in levels], step)
    return _pcm(peaks * np.sin(2 * np.pi * frequency * np.arange(len(peaks)) / rate))


def speech(level: float, rate: int, seconds: float) -> Samples:
    """Return a speech-like signal: voiced syllables at 4 a second, in phrases of 1.5 s with 0.4 s pauses.

    A glottal pulse train of gliding pitch, 95 to 140 Hz, whose harmonics fall by 6 dB an octave as they
    leave the lips, goes through three moving formants. Nothing is above 3400 Hz; it starts with a syllable.
    """
    moments = _moments(rate, seconds)
    # The vocal tract moves slowly: its gains are computed every 2.5 ms, the same frames at any rate.
    frames = np.arange(0, seconds + 0.0025, 0.0025)
    pitch, cycles = np.full(len(frames), 118.0), 118 * moments
    for depth, glide, phase in ((14.0, 0.43, 0.0), (6.0, 1.7, 1.0), (2.0, 7.3, 2.0)):
        pitch += depth * np.cos(2 * np.pi * glide * frames + phase)
        cycles += depth * np.sin(2 * np.pi * glide * moments + phase) / (2 * np.pi * glide)
    formants = (
        (520 + 230 * np.sin(2 * np.pi * 2.1 * frames), 90.0),
        (1500 + 550 * np.sin(2 * np.pi * 1.3 * frames + 1), 110.0),
        (2550 + 200 * np.sin(2 * np.pi * 0.9 * frames + 2), 160.0),
    )
    within = frames % 1.9
    envelope = np.where(within < 1.5, np.sin(np.pi * 4 * within) ** 2, 0.0)
    waveform = np.zeros(len(moments))
    for harmonic in range(1, 36):
        frequency = harmonic * pitch
        gain = envelope * np.clip((3400 - frequency) / 300, 0, 1) / harmonic
        for centre, bandwidth in formants:
            gain *= centre**2 / np.hypot(centre**2 - frequency**2, bandwidth * frequency)
        waveform += np.interp(moments, frames, gain) * np.sin(2 * np.pi * harmonic * cycles)
    return _at_level(waveform, level)
