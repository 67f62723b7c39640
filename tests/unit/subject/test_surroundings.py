"""Surroundings: the arguments, the past, another call and the environment of an instance that is observed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest

from twilio_conformance.errors import NotApplicable
from twilio_conformance.subject import resolution, target
from twilio_conformance.subject.frames import FrameValue
from twilio_conformance.subject.probe import Probe
from twilio_conformance.twilio.network import Network

KEY = {"auth_token": "", "api_key_sid": "${api_key_sid}", "api_key_secret": "${api_key_secret}"}
OTHER = {"stream_sid": "${other_stream_sid}", "call_sid": "${other_call_sid}",
         "account_sid": "${other_account_sid}", "auth_token": "${other_auth_token}"}  # fmt: skip
RATES = {"audio_in_sample_rate": 8000, "audio_out_sample_rate": 8000}
END = {"serialize": {"frame": "EndFrame"}}


@pytest.fixture
def probe() -> Iterator[Probe]:
    with Network() as network:
        yield Probe(resolution.resolve(target.parse("twilio_reference")), network)


def hang_up(probe: Probe, given: dict[str, Any]) -> None:
    async def call() -> None:
        subject = await probe.ready(**probe.arguments())
        await subject.serialize({"frame": "EndFrame"})

    with probe.surrounded(given):
        asyncio.run(call())


def test_usual_arguments_change_and_others_stay(probe: Probe) -> None:
    with probe.surrounded({"arguments": KEY | {"region": "ie1", "edge": "dublin"}}) as surroundings:
        _, changed = surroundings.arguments((), probe.arguments(call_sid="CA1"))
        assert "auth_token" not in changed
        assert (changed["call_sid"], changed["api_key_sid"], changed["edge"]) == (
            "CA1",
            "${api_key_sid}",
            "dublin",
        )
        _, own = surroundings.arguments((), {"auth_token": "mine"})
        assert own["auth_token"] == "mine"
        assert surroundings.api_host == "api.dublin.ie1.twilio.com:443"


def test_arguments_are_passed_by_position_up_to_the_last_that_is_given(probe: Probe) -> None:
    with probe.surrounded({"passing": "position"}) as surroundings:
        positional, named = surroundings.arguments(
            (), {"stream_sid": "MZ", "account_sid": "AC", "params": {}}
        )
        assert (positional, named) == (["MZ", None, "AC"], {"params": {}})


def test_params_may_be_of_a_subclass(probe: Probe) -> None:
    kind = probe.implementation.input_params
    assert kind is not None
    with probe.surrounded({"params": "subclass"}) as surroundings:
        assert surroundings.input_params(kind).__bases__ == (kind,)
    assert probe.surroundings.input_params(kind) is not None


def test_environment_variables_are_set_and_set_back(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "mine")
    monkeypatch.delenv("TWILIO_AUTH_TOKEN", raising=False)
    with probe.surrounded({"environment": {"TWILIO_EDGE": "tokyo", "TWILIO_AUTH_TOKEN": "${auth_token}"}}):
        assert os.environ["TWILIO_EDGE"] == "tokyo"
        assert os.environ["TWILIO_AUTH_TOKEN"] == probe.names.values["auth_token"]
    assert os.environ["TWILIO_EDGE"] == "mine"
    assert "TWILIO_AUTH_TOKEN" not in os.environ


def test_what_is_not_claimed_does_not_apply(probe: Probe) -> None:
    with pytest.raises(NotApplicable, match="does not claim video"), probe.surrounded({"needs": ["video"]}):
        pass


@pytest.mark.parametrize("part", ["first", "then"])
def test_requests_of_another_call_are_not_graded(probe: Probe, part: str) -> None:
    hang_up(probe, {"beside": {"arguments": OTHER, "setup": RATES, part: [END]}})
    assert len(probe.network.exchanges) == 2
    [own] = probe.exchanges
    assert probe.names.values["call_sid"] in own.target


def test_the_past_has_answers_of_its_own_and_is_not_graded(probe: Probe) -> None:
    failing = {"answers": [{"status": 400, "json": {"code": 20001}}], "steps": [END]}
    hang_up(probe, {"before": failing})
    assert [exchange.answer_status for exchange in probe.network.exchanges] == [400, 200]
    assert [exchange.answer_status for exchange in probe.exchanges] == [200]


def test_setup_of_the_past_returns_to_the_rates_that_are_given(probe: Probe) -> None:
    other = {"audio_in_sample_rate": 48000, "audio_out_sample_rate": 48000}
    media = {
        "event": "media",
        "streamSid": "${stream_sid}",
        "media": {"track": "inbound", "payload": "////" * 80},
    }

    async def rate() -> int:
        subject = await probe.ready(rate=16000)
        value = (await subject.deserialize(media)).value
        assert isinstance(value, FrameValue)
        return int(value.attributes["sample_rate"])

    with probe.surrounded({"before": {"steps": [{"setup": other}, {"setup": "given"}]}}):
        assert asyncio.run(rate()) == 16000
    assert probe.trace_to(None)[1].endswith("(and 2 more like it)")
