"""JSON lines over pipes: in parts, in whole, and longer than a pipe holds."""

from __future__ import annotations

import json
import os

from twilio_conformance.engine.pipe import Lines, send


def test_a_line_that_arrives_in_parts_is_one_line() -> None:
    reading, writing = os.pipe()
    parts = {b'{"a":': [], b' 1}\n{"b": 2}\n{': [{"a": 1}, {"b": 2}], b"}\n": [{}]}
    with os.fdopen(reading, "rb", buffering=0) as stream:
        lines = Lines(stream)
        for part, whole in parts.items():
            os.write(writing, part)
            assert lines.read() == whole
        os.close(writing)
        assert lines.read() is None


def test_the_first_line_is_waited_for() -> None:
    reading, writing = os.pipe()
    os.write(writing, b'{"impl": "mine"}\n')
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as stream:
        assert Lines(stream).wait() == {"impl": "mine"}


def test_a_long_answer_is_sent_whole() -> None:
    reading, writing = os.pipe()
    document = {"text": "x" * 1_000_000}
    if (pid := os.fork()) == 0:
        send(os.fdopen(writing, "wb", buffering=0), document)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        assert json.loads(stream.read()) == document
    os.waitpid(pid, 0)
