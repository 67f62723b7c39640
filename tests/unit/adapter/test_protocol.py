"""The messages of the protocol, as its page and its schema describe them."""

from __future__ import annotations

import json
import subprocess

import jsonschema
import pytest

from tests.host import ROOT
from twilio_conformance.adapter.processes import TRUST
from twilio_conformance.adapter.protocol import mistake
from twilio_conformance.spec import catalogue

PAGE = (ROOT / "spec" / "ADAPTER.md").read_text()
LINES = [line for line in PAGE.splitlines() if line.startswith(("> {", "< {"))]


@pytest.mark.parametrize("variable", TRUST)
def test_the_page_names_each_variable_that_tells_of_the_certificate_authority(variable):
    assert f"`{variable}`" in PAGE


def test_the_page_holds_a_transcript():
    assert len(LINES) >= 10


def test_an_adapter_answers_as_in_the_transcript():
    requests = "".join(line[2:] + "\n" for line in LINES if line.startswith(">"))
    ran = subprocess.run(
        ["node", ROOT / "examples/javascript/adapter.mjs"],
        input=requests, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    answers = {answer["id"]: answer for answer in map(json.loads, ran.stdout.splitlines())}
    assert answers == {
        answer["id"]: answer for answer in (json.loads(line[2:]) for line in LINES if line[0] == "<")
    }


@pytest.mark.parametrize("line", LINES)
def test_each_line_of_the_transcript_fits_the_schema(line):
    jsonschema.Draft202012Validator(catalogue.load_schema("adapter")).validate(json.loads(line[2:]))


@pytest.mark.parametrize(
    "line",
    ['{"id": 1, "op": "dance"}', '{"id": 1, "op": "hello", "protocol": 1, "more": 1}', '{"id": 1}',
     '{"id": 1, "result": null, "error": "both"}', '{"id": 1, "op": "deserialize", "serializer": "a", "text": "", "base64": ""}',
     '{"id": 1, "result": {"payload": ""}}', '{"id": 1, "result": null, "logs": [{"level": "LOUD", "text": ""}]}'],
)  # fmt: skip
def test_a_line_with_a_mistake_does_not_fit_the_schema(line):
    assert not jsonschema.Draft202012Validator(catalogue.load_schema("adapter")).is_valid(json.loads(line))


GREETING = {"protocol": 1, "name": "port", "version": None, "capabilities": ["base_url"]}
RAISED = {"type": "ValueError", "bases": ["Exception"], "message": ""}
RECORD = {"level": "ERROR", "text": ""}
BAD_LOGS: list[object] = [
    5, None, {}, [5], [{}], [RECORD | {"level": "LOUD"}],
    [RECORD | {"level": []}], [RECORD | {"text": 5}], [RECORD | {"more": 1}],
]  # fmt: skip
BAD_CAPABILITIES: list[object] = [5, "base_url", [5], [[]], ["telepathy"], ["base_url"] * 2]
RESPONSES = [
    ("serialize", {"result": None}), ("serialize", {"result": None, "logs": [RECORD]}), ("construct", {"raised": RAISED}),
    ("serialize", {"raised": {"type": "E", "message": ""}}), ("close", {"error": "there is none"}),
    ("hello", {"result": GREETING}), ("serialize", {}), ("serialize", {"result": None, "raised": RAISED}),
    ("serialize", {"result": None, "more": 1}),
    ("serialize", {"error": ""}), ("serialize", {"error": None}), ("serialize", {"error": 5}),
    *(("serialize", {"result": None, "logs": logs}) for logs in BAD_LOGS),
    *(("construct", {"raised": raised}) for raised in (5, None, {}, {"type": "E"}, RAISED | {"type": 5}, RAISED | {"type": ""},
      RAISED | {"bases": 5}, RAISED | {"bases": [5]}, RAISED | {"bases": "E"}, RAISED | {"message": None}, RAISED | {"more": 1})),
    *(("hello", {"result": greeting}) for greeting in (GREETING | {"protocol": 2}, GREETING | {"protocol": True},
      GREETING | {"name": 5}, GREETING | {"name": ""}, GREETING | {"version": 1}, GREETING | {"more": 1},
      *(GREETING | {"capabilities": claimed} for claimed in BAD_CAPABILITIES))),
]  # fmt: skip
"""Responses without their id: sound ones, and damaged ones."""


@pytest.mark.parametrize(("op", "response"), RESPONSES)
def test_the_suite_refuses_the_response_that_the_schema_refuses(op, response):
    response = {"id": 1} | response
    is_valid = jsonschema.Draft202012Validator(catalogue.load_schema("adapter")).is_valid(response)
    assert (mistake(op, response) is None) == is_valid


@pytest.mark.parametrize(
    ("op", "response"),
    [("hello", {"raised": RAISED}), ("close", {"raised": RAISED}), ("hello", {"result": None}),
     ("construct", {"result": {"text": ""}}), ("close", {"result": {"text": ""}})],
)  # fmt: skip
def test_a_response_that_answers_another_operation_is_refused(op, response):
    assert mistake(op, {"id": 1} | response) is not None
