"""Tests of deserialize: messages to frames, and what it survives."""

import base64
import binascii
import copy
import inspect
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    InputAudioRawFrame,
    InputDTMFFrame,
    StartFrame,
)
from pipecat.serializers.base_serializer import FrameSerializer

from tests.product.reference.wire import CODES, DTMF, MEDIA, SID, Make, media
from twilio_reference import TwilioFrameSerializer
from twilio_reference.g711 import decode
from twilio_reference.messages import MAX_MESSAGE_LENGTH

# Audio


@pytest.mark.parametrize("form", [str, str.encode])
async def test_media_becomes_an_audio_frame(make: Make, form: Callable[[str], str | bytes]) -> None:
    frame = await (await make()).deserialize(form(media()))
    assert isinstance(frame, InputAudioRawFrame)
    assert (frame.audio, frame.sample_rate, frame.num_channels) == (decode(CODES), 8000, 1)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000, 48_000])
async def test_audio_comes_at_the_pipelines_rate(make: Make, rate: int) -> None:
    serializer = await make(rate)
    frame = await serializer.deserialize(media())
    assert isinstance(frame, InputAudioRawFrame)
    assert (len(frame.audio), frame.sample_rate) == (rate // 50 * 2, rate)


async def test_sample_rate_overrides_the_pipelines(make: Make) -> None:
    frame = await (await make(48_000, sample_rate=16_000)).deserialize(media())
    assert isinstance(frame, InputAudioRawFrame)
    assert frame.sample_rate == 16_000


async def test_setup_takes_what_the_installed_pipecat_passes() -> None:
    (_, passed) = inspect.signature(FrameSerializer.setup).parameters.values()
    if passed.annotation is StartFrame:
        configuration: object = StartFrame(audio_in_sample_rate=24_000)
    else:
        configuration = passed.annotation(
            clock=None, task_manager=None, pipeline_worker=None, audio_in_sample_rate=24_000
        )
    serializer = TwilioFrameSerializer(SID, params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
    await serializer.setup(configuration)
    frame = await serializer.deserialize(media())
    assert isinstance(frame, InputAudioRawFrame)
    assert frame.sample_rate == 24_000


async def test_a_second_setup_changes_the_rate(make: Make) -> None:
    serializer = await make(16_000)
    await serializer.deserialize(media())
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=24_000))
    frame = await serializer.deserialize(media())
    assert isinstance(frame, InputAudioRawFrame)
    assert (len(frame.audio), frame.sample_rate) == (960, 24_000)


async def test_without_a_usable_rate_there_is_no_audio_but_there_are_keys(make: Make) -> None:
    fresh = TwilioFrameSerializer(SID, params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
    for serializer in (fresh, await make(0), await make(-8000)):
        assert await serializer.deserialize(media()) is None
        assert isinstance(await serializer.deserialize(json.dumps(DTMF)), InputDTMFFrame)


@pytest.mark.parametrize(
    "text",
    [
        media(track=...),
        json.dumps({key: value for key, value in MEDIA.items() if key != "streamSid"}),
        f" \t\r\n{media()}\n",
        json.dumps(MEDIA | {"extra": [{}]}),
        media(payload="/w=="),
        media(payload="//8="),
    ],
    ids=["no track", "no streamSid", "whitespace", "extra key", "one code", "two codes"],
)
async def test_harmless_variations_are_accepted(make: Make, text: str) -> None:
    assert isinstance(await (await make()).deserialize(text), InputAudioRawFrame)


@pytest.mark.parametrize(
    "text",
    [
        media(track="outbound"),
        media(track=None),
        media(track=1),
        json.dumps(MEDIA | {"streamSid": SID[:-1] + "0"}),
    ]
    + [json.dumps(MEDIA | {"streamSid": value}) for value in (None, 5, [SID])],
)
async def test_audio_of_another_track_or_stream_is_ignored(make: Make, text: str) -> None:
    assert await (await make()).deserialize(text) is None


# Keys and other events


@pytest.mark.parametrize("key", "0123456789*#")
async def test_each_of_the_twelve_keys_becomes_a_frame(make: Make, key: str) -> None:
    frame = await (await make()).deserialize(json.dumps(DTMF | {"dtmf": {"digit": key}}))
    assert isinstance(frame, InputDTMFFrame)
    assert frame.button == KeypadEntry(key)


@pytest.mark.parametrize(
    "dtmf",
    [None, 5, "5", [], {}]
    + [{"digit": digit} for digit in ("A", "a", "", "12", " 5", "\uff15", 5, True, None, ["5"], {"5": 5})],
)
async def test_other_digits_give_nothing(make: Make, dtmf: object) -> None:
    assert await (await make()).deserialize(json.dumps(DTMF | {"dtmf": dtmf})) is None


async def test_another_streams_key_is_ignored(make: Make) -> None:
    assert await (await make()).deserialize(json.dumps(DTMF | {"streamSid": "MZ1"})) is None


@pytest.mark.parametrize("event", ["connected", "start", "stop", "mark", "Media", "", None, 5, ["media"], {}])
async def test_other_events_give_nothing(make: Make, event: object) -> None:
    assert await (await make()).deserialize(json.dumps(MEDIA | {"event": event})) is None


# Malformed


NOT_OBJECTS: tuple[object, ...] = (None, [], "x", 5, {})
NOT_TEXTS: tuple[object, ...] = (None, 123, ["/w=="], {"a": 1}, True)
MALFORMED: dict[str, str | bytes] = {
    "empty": "",
    "blank": "  \n",
    "not JSON": "not json",
    "list": "[]",
    "null": "null",
    "number": "3",
    "string": '"x"',
    "truncated": media()[:-1],
    "two objects": media() + media(),
    "trailing comma": media()[:-1] + ",}",
    "NaN": '{"a": NaN, ' + media()[1:],
    "Infinity": '{"a": -Infinity, ' + media()[1:],
    "BOM in text": "\ufeff" + media(),
    "BOM in bytes": b"\xef\xbb\xbf" + media().encode(),
    "UTF-16": media().encode("utf-16"),
    "invalid UTF-8": media().encode()[:-1] + b',"x":"\xff"}',
    "raw mu-law": CODES,
    "surrogate": '{"x": "\ud800", ' + media()[1:],
    "4301 digits": '{"x": ' + "1" * 4301 + ", " + media()[1:],
    "50,000 levels": "[" * 50_000,
    "50,000 levels inside": '{"x": ' + "[" * 50_000 + "]" * 50_000 + "," + media()[1:],
    "one too long": " " * (MAX_MESSAGE_LENGTH + 1 - len(media())) + media(),
    "16 MiB": media(payload="/" * (16 << 20)),
    "no media": json.dumps({"event": "media", "streamSid": SID}),
    **{f"media {value!r}": json.dumps(MEDIA | {"media": value}) for value in NOT_OBJECTS},
    **{f"payload {value!r}": media(payload=value) for value in NOT_TEXTS},
    **{
        f"base64 {value!r}": media(payload=value)
        for value in (
            "abc",
            "A",
            "=",
            "====",
            "!!!!",
            "-_-_",
            "//8",
            "//8==",
            "/w=",
            "/w==/w==",
            "/w= =",
            "éééé",
        )
    },
    "line break in base64": media(payload="AAAA\nAAAA"),
    "blank after base64": media(payload="AAAA "),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_message_is_logged_in_one_short_line_and_the_next_is_read(
    make: Make, logged: list[str], data: str | bytes
) -> None:
    serializer = await make()
    assert await serializer.deserialize(data) is None
    (record,) = logged
    assert len(record) < 200
    assert MEDIA["media"]["payload"][:8] not in record
    assert isinstance(await serializer.deserialize(media()), InputAudioRawFrame)


async def test_the_longest_message_is_read(make: Make) -> None:
    text = " " * (MAX_MESSAGE_LENGTH - len(media())) + media()
    assert isinstance(await (await make()).deserialize(text), InputAudioRawFrame)


async def test_an_empty_payload_gives_nothing(make: Make) -> None:
    assert await (await make()).deserialize(media(payload="")) is None


@settings(deadline=None)
@given(data=st.text() | st.binary())
async def test_any_data_gives_a_frame_or_nothing(data: str | bytes) -> None:
    serializer = TwilioFrameSerializer(SID, params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=16_000))
    assert await serializer.deserialize(data) is None


_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["media", "dtmf", "5", SID]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(deadline=None, max_examples=200)
@given(
    whole=st.sampled_from([MEDIA, DTMF]),
    key=st.sampled_from(
        ["event", "media", "dtmf", "streamSid", "sequenceNumber", "track", "payload", "digit"]
    ),
    value=_VALUE,
    cut=st.integers(0, 400),
    junk=st.text(max_size=3),
)
async def test_a_mutated_message_gives_a_frame_or_nothing(
    whole: dict[str, Any], key: str, value: object, cut: int, junk: str
) -> None:
    mutated = copy.deepcopy(whole)
    inner = mutated[mutated["event"]]
    (inner if key in inner else mutated)[key] = value
    text = json.dumps(mutated)
    serializer = TwilioFrameSerializer(SID, params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=8000))
    for data in (text, text.encode(), text[:cut] + junk + text[cut:], text.encode("utf-16")):
        frame = await serializer.deserialize(data)
        assert frame is None or isinstance(frame, (InputAudioRawFrame, InputDTMFFrame))


@given(payload=st.text(alphabet="AZaz09+/=-_ \n", max_size=12))
@example(payload="AAAA=")
async def test_base64_is_taken_exactly_when_it_is_what_encoding_gives(payload: str) -> None:
    serializer = TwilioFrameSerializer(SID, params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=8000))
    frame = await serializer.deserialize(media(payload=payload))
    try:
        codes = base64.b64decode(payload, validate=True)
    except binascii.Error:
        codes = b""
    quartets = len(base64.b64encode(codes))
    expected = decode(codes) if len(payload) == quartets else b""
    assert (frame.audio if isinstance(frame, InputAudioRawFrame) else b"") == expected
