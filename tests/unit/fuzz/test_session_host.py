"""The processes that play random sessions, and what they see of an implementation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.host import ROOT
from twilio_conformance.checks._expectations import Session
from twilio_conformance.errors import SuiteError, UsageError
from twilio_conformance.fuzz import session_host
from twilio_conformance.fuzz.oracle import NAMES
from twilio_conformance.fuzz.session_host import REFERENCE, SessionHost, play, replay, session_hosts
from twilio_conformance.fuzz.strategies import COMPLETED, HANG_UP, NO_HANG_UP

Json = dict[str, Any]

SETUP = {"audio_in_sample_rate": 8000, "audio_out_sample_rate": 8000}
INTERRUPTION: Json = {"serialize": {"frame": "InterruptionFrame"}}

MODULE = """
import os, time
from twilio_reference import TwilioFrameSerializer as Reference

class TwilioFrameSerializer(Reference):
    sessions = 0

    async def serialize(self, frame):
        type(self).sessions += 1
        name = type(frame).__name__
        if name == "UserStoppedSpeakingFrame":
            os._exit(7)
        if name == "BotStartedSpeakingFrame":
            time.sleep(60)
        if name == "TextFrame":
            raise KeyError(str(self.sessions))
        return await super().serialize(frame)
"""


def session(*frames: str, arguments: Json = NO_HANG_UP) -> Json:
    steps = [
        {"serialize": {"frame": name} | ({"text": "a"} if name == "TextFrame" else {})} for name in frames
    ]
    return {"given": {"arguments": arguments, "setup": SETUP, "answers": [COMPLETED]}, "steps": steps}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[SessionHost]]:
    file = tmp_path_factory.mktemp("impl") / "fragile.py"
    file.write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "reference")
        with session_hosts(str(file)) as started:
            yield started


def test_a_host_names_its_implementation(hosts: list[SessionHost]) -> None:
    assert hosts[0].name == "fragile:TwilioFrameSerializer"


def test_what_a_vector_observes_is_seen_of_a_session(hosts: list[SessionHost]) -> None:
    [seen] = play(hosts, session("InterruptionFrame", "EndFrame", arguments=HANG_UP))
    assert seen.obstacle is None
    assert str(seen.steps[0].value).startswith('{"event":')
    [request] = seen.exchanges
    assert (request.method, request.body, request.answer_status) == ("POST", b"Status=completed", 200)
    assert request.target.endswith(f"/{NAMES.values['call_sid']}.json")


@pytest.mark.parametrize(
    ("frame", "end"),
    [
        ("UserStoppedSpeakingFrame", "ended the process in serialize(UserStoppedSpeakingFrame)"),
        ("BotStartedSpeakingFrame", "hung in serialize(BotStartedSpeakingFrame)"),
    ],
)
def test_a_child_that_is_lost_is_what_was_seen_and_is_replaced(
    hosts: list[SessionHost], frame: str, end: str
) -> None:
    assert play(hosts, session(frame)) == [Session(obstacle=end)]
    [seen] = play(hosts, session("InterruptionFrame"))
    assert seen.steps[0].raised is None


def test_a_process_is_kept_from_session_to_session_unless_a_fresh_one_is_asked_for(
    hosts: list[SessionHost],
) -> None:
    outcomes = [
        play(hosts, session("TextFrame"), fresh=fresh)[0].steps[0].outcome for fresh in (True, False, True)
    ]
    assert outcomes == ["raised KeyError(\"'1'\")", "raised KeyError(\"'2'\")", "raised KeyError(\"'1'\")"]


def test_an_implementation_that_cannot_be_imported_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no module nowhere"), session_hosts("nowhere"):
        pass


def test_a_host_whose_process_has_ended_is_a_failure_of_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_host, "__name__", "no_such_module")
    host = SessionHost(REFERENCE)
    try:
        with pytest.raises(SuiteError, match="no_such_module"):
            host.receive()
    finally:
        host.close()


def test_a_replay_has_a_line_for_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "reference")
    lines = list(replay(session("EndFrame", arguments=HANG_UP), REFERENCE))
    assert lines[:2] == ["twilio_reference:", "  serialize(EndFrame): returned None"]
    assert lines[2].startswith("  request POST https://api.twilio.com/")
    assert lines[2].endswith("-> 200")
