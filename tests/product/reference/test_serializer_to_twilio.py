"""Tests of serialize: frames to messages."""

import asyncio
import copy
import json
from typing import Any

import numpy as np
import pytest
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    TextFrame,
)

from tests.product.reference.wire import MEDIA, SID, Make, codes, output, speech
from twilio_reference import TwilioFrameSerializer
from twilio_reference.g711 import decode, encode

# Audio


async def test_audio_becomes_a_media_message_with_just_the_documented_keys(make: Make) -> None:
    text = await (await make()).serialize(output(speech(8000), 8000))
    assert isinstance(text, str)
    message = json.loads(text)
    assert message == {"event": "media", "streamSid": SID, "media": {"payload": message["media"]["payload"]}}
    assert codes(text) == encode(speech(8000))


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
async def test_every_20_ms_frame_gives_160_codes(make: Make, rate: int) -> None:
    serializer = await make()
    for seed in range(5):
        assert len(codes(await serializer.serialize(output(speech(rate, seed=seed), rate)))) == 160


async def test_a_stream_sid_with_quotes_stays_json() -> None:
    sid = 'M"Z\\\n\u00e9'
    serializer = TwilioFrameSerializer(sid, params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
    for frame in (output(speech(8000), 8000), InterruptionFrame()):
        assert json.loads(await serializer.serialize(frame) or "")["streamSid"] == sid


async def test_stereo_is_averaged(make: Make) -> None:
    left, right = (np.full(160, value, "<i2") for value in (1000, 3000))
    interleaved = np.stack([left, right], axis=1).tobytes()
    assert codes(await (await make()).serialize(output(interleaved, 8000, channels=2))) == encode(
        np.full(160, 2000, "<i2").tobytes()
    )


@pytest.mark.parametrize(("channels", "surplus"), [(1, 1), (2, 1), (2, 2), (2, 3)])
async def test_bytes_short_of_a_sample_are_dropped(make: Make, channels: int, surplus: int) -> None:
    frame = output(bytes(2 * channels * 10 + surplus), 8000, channels)
    assert len(codes(await (await make()).serialize(frame))) == 10


@pytest.mark.parametrize(
    ("pcm", "rate", "channels"),
    [
        (b"", 8000, 1),
        (b"\1", 8000, 1),
        (b"\1\0", 8000, 2),
        (b"", 24_000, 1),
        (b"\1\0" * 9, 0, 1),
        (b"\1\0" * 9, -8000, 1),
    ],
)
async def test_no_audio_or_no_rate_gives_nothing(make: Make, pcm: bytes, rate: int, channels: int) -> None:
    assert await (await make()).serialize(output(pcm, rate, channels)) is None


async def test_a_frame_without_channels_is_taken_for_mono(make: Make) -> None:
    frame = output(bytes(320), 8000)
    frame.num_channels = 0
    assert await (await make()).serialize(frame) == await (await make()).serialize(output(bytes(320), 8000))


async def test_what_the_caller_said_is_not_sent_back(make: Make) -> None:
    frame = InputAudioRawFrame(audio=speech(8000), sample_rate=8000, num_channels=1)
    assert await (await make()).serialize(frame) is None


async def test_ten_seconds_in_one_frame_are_sent(make: Make) -> None:
    assert len(codes(await (await make()).serialize(output(speech(24_000, 10_000), 24_000)))) == 80_000


async def test_a_rate_change_loses_no_audio(make: Make) -> None:
    serializer = await make()
    click = np.zeros(480, "<i2")
    click[-1] = 30_000
    sent = [
        codes(await serializer.serialize(output(click.tobytes(), 24_000))),
        codes(await serializer.serialize(output(bytes(640), 16_000))),
        codes(await serializer.serialize(output(bytes(320), 8000))),
        codes(await serializer.serialize(output(bytes(960), 24_000))),
    ]
    assert [len(part) for part in sent] == [160, 160, 160, 160]
    assert max(abs(np.frombuffer(decode(sent[1]), "<i2"))) > 3000


@pytest.mark.parametrize("other", [8000, 16_000, 44_100])
async def test_changes_of_rate_do_not_make_a_call_later(make: Make, other: int) -> None:
    serializer = await make()
    sent = 0
    for number in range(100):
        rate = (24_000, other)[number % 2]
        sent += len(codes(await serializer.serialize(output(speech(rate), rate))))
    assert sent == 100 * 160


async def test_what_is_left_of_a_rate_waits_for_the_next_frame_that_is_long_enough(make: Make) -> None:
    serializer = await make()
    click = np.zeros(480, "<i2")
    click[-1] = 30_000
    await serializer.serialize(output(click.tobytes(), 24_000))
    sent = [codes(await serializer.serialize(output(bytes(2 * 8), 8000))) for _ in range(3)]
    whole = decode(b"".join(sent))
    assert len(whole) == 2 * 24
    assert max(abs(np.frombuffer(whole[:32], "<i2"))) > 3000
    assert not any(whole[32:])


async def test_an_interruption_forgets_what_is_left_of_the_rate_before(make: Make) -> None:
    serializer = await make()
    await serializer.serialize(output(speech(24_000), 24_000))
    await serializer.serialize(output(bytes(2), 8000))
    await serializer.serialize(InterruptionFrame())
    assert not any(decode(codes(await serializer.serialize(output(bytes(320), 8000)))))


async def test_an_interruption_clears_and_forgets_the_old_audio(make: Make) -> None:
    serializer = await make()
    await serializer.serialize(output(speech(24_000), 24_000))
    text = await serializer.serialize(InterruptionFrame())
    assert isinstance(text, str)
    assert json.loads(text) == {"event": "clear", "streamSid": SID}
    assert set(codes(await serializer.serialize(output(bytes(960), 24_000)))) == {0xFF}


async def test_a_pause_loses_no_audio(make: Make) -> None:
    paused, steady = await make(), await make()
    for seed in range(3):
        frame = output(speech(24_000, seed=seed), 24_000)
        expected = await steady.serialize(frame)
        await asyncio.sleep(0.25)  # Pipecat's own resamplers forget after 0.2 s
        assert await paused.serialize(frame) == expected


async def test_frames_are_not_modified(make: Make) -> None:
    serializer = await make()
    frames: list[Frame] = [
        output(speech(24_000), 24_000, 2),
        OutputTransportMessageFrame(message={"a": [1, {"b": None}]}),
        InterruptionFrame(),
        EndFrame(),
    ]
    for frame in frames:
        before = copy.deepcopy(vars(frame))
        await serializer.serialize(frame)
        assert vars(frame) == before


async def test_calls_and_directions_do_not_mix(make: Make) -> None:
    alone, busy, other = await make(24_000), await make(24_000), await make(24_000)
    for seed in range(4):
        frame = output(speech(24_000, seed=seed), 24_000)
        await other.serialize(output(speech(24_000, seed=99), 24_000))
        await other.deserialize(json.dumps(MEDIA))
        await busy.deserialize(json.dumps(MEDIA))
        assert await busy.serialize(frame) == await alone.serialize(frame)


# Everything else


@pytest.mark.parametrize("kind", [OutputTransportMessageFrame, OutputTransportMessageUrgentFrame])
@pytest.mark.parametrize(
    "message", [{"event": "mark", "mark": {"name": "é\ud800"}}, {}, {"a": {"b": [1.5, None, True]}}]
)
async def test_transport_messages_are_sent_as_json(
    make: Make, kind: type[Frame], message: dict[str, Any]
) -> None:
    text = await (await make()).serialize(kind(message=message))  # type: ignore[call-arg]
    assert isinstance(text, str)
    assert json.loads(text) == message


async def test_rtvi_messages_are_sent_only_if_asked_for(make: Make) -> None:
    frame = OutputTransportMessageUrgentFrame(message={"label": "rtvi-ai", "type": "x"})
    assert await (await make()).serialize(frame) is None
    assert await (await make(ignore_rtvi_messages=False)).serialize(frame) is not None


def _circle() -> dict[str, Any]:
    message: dict[str, Any] = {}
    message["self"] = message
    return message


def _tower() -> dict[str, Any]:
    message: dict[str, Any] = {}
    for _ in range(100_000):
        message = {"deeper": message}
    return message


@pytest.mark.parametrize("ignore_rtvi_messages", [True, False])
@pytest.mark.parametrize(
    "message",
    [
        {"a": {1}},
        {"a": b"x"},
        {"a": float("nan")},
        {"a": float("inf")},
        {(1, 2): 3},
        _circle(),
        ["a"],
        "text",
        None,
        5,
    ],
    ids=["set", "bytes", "nan", "infinity", "tuple key", "circle", "list", "str", "None", "int"],
)
async def test_a_message_that_is_no_json_object_is_logged_and_dropped(
    make: Make, logged: list[str], message: object, ignore_rtvi_messages: bool
) -> None:
    serializer = await make(ignore_rtvi_messages=ignore_rtvi_messages)
    assert await serializer.serialize(OutputTransportMessageFrame(message=message)) is None
    assert [record.split()[0] for record in logged] == ["ERROR"]


async def test_a_message_nested_too_deeply_is_logged_and_dropped(make: Make, logged: list[str]) -> None:
    frame = OutputTransportMessageFrame(message=_tower())
    assert await (await make()).serialize(frame) is None
    assert len(logged) == 1
    while frame.message:  # taken apart step by step: all at once exhausts the stack
        frame.message = frame.message["deeper"]


@pytest.mark.parametrize("frame", [TextFrame("hello"), EndFrame(), CancelFrame()])
async def test_other_frames_give_nothing(make: Make, frame: Frame) -> None:
    assert await (await make()).serialize(frame) is None
