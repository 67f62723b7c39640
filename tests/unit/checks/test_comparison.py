"""Comparisons name the first place that differs."""

from __future__ import annotations

from typing import Any

import pytest

from twilio_conformance.checks._comparison import (
    abbreviate,
    decode_base64,
    expect_joined,
    same,
    shape_difference,
)
from twilio_conformance.errors import Violation


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1, True),
        (1, True, False),
        ({"a": [1, None]}, {"a": [1, None]}, True),
        ({"a": [1]}, {"a": [True]}, False),
        ({"a": 1}, {"b": 1}, False),
        ([1, 2], [1], False),
    ],
)
def test_json_values_are_equal_with_true_and_1_told_apart(left: Any, right: Any, equal: bool) -> None:
    assert same(left, right) is equal


@pytest.mark.parametrize(
    ("value", "shape", "difference"),
    [
        ({"a": 1}, {"a": "<any>"}, None),
        ({"a": "AAAA"}, {"a": "<base64>"}, None),
        ({"a": "*"}, {"a": "<base64>"}, "m.a is not non-empty standard base64"),
        ([], {"a": 1}, "m is not an object"),
        ({}, {"a": 1}, "m lacks a"),
        ({"a": 1, "b": 2}, {"a": 1}, "m has b as well"),
        ({"a": 1, "b": 2}, {"a": 1, "...": "..."}, None),
        ({"a": {"b": 2}}, {"a": {"b": 1}}, "m.a.b differs"),
    ],
)
def test_the_first_difference_from_a_shape_is_named(value: Any, shape: Any, difference: str | None) -> None:
    assert shape_difference(value, shape, "m") == difference


def test_long_texts_are_abbreviated_with_their_length() -> None:
    assert abbreviate({"a": "x" * 81, "b": "x" * 80}) == {"a": "x" * 60 + "… (81 characters)", "b": "x" * 80}


@pytest.mark.parametrize(("text", "data"), [("AAE=", b"\0\1"), ("AAE", None), ("é", None), ("", b"")])
def test_only_standard_base64_is_decoded(text: str, data: bytes | None) -> None:
    assert decode_base64(text) == data


def test_joined_bytes_may_follow_any_alternative_and_end_early_only_as_permitted() -> None:
    expect_joined(b"\1\2", [b"\1\7\3", b"\5\2\3"], 2, "code")
    with pytest.raises(Violation, match="too few codes"):
        expect_joined(b"\1", [b"\1\2"], 2, "code")
    with pytest.raises(Violation, match="too many codes"):
        expect_joined(b"\1\2\3", [b"\1\2"], 2, "code")


def test_the_first_byte_that_differs_is_shown_with_its_neighbours() -> None:
    with pytest.raises(Violation, match="code 1 differs") as caught:
        expect_joined(b"\x01\x09", [b"\1\2", b"\1\3"], 2, "code")
    assert caught.value.expected == {"code 1": "0x02, 0x03", "codes from 0": {"hex": "0102"}}
    assert caught.value.actual == {"code 1": "0x09", "codes from 0": {"hex": "0109"}}
