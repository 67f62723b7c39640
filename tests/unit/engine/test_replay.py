"""Replaying one check in this process, where a debugger stops in the implementation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.reports import environment

CHECK = "TFS-HANGUP-04[hangup/cancel-after-stop]"
SOURCE = """
from pipecat.serializers.twilio import TwilioFrameSerializer as Original


class TwilioFrameSerializer(Original):
    async def setup(self, start):
        {line}
        await super().setup(start)
"""


def replay(folder: Path, line: str, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "my_bot.py").write_text(SOURCE.format(line=line))
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "twilio_conformance.cli", "replay", *arguments],
        cwd=folder,
        env=environment(),
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_breakpoint_in_an_implementation_stops(tmp_path: Path) -> None:
    done = replay(tmp_path, "breakpoint()", "my_bot", CHECK, typed="p self._stream_sid[:2]\nc\n")
    assert "(Pdb) 'MZ'" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_calls_and_requests_are_printed_as_they_happen(tmp_path: Path) -> None:
    done = replay(tmp_path, "pass", "my_bot", CHECK)
    places = [
        done.stdout.index(part) for part in ("construct(", "setup(8000)", "CancelFrame", "request POST")
    ]
    assert places == sorted(places)
    assert done.stdout.splitlines()[-1] == f"{CHECK}: pass"


def test_a_check_that_fails_exits_with_1_and_its_finding(tmp_path: Path) -> None:
    done = replay(tmp_path, "self._call_sid = 'current'", "my_bot", CHECK)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "found:    target differs" in done.stdout
    assert "/Calls/current.json" in done.stdout


def test_a_check_in_which_it_raises_says_where(tmp_path: Path) -> None:
    done = replay(tmp_path, "raise ValueError(stream)", "my_bot", CHECK)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "found:    setup raised NameError(" in done.stdout
    assert "  at:       my_bot.py:7 in setup: raise ValueError(stream)\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("my_bot", "TFS-HANGUP-04[hangup/nothing]"), "no such check"),
        (("no_such_module", CHECK), "no_such_module"),
        (("stdio:cat", CHECK), "attach a debugger to the adapter"),
    ],
)
def test_what_does_not_exist_is_a_usage_error(tmp_path: Path, arguments: tuple[str, str], words: str) -> None:
    done = replay(tmp_path, "pass", *arguments)
    assert done.returncode == 4, done.stdout + done.stderr
    assert words in done.stderr
