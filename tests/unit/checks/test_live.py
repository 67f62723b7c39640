"""The chapter Live: its checks catch what each is made for, and pass what is permitted."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pipecat.frames import frames
from pipecat.serializers.base_serializer import FrameSerializer

from tests.unit.checks.implementations.live import SPECIMENS
from twilio_conformance.audio import signals, ulaw
from twilio_conformance.checks import _caller_audio, _placed_calls
from twilio_conformance.checks._caller_audio import voice
from twilio_conformance.checks._server import PipecatServer
from twilio_conformance.errors import NotObservable, NotTestable
from twilio_conformance.spec import catalogue
from twilio_conformance.twilio.caller import RATE, Identity
from twilio_reference import TwilioFrameSerializer

ROOT = Path(__file__).parents[3]
ACCOUNT = "AC" + "0" * 32


class PassThrough(FrameSerializer):
    """The least that carries a call at 8000 Hz: it holds nothing and hangs nothing up."""

    def __init__(self, stream_sid: str) -> None:
        super().__init__()
        self.stream_sid = stream_sid

    async def serialize(self, frame: frames.Frame) -> str | None:
        if not isinstance(frame, frames.OutputAudioRawFrame):
            return None
        codes = ulaw.encode(np.frombuffer(frame.audio, dtype="<i2").astype(np.int16))
        payload = base64.b64encode(codes).decode()
        return json.dumps({"event": "media", "streamSid": self.stream_sid, "media": {"payload": payload}})

    async def deserialize(self, data: str | bytes) -> frames.Frame | None:
        message = json.loads(data)
        if message["event"] != "media":
            return None
        samples = ulaw.decode(base64.b64decode(message["media"]["payload"]))
        return frames.InputAudioRawFrame(
            audio=samples.astype("<i2").tobytes(), sample_rate=8000, num_channels=1
        )


# What the checks measure with


def test_the_whole_of_what_was_said_is_not_missing_and_a_cut_end_is() -> None:
    said = voice(1.0)
    coded = ulaw.decode(ulaw.encode(said))
    assert _caller_audio.missing_seconds(said, coded) == pytest.approx(0.0, abs=0.0002)
    assert _caller_audio.missing_seconds(said, coded[:-800]) == pytest.approx(0.1, abs=0.0002)
    assert _caller_audio.missing_seconds(said, np.append(np.zeros(160, np.int16), coded)) == pytest.approx(0.0, abs=0.0002)
    assert _caller_audio.missing_seconds(said, np.zeros(8000, np.int16)) == 1.0
    assert _caller_audio.missing_seconds(said, voice(1.0, seed=9)) == 1.0


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_stale_audio_is_what_is_audible_ahead_of_the_answer(rate: int) -> None:
    answer = voice(0.6, rate=rate, seed=4)
    clean = ulaw.decode(ulaw.encode(voice(0.6, seed=4)))
    assert _caller_audio.stale_seconds(answer, clean, rate) == 0.0
    assert _caller_audio.stale_seconds(answer, np.append(signals.silence(RATE, 0.1), clean), rate) == 0.0
    leak = voice(0.05, seed=3)
    assert _caller_audio.stale_seconds(answer, np.append(leak, clean), rate) == pytest.approx(0.05, abs=0.002)
    assert _caller_audio.stale_seconds(answer, leak, rate) is None


def test_a_tone_is_told_from_its_neighbours_even_when_it_is_cut() -> None:
    frequencies = [320.0 + 120 * number for number in range(20)]
    hum = signals.sine(frequencies[7], -10, RATE, 1.0)
    for audio in (hum, hum[:1200], np.append(hum[:3000], hum[3700:])):
        levels = _caller_audio.tone_levels(audio, frequencies)
        assert levels[7] > -1
        assert max(levels[:7] + levels[8:]) < -30
    mixed = hum + signals.sine(frequencies[3], -30, RATE, 1.0)
    assert _caller_audio.tone_levels(mixed, frequencies)[3] == pytest.approx(-20, abs=1)
    assert set(_caller_audio.tone_levels(np.zeros(0, np.int16), frequencies)) == {-120.0}


# What a call shows


async def test_a_serializer_that_holds_nothing_brings_the_first_audio_back_after_one_piece() -> None:
    said, identity = voice(0.6), Identity.random(ACCOUNT)
    async with PipecatServer() as board, board.call(PassThrough(identity.stream_sid), identity, 8000) as call:
        await call.caller.speak(ulaw.encode(said))
        await call.caller.until_quiet(0.3)
    first = _caller_audio.first_audio(call.caller)
    assert first is not None
    assert first.spoken >= 0.040
    assert np.array_equal(_caller_audio.received_audio(call.caller), ulaw.decode(ulaw.encode(said)))
    assert not call.caller.warnings


async def test_the_call_goes_on_through_keys_marks_and_interruptions_and_ends_with_the_pipeline() -> None:
    identity = Identity.random(ACCOUNT)
    serializer = TwilioFrameSerializer(
        identity.stream_sid, params=TwilioFrameSerializer.InputParams(auto_hang_up=False)
    )
    async with PipecatServer() as board, board.call(serializer, identity, 24000, echoes=False) as call:
        caller = call.caller
        await caller.press("4")
        assert await caller.until(lambda: call.agent.keys == ["4"], 5)
        await call.agent.say(voice(30, rate=24000), 24000)
        assert await caller.until(lambda: bool(caller.arrivals), 5)
        call.agent.interrupts = True
        await caller.speak(ulaw.encode(voice(0.2)))
        assert await caller.until(lambda: len(caller.clears) == 1, 5)
        await call.agent.mark("done", identity.stream_sid)
        assert await caller.until(lambda: [name for _, name in caller.marks] == ["done"], 5)
        await call.end()
        assert await caller.until(caller.closed.is_set, 5)
    assert caller.closed_by_server
    assert len(_caller_audio.received_audio(caller)) < 10 * RATE


async def test_what_is_no_serializer_cannot_be_tested() -> None:
    identity = Identity.random(ACCOUNT)
    async with PipecatServer() as board:
        with pytest.raises(NotTestable, match="did not start"):
            async with board.call(object(), identity, 8000):  # type: ignore[arg-type]
                pass


@pytest.mark.parametrize("absent", ["fastapi", "uvicorn"])
async def test_without_the_extra_nothing_passes(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == absent else real(name))
    with pytest.raises(
        NotObservable, match=rf"{absent} not installed: pip install 'pipecat-twilio-conformance\[live\]'"
    ):
        async with _placed_calls.running_server():
            pass


# What the checks catch


@pytest.fixture(scope="module")
def statuses() -> dict[str, dict[str, str]]:
    """By class, the status of every requirement that the class names."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "LOGURU_AUTOINIT": "0"}
    program = subprocess.run(
        [sys.executable, "-m", "tests.unit.checks.implementations.live"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert program.returncode == 0, program.stderr[-4000:]
    found: dict[str, dict[str, str]] = json.loads(program.stdout)
    return found


@pytest.mark.parametrize("name", SPECIMENS)
def test_a_call_that_is_broken_in_one_way_is_caught_and_a_permitted_one_is_not(
    name: str, statuses: dict[str, dict[str, str]]
) -> None:
    kind = SPECIMENS[name]
    expected = dict.fromkeys(kind.violates.split(), "fail") | dict.fromkeys(kind.keeps.split(), "pass")
    assert statuses[name] == expected


def test_every_requirement_is_broken_by_some_serializer() -> None:
    broken = {f"TFS-LIVE-{number}" for kind in SPECIMENS.values() for number in kind.violates.split()}
    assert broken == {name for name in catalogue.load().requirements if name.startswith("TFS-LIVE-")}
