"""Comparisons that explain themselves: of JSON with a shape, and of joined bytes with their alternatives."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from twilio_conformance.errors import Violation

Json = dict[str, Any]

OPEN = "..."
"""The member of a shape that permits any number of further members."""

HEX_LINE = 16
"""Bytes on a line of the hex view around a difference, which has three lines."""


def same(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal; true and 1 are not."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def shape_difference(value: Any, shape: Any, place: str) -> str | None:
    """Return the first difference of a value, called `place`, from a shape, as a sentence, or None.

    In a shape, "<any>" matches anything, "<base64>" non-empty standard base64, and OPEN any further members.
    """
    if shape == "<any>":
        return None
    if shape == "<base64>":
        fits = isinstance(value, str) and decode_base64(value)
        return None if fits else f"{place} is not non-empty standard base64"
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{place} is not an object"
        named = shape.keys() - {OPEN}
        if missing := sorted(named - value.keys()):
            return f"{place} lacks {', '.join(missing)}"
        if OPEN not in shape and (extra := sorted(value.keys() - named)):
            return f"{place} has {', '.join(extra)} as well"
        differences = (shape_difference(value[key], shape[key], f"{place}.{key}") for key in sorted(named))
        return next((difference for difference in differences if difference is not None), None)
    return None if same(value, shape) else f"{place} differs"


def abbreviate(value: Any) -> Any:
    """Return a JSON value with the long strings of an object shortened, for reports."""
    if isinstance(value, dict):
        return {key: abbreviate(item) for key, item in value.items()}
    return f"{value[:60]}… ({len(value)} characters)" if isinstance(value, str) and len(value) > 80 else value


def decode_base64(payload: str) -> bytes | None:
    """Decode standard base64; None if the text is anything else."""
    try:
        return base64.b64decode(payload.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None


def expect_joined(got: bytes, alternatives: list[bytes], at_least: int, unit: str) -> None:
    """End the check unless each byte, called a `unit`, is that of an alternative; all of those have the full length."""
    if len(got) > len(alternatives[0]):
        raise Violation(f"too many {unit}s", expected=len(alternatives[0]), actual=len(got))
    for place, value in enumerate(got):
        permitted = {alternative[place] for alternative in alternatives}
        if value not in permitted:
            wanted = ", ".join(f"0x{code:02X}" for code in sorted(permitted))
            permitted_codes = zip(got, *alternatives, strict=False)
            nearest = bytes(code if code in codes else codes[0] for code, *codes in permitted_codes)
            expected = _around(place, wanted, nearest, unit)
            actual = _around(place, f"0x{value:02X}", got, unit)
            raise Violation(f"{unit} {place} differs", expected=expected, actual=actual)
    if len(got) < at_least:
        raise Violation(f"too few {unit}s", expected=f"at least {at_least}", actual=len(got))


def _around(place: int, said: str, data: bytes, unit: str) -> Json:
    """Return one side of a difference: its value, and the bytes around it, which reports show as a hex view."""
    start = max(place // HEX_LINE - 1, 0) * HEX_LINE
    return {
        f"{unit} {place}": said,
        f"{unit}s from {start}": {"hex": data[start : start + 3 * HEX_LINE].hex()},
    }
