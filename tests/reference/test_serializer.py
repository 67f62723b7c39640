"""Tests of the serializer: frames to messages, messages to frames, and what it survives."""

import asyncio
import base64
import binascii
import copy
import inspect
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    StartFrame,
    TextFrame,
)
from pipecat.serializers.base_serializer import FrameSerializer

from twilio_reference import TwilioFrameSerializer
from twilio_reference.g711 import decode, encode
from twilio_reference.messages import MAX_MESSAGE_LENGTH

Make = Callable[..., Awaitable[TwilioFrameSerializer]]

SID = "MZ" + "0123456789abcdef" * 2
CODES = bytes(range(0, 160))
MEDIA: dict[str, Any] = {
    "event": "media",
    "sequenceNumber": "4",
    "media": {
        "track": "inbound",
        "chunk": "2",
        "timestamp": "5",
        "payload": base64.b64encode(CODES).decode(),
    },
    "streamSid": SID,
}
DTMF: dict[str, Any] = {
    "event": "dtmf",
    "streamSid": SID,
    "sequenceNumber": "5",
    "dtmf": {"track": "inbound_track", "digit": "5"},
}


def media(**changes: Any) -> str:
    """An inbound media message with another value, or without one (`...`), in its media object."""
    changed = {key: value for key, value in (MEDIA["media"] | changes).items() if value is not ...}
    return json.dumps(MEDIA | {"media": changed})


def speech(rate: int, milliseconds: int = 20, seed: int = 1) -> bytes:
    """Noise in the telephone band's amplitude range."""
    return (
        np.random.default_rng(seed).integers(-9000, 9000, rate * milliseconds // 1000).astype("<i2").tobytes()
    )


def output(pcm: bytes, rate: int, channels: int = 1) -> OutputAudioRawFrame:
    """An outbound audio frame."""
    return OutputAudioRawFrame(audio=pcm, sample_rate=rate, num_channels=channels)


def codes(text: str | None) -> bytes:
    """The mu-law codes in an outbound media message."""
    assert isinstance(text, str)
    return base64.b64decode(json.loads(text)["media"]["payload"], validate=True)


# Out: audio


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
    assert [len(part) for part in sent] == [160, 160 + 16, 160 + 16, 160]
    assert max(abs(np.frombuffer(decode(sent[1]), "<i2"))) > 3000


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


# Out: everything else


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


# In: audio


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


# In: keys and other events


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


# In: malformed


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


# Construction without hang-up (with it: test_hangup.py)


@pytest.mark.parametrize("sid", ["", None])
def test_an_empty_stream_sid_is_refused(sid: Any) -> None:
    with pytest.raises(ValueError, match="stream_sid"):
        TwilioFrameSerializer(sid, params=TwilioFrameSerializer.InputParams(auto_hang_up=False))


def test_without_hang_up_nothing_else_is_needed_or_checked() -> None:
    params = TwilioFrameSerializer.InputParams(auto_hang_up=False)
    TwilioFrameSerializer(SID, params=params)
    TwilioFrameSerializer(SID, region="ie1", base_url="nonsense", api_key_sid="SK1", params=params)


def test_arguments_come_in_the_documented_order_and_the_later_ones_by_name_only() -> None:
    parameters = inspect.signature(TwilioFrameSerializer).parameters.values()
    positional = [
        parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    by_name = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    assert positional == ["stream_sid", "call_sid", "account_sid", "auth_token", "region", "edge", "params"]
    assert by_name == ["base_url", "api_key_sid", "api_key_secret"]


def test_default_parameters_are_the_documented_ones() -> None:
    params = TwilioFrameSerializer.InputParams()
    assert (
        params.ignore_rtvi_messages,
        params.twilio_sample_rate,
        params.sample_rate,
        params.auto_hang_up,
    ) == (
        True,
        8000,
        None,
        True,
    )
