"""Measurements of the audio that a caller received: when it began, what is missing, what does not belong there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from twilio_conformance.audio import alignment, signals, ulaw
from twilio_conformance.audio.alignment import Alignment, ideal
from twilio_conformance.audio.levels import FLOOR_DB, Samples, decibels, rms
from twilio_conformance.twilio.caller import CHUNK, RATE, Caller

AUDIBLE = 500
"""PCM units above which a sample counts as audible: 23 dB below the peaks of `voice`."""


class FirstAudio(NamedTuple):
    """The first audible sample: seconds since the caller's first message, and of speech sent, when it could be played."""

    after: float
    spoken: float


def voice(seconds: float, *, rate: int = RATE, seed: int = 1) -> Samples:
    """Return noise that fills the telephone band, repeats nowhere and begins and ends at full level (-12 dBm0)."""
    return signals.noise(-12, rate, seconds, seed=seed, band=(300, 3000))


def received_audio(caller: Caller) -> Samples:
    """Return all audio that the caller received, at 8000 Hz, without the pauses between messages."""
    return ulaw.decode(b"".join(arrival.codes for arrival in caller.arrivals))


def first_audio(caller: Caller) -> FirstAudio | None:
    """Return when the first audible sample could be played; None if none has arrived."""
    for arrival in caller.arrivals:
        loud = np.flatnonzero(np.abs(ulaw.decode(arrival.codes).astype(int)) > AUDIBLE)
        if loud.size and caller.first_spoken is not None:
            within = int(loud[0]) / RATE
            return FirstAudio(arrival.moment + within - caller.first_spoken, arrival.spoken + within)
    return None


def stalled_seconds(caller: Caller) -> float:
    """Return for how long playback stalled between the first audio and the last; all of the call if none came."""
    if not caller.arrivals:
        return caller.spoken
    return sum(seconds for _, seconds in caller.playout.gaps())


def recognise(said: Samples, audio: Samples, rate: int = RATE) -> Alignment | None:
    """Align what was said at `rate` Hz with received audio; None if it is not in there."""
    return alignment.recognise(ideal(said, rate, RATE), audio, RATE)


def missing_seconds(said: Samples, audio: Samples, rate: int = RATE) -> float:
    """Return the seconds of what was said that did not arrive.

    The larger of two measures: by content at the end, and by the number of samples in all.
    """
    seconds = len(said) / rate
    found = recognise(said, audio, rate)
    if found is None:
        return seconds
    return max(0.0, seconds - (len(audio) / RATE - found.delay), seconds - len(audio) / RATE)


def stale_seconds(said: Samples, audio: Samples, rate: int = RATE) -> float | None:
    """Return the seconds of audible audio ahead of what was said; None if that is not recognised."""
    found = recognise(said, audio, rate)
    if found is None:
        return None
    ahead = audio[: max(0, round(found.delay * RATE))]
    loud = np.flatnonzero(np.abs(ahead.astype(int)) > AUDIBLE)
    return int(loud[-1] - loud[0] + 1) / RATE if loud.size else 0.0


def tone_levels(audio: Samples, frequencies: Sequence[float]) -> list[float]:
    """Return the level of each tone relative to the strongest component, in dB; tones are at least 100 Hz apart."""
    if not audio.any():
        return [FLOOR_DB] * len(frequencies)
    # With a Hann window the skirts of a 0.1 s tone are 60 dB down 100 Hz away. One bin is half a hertz.
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 2 * RATE))
    near = [spectrum[round(2 * frequency) - 16 : round(2 * frequency) + 17] for frequency in frequencies]
    return [decibels(float(part.max()), float(spectrum.max())) for part in near]


def milliseconds(seconds: float) -> float:
    """Return seconds as milliseconds, to a tenth."""
    return round(1000 * seconds, 1)


def call_figures(caller: Caller) -> dict[str, Any]:
    """Return what a report plots of a call: its figures, its messages, and the level received every 20 ms."""
    first = first_audio(caller)
    began = caller.first_spoken or 0.0
    moments = [arrival.moment for arrival in caller.arrivals]
    between = milliseconds(float(np.mean(np.diff(moments)))) if len(moments) > 1 else None
    timeline = ulaw.decode(caller.playout.heard(caller.playout.end))
    frames = timeline[: len(timeline) // CHUNK * CHUNK].reshape(-1, CHUNK)
    return {
        "first audio back, ms": None if first is None else milliseconds(first.after),
        "speech until first audio back, ms": None if first is None else milliseconds(first.spoken),
        "mean time between messages, ms": between,
        "audio returned, s": round(len(received_audio(caller)) / RATE, 4),
        "first message sent, ms": milliseconds(began),
        "gaps, ms": [[milliseconds(start), milliseconds(length)] for start, length in caller.playout.gaps()],
        "messages, ms": [
            [milliseconds(each.moment), milliseconds(len(each.codes) / RATE)] for each in caller.arrivals
        ],
        "level heard every 20 ms": [round(rms(frame)) for frame in frames],
    }
