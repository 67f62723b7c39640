"""The processes that play random sessions, and what they see of an implementation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.host import ROOT
from twilio_conformance.errors import SuiteError, UsageError
from twilio_conformance.fuzz import session_host
from twilio_conformance.fuzz.session_host import REFERENCE, SessionHost, narrate, play, replay, session_hosts
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


def test_a_session_is_seen_as_json(hosts: list[SessionHost]) -> None:
    [seen] = play(hosts, session("InterruptionFrame", "EndFrame", arguments=HANG_UP))
    assert (seen["construction"], seen["obstacle"], seen["told"]) == (None, None, False)
    assert seen["steps"][0]["value"]["text"].startswith('{"event":')
    [request] = seen["requests"]
    assert (request["method"], request["form"], request["answer"]) == ("POST", {"Status": "completed"}, 200)
    assert request["basic"][1] == "<auth_token>"


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
    assert play(hosts, session(frame)) == [{"ended": end}]
    [seen] = play(hosts, session("InterruptionFrame"))
    assert seen["steps"][0]["raised"] is None


def test_a_process_is_kept_from_session_to_session_unless_a_fresh_one_is_asked_for(
    hosts: list[SessionHost],
) -> None:
    messages = [
        play(hosts, session("TextFrame"), fresh=fresh)[0]["steps"][0]["raised"]["message"]
        for fresh in (True, False, True)
    ]
    assert messages == ["'1'", "'2'", "'1'"]


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


@pytest.mark.parametrize(
    ("value", "raised", "shown"),
    [
        (None, None, "returned None"),
        ({"text": "{}"}, None, "returned '{}'"),
        ({"bytes": "AAA="}, None, "returned bytes AAA="),
        (None, {"kind": "KeyError", "message": "a"}, "raised KeyError('a')"),
        ({"frame": "F", "carried": {"audio": "AAA=", "rate": 8000, "pts": None}}, None,
         "returned F(audio='<2 bytes>', rate=8000)"),
        ({"text": "x" * 121}, None, f"returned {'x' * 120 + '… (121 characters)'!r}"),
    ],
)  # fmt: skip
def test_an_outcome_is_told_in_a_few_words(value: Json | None, raised: Json | None, shown: str) -> None:
    seen = {"obstacle": None, "requests": [], "logs": [[20, "quiet"], [40, "a  b"]],
            "steps": [{"call": "call", "value": value, "raised": raised}]}  # fmt: skip
    assert narrate(seen) == [f"call: {shown}", "logged 40: a b"]


@pytest.mark.parametrize(
    ("seen", "line"), [({"ended": "hung"}, "hung"), ({"obstacle": "setup raised X"}, "setup raised X")]
)
def test_a_session_without_steps_is_told_by_its_obstacle(seen: Json, line: str) -> None:
    assert narrate(seen) == [line]
