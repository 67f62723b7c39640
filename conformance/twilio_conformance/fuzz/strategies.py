"""Random sessions as data, in the form of a vector: constructor arguments, scripted answers and steps."""

from __future__ import annotations

import base64
import copy
import json
import math
import struct
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

NO_HANG_UP: Json = {"stream_sid": "${stream_sid}", "params": {"auto_hang_up": False}}
HANG_UP: Json = {name: "${" + name + "}" for name in ("stream_sid", "call_sid", "account_sid", "auth_token")}
COMPLETED: Json = {"status": 200, "json": {"sid": "${call_sid}", "status": "completed"}}

RATES = (8000, 16000, 24000, 48000)
"""Sample rates in Hz at which one period of the tone is a whole number of samples."""

AMPLITUDE = 8000
"""Amplitude of the tone, in 16-bit samples."""

CODES = {"silence": b"\xff", "tone": bytes.fromhex("ff999099ff191019"), "every code": bytes(range(256))}
"""Pieces of a caller's audio in μ-law; the tone has 1000 Hz."""


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _setup(rate: int) -> Json:
    return {"audio_in_sample_rate": rate, "audio_out_sample_rate": rate}


def _frame(audio: Any, rate: int, *, channels: int = 1, kind: str = "OutputAudioRawFrame") -> Json:
    return {"frame": kind, "audio": audio, "sample_rate": rate, "num_channels": channels}


def _tone(rate: int, milliseconds: int, *, is_tone: bool = True, channels: int = 1, **options: Any) -> Json:
    """A frame of a 1000 Hz tone, or of silence, with so many milliseconds per channel."""
    angles = (2 * math.pi * number / (rate // 1000) for number in range(rate // 1000))
    samples = [round(AMPLITUDE * math.sin(angle)) if is_tone else 0 for angle in angles]
    content = {"base64": _b64(struct.pack(f"<{len(samples)}h", *samples)), "times": milliseconds * channels}
    return _frame(content, rate, channels=channels, **options)


def _pcm(data: bytes, rate: int = 8000) -> Json:
    return _frame(_b64(data), rate)


def media(codes: bytes, *, track: str = "inbound", stream: str = "${stream_sid}") -> Json:
    """Return Twilio's message with a caller's audio, in μ-law codes."""
    content = {"track": track, "chunk": "1", "timestamp": "20", "payload": _b64(codes)}
    return {"event": "media", "sequenceNumber": "3", "media": content, "streamSid": stream}


_CALL = {"accountSid": "${account_sid}", "callSid": "${call_sid}"}
_START = {"streamSid": "${stream_sid}", **_CALL, "tracks": ["inbound"], "customParameters": {},
          "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}  # fmt: skip

MESSAGES = [
    media(CODES["tone"]),
    *(
        {"event": event, "sequenceNumber": number, "streamSid": "${stream_sid}", event: content}
        for event, number, content in (
            ("dtmf", "5", {"track": "inbound_track", "digit": "1"}),
            ("mark", "4", {"name": "end"}),
            ("stop", "9", _CALL),
            ("start", "1", _START),
        )
    ),
    {"event": "connected", "protocol": "Call", "version": "1.0.0"},
]
"""One message of each kind that Twilio sends."""

_REPLACEMENTS: tuple[Any, ...] = (
    None, 5, True, 1.5, "", "x", "é", [], ["a"], {}, {"a": 1}, "*", "AB", "!!!!", "-_-_", "AAA", "AAAA\n",
    "AA==BBBB", "éééé", "Media", "outbound",
)  # fmt: skip
_OMITTED: Any = object()


def _paths(message: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of all members of a message."""
    for name, value in message.items() if isinstance(message, dict) else ():
        yield (*above, name)
        yield from _paths(value, (*above, name))


_EDITS: list[tuple[Json, tuple[str, ...], Any]] = [
    (message, path, value)
    for message in MESSAGES[:2]
    for path in _paths(message)
    for value in (*_REPLACEMENTS, _OMITTED)
]

_OTHER_JSON: tuple[Any, ...] = ([], None, 3, "x", True, 1.5, {}, ["media"])

_VALID = [{"json": message} for message in MESSAGES] + [
    {"json": {**MESSAGES[1], "dtmf": {"track": "inbound_track", "digit": digit}}} for digit in "0#*A"
]


def _edited(edit: tuple[Json, tuple[str, ...], Any]) -> Json:
    message, path, value = edit
    message = copy.deepcopy(message)
    parent = message
    for name in path[:-1]:
        parent = parent[name]
    if value is _OMITTED:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return {"json": message}


def _speech(piece: bytes, milliseconds: int) -> Json:
    whole = (piece * (8 * milliseconds // len(piece) + 1))[: 8 * milliseconds]
    return {"json": media(whole)}


@st.composite
def _damaged(draw: st.DrawFn) -> Json:
    """A valid message, damaged as text or as bytes."""
    message = json.dumps(draw(st.sampled_from(MESSAGES[:2])), separators=(",", ":"))
    offset = draw(st.sampled_from(range(0, len(message), 7)))
    rest = message[offset:]
    return draw(st.sampled_from([
        {"text": message[:offset]},
        {"text": message + message[:offset]},
        {"text": message[:offset] + "NaN" + rest},
        {"text": " " * 3 + message + "\n"},
        {"text": "\ufeff" + message},
        {"text": message[:-1] + "," + message[1:]},
        {"base64": _b64(message[:offset].encode() + b"\xff" + rest.encode())},
        {"base64": _b64(b"\xef\xbb\xbf" + message.encode())},
        {"base64": _b64(message.encode("utf-16"))},
        {"base64": _b64(bytes(range(offset, offset + 40)))},
        {"json": json.loads(message), "as": "bytes"},
    ]))  # fmt: skip


_EXTREME = [
    {"parts": [{"repeat": "[", "times": 5000}, {"repeat": "]", "times": 5000}]},
    {"parts": [{"repeat": '{"a":', "times": 100_000}]},
    {"parts": ['{"event":"media","n":', {"repeat": "9", "times": 4400}, "}"]},
    {"parts": [{"repeat": "x", "times": 300_000}]},
]


_RECEIVED = st.one_of(
    st.sampled_from(_VALID),
    st.sampled_from(_OTHER_JSON).map(lambda value: {"json": value}),
    st.sampled_from(_EDITS).map(_edited),
    st.builds(_speech, st.sampled_from(list(CODES.values())), st.sampled_from([1, 20, 100])),
    _damaged(),
    st.sampled_from([{"json": media(CODES["tone"], track="outbound")},
                     {"json": media(CODES["tone"], stream="${other_stream_sid}")}]),
    st.sampled_from(_EXTREME),
)  # fmt: skip

_TRANSPORT_MESSAGES: list[Any] = [{"event": "mark", "streamSid": "${stream_sid}", "mark": {"name": "end"}},
                     {"label": "rtvi-ai", "type": "bot-ready", "data": {}},
                     {"n": [1, None, "é"]}, {}]  # fmt: skip

_FRAMES = st.one_of(
    st.sampled_from([{"frame": name} for name in (
        "InterruptionFrame", "BotStartedSpeakingFrame", "UserStoppedSpeakingFrame")]),
    st.builds(_tone, st.sampled_from(RATES), st.sampled_from([20, 1, 7, 100]), is_tone=st.booleans(),
              kind=st.sampled_from(["OutputAudioRawFrame", "TTSAudioRawFrame"])),
    st.builds(lambda kind, message: {"frame": kind, "message": message},
              st.sampled_from(["OutputTransportMessageFrame", "OutputTransportMessageUrgentFrame"]),
              st.sampled_from([*_TRANSPORT_MESSAGES, None, "x", []])),
    st.sampled_from([{"frame": "TextFrame", "text": "yes"}]),
    st.builds(_pcm, st.sampled_from([b"\0", b"\1\0\2", b"", bytes(40) + b"\1"]), st.sampled_from(RATES)),
    st.builds(_pcm, st.just(bytes(8)), st.sampled_from([0, -8000])),
    st.builds(_tone, st.sampled_from(RATES[:1]), st.just(20), kind=st.just("InputAudioRawFrame")),
    st.builds(_tone, st.sampled_from(RATES), st.just(20), channels=st.just(2)),
    st.builds(_pcm, st.just(struct.pack("<256h", *range(-32768, 32768, 257)))),
)  # fmt: skip

_WIRE_STEPS = st.one_of(
    st.builds(lambda data: {"deserialize": data}, _RECEIVED),
    st.builds(lambda frame: {"serialize": frame}, _FRAMES),
    st.builds(lambda rate: {"setup": _setup(rate)}, st.sampled_from(RATES)),
    st.builds(lambda seconds: {"wait": seconds}, st.sampled_from([0.05, 0.5, 3])),
)

_PARAMS = [{}, {"ignore_rtvi_messages": False}, {"sample_rate": 16000}]


def _given(arguments: Json, rate: int | None, answers: list[Json] | None = None) -> Json:
    return {
        "arguments": arguments,
        "setup": None if rate is None else _setup(rate),
        "answers": answers or [COMPLETED],
    }


@st.composite
def _any_steps(draw: st.DrawFn) -> Json:
    """Any steps in any order."""
    params = draw(st.sampled_from(_PARAMS))
    arguments = NO_HANG_UP | {"params": NO_HANG_UP["params"] | params}
    rate = draw(st.sampled_from([8000, 16000, 24000, 48000, None]))
    return {"given": _given(arguments, rate), "steps": draw(st.lists(_WIRE_STEPS, min_size=1, max_size=6))}


@st.composite
def _conversation(draw: st.DrawFn) -> Json:
    """Speech in both directions, with pauses and interruptions, sometimes with silence at the end."""
    rate = draw(st.sampled_from(RATES))
    speech = st.sampled_from([20, 100, 200, 60, 1])
    step = st.one_of(
        st.builds(lambda length, is_tone: {"serialize": _tone(rate, length, is_tone=is_tone)}, speech,
                  st.sampled_from([True, True, False])),
        st.sampled_from([{"serialize": {"frame": "InterruptionFrame"}}, {"wait": 0.5}, {"wait": 0.1}]),
        st.builds(lambda piece, length: {"deserialize": _speech(piece, length)},
                  st.sampled_from([CODES["tone"], CODES["silence"]]), speech),
    )  # fmt: skip
    steps = draw(st.lists(step, min_size=1, max_size=6))
    last = draw(st.sampled_from([
        [],
        [{"serialize": _tone(rate, 500, is_tone=False)}],
        [{"deserialize": _speech(CODES["silence"], 500)}],
    ]))  # fmt: skip
    return {"given": _given(NO_HANG_UP, rate), "steps": steps + last}


_ANSWERS = st.sampled_from([
    COMPLETED,
    {"status": 404, "json": {"code": 20404, "message": "not found", "status": 404}},
    {"status": 400, "json": {"code": 21220, "message": "not in progress", "status": 400}},
    {"status": 401, "json": {"code": 20003, "status": 401}},
    {"status": 500, "body": "error"},
    {"status": 503, "body": ""},
    {"status": 429, "json": {"code": 20429}},
    {"status": 404, "body": "<html>"},
    {"status": 201, "json": {}},
    {"status": 204},
    {"status": 302, "headers": {"Location": "/elsewhere"}},
    {"status": 307, "headers": {"Location": "https://decoy.example/"}},
    {"status": 500, "body": "{authorization}"},
    {"fault": "refuse"},
    {"fault": "reset"},
    {"fault": "close"},
    {"fault": "silence"},
])  # fmt: skip

_REGIONS = [{}, {"region": "ie1", "edge": "dublin"}, {"params": {}}, {"params": {"auto_hang_up": False}}]


@st.composite
def _hang_up(draw: st.DrawFn) -> Json:
    """The end of a call, with any answers of Twilio's API."""
    arguments = HANG_UP | draw(st.sampled_from(_REGIONS))
    answers = draw(st.lists(_ANSWERS, min_size=1, max_size=3))
    ends = draw(st.lists(st.sampled_from(["EndFrame", "CancelFrame"]), min_size=1, max_size=3))
    steps = [{"serialize": {"frame": name}} for name in ends]
    return {"given": _given(arguments, 8000, answers), "steps": steps}


@st.composite
def _construction(draw: st.DrawFn) -> Json:
    """Incomplete constructor arguments, and one step."""
    arguments = {**HANG_UP, "region": None, "edge": None, "params": {"auto_hang_up": draw(st.booleans())}}
    name = draw(st.sampled_from(["call_sid", "account_sid", "auth_token", "region", "edge"]))
    arguments[name] = draw(st.sampled_from([None, "", "ie1"]))
    return {"given": _given(arguments, 8000), "steps": [{"serialize": {"frame": "InterruptionFrame"}}]}


SESSIONS: st.SearchStrategy[Json] = st.one_of(
    _any_steps(), _conversation(), _any_steps(), _hang_up(), _any_steps(), _construction(), _any_steps()
)
"""Sessions of every kind; Hypothesis shrinks towards the first."""
