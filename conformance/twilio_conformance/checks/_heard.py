"""What a caller heard, measured by content: when it began, what of it is missing, what else is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twilio_conformance.audio import alignment, signals, ulaw
from twilio_conformance.audio.alignment import Alignment, ideal
from twilio_conformance.audio.levels import FLOOR_DB, Samples, decibels, rms
from twilio_conformance.twilio.caller import CHUNK, RATE, Caller

AUDIBLE = 500
"""PCM units above which a sample is heard: 23 dB below the peaks of `voice`."""


@dataclass(frozen=True, slots=True)
class FirstAudio:
    """The first audible sample: seconds after the caller's first message, and after how much speech."""

    after: float
    spoken: float


def voice(seconds: float, *, rate: int = RATE, seed: int = 1) -> Samples:
    """Noise that fills the telephone band and repeats nowhere; it begins and ends at full level."""
    return signals.noise(-12, rate, seconds, seed=seed, band=(300, 3000))


def heard(caller: Caller) -> Samples:
    """All audio that arrived, at 8000 Hz, without the pauses between its pieces."""
    return ulaw.decode(b"".join(arrival.codes for arrival in caller.arrivals))


def first_audio(caller: Caller) -> FirstAudio | None:
    """When the first audible sample could be played; None while there is none."""
    for arrival in caller.arrivals:
        loud = np.flatnonzero(np.abs(ulaw.decode(arrival.codes).astype(int)) > AUDIBLE)
        if loud.size and caller.first_spoken is not None:
            within = int(loud[0]) / RATE
            return FirstAudio(arrival.moment + within - caller.first_spoken, arrival.spoken + within)
    return None


def stalled(caller: Caller) -> float:
    """Seconds for which nothing could be played, from the first audio to the last; all where none came."""
    if not caller.arrivals:
        return caller.spoken
    return sum(seconds for _, seconds in caller.playout.gaps())


def recognise(said: Samples, audio: Samples, rate: int = RATE) -> Alignment | None:
    """What was said at `rate` laid over what was heard; None where it is not in there."""
    return alignment.recognise(ideal(said, rate, RATE), audio, RATE)


def missing(said: Samples, audio: Samples, rate: int = RATE) -> float:
    """Seconds of what was said that were not heard: by content at its end, by count in all."""
    seconds = len(said) / rate
    found = recognise(said, audio, rate)
    if found is None:
        return seconds
    return max(0.0, seconds - (len(audio) / RATE - found.delay), seconds - len(audio) / RATE)


def stale(said: Samples, audio: Samples, rate: int = RATE) -> float | None:
    """Seconds of audible audio ahead of what was said; None where what was said is not recognised."""
    found = recognise(said, audio, rate)
    if found is None:
        return None
    ahead = audio[: max(0, round(found.delay * RATE))]
    loud = np.flatnonzero(np.abs(ahead.astype(int)) > AUDIBLE)
    return int(loud[-1] - loud[0] + 1) / RATE if loud.size else 0.0


def tones(audio: Samples, frequencies: Sequence[float]) -> list[float]:
    """How strong each tone is against the strongest of all, in dB; they have to be 100 Hz apart or more."""
    if not audio.any():
        return [FLOOR_DB] * len(frequencies)
    # A window with soft edges: the skirts of a tone of 0.1 s are 60 dB down after 100 Hz. Half a hertz a bin.
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 2 * RATE))
    near = [spectrum[round(2 * frequency) - 16 : round(2 * frequency) + 17] for frequency in frequencies]
    return [decibels(float(part.max()), float(spectrum.max())) for part in near]


def milliseconds(seconds: float) -> float:
    """Milliseconds, to a tenth."""
    return round(1000 * seconds, 1)


def figures(caller: Caller) -> dict[str, Any]:
    """A call as a report draws it: its figures, the messages, and the level heard every 20 ms."""
    first = first_audio(caller)
    began = caller.first_spoken or 0.0
    moments = [arrival.moment for arrival in caller.arrivals]
    timeline = ulaw.decode(caller.playout.heard(caller.playout.end))
    frames = timeline[: len(timeline) // CHUNK * CHUNK].reshape(-1, CHUNK)
    return {
        "first audio back, ms": None if first is None else milliseconds(first.after),
        "speech until first audio back, ms": None if first is None else milliseconds(first.spoken),
        "mean time between messages, ms": milliseconds(float(np.mean(np.diff(moments))))
        if len(moments) > 1
        else None,
        "audio returned, s": round(len(heard(caller)) / RATE, 4),
        "first message sent, ms": milliseconds(began),
        "gaps, ms": [[milliseconds(start), milliseconds(length)] for start, length in caller.playout.gaps()],
        "messages, ms": [
            [milliseconds(arrival.moment), milliseconds(len(arrival.codes) / RATE)]
            for arrival in caller.arrivals
        ],
        "level heard every 20 ms": [round(rms(frame)) for frame in frames],
    }
