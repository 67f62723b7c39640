"""The trace of a check: a line for each call and request, in order, with times and without credentials."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pipecat.frames.frames import EndFrame, InterruptionFrame
from pipecat.serializers.base_serializer import FrameSerializer

from twilio_conformance.subject.logs import CAPTURE
from twilio_conformance.subject.probe import Observation, Probe, Raised
from twilio_conformance.subject.target import Implementation, Target
from twilio_conformance.subject.trace import decisive
from twilio_conformance.twilio.network import Network
from twilio_reference import TwilioFrameSerializer as Reference

MakeProbe = Callable[[Callable[..., Any]], Probe]


class Serializer(FrameSerializer):
    """Gives None, after as many seconds of blocking as it is told."""

    def __init__(self, seconds: float = 0.0, **_: Any) -> None:
        self.seconds = seconds

    async def serialize(self, frame: Any) -> Any:
        time.sleep(self.seconds)

    async def deserialize(self, data: Any) -> Any:
        return None


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeProbe]:
    """Makes a probe on a class; nothing of this process is listened to."""
    monkeypatch.setattr(CAPTURE, "attach", lambda: None)
    with Network() as network:
        yield lambda kind: Probe(
            Implementation(
                Target("mine", "mine", None),
                kind,
                Reference.InputParams,
                "mine:Serializer",
                None,
                frozenset(),
                True,
            ),
            network,
        )


RAISED = Observation("a", raised=Raised("ValueError", frozenset(), "first"))
LATER = Observation("b", raised=Raised("ValueError", frozenset(), "second"))
RETURNED = Observation("c")


@pytest.mark.parametrize(
    ("calls", "named", "said", "found"),
    [
        ([RAISED, RETURNED], RETURNED, "raised ValueError('first')", RETURNED),
        ([RAISED, LATER], None, "setup raised ValueError('first')", RAISED),
        ([RAISED, RETURNED], None, "setup raised ValueError('first')", RAISED),
        ([RAISED, LATER], None, "no request was made", LATER),
        ([RAISED, RETURNED], None, "no request was made", None),
        ([], None, "no request was made", None),
    ],
)
def test_the_decisive_observation_is_named_or_quoted_or_the_last(
    calls: list[Observation], named: Observation | None, said: str, found: Observation | None
) -> None:
    assert decisive([(call, 0.0, 0) for call in calls], named, said) is found


TIME = re.compile(r"^\+(\d+\.\d{3}) s  ")


def times(trace: list[str]) -> list[float]:
    return [float(found.group(1)) for line in trace if (found := TIME.match(line))]


def untimed(trace: list[str]) -> list[str]:
    assert len(times(trace)) == len(trace)
    return [TIME.sub("", line) for line in trace]


class TestTrace:
    async def test_is_a_line_for_each_call_and_request_in_order(self, make: MakeProbe) -> None:
        probe = make(Reference)
        probe.answer([{"status": 404, "json": {"code": 20404}}])
        subject = await probe.ready(**probe.arguments())
        cleared = await subject.serialize(InterruptionFrame())
        await subject.serialize(EndFrame())
        await subject.deserialize({"event": "connected"})
        construct, setup, clear, end, request, connected = untimed(probe.trace_to(None))
        account, call = probe.names.values["account_sid"], probe.names.values["call_sid"]
        place = f"https://api.twilio.com:443/2010-04-01/Accounts/{account}/Calls/{call}.json"
        assert construct.startswith(
            "construct(stream_sid=…, call_sid=…, account_sid=…, auth_token=…): returned"
        )
        assert setup == "setup(8000): returned None"
        assert clear.startswith("serialize(InterruptionFrame): returned '{")
        assert end == "serialize(EndFrame): returned None"
        assert request.startswith(f"request POST {place} -> answer 404; body 'Status=completed'; ")
        assert connected.startswith("deserialize(")
        assert probe.trace_to(cleared) == probe.trace_to(None)[:3]
        assert probe.trace_to(Observation("elsewhere")) == probe.trace_to(None)

    async def test_says_when_each_call_began(self, make: MakeProbe) -> None:
        probe = make(Serializer)
        subject = probe.construct(seconds=0.2)
        await subject.serialize(EndFrame())
        await subject.serialize(InterruptionFrame())
        made, first, second = times(probe.trace_to(None))
        assert 0 <= made <= first <= second - 0.19

    async def test_tells_calls_that_are_alike_once(self, make: MakeProbe) -> None:
        probe = make(Serializer)
        subject = probe.construct()
        seen = [await subject.serialize(EndFrame()) for _ in range(5)]
        await subject.serialize(InterruptionFrame())
        assert untimed(probe.trace_to(None))[1:] == [
            "serialize(EndFrame): returned None (and 4 more like it)",
            "serialize(InterruptionFrame): returned None",
        ]
        assert untimed(probe.trace_to(seen[2]))[1:] == [
            "serialize(EndFrame): returned None (and 1 more like it)",
            "serialize(EndFrame): returned None",
        ]

    async def test_holds_no_credentials(self, make: MakeProbe) -> None:
        probe = make(Reference)
        await (await probe.ready(**probe.arguments())).serialize(EndFrame())
        assert "uthorization: Basic (redacted)" in probe.trace_to(None)[-1]
