"""Both sides of a finding are laid out so that the difference is seen."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_conformance.checks import _expectations
from twilio_conformance.checks._expectations import Session, grade_session
from twilio_conformance.errors import Violation
from twilio_conformance.report import finding
from twilio_conformance.subject.probe import Observation

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
OBJECT = st.dictionaries(st.text(max_size=5), JSON, max_size=5)


def _lines(value: Any) -> list[str]:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True).splitlines()


@given(OBJECT, OBJECT)
def test_a_diff_holds_both_sides_whole_and_in_order(expected: Any, actual: Any) -> None:
    diff = finding.lay_out(expected, actual).diff
    assert [line for kind, line in diff if kind != "come"] == _lines(expected)
    assert [line for kind, line in diff if kind != "gone"] == _lines(actual)


@given(OBJECT)
def test_equal_sides_have_no_difference(value: Any) -> None:
    assert {kind for kind, _ in finding.lay_out(value, value).diff} == {"same"}


@pytest.mark.parametrize(
    ("expected", "actual"), [("text", {"a": 1}), ({"a": 1}, "text"), (None, [1]), ([1], {"a": 1}), (1, 2)]
)
def test_what_is_not_json_on_both_sides_is_shown_side_by_side(expected: Any, actual: Any) -> None:
    found = finding.lay_out(expected, actual)
    assert found.diff == []
    assert bool(found.expected) == (expected is not None)
    assert found.actual


def test_values_by_name_become_rows() -> None:
    found = finding.lay_out("at most 60 ms", {"8000 Hz": "0 ms", "24000 Hz": 152.5})
    assert found.rows == [("8000 Hz", "0 ms"), ("24000 Hz", "152.5")]


def test_a_long_text_is_cut_and_its_length_said() -> None:
    found = finding.lay_out(None, "x" * 50_000)
    assert found.actual.endswith("… (50000 characters)")
    assert len(found.actual) < 5000


@pytest.mark.parametrize("form", ["payload", "bytes", "hex"])
def test_bytes_are_shown_in_hexadecimal_with_the_differing_ones_marked(form: str) -> None:
    def written(data: bytes) -> Any:
        return {
            "payload": {"media": {"payload": base64.b64encode(data).decode()}},
            "bytes": repr(data),
            "hex": {"hex": data.hex()},
        }[form]

    wanted, seen = bytes(range(100)), bytes(range(70)) + b"\xff" + bytes(range(71, 100))
    ((label, lines),) = finding.lay_out(written(wanted), written(seen)).hex
    assert label.endswith(": 100 bytes expected, 100 actual")
    places = [(kind, line.partition("  ")[0]) for kind, line in lines]
    assert places[:2] == [("same", "000030"), ("gone", "000040")]
    changed = {kind: line for kind, line in lines if line.startswith("000040")}
    assert changed["gone"].split()[7] == "46"
    assert changed["come"].split()[7] == "ff"


def test_codes_that_differ_are_viewed_with_those_around_them() -> None:
    permitted = [bytes(range(100)), bytes(range(1, 101))]
    sent = bytes([*range(1, 41), 255, *range(41, 100)])
    message = json.dumps({"event": "media", "media": {"payload": base64.b64encode(sent).decode()}})
    wanted = {"each_in": [base64.b64encode(codes).decode() for codes in permitted], "at_least": 0}
    session = Session(steps=[Observation("serialize(OutputAudioRawFrame)", message)])
    with pytest.raises(Violation) as caught:
        grade_session(session, {"payloads": wanted})
    assert caught.value.message == "code 40 differs"
    found = finding.lay_out(caught.value.expected, caught.value.actual)
    ((label, lines),) = found.hex
    assert label == "codes from 16: 48 bytes expected, 48 actual"
    differing = [(kind, line[:6]) for kind, line in lines if kind != "same"]
    assert differing == [("gone", "000020"), ("come", "000020")]
    assert lines[-2][1].split()[9] == "ff" or lines[-1][1].split()[9] == "ff"
    assert [line for _, line in found.diff] == [
        "{",
        '  "code 40": "0x28, 0x29"',
        '  "code 40": "0xFF"',
        "}",
    ]


def test_what_a_shape_permits_is_no_difference() -> None:
    shape = {"event": "media", "media": {"payload": "<base64>"}, "streamSid": "<any>", "...": "<any>"}
    actual = {"event": "Media", "media": {"payload": "/w=="}, "streamSid": "MZ1", "name": 5}
    diff = finding.lay_out(shape, actual).diff
    assert [line.strip(" ,") for kind, line in diff if kind != "same"] == [
        '"event": "media"',
        '"event": "Media"',
    ]


def test_what_a_shape_lacks_is_a_difference() -> None:
    diff = finding.lay_out({"streamSid": "<any>"}, {"streamSid": 5, "more": 1}).diff
    assert {line.strip(" ,") for kind, line in diff if kind == "gone"} == {'"streamSid": "<any>"'}
    assert {line.strip(" ,") for kind, line in diff if kind == "come"} == {'"streamSid": 5', '"more": 1'}


@given(st.binary(min_size=1, max_size=200), st.binary(max_size=200))
def test_any_bytes_can_be_viewed(expected: bytes, actual: bytes) -> None:
    ((_, lines),) = finding.lay_out(repr(expected), repr(actual)).hex
    assert 0 < len(lines) <= finding.HEX_LINES


@pytest.mark.parametrize(
    ("at_least", "at_most", "said"),
    [(0, 0, "none"), (1, 1, "1"), (2, None, "at least 2"), (0, 1, "0 to 1")],
)
def test_how_many_are_permitted_is_said_in_words(at_least: int, at_most: int | None, said: str) -> None:
    assert _expectations._limits({"at_least": at_least, "at_most": at_most}) == said


def test_no_log_record_is_told_as_none() -> None:
    with pytest.raises(Violation) as caught:
        grade_session(Session(), {"log": {"level": "ERROR", "at_least": 1, "at_most": None}})
    assert (caught.value.expected, caught.value.actual) == ("at least 1", "none")
