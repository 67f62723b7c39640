"""The definition in vectors/twilio_vectors/ulaw.py against sums measured outside, encoders of the field, and near misses."""

from __future__ import annotations

import audioop
import hashlib
import struct
import sys
from bisect import bisect_right
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[3] / "vectors"))

from twilio_vectors import ulaw

Encoder = Callable[[int], int]

NAME = attrgetter("__name__")

INPUTS = range(-32768, 32768)
DECODE_TABLE = "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827"


def stl(sample: int) -> int:
    """ITU-T G.191: one's complement for negatives, then 14 bits, bias, clip."""
    magnitude = min(((~sample if sample < 0 else sample) >> 2) + 33, 0x1FFF)
    return _code(magnitude, sample < 0)


def sun(sample: int) -> int:
    """Sun's ulaw.c and CPython's audioop: 14 bits of the signed value, then its magnitude."""
    return _sun14(sample >> 2)


def sign_magnitude(sample: int) -> int:
    """The textbook form on 16 bits: clip, bias of 132, no shift."""
    magnitude = min(abs(sample), 32635) + 132
    segment = magnitude.bit_length() - 8
    return 0xFF ^ ((sample < 0) << 7 | segment << 4 | magnitude >> segment + 3 & 0x0F)


def ffmpeg(sample: int) -> int:
    """FFmpeg: borders half-way between the decoded values, on 14 bits of the sample moved to positive."""
    index = max(sample + 32768 >> 2, 1) - 8192
    return 0xFF ^ ((index < 0) << 7 | bisect_right(_FFMPEG_BORDERS, abs(index)))


def sox(sample: int) -> int:
    """SoX without dither: rounds to 14 bits, then codes as Sun does."""
    return _sun14(min(sample + 2 >> 2, 8191))


@cache
def nearest(sample: int) -> int:
    """The nearest of the 256 decoded values, the outer one of two."""
    values = np.frombuffer(audioop.ulaw2lin(bytes(range(256)), 2), np.int16).astype(int)
    far = np.abs(values - sample)
    best = np.flatnonzero(far == far.min())
    return int(best[np.argmax(np.abs(values[best]))])


def _sun14(value: int) -> int:
    return _code(min(abs(value), 8158) + 33, value < 0)


def _code(biased: int, negative: bool) -> int:
    segment = biased.bit_length() - 6
    return 0xFF ^ (negative << 7 | segment << 4 | biased >> segment + 1 & 0x0F)


def _ffmpeg_borders() -> list[int]:
    values = [(8 * (step & 15) + 132 << (step >> 4)) - 132 for step in range(128)]
    return [low + high + 4 >> 3 for low, high in pairwise(values)]


_FFMPEG_BORDERS = _ffmpeg_borders()

FIELD: dict[Encoder, str | None] = {
    stl: "90c29de505fb68e766118303bd552a16005dcf810873698bee1d8f3b247ce28c",
    sun: "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a",
    sign_magnitude: "5ee7cf5f273f842d2234121e4cb0c98d6b20a99ac29026f94e05b36955b195be",
    ffmpeg: "e0be5288dc67592c7281f521cafb4d38cdee27e7d1aced826a99b07b0a557b78",
    sox: "cd03795221187036041e2c68724ebbcc497e1844823ff4ab4ac6e61bc5948fb3",
    nearest: None,
}
"""Encoders in use, written from descriptions, with the SHA-256 of their 65,536 codes as measured outside."""


def a_law(sample: int) -> int:
    value = sample >> 3
    magnitude = min(~value if value < 0 else value, 4095)
    segment = max(magnitude.bit_length() - 5, 0)
    code = segment << 4 | magnitude >> max(segment, 1) & 0x0F
    return code ^ (0x55 if value < 0 else 0xD5)


def without_clipping(sample: int) -> int:
    magnitude = abs(sample) + 132 & 0x7FFF
    segment = max(magnitude.bit_length() - 8, 0)
    return 0xFF ^ ((sample < 0) << 7 | segment << 4 | magnitude >> segment + 3 & 0x0F)


def without_bias(sample: int) -> int:
    magnitude = min(abs(sample), 32767)
    segment = max(magnitude.bit_length() - 8, 0)
    return 0xFF ^ ((sample < 0) << 7 | segment << 4 | magnitude >> segment + 3 & 0x0F)


def swapped_bytes(sample: int) -> int:
    value: int = struct.unpack("<h", struct.pack(">h", sample))[0]
    return stl(value)


def levels_away(levels: int) -> Encoder:
    """The nearest level moved outwards, or inwards where levels is negative."""

    def encode(sample: int) -> int:
        code = nearest(sample)
        step = max(0, min(127, (code & 0x7F ^ 0x7F) + levels))
        return code & 0x80 | step ^ 0x7F

    return encode


NEAR_MISSES: dict[str, tuple[Encoder, int]] = {
    "A-law": (a_law, 60000),
    "two levels out": (levels_away(2), 60000),
    "two levels in": (levels_away(-2), 60000),
    "linear, 8 bits": (lambda sample: (sample >> 8) + 128, 60000),
    "bits not inverted": (lambda sample: stl(sample) ^ 0xFF, 60000),
    "sign flipped": (lambda sample: stl(sample) ^ 0x80, 65000),
    "bytes swapped": (swapped_bytes, 60000),
    "no bias": (without_bias, 3000),
    "wraps where it must clip": (without_clipping, 250),
}
"""Encoders that are wrong, and on how many inputs at least that has to show."""


def _strays(encode: Encoder) -> int:
    return sum(encode(sample) not in ulaw.permitted(sample) for sample in INPUTS)


def test_the_decode_table_has_the_published_sum() -> None:
    table = struct.pack("<256h", *ulaw.DECODED)
    assert hashlib.sha256(table).hexdigest() == DECODE_TABLE
    assert table == audioop.ulaw2lin(bytes(range(256)), 2)


def test_255_values_have_one_code_each_but_zero_which_has_two() -> None:
    assert len(ulaw.LEVELS) == 255
    assert {level: len(codes) for level, codes in ulaw.CODES.items() if len(codes) != 1} == {0: 2}
    assert ulaw.CODES[0] == {0x7F, 0xFF}


@pytest.mark.parametrize("encode", [encode for encode, digest in FIELD.items() if digest], ids=NAME)
def test_an_encoder_of_the_field_is_written_rightly_here(encode: Encoder) -> None:
    assert hashlib.sha256(bytes(map(encode, INPUTS))).hexdigest() == FIELD[encode]


def test_audioop_encodes_as_written_here() -> None:
    assert audioop.lin2ulaw(struct.pack("<65536h", *INPUTS), 2) == bytes(map(sun, INPUTS))


@pytest.mark.parametrize("encode", FIELD, ids=NAME)
def test_every_code_of_a_field_encoder_is_permitted(encode: Encoder) -> None:
    assert _strays(encode) == 0


@pytest.mark.parametrize("encode", FIELD, ids=NAME)
def test_field_encoders_are_exact_on_the_255_values(encode: Encoder) -> None:
    assert all(encode(level) in ulaw.exact(level) for level in ulaw.LEVELS)


@pytest.mark.parametrize(("encode", "at_least"), NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_a_near_miss_strays_from_what_is_permitted(encode: Encoder, at_least: int) -> None:
    assert _strays(encode) >= at_least


@pytest.mark.parametrize("levels", [1, -1])
def test_one_level_away_is_permitted_but_not_exact(levels: int) -> None:
    encode = levels_away(levels)
    assert _strays(encode) == 0
    inexact = [level for level in ulaw.LEVELS if encode(level) not in ulaw.exact(level)]
    assert len(inexact) >= 253


def test_permitted_is_what_the_words_of_the_requirement_say() -> None:
    levels = np.array(ulaw.LEVELS)
    for sample in INPUTS:
        distances = np.abs(levels - sample)
        near = np.flatnonzero(distances == distances.min())
        around = {index + step for index in near for step in (-1, 0, 1)} & set(range(255))
        assert {ulaw.DECODED[code] for code in ulaw.permitted(sample)} == {ulaw.LEVELS[i] for i in around}


def test_alternatives_hold_each_permitted_code_at_its_place_and_no_other() -> None:
    samples = [0, 4, -4, 5, 32767, -32768, 1000, 132]
    texts = ulaw.alternatives(samples, ulaw.permitted)
    assert [frozenset(column) for column in zip(*texts, strict=True)] == list(map(ulaw.permitted, samples))
    assert len(texts) == max(len(ulaw.permitted(sample)) for sample in samples)


@pytest.mark.parametrize("sample", [1, -1, 7, 32767])
def test_a_sample_between_the_values_has_no_exact_code(sample: int) -> None:
    with pytest.raises(KeyError):
        ulaw.exact(sample)
