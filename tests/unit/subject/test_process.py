"""Lines over pipes, in parts and longer than a pipe holds, and processes that speak them."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from twilio_conformance.subject import process
from twilio_conformance.subject.process import LineReader, LineTooLong, PythonProcess, receive, send

ECHO = """
import json, os, sys

def main(requests, answers):
    with open(requests) as lines, open(answers, "w", buffering=1) as out:
        for line in lines:
            print(json.dumps({"heard": json.loads(line), "path": sys.path[0]}), file=out)
    print("the end", flush=True)
    os._exit(0)
"""


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_a_line_that_arrives_in_parts_is_one_line(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    reader = LineReader(reading)
    for part, lines in {
        b'{"a":': [],
        b' 1}\n{"b": 2}\n{': [b'{"a": 1}', b'{"b": 2}'],
        b"}\n": [b"{}"],
    }.items():
        os.write(writing, part)
        assert reader.read() == lines
        assert reader.has_partial_line == (not part.endswith(b"\n"))
    os.close(writing)
    assert reader.read() is None


def test_a_line_above_the_limit_is_refused(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.write(writing, b"x" * 11)
    with pytest.raises(LineTooLong):
        LineReader(reading, limit=10).read()


def test_waiting_ends_with_its_time_or_with_something_to_read(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    reader = LineReader(reading)
    assert not reader.wait(0.01)
    os.write(writing, b"{")
    assert reader.wait(60)
    with pytest.raises(TimeoutError):
        receive(reader, 0.01)
    os.write(writing, b"}\n")
    assert receive(reader, 60) == {}


def test_the_end_of_the_pipe_is_none(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(writing)
    assert receive(LineReader(reading)) is None


def test_a_long_document_is_sent_whole(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    document = {"text": "x" * 3_000_000}
    if (pid := os.fork()) == 0:
        send(writing, document)
        os._exit(0)
    assert receive(LineReader(reading)) == document
    os.waitpid(pid, 0)


def test_a_python_process_runs_main_of_a_module_on_the_search_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "echoing.py").write_text(ECHO)
    monkeypatch.chdir(tmp_path)
    with tempfile.TemporaryFile() as output:
        host = PythonProcess("echoing", output, {"OWN": "1"})
        host.send({"question": 1})
        assert receive(host.answers, 60) == {"heard": {"question": 1}, "path": str(tmp_path)}
        host.close(grace=60)
        host.close_answers()
        output.seek(0)
        assert output.read() == b"the end\n"
    assert host.process.returncode == 0


def test_a_process_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sleeping.py").write_text("import time\ndef main(*_): time.sleep(1_000_000)\n")
    monkeypatch.chdir(tmp_path)
    with tempfile.TemporaryFile() as output:
        host = PythonProcess("sleeping", output)
        host.close()
        host.close_answers()
    assert host.process.returncode == -9


def test_the_search_path_begins_with_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", ["", "elsewhere", str(Path.cwd())])
    assert process.search_path() == [str(Path.cwd()), str(Path.cwd()), "elsewhere"]


def test_a_group_is_killed_and_one_that_is_gone_is_left_alone() -> None:
    if (pid := os.fork()) == 0:
        os.setsid()
        time.sleep(1_000_000)
    process.kill_group(pid)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9
    process.kill_group(pid)


def test_json_is_written_by_the_function_that_the_module_imported(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = pipe
    monkeypatch.setattr(json, "dumps", lambda *_: "nonsense")
    send(writing, {"a": 1})
    assert LineReader(reading).read_line() == b'{"a": 1}'
