"""Tests of the mu-law codec against the definition, G.191's sums and every input."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_reference.g711 import decode, encode

ALL_CODES = bytes(range(256))
ALL_SAMPLES = np.arange(-32768, 32768).astype("<i2")


def level(code: int) -> int:
    """The sample that G.711 gives a code: sign, segment and step of the inverted byte."""
    inverted = code ^ 0xFF
    magnitude = ((((inverted & 0x0F) << 3) + 132) << (inverted >> 4 & 7)) - 132
    return -magnitude if inverted & 0x80 else magnitude


def test_decoding_gives_the_level_of_each_code() -> None:
    assert np.frombuffer(decode(ALL_CODES), "<i2").tolist() == [level(code) for code in range(256)]


def test_decoding_has_the_sum_of_the_itu_tool_library() -> None:
    assert (
        hashlib.sha256(decode(ALL_CODES)).hexdigest()
        == "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827"
    )


def test_encoding_has_the_sum_of_the_itu_tool_library() -> None:
    assert (
        hashlib.sha256(encode(ALL_SAMPLES.tobytes())).hexdigest()
        == "90c29de505fb68e766118303bd552a16005dcf810873698bee1d8f3b247ce28c"
    )


def test_encoding_is_within_one_level_of_the_nearest() -> None:
    levels = np.unique([level(code) for code in range(256)])
    nearest = np.searchsorted((levels[:-1] + levels[1:]) / 2, ALL_SAMPLES)
    encoded = np.searchsorted(levels, np.frombuffer(decode(encode(ALL_SAMPLES.tobytes())), "<i2"))
    assert abs(encoded - nearest).max() == 1


@pytest.mark.parametrize(
    ("sample", "code"),
    [
        (0, 0xFF),
        (3, 0xFF),
        (4, 0xFE),
        (-1, 0x7F),
        (-4, 0x7F),
        (-5, 0x7E),
        (32767, 0x80),
        (-32768, 0x00),
        (32635, 0x80),
        (1000, 0xCE),
    ],
)
def test_single_samples_encode_as_g191_has_them(sample: int, code: int) -> None:
    assert encode(np.array([sample], "<i2").tobytes()) == bytes([code])


@given(st.binary(max_size=400))
def test_codes_survive_a_round_trip_but_for_negative_zero(codes: bytes) -> None:
    assert encode(decode(codes)) == codes.replace(b"\x7f", b"\xff")


@given(st.lists(st.integers(-32768, 32767)))
def test_encoding_twice_changes_nothing_more(samples: list[int]) -> None:
    once = decode(encode(np.array(samples, "<i2").tobytes()))
    assert decode(encode(once)) == once


def test_an_odd_number_of_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="buffer size"):
        encode(b"\0\0\0")
