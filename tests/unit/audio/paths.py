"""Audio paths, speech-like material and figures for the tests of measurements."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from twilio_conformance.audio.alignment import Alignment
from twilio_conformance.audio.levels import Samples, decibels, peak_of, rms
from twilio_conformance.audio.passage import Passage, Received, split

Path = Callable[[Samples], Received]
"""Takes a chunk of samples at one rate, returns messages of samples at another."""


def measure_path(
    path: Path, signal: Samples, *, rate_in: int, rate_out: int, chunks: int | Sequence[int]
) -> Passage:
    """Send a signal through a path in chunks, without pauses."""
    given = tuple(split(signal, chunks))
    return Passage.of(given, [path(chunk) for chunk in given], rate_in=rate_in, rate_out=rate_out)


def snr_db(alignment: Alignment) -> float:
    """RMS of the reference at its gain over RMS of the residual, in dB."""
    return decibels(abs(alignment.gain) * rms(alignment.reference), rms(alignment.residual))


def speech(level: float, rate: int, seconds: float) -> Samples:
    """Return a speech-like signal: voiced syllables at 4 a second, in phrases of 1.5 s with 0.4 s pauses.

    A glottal pulse train of gliding pitch, 95 to 140 Hz, whose harmonics fall by 6 dB an octave as they
    leave the lips, goes through three moving formants. Nothing is above 3400 Hz; it starts with a syllable.
    """
    moments = np.arange(round(rate * seconds)) / rate
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
    scaled: Samples = np.rint(waveform * (peak_of(level) / np.sqrt(2) / rms(waveform))).astype(np.int16)
    return scaled
