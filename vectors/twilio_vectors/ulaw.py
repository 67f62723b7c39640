"""G.711 μ-law from its definition: what each code decodes to, and which codes a sample may become.

A code is sent inverted. Inverted back, bit 7 is the sign, bits 4 to 6 are the segment e, bits 0 to 3 the step
m: the magnitude is ((8m + 132) << e) - 132, and bit 7 makes it negative. That gives 255 values from -32124 to
32124, because 0xFF and 0x7F both stand for 0. Encoders differ in how they round between two of the values; so
a sample has a set of codes, and only the 255 values have one meaning.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import cache


def decode(code: int) -> int:
    """Return the 16-bit sample of a code."""
    inverted = code ^ 0xFF
    magnitude = ((8 * (inverted & 0x0F) + 132) << (inverted >> 4 & 0x07)) - 132
    return -magnitude if inverted & 0x80 else magnitude


DECODED = tuple(decode(code) for code in range(256))
"""The sample of each code, in the order of the codes."""

LEVELS = tuple(sorted(set(DECODED)))
"""The 255 values that codes decode to, rising."""

CODES = {level: frozenset(code for code in range(256) if DECODED[code] == level) for level in LEVELS}
"""The codes of each value: two for 0, one for every other."""


@cache
def permitted(sample: int) -> frozenset[int]:
    """Return the codes within one quantiser level of the sample's nearest; of both where two are equally near."""
    above = min(bisect_left(LEVELS, sample), len(LEVELS) - 1)
    candidates = range(max(above - 1, 0), above + 1)
    distance = min(abs(LEVELS[index] - sample) for index in candidates)
    nearest = [index for index in candidates if abs(LEVELS[index] - sample) == distance]
    levels = LEVELS[max(nearest[0] - 1, 0) : nearest[-1] + 2]
    return frozenset().union(*(CODES[level] for level in levels))


def exact(sample: int) -> frozenset[int]:
    """Return the codes that decode to exactly this sample.

    Raises:
        KeyError: No code does.
    """
    return CODES[sample]


def alternatives(samples: Sequence[int], codes: Callable[[int], Iterable[int]]) -> list[bytes]:
    """Return the fewest byte strings that together have, at each position, every code of the sample there."""
    choices = [sorted(codes(sample)) for sample in samples]
    most = max(map(len, choices))
    return [bytes(choice[turn % len(choice)] for choice in choices) for turn in range(most)]
