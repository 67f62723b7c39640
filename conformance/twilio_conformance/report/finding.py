"""Lays out the two sides of a finding: a diff for JSON, a table for values, a hex view for bytes."""

from __future__ import annotations

import ast
import base64
import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

TEXT_LIMIT = 4000
"""Characters of one side; the rest is cut."""

HEX_LINES = 24
"""Lines of a hex view: those that differ, with one line of context on either side."""

BYTES_PER_LINE = 16

_ANYTHING = ("<any>", "<base64>")
"""Placeholders in an expected shape for any value; "..." among the members allows any others."""

_OFFSET = re.compile(r" from (\d+)$")

_BASE64_MEMBERS = ("audio", "base64", "body_base64", "payload")

Lines = list[tuple[str, str]]
"""Lines of a diff, each of a kind: `same`, `gone` (expected only) or `come` (actual only)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How to show the two sides of a finding.

    Attributes:
        diff: The lines of both sides; empty unless both are JSON objects or arrays.
        expected: The expected side as text.
        actual: The actual side as text.
        rows: The actual side as names and values; empty unless it is an object of plain values.
        hex: Hex views of the bytes in both sides, each with a label.
    """

    diff: Lines
    expected: str
    actual: str
    rows: list[tuple[str, str]]
    hex: list[tuple[str, Lines]]


def lay_out(expected: Any, actual: Any) -> Layout:
    """Return how to show both sides of a finding."""
    is_json = isinstance(expected, dict | list) and type(expected) is type(actual)
    return Layout(
        diff=_json_diff(expected, actual) if is_json else [],
        expected=_text(expected),
        actual=_text(actual),
        rows=_rows(actual),
        hex=list(_hex_views(expected, actual)),
    )


def _json_diff(expected: Any, actual: Any) -> Lines:
    """Return the lines of both sides, without bytes: hex views show those better."""
    before, after = (
        _pretty(_without_bytes(side)).splitlines() for side in (_filled(expected, actual), actual)
    )
    changes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return list(_changed_lines(before, after, changes))


def _changed_lines(
    before: list[str], after: list[str], changes: Iterable[tuple[str, int, int, int, int]]
) -> Iterator[tuple[str, str]]:
    for change, low, high, start, end in changes:
        yield from (("same" if change == "equal" else "gone", line) for line in before[low:high])
        if change != "equal":
            yield from (("come", line) for line in after[start:end])


def _filled(shape: Any, actual: Any) -> Any:
    """Return the shape with its placeholders replaced by the actual values, so that they do not differ."""
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
        if not (isinstance(item, dict) and item.keys() == {"hex"} and _from_hex(item["hex"]))
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
    """Return an object of plain values, such as a measurement for each rate, as rows."""
    if not isinstance(value, dict) or any(isinstance(item, dict | list) for item in value.values()):
        return []
    return [
        (str(name), item if isinstance(item, str) else json.dumps(item, ensure_ascii=False))
        for name, item in value.items()
    ]


def _hex_views(expected: Any, actual: Any) -> Iterator[tuple[str, Lines]]:
    """Yield a hex view for each name under which either side has bytes."""
    wanted, seen = dict(_binaries(expected)), dict(_binaries(actual))
    for name in [*wanted, *(name for name in seen if name not in wanted)]:
        left, right = wanted.get(name), seen.get(name)
        if left is None or right is None:
            side, data = ("expected", left) if right is None else ("actual", right)
            dump = _dump(data or b"", name)[:HEX_LINES]
            yield f"{name}, {side}: {len(data or b'')} bytes", [("same", line) for line in dump]
            continue
        before, after = _dump(left, name), _dump(right, name)
        groups = difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(1)
        lines = [line for group in groups for line in _changed_lines(before, after, group)]
        lines = lines or [("same", line) for line in before]
        yield f"{name}: {len(left)} bytes expected, {len(right)} actual", lines[:HEX_LINES]


def _dump(data: bytes, name: str) -> list[str]:
    """Return the lines of a hex dump; the name of an excerpt gives its offset, as in `codes from 16`."""
    excerpt = _OFFSET.search(name)
    first = int(excerpt.group(1)) if excerpt else 0
    return [
        f"{first + offset:06x}  {data[offset : offset + BYTES_PER_LINE].hex(' ')}"
        for offset in range(0, len(data), BYTES_PER_LINE)
    ]


def _binaries(value: Any, name: str = "bytes") -> Iterator[tuple[str, bytes]]:
    """Yield the bytes in a value: Python's b'…', {"hex": …}, and base64 in members that hold it."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str) and key in _BASE64_MEMBERS and (data := _from_base64(item)):
                yield key, data
            elif isinstance(item, str) and key == "hex" and (data := _from_hex(item)):
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


def _decoded(text: str, decode: Callable[[str], bytes]) -> bytes:
    """Return the bytes that a text stands for; none if it is not encoded so."""
    try:
        return decode(text)
    except ValueError:
        return b""


_from_base64 = partial(_decoded, decode=partial(base64.b64decode, validate=True))
_from_hex = partial(_decoded, decode=bytes.fromhex)
