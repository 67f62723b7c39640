"""Pipecat's server on loopback: a whole call through pipeline and transport."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace

import numpy as np
import pytest
from pipecat.frames import frames
from pipecat.serializers.base_serializer import FrameSerializer

from twilio_conformance.audio import ulaw
from twilio_conformance.checks import _caller_audio
from twilio_conformance.checks._caller_audio import voice
from twilio_conformance.checks._server import PipecatServer
from twilio_conformance.errors import NotTestable
from twilio_conformance.twilio.caller import RATE, Identity
from twilio_reference import TwilioFrameSerializer

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


async def test_a_serializer_that_holds_nothing_brings_the_first_audio_back_after_one_piece() -> None:
    said, identity = voice(0.6), Identity.random(ACCOUNT)
    async with (
        PipecatServer() as board,
        board.expect(PassThrough(identity.stream_sid), identity, 8000).placed() as call,
    ):
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
    async with (
        PipecatServer() as board,
        board.expect(serializer, identity, 24000, echoes=False).placed() as call,
    ):
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
            async with board.expect(SimpleNamespace(serialize=None), identity, 8000).placed():  # type: ignore[arg-type]
                pass
