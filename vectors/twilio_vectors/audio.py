"""Test audio as 16-bit samples at 8000 Hz: closed forms and seeded noise, the same on every machine."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from typing import TypeVar

Whole = TypeVar("Whole", list[int], bytes)

RATE = 8000


def silence(count: int) -> list[int]:
    """Return digital silence."""
    return [0] * count


def ramp(first: int, last: int) -> list[int]:
    """Return every value from first to last."""
    return list(range(first, last + 1))


def noise(peak: int, count: int, seed: int) -> list[int]:
    """Return white noise, uniform between -peak and peak."""
    generator = random.Random(seed)
    return [round(peak * (2 * generator.random() - 1)) for _ in range(count)]


def speech(count: int, seed: int, peak: int = 16000) -> list[int]:
    """Return synthetic speech: syllables of 90 to 260 ms that differ in pitch and timbre, a pause after each third."""
    generator = random.Random(seed)
    samples: list[int] = []
    syllable = 0
    while len(samples) < count:
        samples += _syllable(generator, round(peak * (0.4 + 0.6 * generator.random())))
        syllable += 1
        if syllable % 3 == 0:
            samples += silence(round(RATE * (0.08 + 0.15 * generator.random())))
    return samples[:count]


def _syllable(generator: random.Random, peak: int) -> list[int]:
    count = round(RATE * (0.09 + 0.17 * generator.random()))
    pitch = 95 + 120 * generator.random()
    glide = 40 * (generator.random() - 0.5)
    weights = [(0.2 + generator.random()) / harmonic for harmonic in range(1, 13)]
    scale = peak / sum(weights)
    samples = []
    for index in range(count):
        place = index / count
        phase = 2 * math.pi * (pitch + glide * place / 2) * index / RATE
        wave = sum(weight * math.sin(harmonic * phase) for harmonic, weight in enumerate(weights, 1))
        samples.append(round(scale * math.sin(math.pi * place) * wave))
    return samples


def utterance(count: int, seed: int) -> list[int]:
    """Return speech that ends in 20 ms of loud noise, which shows a sample lost or doubled before it."""
    return speech(count - 160, seed) + noise(24000, 160, seed)


def pcm(samples: Iterable[int]) -> bytes:
    """Return the samples as 16-bit little-endian PCM."""
    values = list(samples)
    return struct.pack(f"<{len(values)}h", *values)


def chunks(whole: Whole, sizes: Sequence[int]) -> Iterator[Whole]:
    """Yield the whole in pieces of these sizes, used in turn; the last piece may be shorter."""
    start = 0
    for size in cycle(sizes):
        if start >= len(whole):
            return
        yield whole[start : start + size]
        start += size
