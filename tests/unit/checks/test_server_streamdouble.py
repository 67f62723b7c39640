"""The caller is faithful: an outside simulator of Twilio, streamdouble, hears the same of the same call."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pipecat.serializers.twilio import TwilioFrameSerializer
from streamdouble.metrics import compute
from streamdouble.protocol import StreamIdentity
from streamdouble.session import Session, SessionConfig

from twilio_conformance.audio import ulaw
from twilio_conformance.audio.levels import rms
from twilio_conformance.checks._caller_audio import voice
from twilio_conformance.checks._server import PipecatServer
from twilio_conformance.twilio.caller import CHUNK, RATE, Identity

SAID = ulaw.encode(voice(2.0))
ACCOUNT = "AC" + "0" * 32


def serializer(identity: Identity) -> TwilioFrameSerializer:
    params = TwilioFrameSerializer.InputParams(auto_hang_up=False)
    return TwilioFrameSerializer(identity.stream_sid, params=params)


@dataclass(frozen=True)
class Figures:
    """What a caller heard of an echo: the codes, how many messages, and what the machine decides."""

    codes: bytes
    messages: int
    first_audio: float
    mean_gap: float


async def ours(board: PipecatServer, rate: int) -> Figures:
    identity = Identity.random(ACCOUNT)
    async with board.expect(serializer(identity), identity, rate).placed() as call:
        await call.caller.speak(SAID)
        await call.caller.until_quiet(0.6)
    arrivals = call.caller.arrivals
    moments = [arrival.moment for arrival in arrivals]
    first = moments[0] - (call.caller.first_spoken or 0.0)
    codes = b"".join(arrival.codes for arrival in arrivals)
    return Figures(codes, len(arrivals), first, (moments[-1] - moments[0]) / (len(moments) - 1))


async def theirs(board: PipecatServer, rate: int) -> Figures:
    identity = Identity.random(ACCOUNT)
    call = board.expect(serializer(identity), identity, rate)
    session = Session(
        board.url,
        [SAID[start : start + CHUNK] for start in range(0, len(SAID), CHUNK)],
        config=SessionConfig(quiet_period_s=0.6),
        identity=StreamIdentity(identity.stream_sid, identity.account_sid, identity.call_sid),
    )
    result = await session.run()
    await call.ended.wait()
    assert not result.violations
    found = compute(result)
    return Figures(
        bytes(result.audio_received),
        result.media_frames_received,
        (found.time_to_first_audio_ms or 0.0) / 1000,
        (found.mean_inbound_gap_ms or 0.0) / 1000,
    )


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
async def test_both_callers_hear_the_same_audio_in_as_many_messages(rate: int) -> None:
    async with PipecatServer() as board:
        mine, outside = await ours(board, rate), await theirs(board, rate)
    for name, figures in (("ours", mine), ("streamdouble", outside)):
        first, gap = 1000 * figures.first_audio, 1000 * figures.mean_gap
        print(f"{name} at {rate} Hz: first audio {first:.0f} ms, mean gap {gap:.0f} ms")
    assert (len(mine.codes), mine.messages) == (len(outside.codes), outside.messages)
    heard, known = ulaw.decode(mine.codes).astype(float), ulaw.decode(outside.codes).astype(float)
    # Pipecat's resampler adds dither, so that codes differ by a neighbour here and there.
    assert rms(heard - known) < 0.03 * rms(known)
    assert len(mine.codes) > RATE
