"""Vectors of the chapter Messages: own messages, RTVI, Twilio's events, frames that are not sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twilio_vectors.audio import chunks, pcm, speech, utterance
from twilio_vectors.case import (
    HANGING_UP,
    NO_HANG_UP,
    STREAM_SID,
    Case,
    Json,
    audio,
    deserialize,
    family,
    logged,
    not_frames,
    nothing,
    returns_json,
    serialize,
    transport_message,
)
from twilio_vectors.cases.mark import NO_ACTION, TERMINAL
from twilio_vectors.steps import codes_of, connected, dtmf, mark, media, media_steps, start, stop

MESSAGES = "https://www.twilio.com/docs/voice/media-streams/websocket-messages"
RTVI = "https://github.com/pipecat-ai/pipecat/pull/3650"
FRAMES = "pipecat.frames.frames, alike in Pipecat 1.2.1 to 1.14.0"


def nested(depth: int) -> Json:
    """Return an object nested so many levels deep."""
    whole: Json = {"bottom": [depth]}
    for level in range(depth, 0, -1):
        whole = {"level": level, "inner": whole}
    return whole


OWN: dict[str, Json] = {
    "empty": {},
    "flat": {"event": "note", "text": "hello", "count": 3},
    "nested": {"event": "note", "data": {"user": {"id": "u1", "tags": ["a", ["b", {"c": []}]]}, "empty": {}}},
    "nested-20-deep": nested(20),
    "unicode": {"text": "Grüße, 東京, \u05e9\u05dc\u05d5\u05dd, e\u0301, 🙂, \U0010ffff", "ключ": "значение"},
    "escapes": {"text": 'quote " backslash \\ slash / newline \n tab \t', 'key "\\\n': "</script>"},
    "control-characters": {"text": "".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029\ufeff"},
    "integers": {"values": [0, 1, -1, 8000, 2**31, -(2**31), 2**53 - 1, -(2**53 - 1)]},
    "fractions": {"values": [0.1, -0.5, 3.141592653589793, 1e-7, 1.5e300, 2.2250738585072014e-308, 1e21]},
    "booleans-and-null": {"yes": True, "no": False, "none": None, "all": [True, False, None]},
    "empty-members": {"": "", "object": {}, "list": [], "text": ""},
    "numbers-as-text": {"sequenceNumber": "4", "value": "1e3", "null": "null", "true": "true"},
    "json-in-text": {"text": '{"event":"clear","list":[1,2]}'},
    "repeated-names": {"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 2}]},
    "many-members": {f"member{number:03}": number for number in range(200)},
    "long-text": {"text": "0123456789abcdef" * 4096},
    "clear": {"event": "clear", "streamSid": STREAM_SID},
    "media": media(bytes(range(160)))["media"] | {"event": "media", "streamSid": STREAM_SID},
    "stop-is-not-the-end": {"event": "stop", "streamSid": STREAM_SID},
    "label-of-its-own": {"label": "greeting", "text": "hello"},
    "label-null": {"label": None},
    "label-number": {"label": 1},
    "label-upper-case": {"label": "RTVI-AI", "type": "bot-ready"},
    "label-longer": {"label": "rtvi-ai-2", "type": "bot-ready"},
    "label-shorter": {"label": "rtvi", "type": "bot-ready"},
    "label-nested": {"event": "note", "data": {"label": "rtvi-ai", "type": "bot-ready"}},
    "label-elsewhere": {"type": "rtvi-ai", "name": "label", "rtvi-ai": "label"},
}
"""Messages that an application may send: no RTVI, and nothing that JSON cannot carry unchanged."""

RTVI_MESSAGES: dict[str, Json] = {
    "bot-ready": {
        "label": "rtvi-ai",
        "type": "bot-ready",
        "id": "1",
        "data": {"version": "1.0.0", "config": []},
    },
    "transcription": {
        "label": "rtvi-ai",
        "type": "user-transcription",
        "data": {"text": "hello", "user_id": "", "timestamp": "2026-11-01T12:00:00Z", "final": True},
    },
    "label-last": {"type": "bot-stopped-speaking", "label": "rtvi-ai"},
    "label-alone": {"label": "rtvi-ai"},
}

EVENTS: dict[str, tuple[str, Json]] = {
    "connected": ("The first message.", connected()),
    "connected-old-version": ("The first message of an old version.", connected("0.2.0")),
    "start": ("The second message.", start()),
    "start-parameters": (
        "The second message, with parameters.",
        start(parameters={"name": "Zoë", "event": "media"}),
    ),
    "start-no-parameters": ("The second message, with an empty list of parameters.", start(parameters={})),
    "start-both-tracks": ("The second message of a stream with both tracks.", start(("inbound", "outbound"))),
    "unknown": (
        "An event that Twilio may add.",
        {"event": "transcription", "streamSid": STREAM_SID, "text": "hello"},
    ),
    "unknown-error": (
        "An error, as another provider sends it.",
        {"event": "error", "error": {"code": 31951, "message": "x"}},
    ),
    "unknown-with-media": ("An unknown event that carries media.", media(bytes(160)) | {"event": "media2"}),
    "unknown-with-dtmf": ("An unknown event that carries a key.", dtmf("1") | {"event": "dtmf2"}),
    "unknown-empty": ("An event without a name.", media(bytes(160)) | {"event": ""}),
    "unknown-clear": ("Our own clear.", {"event": "clear", "streamSid": STREAM_SID}),
    "case-media": ("Media in another case.", media(bytes(160)) | {"event": "Media"}),
    "case-media-upper": ("Media in upper case.", media(bytes(160)) | {"event": "MEDIA"}),
    "case-dtmf": ("DTMF in another case.", dtmf("1") | {"event": "DTMF"}),
    "space-media": ("Media with a space before it.", media(bytes(160)) | {"event": " media"}),
}
STOPS: dict[str, tuple[str, Json]] = {
    "stop": ("The last message.", stop()),
    "stop-with-more": (
        "The last message, with a member that is not known.",
        stop() | {"reason": "call ended"},
    ),
}

UNHANDLED: dict[str, Json] = {
    "text": {"frame": "TextFrame", "text": "hello"},
    "text-like-json": {"frame": "TextFrame", "text": '{"event":"clear"}'},
    "llm-text": {"frame": "LLMTextFrame", "text": "hello"},
    "speak": {"frame": "TTSSpeakFrame", "text": "hello"},
    "transcription": {
        "frame": "TranscriptionFrame",
        "text": "hello",
        "user_id": "u1",
        "timestamp": "2026-11-01T12:00:00Z",
    },
    "interim-transcription": {
        "frame": "InterimTranscriptionFrame",
        "text": "hel",
        "user_id": "u1",
        "timestamp": "2026-11-01T12:00:00Z",
    },
    "translation": {
        "frame": "TranslationFrame",
        "text": "hallo",
        "user_id": "u1",
        "timestamp": "2026-11-01T12:00:00Z",
    },
    "input-text": {"frame": "InputTextRawFrame", "text": "hello"},
    "input-message": {
        "frame": "InputTransportMessageFrame",
        "message": {"event": "mark", "mark": {"name": "a"}},
    },
    "input-key": {"frame": "InputDTMFFrame", "button": "1"},
    "output-key": {"frame": "OutputDTMFFrame", "button": "1"},
    "output-key-urgent": {"frame": "OutputDTMFUrgentFrame", "button": "#"},
    "heartbeat": {"frame": "HeartbeatFrame", "timestamp": 1},
    "error": {"frame": "ErrorFrame", "error": "a service failed"},
    "metrics": {"frame": "MetricsFrame", "data": []},
    "mute": {"frame": "STTMuteFrame", "mute": True},
    "function-call-cancel": {
        "frame": "FunctionCallCancelFrame",
        "function_name": "book",
        "tool_call_id": "1",
    },
    "function-call-result": {
        "frame": "FunctionCallResultFrame",
        "function_name": "book",
        "tool_call_id": "1",
        "arguments": {},
        "result": {"ok": True},
    },
    "messages-append": {
        "frame": "LLMMessagesAppendFrame",
        "messages": [{"role": "user", "content": "hello"}],
    },
    "mixer-enable": {"frame": "MixerEnableFrame", "enable": True},
    "filter-enable": {"frame": "FilterEnableFrame", "enable": True},
    "idle-timeout": {"frame": "UserIdleTimeoutUpdateFrame", "timeout": 5.0},
    **{
        name: {"frame": kind}
        for name, kind in {
            "start": "StartFrame",
            "stop": "StopFrame",
            "speech-started": "TTSStartedFrame",
            "speech-stopped": "TTSStoppedFrame",
            "response-start": "LLMFullResponseStartFrame",
            "response-end": "LLMFullResponseEndFrame",
            "run": "LLMRunFrame",
            "user-started-speaking": "UserStartedSpeakingFrame",
            "user-speaking": "UserSpeakingFrame",
            "user-stopped-speaking": "UserStoppedSpeakingFrame",
            "voice-started": "VADUserStartedSpeakingFrame",
            "voice-stopped": "VADUserStoppedSpeakingFrame",
            "bot-started-speaking": "BotStartedSpeakingFrame",
            "bot-speaking": "BotSpeakingFrame",
            "bot-stopped-speaking": "BotStoppedSpeakingFrame",
            "bot-connected": "BotConnectedFrame",
            "client-connected": "ClientConnectedFrame",
            "transport-ready": "OutputTransportReadyFrame",
            "user-mute-started": "UserMuteStartedFrame",
            "user-mute-stopped": "UserMuteStoppedFrame",
        }.items()
    },
}
"""Frames that mean nothing to Twilio, of every kind that passes an output transport."""


@family("messages")
def own() -> Iterator[Case]:
    """An application's own messages, plain and urgent: equal in every member and value."""
    for manner, requirement in {"plain": "TFS-MESSAGE-01", "urgent": "TFS-MESSAGE-02"}.items():
        for name, message in OWN.items():
            yield Case(
                name=f"{manner}-{name}",
                text=f"A transport message ({manner}) arrives whole: {name.replace('-', ' ')}.",
                steps=[_sent(requirement, message, manner == "urgent")],
                source="RFC 8259",
            )
        messages = [{"event": "note", "number": number} for number in range(5)]
        yield Case(
            name=f"{manner}-several",
            text=f"Several transport messages ({manner}), each by itself.",
            steps=[_sent(requirement, message, manner == "urgent") for message in messages],
            source="RFC 8259",
        )


@family("messages")
def rtvi() -> Iterator[Case]:
    """RTVI messages, plain and urgent, with the filter as it is by default, enabled and disabled."""
    for name, message in RTVI_MESSAGES.items():
        for manner, urgent in {"plain": False, "urgent": True}.items():
            ignored = serialize(transport_message(message, urgent=urgent), nothing("TFS-MESSAGE-03"))
            label = f"{name.replace('-', ' ')}, {manner}"
            for setting, params in {"by-default": {}, "explicitly": {"ignore_rtvi_messages": True}}.items():
                yield Case(
                    name=f"rtvi-ignored-{setting}-{name}-{manner}",
                    text=f"An RTVI message ({label}) is held back {setting.replace('-', ' ')}.",
                    steps=[ignored],
                    arguments=_with(params),
                    result="invalid",
                    twin=f"rtvi-sent-{name}-{manner}",
                    source=RTVI,
                )
            yield Case(
                name=f"rtvi-sent-{name}-{manner}",
                text=f"An RTVI message ({label}) is sent where the filter is disabled.",
                steps=[_sent("TFS-MESSAGE-04", message, urgent)],
                arguments=_with({"ignore_rtvi_messages": False}),
                source=RTVI,
            )


@family("messages")
def event() -> Iterator[Case]:
    """Twilio's messages that are not for the pipeline, events that it does not have, and a whole opening."""
    for name, (text, message) in EVENTS.items():
        yield _event(name, text, [_unanswered(message)])
    for name, (text, message) in STOPS.items():
        yield _event(name, text, [_unanswered(message, ending=True)])
    opening = [_unanswered(connected()), _unanswered(start(parameters={}))]
    yield _event(
        "opening-and-end", "A call in which nothing is said.", [*opening, _unanswered(stop(2), ending=True)]
    )
    as_bytes = [deserialize(connected(), *_without_effect(NO_ACTION), as_bytes=True)]
    yield _event("connected-as-bytes", "The first message as bytes.", as_bytes)


@family("messages")
def unhandled() -> Iterator[Case]:
    """Frames that Twilio has no message for."""
    for name, frame in UNHANDLED.items():
        yield Case(
            name=f"unhandled-{name}",
            text=f"{frame['frame']} is not sent.",
            steps=[serialize(frame, nothing("TFS-MESSAGE-07"))],
            source=FRAMES,
        )


def _sent(requirement: str, message: Json, urgent: bool) -> Json:
    return serialize(
        transport_message(message, urgent=urgent),
        returns_json(requirement, message, as_text=requirement != "TFS-MESSAGE-04"),
    )


def _with(params: Json) -> Json:
    return NO_HANG_UP | {"params": {"auto_hang_up": False} | params}


def _event(name: str, text: str, steps: list[Json]) -> Case:
    return Case(name=f"event-{name}", text=text, steps=steps, source=MESSAGES)


def _unanswered(message: Any, *, ending: bool = False) -> Json:
    return deserialize(
        message, *_without_effect([kind for kind in NO_ACTION if not ending or kind not in TERMINAL])
    )


def _without_effect(kinds: Any) -> list[Json]:
    return [not_frames("TFS-MESSAGE-05", *kinds), nothing("TFS-MESSAGE-06")]


@family("messages")
def quiet() -> Iterator[Case]:
    """Calls in which nothing goes wrong, at the rates of a telephone and of a speech service."""
    codes = codes_of(utterance(1600, 92))
    for rate in (8000, 16000):
        said = [
            serialize(audio(pcm(chunk), rate=rate, kind="TTSAudioRawFrame"))
            for chunk in chunks(speech(3200, 93), (rate // 50,))
        ]
        steps = [
            deserialize(connected()),
            deserialize(start(parameters={"language": "fr"})),
            *media_steps(codes),
            *said,
            serialize(transport_message({"event": "mark", "streamSid": STREAM_SID, "mark": {"name": "end"}})),
            deserialize(mark("end")),
            *(deserialize(dtmf(digit, number=number)) for number, digit in enumerate("5#", 8)),
            serialize({"frame": "InterruptionFrame"}),
            serialize({"frame": "TextFrame", "text": "hello"}),
            *media_steps(codes),
            *said,
            deserialize(stop()),
            serialize({"frame": "EndFrame"}),
        ]
        yield Case(
            name=f"quiet-{rate}",
            text=f"A call at {rate} Hz in which nothing goes wrong, from connected to a successful hang-up.",
            arguments=dict(HANGING_UP),
            rate=rate,
            steps=steps,
            expect=[logged("TFS-MESSAGE-09", "WARNING", at_most=0)],
            source=MESSAGES,
            premise="attempt",
            since="2026.12",
        )
