"""Steps: what each does, and the end of a call whose request is left to a task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from pipecat.frames.frames import Frame

from twilio_conformance.subject.frames import FrameValue
from twilio_conformance.subject.probe import Probe
from twilio_conformance.subject.steps import end_call, take_step
from twilio_conformance.subject.target import Implementation, Target
from twilio_conformance.twilio.network import Network
from twilio_reference import TwilioFrameSerializer as Reference

RATES = {"audio_in_sample_rate": 16000, "audio_out_sample_rate": 8000}
KEY = {"event": "dtmf", "streamSid": "${stream_sid}", "dtmf": {"digit": "5"}}


class InTheBackground(Reference):
    """Leaves the request to a task."""

    async def serialize(self, frame: Frame) -> Any:
        self.task = asyncio.create_task(super().serialize(frame))


@pytest.fixture
def probe(request: pytest.FixtureRequest) -> Iterator[Probe]:
    kind = getattr(request, "param", Reference)
    with Network() as network:
        found = Implementation(
            Target("mine", "mine", None), kind, Reference.InputParams, "mine:Kind", None, frozenset(), True
        )
        yield Probe(found, network)


async def test_each_kind_of_step_does_what_it_says(probe: Probe) -> None:
    subject = await probe.ready()
    assert (await take_step(subject, {"setup": RATES})).raised is None
    cleared = await take_step(subject, {"serialize": {"frame": "InterruptionFrame"}})
    assert '"clear"' in str(cleared.value)
    key = await take_step(subject, {"deserialize": {"json": KEY}})
    assert isinstance(key.value, FrameValue)
    assert key.value.attributes["button"] == "5"
    assert (await take_step(subject, {"wait": 0.01})).call == "wait(0.01)"


@pytest.mark.parametrize("probe", [Reference, InTheBackground], indirect=True)
async def test_the_end_of_a_call_waits_for_its_request(probe: Probe) -> None:
    await end_call(await probe.ready(**probe.arguments()))
    assert [exchange.answer_status for exchange in probe.exchanges] == [200]
