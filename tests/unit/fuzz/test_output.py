"""The printed form of a reproducer."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from tests.host import ROOT
from twilio_conformance.checks._expectations import Session
from twilio_conformance.fuzz import output
from twilio_conformance.fuzz.oracle import NAMES, Discrepancy
from twilio_conformance.fuzz.search import Reproducer
from twilio_conformance.spec import catalogue
from twilio_conformance.subject.logs import LogRecord
from twilio_conformance.subject.observation import Observation, Raised
from twilio_conformance.twilio.record import Exchange

Json = dict[str, Any]

IMPL = "tests.serializers.broken.fuzzing:RaisesForNonObjects"
REQUIREMENTS = catalogue.load().requirements
SESSION: Json = {
    "given": {
        "arguments": {"stream_sid": "${stream_sid}", "params": {"auto_hang_up": False}},
        "setup": {"audio_in_sample_rate": 8000, "audio_out_sample_rate": 8000},
        "answers": [{"status": 200}],
    },
    "steps": [{"deserialize": {"json": []}}],
}


def seen(raised: Raised | None) -> Session:
    return Session(Observation("construct()"), steps=[Observation("deserialize('[]')", raised=raised)])


def reproducer(
    requirement: str | None, *, is_confirmed: bool = True, message: str = "it raised", **options: Any
) -> Reproducer:
    raised = Raised("AttributeError", frozenset(), "no get")
    discrepancy = Discrepancy(requirement, message, "raises", **options)
    return Reproducer(discrepancy, SESSION, seen(raised), seen(None), is_confirmed)


@pytest.mark.parametrize(
    ("found", "place"),
    [
        (reproducer("TFS-INPUT-02", step=0, expectation={"returns": "nothing"}), "steps"),
        (reproducer("TFS-HANGUP-10", expectation={"requests": {"at_least": 1, "at_most": 1}}), "expect"),
        (reproducer("TFS-CONSTRUCT-06", expectation={"raises": "ValueError"}), "construction"),
    ],
)
def test_a_vector_is_valid_and_has_its_expectation_in_place(found: Reproducer, place: str) -> None:
    document = output.vector(found, 1, 2, REQUIREMENTS)
    jsonschema.Draft202012Validator(catalogue.load_schema("vector")).validate(document)
    assert document["id"] == "fuzz/1-2"
    expectations = {
        "steps": document["steps"][0].get("expect"),
        "expect": document["expect"] or None,
        "construction": document.get("construction"),
    }
    wanted = [{"requirement": found.discrepancy.requirement, **(found.discrepancy.expectation or {})}]
    assert expectations == dict.fromkeys(expectations) | {place: wanted}


def test_without_a_requirement_the_expectation_has_an_id_to_be_replaced() -> None:
    found = reproducer(None, step=0, expectation={"raises": None})
    document = output.vector(found, 1, 1, REQUIREMENTS)
    assert document["steps"][0]["expect"] == [{"requirement": "TFS-NEW-00", "raises": None}]


def test_a_case_compiles_to_its_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "vectors")
    from twilio_vectors.case import Case

    found = reproducer("TFS-INPUT-02", step=0, expectation={"returns": "nothing"})
    document = output.vector(found, 1, 1, REQUIREMENTS)
    text = output.case(document)
    ast.parse(text)
    assert eval(text, {"Case": Case}).compiled("fuzz") == document


def test_a_script_of_five_lines_plays_the_session_on_both() -> None:
    script = output.script(IMPL, SESSION)
    assert len(script.splitlines()) == 5
    shown = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "reference")))},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert f"{IMPL}:\n" in shown
    assert "raised AttributeError" in shown
    assert "twilio_reference:\n  deserialize('[]'): returned None\n" in shown


def test_a_block_shows_requirement_calls_and_vector() -> None:
    found = reproducer("TFS-INPUT-02", step=0, expectation={"returns": "nothing"}, message="it raised\x1b")
    document = output.vector(found, 1, 1, REQUIREMENTS)
    lines = output.block(found, document, IMPL, REQUIREMENTS)
    assert lines[0] == "TFS-INPUT-02  MUST of robust: it raised\\x1b"
    assert "  1 step; the implementation:" in lines
    assert "    deserialize('[]'): raised AttributeError('no get')" in lines
    assert f"    {json.dumps(document)}" in lines
    assert not any("did not show again" in line or "is measured" in line for line in lines)


def test_a_block_says_what_is_missing() -> None:
    found = reproducer(None, is_confirmed=False)
    lines = output.block(found, output.vector(found, 1, 1, REQUIREMENTS), IMPL, REQUIREMENTS)
    assert lines[0] == "NEW  it raised"
    assert any("did not show again" in line for line in lines)
    assert any("is measured" in line for line in lines)


def test_a_session_has_a_line_for_each_call_request_and_warning_without_secrets() -> None:
    token = NAMES.values["auth_token"]
    exchange = Exchange(1, "https", "api.twilio.com", 443, None, False, 1, 0.0, "POST", "/calls")
    logs = (LogRecord(20, "INFO", "quiet"), LogRecord(40, "ERROR", f"a  {token}\n"))
    session = Session(Observation("construct()"), None, [Observation("call", "{}")], (exchange,), logs=logs)
    assert output.narrate(session) == [
        "call: returned '{}'",
        "request POST https://api.twilio.com/calls content type missing -> no answer",
        "logged 40: a <auth_token>",
    ]


def test_a_session_without_steps_is_told_by_its_obstacle() -> None:
    assert output.narrate(Session(obstacle="hung in setup")) == ["hung in setup"]
