"""Comparison of the audio of two implementations, joined, within what the specification permits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from twilio_conformance.audio import ulaw
from twilio_conformance.audio.levels import Samples

WITHHELD = 0.060
"""Seconds that may be missing at the end."""

SURPLUS = 0.020
"""Seconds by which audio may be longer than the reference's."""

LOST = 0.040
"""Seconds of speech that may be missing although silence followed it."""

BLOCK = 0.010
"""Seconds over which a level is measured."""

DRIFT = 9
"""Blocks by which one may be ahead of the other."""

FACTOR, FLOOR = 1.6, 400.0
"""Levels match if they differ by less than this factor, or are both below the floor (RMS of 16-bit samples)."""

SPEECH = 1500.0
"""Level (RMS) from which a block counts as part of the tone."""

Codes = np.ndarray[Any, np.dtype[np.uint8]]
"""μ-law codes, one-dimensional."""

_RANKS = np.unique(ulaw.decode(bytes(range(256))), return_inverse=True)[1].astype(int)


@dataclass(frozen=True, slots=True)
class AudioMismatch:
    """How audio differs: shorter, longer, lost, leaked or unlike, and by how much, as a sentence."""

    kind: str
    sentence: str


def compare_exact(actual: Samples | Codes, expected: Samples | Codes) -> AudioMismatch | None:
    """Compare audio at 8000 Hz: samples have to be equal, μ-law codes (uint8) at most one level apart."""
    if (mismatch := _compare_lengths(len(actual), len(expected), 8000)) is not None:
        return mismatch
    size = min(len(actual), len(expected))
    ours, theirs = actual[:size], expected[:size]
    has_codes = actual.dtype == np.uint8
    differs = abs(_RANKS[ours] - _RANKS[theirs]) > 1 if has_codes else ours != theirs
    if not differs.any():
        return None
    index = int(differs.argmax())
    name, form = ("code", "#04x") if has_codes else ("sample", "d")
    sentence = f"{name} {index} is {ours[index]:{form}}, the reference's is {theirs[index]:{form}}"
    return AudioMismatch("unlike", sentence)


def compare_levels(
    actual: Samples, expected: Samples, rate: int, *, has_silence: bool
) -> AudioMismatch | None:
    """Compare resampled audio of one rate, in Hz, by its levels in blocks of 10 ms; return the first mismatch.

    With `has_silence`, both end with silence, so that all speech before it has to be there.
    """
    ours, theirs = _levels(actual, rate), _levels(expected, rate)
    missing = int(np.count_nonzero(theirs > SPEECH) - np.count_nonzero(ours > SPEECH)) * BLOCK
    if has_silence and missing > LOST:
        text = f"{1000 * missing:.0f} ms of speech are missing, although silence followed it"
        return AudioMismatch("lost", text)
    highest = theirs.max(initial=0)
    if ours.max(initial=0) > FACTOR * highest + FLOOR:
        text = f"a level of {ours.max():.0f}, the reference's is at most {highest:.0f}"
        return AudioMismatch("leaked", text)
    if (mismatch := _compare_lengths(len(actual), len(expected), rate)) is not None:
        return mismatch
    around = np.concatenate((np.zeros(DRIFT), theirs))
    for index, level in enumerate(ours[: theirs.size]):
        near = around[index : index + 2 * DRIFT + 1]
        low, high = near.min(), near.max()
        if not low / FACTOR - FLOOR <= level <= high * FACTOR + FLOOR:
            moment = f"a level of {level:.0f} after {1000 * index * BLOCK:.0f} ms"
            text = f"{moment}, the reference's is {low:.0f} to {high:.0f}"
            return AudioMismatch("leaked" if high <= FLOOR else "unlike", text)
    return None


def _compare_lengths(actual: int, expected: int, rate: int) -> AudioMismatch | None:
    surplus = (actual - expected) / rate
    if -WITHHELD <= surplus <= SURPLUS:
        return None
    kind, word = ("shorter", "less") if surplus < 0 else ("longer", "more")
    text = f"{1000 * actual / rate:.0f} ms of audio, {1000 * abs(surplus):.0f} ms {word}"
    return AudioMismatch(kind, text)


def _levels(samples: Samples, rate: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    size = round(rate * BLOCK)
    blocks = samples[: len(samples) // size * size].astype(float).reshape(-1, size)
    return np.asarray(np.sqrt((blocks**2).mean(axis=1)))
