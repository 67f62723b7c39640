"""The protocol's page and its schema: the transcript is played, and each line is what the schema says."""

from __future__ import annotations

import json
import subprocess

import jsonschema
import pytest

from tests.stdio.conftest import ROOT, broken, command, javascript
from twilio_conformance import catalogue
from twilio_conformance.checkup import diagnose

PAGE = (ROOT / "spec" / "ADAPTER.md").read_text()
LINES = [line for line in PAGE.splitlines() if line.startswith(("> {", "< {"))]


def test_the_page_holds_a_transcript():
    assert len(LINES) >= 10


def test_an_adapter_answers_as_in_the_transcript():
    requests = "".join(line[2:] + "\n" for line in LINES if line.startswith(">"))
    ran = subprocess.run(
        ["node", ROOT / "docs/examples/javascript/adapter.mjs"],
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


@pytest.mark.parametrize("line", [javascript()])
def test_a_sound_adapter_passes_its_checkup(line):
    assert [diagnosis for diagnosis in diagnose(line) if diagnosis.trouble] == []


@pytest.mark.parametrize(
    ("line", "trouble"),
    [(broken("lying"), "is answered with"),
     (command("sh", "-c", "echo hello; sleep 5"), "is not JSON"),
     (command("true"), "ended with status 0")],
)  # fmt: skip
def test_a_broken_adapter_fails_its_checkup(line, trouble):
    assert any(trouble in diagnosis.trouble for diagnosis in diagnose(line) if diagnosis.trouble)
