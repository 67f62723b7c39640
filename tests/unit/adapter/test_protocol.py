"""The protocol's page and its schema: the transcript is played, and each line is what the schema says."""

from __future__ import annotations

import json
import subprocess

import jsonschema
import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames

from tests.unit.adapter.conftest import ROOT, broken, command, javascript, javascript_with, python
from twilio_conformance.adapter import serializer
from twilio_conformance.adapter.processes import TRUST
from twilio_conformance.adapter.protocol import mistake
from twilio_conformance.cli import main
from twilio_conformance.spec import catalogue
from twilio_conformance.subject.frames import describe

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


@pytest.mark.parametrize(
    "result",
    [7, "text", [], {}, {"text": 5}, {"text": "", "bases": []}, {"base64": "!"}, {"base64": 5}, {"frame": 5}, {"frame": {}},
     {"frame": {"frame": "InputAudioRawFrame", "audio": "!"}}, {"frame": {"frame": "EndFrame"}, "more": 1},
     {"other": {"type": "t"}}, {"other": {"type": "t", "text": "", "more": 1}}, {"other": 5}, {"payload": ""}],
)  # fmt: skip
def test_a_result_that_the_schema_refuses_is_none_that_a_method_has(result):
    assert not jsonschema.Draft202012Validator(catalogue.load_schema("adapter")).is_valid(
        {"id": 1, "result": result}
    )
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        serializer.read(result)


@pytest.mark.parametrize("line", [javascript(), python("twilio_reference")])
def test_the_doctor_finds_a_sound_adapter_in_order(capsys, line):
    assert main(["doctor", line]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "It can be graded."
    assert "\n".join(told) in (ROOT / "docs" / "adapters.md").read_text()
    assert not [sentence for sentence in told if sentence.startswith("BROKEN")]


class SpokenFrame(frames.OutputAudioRawFrame):
    """A frame that Pipecat does not have."""


RETURNED = {
    "None": None, "text": '{"event": "clear"}', "bytes": b"\x00\xff", "an object": object(), "a number": 7,
    "audio": frames.InputAudioRawFrame(b"\x01\x02", 8000, 1), "a key": frames.InputDTMFFrame(button=KeypadEntry.STAR),
    "a frame of its own": SpokenFrame(b"\x01\x02", 8000, 1),
}  # fmt: skip


@pytest.mark.parametrize("returned", RETURNED.values(), ids=RETURNED)
def test_what_a_method_returns_is_the_same_on_both_sides(returned):
    result = json.loads(json.dumps(serializer.write(returned)))
    jsonschema.Draft202012Validator(catalogue.load_schema("adapter")).validate({"id": 1, "result": result})
    assert serializer.read(result) == describe(returned)


HANDSHAKE, FRAMING = "it answers hello, and again at once", "a line feed ends a line, and nothing else does"
ERRORS, LIMITS = "it refuses unknown operations, members and serializers", "it takes long lines"
CHANGES = {
    "it speaks another version": ("protocol: 1, name", "protocol: 2, name", HANDSHAKE, "is not what the schema says"),
    "it splits at U+2028": (
        "answer(line);\n  }", "line.split(/[\\n\\u2028]/).forEach(answer);\n  }", FRAMING, ""),
    "it takes unknown members": ("if (unknown)", "if (false)", ERRORS, "'error' is wanted"),
    "it calls a mistake in a request an exception": (
        "if (error instanceof AdapterError || id === null)", "if (id === null)", ERRORS, "'error' is wanted"),
    "it forgets nothing": ("    serializers.delete(serializer);\n", "",
                           "it keeps serializers apart, and forgets closed ones", "'error' is wanted"),
    "it ends at a long line": (
        "answer(line);\n  }", "if (line.length > 1e6) process.exit(3);\n    answer(line);\n  }", LIMITS, "ended with status 3"),
    "it talks": ("answer(line);\n  }", 'console.log("a line");\n    answer(line);\n  }', HANDSHAKE, "is not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_the_doctor_says_what_is_broken(capsys, tmp_path, change):
    before, after, part, trouble = CHANGES[change]
    assert main(["doctor", javascript_with(tmp_path, "adapter.mjs", before, after)]) == 1
    (found,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith(f"BROKEN  {part}: "))
    assert trouble in found


@pytest.mark.parametrize(
    ("line", "trouble"),
    [(command("sh", "-c", "echo hello; sleep 5"), "is not JSON"), (command("true"), "ended with status 0"),
     (command("cat", "/dev/zero"), "writes a line of more than 64 MiB"),
     (command("sh", "-c", "printf '%100000s\\n' | tr ' ' '['"), "is not JSON"),
     (broken("boastful"), "is not what the schema says")],
)  # fmt: skip
def test_the_doctor_looks_no_further_than_a_handshake_that_fails(capsys, line, trouble):
    assert main(["doctor", line]) == 1
    (found,) = (
        line for line in capsys.readouterr().out.splitlines() if line.startswith(("BROKEN", "works "))
    )
    assert found.startswith(f"BROKEN  {HANDSHAKE}: ") and trouble in found


def test_the_doctor_needs_a_command_that_starts(capsys):
    assert main(["doctor", "no-such-program"]) == 4
    assert "no-such-program cannot be started" in capsys.readouterr().err
