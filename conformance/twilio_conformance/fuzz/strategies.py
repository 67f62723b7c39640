"""Random sessions as data: what a serializer is built with and what it is given, in the form of a vector."""

from __future__ import annotations

import base64
import copy
import json
import math
import struct
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

SILENT: Json = {"stream_sid": "${stream_sid}", "params": {"auto_hang_up": False}}
HANGING_UP: Json = {
    name: "${" + name + "}" for name in ("stream_sid", "call_sid", "account_sid", "auth_token")
}
COMPLETED: Json = {"status": 200, "json": {"sid": "${call_sid}", "status": "completed"}}

RATES = (8000, 16000, 24000, 48000)
"""Rates at which one period of the tone is a whole number of samples."""

AMPLITUDE = 8000

CODES = {
    "silence": b"\xff",
    "tone": bytes.fromhex("ff999099ff191019"),
    "every code": bytes(range(256)),
}
"""Pieces of a caller's audio, in μ-law; the tone has 1000 Hz."""


def rates(rate: int, out_rate: int | None = None) -> Json:
    """The argument of setup."""
    return {"audio_in_sample_rate": rate, "audio_out_sample_rate": out_rate or rate}


def period(rate: int, amplitude: int = AMPLITUDE) -> bytes:
    """One period of a tone of 1000 Hz as 16-bit PCM."""
    length = rate // 1000
    values = (round(amplitude * math.sin(2 * math.pi * place / length)) for place in range(length))
    return b"".join(struct.pack("<h", value) for value in values)


def audio(rate: int, milliseconds: int, *, is_tone: bool = True, kind: str = "OutputAudioRawFrame",
          channels: int = 1) -> Json:  # fmt: skip
    """A frame of a tone, or of silence; milliseconds of each channel."""
    piece = period(rate) if is_tone else bytes(2 * (rate // 1000))
    content: Json = {"base64": base64.b64encode(piece).decode(), "times": milliseconds * channels}
    return {"frame": kind, "audio": content, "sample_rate": rate, "num_channels": channels}


def pcm_frame(pcm: bytes, rate: int = 8000, *, channels: int = 1, kind: str = "OutputAudioRawFrame") -> Json:
    """A frame of these bytes."""
    content = base64.b64encode(pcm).decode()
    return {"frame": kind, "audio": content, "sample_rate": rate, "num_channels": channels}


def media(codes: bytes, *, track: str = "inbound", stream: str = "${stream_sid}") -> Json:
    """Twilio's message of a caller's audio."""
    return {
        "event": "media",
        "sequenceNumber": "3",
        "media": {
            "track": track,
            "chunk": "1",
            "timestamp": "20",
            "payload": base64.b64encode(codes).decode(),
        },
        "streamSid": stream,
    }


def _messages() -> list[Json]:
    stream = "${stream_sid}"
    beginning = {"streamSid": stream, "accountSid": "${account_sid}", "callSid": "${call_sid}",
                 "tracks": ["inbound"], "customParameters": {},
                 "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}  # fmt: skip
    return [
        media(CODES["tone"]),
        {"event": "dtmf", "sequenceNumber": "5", "streamSid": stream,
         "dtmf": {"track": "inbound_track", "digit": "1"}},
        {"event": "mark", "sequenceNumber": "4", "streamSid": stream, "mark": {"name": "end"}},
        {"event": "stop", "sequenceNumber": "9", "streamSid": stream,
         "stop": {"accountSid": "${account_sid}", "callSid": "${call_sid}"}},
        {"event": "start", "sequenceNumber": "1", "streamSid": stream, "start": beginning},
        {"event": "connected", "protocol": "Call", "version": "1.0.0"},
    ]  # fmt: skip


MESSAGES = _messages()
"""One of each kind that Twilio sends."""

STRANGE: tuple[Any, ...] = (None, 5, True, 1.5, "", "x", "é", [], ["a"], {}, {"a": 1}, "*", "AB", "!!!!",
                            "-_-_", "AAA", "AAAA\n", "AA==BBBB", "éééé", "Media", "outbound")  # fmt: skip
"""What is put in place of a member's value."""


def paths(message: Any, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The places of all members of a message."""
    found = []
    if isinstance(message, dict):
        for name, value in message.items():
            found += [(*above, name), *paths(value, (*above, name))]
    return found


LEFT_OUT: Any = object()
"""Stands for no value: the member is left out."""

_EDITS: list[tuple[Json, tuple[str, ...], Any]] = [
    (message, path, value)
    for message in MESSAGES[:2]
    for path in paths(message)
    for value in (*STRANGE, LEFT_OUT)
]

_NOT_MESSAGES: tuple[Any, ...] = ([], None, 3, "x", True, 1.5, {}, ["media"])

_PLAIN = [{"json": message} for message in MESSAGES] + [
    {"json": {**MESSAGES[1], "dtmf": {"track": "inbound_track", "digit": digit}}} for digit in "0#*A"
]


def _edited(edit: tuple[Json, tuple[str, ...], Any]) -> Json:
    message, path, value = edit
    message = copy.deepcopy(message)
    place = message
    for name in path[:-1]:
        place = place[name]
    if value is LEFT_OUT:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return {"json": message}


def _heard(piece: bytes, milliseconds: int) -> Json:
    whole = (piece * (8 * milliseconds // len(piece) + 1))[: 8 * milliseconds]
    return {"json": media(whole)}


@st.composite
def _torn(draw: st.DrawFn) -> Json:
    """A good message, torn as text or as bytes."""
    message = json.dumps(draw(st.sampled_from(MESSAGES[:2])), separators=(",", ":"))
    place = draw(st.sampled_from(range(0, len(message), 7)))
    rest = message[place:]
    return draw(st.sampled_from([
        {"text": message[:place]},
        {"text": message + message[:place]},
        {"text": message[:place] + "NaN" + rest},
        {"text": " " * 3 + message + "\n"},
        {"text": "\ufeff" + message},
        {"text": message[:-1] + "," + message[1:]},
        {"base64": _b64(message[:place].encode() + b"\xff" + rest.encode())},
        {"base64": _b64(b"\xef\xbb\xbf" + message.encode())},
        {"base64": _b64(message.encode("utf-16"))},
        {"base64": _b64(bytes(range(place, place + 40)))},
        {"json": json.loads(message), "as": "bytes"},
    ]))  # fmt: skip


_EXTREME = [
    {"parts": [{"repeat": "[", "times": 5000}, {"repeat": "]", "times": 5000}]},
    {"parts": [{"repeat": '{"a":', "times": 100_000}]},
    {"parts": ['{"event":"media","n":', {"repeat": "9", "times": 4400}, "}"]},
    {"parts": [{"repeat": "x", "times": 300_000}]},
]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_TEXTS = st.one_of(
    st.sampled_from(_PLAIN),
    st.sampled_from(_NOT_MESSAGES).map(lambda value: {"json": value}),
    st.sampled_from(_EDITS).map(_edited),
    st.builds(_heard, st.sampled_from(list(CODES.values())), st.sampled_from([1, 20, 100])),
    _torn(),
    st.sampled_from([{"json": media(CODES["tone"], track="outbound")},
                     {"json": media(CODES["tone"], stream="${other_stream_sid}")}]),
    st.sampled_from(_EXTREME),
)  # fmt: skip

_NOTES: list[Any] = [{"event": "mark", "streamSid": "${stream_sid}", "mark": {"name": "end"}},
                     {"label": "rtvi-ai", "type": "bot-ready", "data": {}},
                     {"n": [1, None, "é"]}, {}]  # fmt: skip

_FRAMES = st.one_of(
    st.sampled_from([{"frame": name} for name in (
        "InterruptionFrame", "BotStartedSpeakingFrame", "UserStoppedSpeakingFrame")]),
    st.builds(audio, st.sampled_from(RATES), st.sampled_from([20, 1, 7, 100]), is_tone=st.booleans(),
              kind=st.sampled_from(["OutputAudioRawFrame", "TTSAudioRawFrame"])),
    st.builds(lambda kind, message: {"frame": kind, "message": message},
              st.sampled_from(["OutputTransportMessageFrame", "OutputTransportMessageUrgentFrame"]),
              st.sampled_from([*_NOTES, None, "x", []])),
    st.sampled_from([{"frame": "TextFrame", "text": "yes"}]),
    st.builds(pcm_frame, st.sampled_from([b"\0", b"\1\0\2", b"", bytes(40) + b"\1"]), st.sampled_from(RATES)),
    st.builds(pcm_frame, st.just(bytes(8)), st.sampled_from([0, -8000])),
    st.builds(audio, st.sampled_from(RATES[:1]), st.just(20), kind=st.just("InputAudioRawFrame")),
    st.builds(audio, st.sampled_from(RATES), st.just(20), channels=st.just(2)),
    st.builds(pcm_frame, st.just(b"".join(struct.pack("<h", value) for value in range(-32768, 32768, 257)))),
)  # fmt: skip

_WIRE_STEPS = st.one_of(
    st.builds(lambda data: {"deserialize": data}, _TEXTS),
    st.builds(lambda frame: {"serialize": frame}, _FRAMES),
    st.builds(lambda rate: {"setup": rates(rate)}, st.sampled_from(RATES)),
    st.builds(lambda seconds: {"wait": seconds}, st.sampled_from([0.05, 0.5, 3])),
)

_PARAMS = [{}, {"ignore_rtvi_messages": False}, {"sample_rate": 16000}]


def _given(arguments: Json, rate: int | None, answers: list[Json] | None = None) -> Json:
    return {
        "arguments": arguments,
        "setup": None if rate is None else rates(rate),
        "answers": answers or [COMPLETED],
    }


@st.composite
def _wire(draw: st.DrawFn) -> Json:
    """Anything, in any order."""
    params = draw(st.sampled_from(_PARAMS))
    arguments = SILENT | {"params": SILENT["params"] | params}
    rate = draw(st.sampled_from([8000, 16000, 24000, 48000, None]))
    return {"given": _given(arguments, rate), "steps": draw(st.lists(_WIRE_STEPS, min_size=1, max_size=6))}


@st.composite
def _talk(draw: st.DrawFn) -> Json:
    """Speech in both directions, with pauses and interruptions, and silence last."""
    rate = draw(st.sampled_from(RATES))
    speech = st.sampled_from([20, 100, 200, 60, 1])
    step = st.one_of(
        st.builds(lambda length, is_tone: {"serialize": audio(rate, length, is_tone=is_tone)}, speech,
                  st.sampled_from([True, True, False])),
        st.sampled_from([{"serialize": {"frame": "InterruptionFrame"}}, {"wait": 0.5}, {"wait": 0.1}]),
        st.builds(lambda piece, length: {"deserialize": _heard(piece, length)},
                  st.sampled_from([CODES["tone"], CODES["silence"]]), speech),
    )  # fmt: skip
    steps = draw(st.lists(step, min_size=1, max_size=6))
    last = draw(st.sampled_from([
        [],
        [{"serialize": audio(rate, 500, is_tone=False)}],
        [{"deserialize": _heard(CODES["silence"], 500)}],
    ]))  # fmt: skip
    return {"given": _given(SILENT, rate), "steps": steps + last}


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
    """The end of a call, as Twilio's API takes it."""
    arguments = HANGING_UP | draw(st.sampled_from(_REGIONS))
    answers = draw(st.lists(_ANSWERS, min_size=1, max_size=3))
    ends = draw(st.lists(st.sampled_from(["EndFrame", "CancelFrame"]), min_size=1, max_size=3))
    steps = [{"serialize": {"frame": name}} for name in ends]
    return {"given": _given(arguments, 8000, answers), "steps": steps}


@st.composite
def _construction(draw: st.DrawFn) -> Json:
    """Arguments that lack something, and one step."""
    arguments = {**HANGING_UP, "region": None, "edge": None, "params": {"auto_hang_up": draw(st.booleans())}}
    name = draw(st.sampled_from(["call_sid", "account_sid", "auth_token", "region", "edge"]))
    arguments[name] = draw(st.sampled_from([None, "", "ie1"]))
    return {"given": _given(arguments, 8000), "steps": [{"serialize": {"frame": "InterruptionFrame"}}]}


SESSIONS: st.SearchStrategy[Json] = st.one_of(
    _wire(), _talk(), _wire(), _hang_up(), _wire(), _construction(), _wire()
)
"""Sessions of every kind; a simpler one is a smaller one."""
