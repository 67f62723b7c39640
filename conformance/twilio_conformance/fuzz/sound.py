"""Compares the audio of two implementations, joined, within what the specification permits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twilio_conformance.audio import ulaw
from twilio_conformance.audio.levels import Samples

WITHHELD = 0.060
"""Seconds that may be missing at the end."""

BEYOND = 0.020
"""Seconds that may be there in addition."""

LOST = 0.040
"""Seconds of speech that may be missing when silence has followed it."""

BLOCK = 0.010
"""Seconds over which a level is measured."""

DRIFT = 9
"""Blocks by which the one may be ahead of the other."""

FACTOR, FLOOR = 1.6, 400.0
"""Levels that are alike differ by less than this factor, or are both below the floor."""

SPEECH = 1500.0
"""The level of a block that is part of the tone, or of the other half of it."""

_RANKS = np.unique(ulaw.decode(bytes(range(256))), return_inverse=True)[1]


@dataclass(frozen=True, slots=True)
class Discord:
    """How the audio differs: shorter, longer, lost, leaked or unlike, and by how much, as a sentence."""

    kind: str
    sentence: str


def compare_codes(actual: bytes, expected: bytes) -> Discord | None:
    """The difference between codes at 8000 Hz, where every code has to be next to the other's."""
    if (discord := _compare_lengths(len(actual), len(expected), 8000)) is not None:
        return discord
    size = min(len(actual), len(expected))
    left, right = (np.frombuffer(codes[:size], np.uint8) for codes in (actual, expected))
    apart = np.flatnonzero(np.abs(_RANKS[left].astype(int) - _RANKS[right]) > 1)
    if apart.size:
        place = int(apart[0])
        return Discord(
            "unlike", f"code {place} is 0x{actual[place]:02X}, the reference's is 0x{expected[place]:02X}"
        )
    return None


def compare_pcm(actual: Samples, expected: Samples) -> Discord | None:
    """The difference between samples at 8000 Hz, where each has to be the same."""
    if (discord := _compare_lengths(len(actual), len(expected), 8000)) is not None:
        return discord
    size = min(len(actual), len(expected))
    apart = np.flatnonzero(actual[:size] != expected[:size])
    if apart.size:
        place = int(apart[0])
        return Discord("unlike", f"sample {place} is {actual[place]}, the reference's is {expected[place]}")
    return None


def compare_converted(actual: Samples, expected: Samples, rate: int, *, has_silence: bool) -> Discord | None:
    """The difference between audio that was converted, where levels have to be alike.

    Args:
        actual: The implementation's.
        expected: The reference's.
        rate: Of both, in Hz.
        has_silence: Whether both end with silence, so that all speech before it is there.
    """
    ours, theirs = _levels(actual, rate), _levels(expected, rate)
    missing = int(np.count_nonzero(theirs > SPEECH) - np.count_nonzero(ours > SPEECH)) * BLOCK
    if has_silence and missing > LOST:
        return Discord("lost", f"{1000 * missing:.0f} ms of speech are missing, although silence followed it")
    if ours.size and ours.max() > FACTOR * theirs.max(initial=0) + FLOOR:
        level = theirs.max(initial=0)
        return Discord("leaked", f"a level of {ours.max():.0f}, the reference's is at most {level:.0f}")
    if (discord := _compare_lengths(len(actual), len(expected), rate)) is not None:
        return discord
    around = np.concatenate((np.zeros(DRIFT), theirs))
    for place, level in enumerate(ours[: theirs.size]):
        near = around[place : place + 2 * DRIFT + 1]
        if not near.min() / FACTOR - FLOOR <= level <= near.max() * FACTOR + FLOOR:
            kind = "leaked" if near.max() <= FLOOR else "unlike"
            return Discord(kind, f"a level of {level:.0f} after {1000 * place * BLOCK:.0f} ms,"
                                     f" the reference's is {near.min():.0f} to {near.max():.0f}")  # fmt: skip
    return None


def _compare_lengths(actual: int, expected: int, rate: int) -> Discord | None:
    apart = (actual - expected) / rate
    if apart < -WITHHELD:
        return Discord("shorter", f"{1000 * actual / rate:.0f} ms of audio, {-1000 * apart:.0f} ms less")
    if apart > BEYOND:
        return Discord("longer", f"{1000 * actual / rate:.0f} ms of audio, {1000 * apart:.0f} ms more")
    return None


def _levels(samples: Samples, rate: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    size = round(rate * BLOCK)
    blocks = samples[: len(samples) // size * size].astype(float).reshape(-1, size)
    return np.asarray(np.sqrt((blocks**2).mean(axis=1)))
