"""The protocol's page and its schema: the transcript is played, and each line is what the schema says."""

from __future__ import annotations

import json
import subprocess

import jsonschema
import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames

from tests.stdio.conftest import ROOT, command, javascript, javascript_with, python
from twilio_conformance import catalogue, stdio
from twilio_conformance.command import main
from twilio_conformance.frames import describe

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
    result = json.loads(json.dumps(stdio.write(returned)))
    jsonschema.Draft202012Validator(catalogue.load_schema("adapter")).validate({"id": 1, "result": result})
    assert stdio.read(result) == describe(returned)


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
    [(command("sh", "-c", "echo hello; sleep 5"), "is not JSON"), (command("true"), "ended with status 0")],
)
def test_the_doctor_looks_no_further_than_a_handshake_that_fails(capsys, line, trouble):
    assert main(["doctor", line]) == 1
    (found,) = (
        line for line in capsys.readouterr().out.splitlines() if line.startswith(("BROKEN", "works "))
    )
    assert found.startswith(f"BROKEN  {HANDSHAKE}: ") and trouble in found


def test_the_doctor_needs_a_command_that_starts(capsys):
    assert main(["doctor", "no-such-program"]) == 4
    assert "no-such-program cannot be started" in capsys.readouterr().err
