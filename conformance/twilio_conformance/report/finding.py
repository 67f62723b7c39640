"""Lays out what was expected and what was seen: a diff for JSON, a table for values, a hex view for bytes."""

from __future__ import annotations

import ast
import base64
import binascii
import difflib
import json
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

Json = dict[str, Any]

TEXT_LIMIT = 4000
"""Characters of one side; of more, the beginning is shown."""

HEX_LIMIT = 256
"""Bytes of a hex view: from a line before the first difference."""

LINE = 16
"""Bytes on one line of a hex view."""

_ANYTHING = ("<any>", "<base64>")
"""What a shape has in place of a value that may differ; "..." beside members stands for any others."""

_FROM = re.compile(r" from (\d+)$")

_BINARY = ("audio", "base64", "body_base64", "payload")
"""Members of JSON whose text is base64."""


def of(expected: Any, actual: Any) -> Json:
    """How to show both sides of a finding.

    Returns:
        `diff`: lines of JSON as (kind, text), of kind `same`, `gone` or `come`; empty where it is not JSON.
        `expected` and `actual`: texts, empty where there is nothing to show.
        `rows`: the actual side as names and values, empty where it is no such thing.
        `hex`: hex views, each a label and its lines.
    """
    shown: Json = {
        "diff": _diff(expected, actual) if _are_json(expected, actual) else [],
        "expected": _text(expected),
        "actual": _text(actual),
        "rows": _rows(actual),
        "hex": list(_hex_views(expected, actual)),
    }
    return shown


def _are_json(expected: Any, actual: Any) -> bool:
    return isinstance(expected, dict | list) and type(expected) is type(actual)


def _diff(expected: Any, actual: Any) -> list[tuple[str, str]]:
    """The lines of both sides; what a hex view shows better is left to it."""
    sides = (_without_bytes(_filled(expected, actual)), _without_bytes(actual))
    before, after = (_pretty(side).splitlines() for side in sides)
    lines: list[tuple[str, str]] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for change, low, high, start, end in matcher.get_opcodes():
        if change == "equal":
            lines += [("same", line) for line in before[low:high]]
        else:
            lines += [("gone", line) for line in before[low:high]]
            lines += [("come", line) for line in after[start:end]]
    return lines


def _filled(shape: Any, actual: Any) -> Any:
    """The shape with what it permits taken from the actual side, so that only what it forbids differs."""
    if isinstance(shape, str) and shape in _ANYTHING and isinstance(actual, str):
        return actual
    if isinstance(shape, dict) and isinstance(actual, dict):
        named = {key: _filled(value, actual.get(key)) for key, value in shape.items() if key != "..."}
        return {**actual, **named} if "..." in shape else named
    return shape


def _without_bytes(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: _without_bytes(item)
        for key, item in value.items()
        if not (isinstance(item, dict) and item.keys() == {"hex"} and _hexadecimal(item["hex"]))
    }


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = "\n".join(value)
    text = value if isinstance(value, str) else _pretty(value)
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}… ({len(text)} characters)"


def _rows(value: Any) -> list[tuple[str, str]]:
    """An object of plain values, such as a measurement for each rate, as rows."""
    if not isinstance(value, dict) or any(isinstance(item, dict | list) for item in value.values()):
        return []
    return [
        (str(name), item if isinstance(item, str) else json.dumps(item, ensure_ascii=False))
        for name, item in value.items()
    ]


def _hex_views(expected: Any, actual: Any) -> Iterator[tuple[str, list[Json]]]:
    """The bytes in both sides; where both have some of one name, what differs is marked."""
    wanted, seen = dict(_binaries(expected)), dict(_binaries(actual))
    for name in [*wanted, *(name for name in seen if name not in wanted)]:
        left, right = wanted.get(name), seen.get(name)
        differing = {
            place
            for place, (one, other) in enumerate(zip_longest(left or b"", right or b""))
            if left is not None and right is not None and one != other
        }
        for side, data in (("expected", left), ("actual", right)):
            if data:
                yield f"{name}, {side}: {len(data)} bytes", _lines(data, differing, _first_place(name))


def _first_place(name: str) -> int:
    """Where the bytes of a view begin in the whole: an excerpt's name says it, as in `codes from 16`."""
    found = _FROM.search(name)
    return int(found.group(1)) if found else 0


def _lines(data: bytes, differing: set[int], first: int) -> list[Json]:
    start = max(min(differing, default=0) // LINE - 1, 0) * LINE
    return [
        {
            "place": f"{first + place:06x}",
            "bytes": [
                (f"{byte:02x}", place + number in differing)
                for number, byte in enumerate(data[place : place + LINE])
            ],
        }
        for place in range(start, min(len(data), start + HEX_LIMIT), LINE)
    ]


def _binaries(value: Any, name: str = "bytes") -> Iterator[tuple[str, bytes]]:
    """The bytes in a value: Python's b'…', {"hex": …}, and base64 where JSON has it."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str) and key in _BINARY and (data := _base64(item)):
                yield key, data
            elif isinstance(item, str) and key == "hex" and (data := _hexadecimal(item)):
                yield name, data
            else:
                yield from _binaries(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _binaries(item, name)
    elif isinstance(value, str) and value[:2] in ("b'", 'b"'):
        try:
            literal = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return
        yield name, literal


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _hexadecimal(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
