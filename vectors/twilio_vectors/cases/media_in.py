"""Vectors of the chapter Media from Twilio: frames, decoding, sessions at 8 kHz, the forms of a message."""

from __future__ import annotations

import json
from collections.abc import Iterator

from twilio_vectors.audio import noise, silence, speech, utterance
from twilio_vectors.case import (
    FIRST_EDITION,
    HANGING_UP,
    NO_HANG_UP,
    Case,
    Json,
    b64,
    deserialize,
    deserialize_text,
    family,
    gives_frame,
    nothing,
    received,
)
from twilio_vectors.steps import (
    OTHER_STREAM,
    SECOND,
    audio_of_codes,
    audio_steps,
    codes_of,
    connected,
    dtmf,
    mark,
    media,
    media_messages,
    media_steps,
    silence_step,
    start,
)

DEFINITION = "ITU-T G.711: the values of the codes, computed from the definition in vectors/g711.py"
MESSAGES = "https://www.twilio.com/docs/voice/media-streams/websocket-messages"
WITHHELD = ("WithheldSilence",)
CODES = bytes(range(256))


@family("media-in")
def frame() -> Iterator[Case]:
    """The frame of caller's audio; the first two are also the twins of what has to be ignored."""
    cases: dict[str, tuple[str, Json]] = {
        "inbound-track": ("Media of the inbound track", NO_HANG_UP),
        "own-stream": ("Media of the serializer's own stream", NO_HANG_UP),
        "hang-up-enabled": ("Media given to a serializer that hangs up", HANGING_UP),
    }
    for name, (text, arguments) in cases.items():
        yield Case(
            name=f"frame-{name}",
            text=f"{text} becomes InputAudioRawFrames of one channel.",
            steps=[*media_steps(codes_of(utterance(800, 41))), silence_step()],
            expect=[received("TFS-MEDIAIN-01", None, rate=8000, at_least=800)],
            arguments=dict(arguments),
            flags=WITHHELD,
            source=MESSAGES,
        )


@family("media-in")
def decode() -> Iterator[Case]:
    """All 256 codes, in order, backwards, and at random."""
    generator = noise(32767, 1600, 42)
    codes = {
        "all": ("All 256 codes in order, in one message.", CODES, 256),
        "all-backwards": ("All 256 codes backwards, a quarter a message.", CODES[::-1], 64),
        "random": ("Random codes.", bytes(value & 0xFF for value in generator), 160),
        "both-zeros": ("Both codes of zero.", bytes([0x7F, 0xFF] * 80 + [0x80]), 160),
    }
    for name, (text, whole, size) in codes.items():
        yield _decoded(
            "TFS-MEDIAIN-02", f"decode-{name}", text, whole, media_steps(whole, (size,)), source=DEFINITION
        )


@family("media-in")
def session() -> Iterator[Case]:
    """Speech with pauses in messages of one size or of many, alone and among other messages."""
    sizes = {
        "20-ms": (160,),
        "10-ms": (80,),
        "40-ms": (320,),
        "one-second": (SECOND,),
        "odd-sizes": (1, 159, 161, 7, 333, 97),
        "mixed-sizes": (160, 80, 800, 1, 320, 441),
    }
    for seed, (name, pieces) in enumerate(sizes.items(), 51):
        codes = codes_of(utterance(9600 if max(pieces) in (160, SECOND) else 3200, seed))
        text = f"Speech in messages of {', '.join(map(str, pieces))} samples."
        yield _session(name, text, codes, media_steps(codes, pieces))
    codes = codes_of(utterance(200, 61))
    yield _session("single-samples", "Speech in messages of one sample.", codes, media_steps(codes, (1,)))
    codes = codes_of(speech(1600, 62) + silence(SECOND) + utterance(1600, 63))
    yield _session(
        "long-pause", "Two sentences with a second of silence between them.", codes, media_steps(codes)
    )
    codes = codes_of(utterance(4800, 64))
    steps = [deserialize(connected()), deserialize(start(parameters={"language": "fr"}))]
    for number, step in enumerate(media_steps(codes)):
        steps += [step, deserialize((dtmf("5"), mark("greeting"), media(b""))[number % 3])]
    yield _session("among-other-messages", "Speech among keys, marks and empty media.", codes, steps)
    codes = codes_of(utterance(4800, 65))
    steps = [
        step for pair in zip(media_steps(codes), audio_steps(speech(4800, 66)), strict=True) for step in pair
    ]
    yield _session("both-directions", "The caller and the agent speak at once.", codes, steps)


@family("media-in")
def as_bytes() -> Iterator[Case]:
    """Messages as bytes, in UTF-8."""
    codes = codes_of(utterance(800, 71))
    plain = media_messages(codes)
    accented = [message | {"note": "Zürich, 東京, 🙂"} for message in plain]
    mixed = [deserialize(message, as_bytes=index % 2 == 0) for index, message in enumerate(plain)]
    forms = {
        "media": ("Media.", [deserialize(message, as_bytes=True) for message in plain]),
        "unicode": (
            "Media with text beyond ASCII.",
            [deserialize(message, as_bytes=True) for message in accented],
        ),
        "in-turn-with-text": ("Media as bytes and as str in turn.", mixed),
    }
    for name, (text, steps) in forms.items():
        yield _decoded("TFS-MEDIAIN-05", f"bytes-{name}", f"{text} All of it arrives.", codes, steps)
    key = gives_frame("TFS-MEDIAIN-05", "InputDTMFFrame", button="7")
    yield Case(
        name="bytes-dtmf",
        text="A pressed key as bytes.",
        steps=[deserialize(dtmf("7"), key, as_bytes=True)],
        source="https://github.com/pipecat-ai/pipecat/pull/3379",
    )


@family("media-in")
def form() -> Iterator[Case]:
    """One message in the forms that JSON leaves open: order, white space, unknown members, escapes."""
    codes = codes_of(silence(10) + noise(30000, 150, 72))
    message = media(codes, 9, 160)
    payload = b64(codes)
    compact = json.dumps(message, separators=(",", ":"))
    extra: Json = {
        "payload": "AAAA",
        "event": "dtmf",
        "digit": "1",
        "list": [None, True, 1.5e3, {"deep": [[]]}],
        "": "",
    }
    named = {
        "order-backwards": ("Members in backward order.", json.dumps(_reversed(message))),
        "order-sorted": ("Members in alphabetical order.", json.dumps(message, sort_keys=True)),
        "order-event-last": (
            "The event comes last.",
            json.dumps({**_without(message, "event"), "event": "media"}),
        ),
        "space-none": ("No white space.", compact),
        "space-usual": ("A space after each comma and colon.", json.dumps(message)),
        "space-pretty": ("Lines and indentation.", json.dumps(message, indent=4)),
        "space-carriage-returns": (
            "Lines that end in CR LF.",
            json.dumps(message, indent="\t").replace("\n", "\r\n"),
        ),
        "space-around": ("White space before and after the message.", f" \t\r\n{compact}\r\n\t "),
        "space-everywhere": ("White space of every kind at every place.", _spread(message)),
        "unknown-beside-media": (
            "Unknown members beside media.",
            json.dumps({"codec": extra} | message | {"version": 2}),
        ),
        "unknown-inside-media": (
            "Unknown members inside media.",
            json.dumps(message | {"media": {"codec": extra} | message["media"]}),
        ),
        "unknown-decoys": (
            "Other members, named as known ones, at other places.",
            json.dumps({"payload": "AAAA", "track": "outbound", "dtmf": extra} | message),
        ),
        "unknown-null": (
            "Unknown members that are null.",
            json.dumps({"error": None} | message | {"media": {"error": None} | message["media"]}),
        ),
        "escaped-names": (
            "Names with escapes.",
            compact.replace('"event"', r'"\u0065vent"').replace('"payload"', r'"p\u0061yload"'),
        ),
        "escaped-event": ("The event with an escape.", compact.replace('"media","seq', r'"m\u0065dia","seq')),
        "escaped-slashes": ("The payload's slashes escaped.", compact.replace("/", r"\/")),
        "escaped-payload": (
            "Each character of the payload escaped.",
            compact.replace(payload, _escaped(payload)),
        ),
        "raw-unicode": (
            "Text beyond ASCII, unescaped.",
            json.dumps(message | {"note": "Zürich, 東京, 🙂"}, ensure_ascii=False),
        ),
    }
    for name, (text, written) in named.items():
        steps = [deserialize_text(written)]
        yield _decoded(
            "TFS-MEDIAIN-06", f"form-{name}", f"{text} The audio arrives.", codes, steps, source="RFC 8259"
        )


@family("media-in")
def size() -> Iterator[Case]:
    """Payloads of many sizes, each three times, with all three paddings of base64."""
    for samples in (1, 2, 3, 4, 80, 159, 160, 161, 240, 320, 800, 1600, 8000):
        codes = codes_of(noise(30000, 3 * samples if samples < 8000 else samples, samples))
        text = f"Payloads of {samples} samples." if samples > 1 else "Payloads of one sample."
        yield _decoded("TFS-MEDIAIN-07", f"size-{samples}", text, codes, media_steps(codes, (samples,)))


@family("media-in")
def empty() -> Iterator[Case]:
    """Empty payloads, at the beginning of a stream."""
    forms = {
        "text": ("An empty payload.", [media(b"")], False),
        "bytes": ("An empty payload in a message as bytes.", [media(b"")], True),
        "repeated": (
            "Three empty payloads in a row.",
            [media(b"", number, 0) for number in (1, 2, 3)],
            False,
        ),
    }
    for name, (text, given, as_bytes) in forms.items():
        yield Case(
            name=f"empty-{name}",
            text=f"{text} There is no audio to pass on.",
            steps=[deserialize(message, nothing("TFS-MEDIAIN-08"), as_bytes=as_bytes) for message in given],
            source="https://github.com/pipecat-ai/pipecat/pull/2184",
        )


@family("media-in")
def ignored() -> Iterator[Case]:
    """The agent's own track, and another stream's audio: alone, and between messages of the caller's."""
    codes = codes_of(utterance(800, 41))
    agents = media_messages(codes, track="outbound")
    strangers = media_messages(codes, stream=OTHER_STREAM)
    cases = {
        "outbound-track": ("TFS-MEDIAIN-09", "the outbound track", "frame-inbound-track", agents),
        "foreign-stream": ("TFS-MEDIAIN-10", "another stream", "frame-own-stream", strangers),
    }
    for name, (requirement, whose, twin, given) in cases.items():
        alone = [deserialize(message, nothing(requirement)) for message in given]
        yield Case(
            name=name,
            text=f"Media of {whose} is not the caller's audio.",
            steps=alone,
            result="invalid",
            twin=twin,
            source=MESSAGES,
        )
        between = [step for pair in zip(media_steps(codes), alone, strict=True) for step in pair]
        text = f"Media of {whose} between the caller's: only the caller's audio arrives."
        yield _decoded(requirement, f"{name}-between", text, codes, between, result="invalid", twin=twin)


@family("media-in")
def without() -> Iterator[Case]:
    """Messages that lack one of the members which say nothing of the audio, or all of them."""
    codes = codes_of(utterance(800, 91))
    members = {
        "track": ("track",),
        "chunk": ("chunk",),
        "timestamp": ("timestamp",),
        "sequence-number": ("sequenceNumber",),
        "all-four": ("track", "chunk", "timestamp", "sequenceNumber"),
    }
    for name, absent in members.items():
        bare = [
            _without(message | {"media": _without(message["media"], *absent)}, *absent)
            for message in media_messages(codes)
        ]
        yield _decoded(
            "TFS-MEDIAIN-14",
            f"without-{name}",
            f"Media without {', '.join(absent)}. All of it arrives.",
            codes,
            [deserialize(message) for message in bare],
            since="2026.12",
        )


def _session(name: str, text: str, codes: bytes, steps: list[Json]) -> Case:
    return _decoded(
        "TFS-MEDIAIN-03", f"session-{name}", f"{text} The frames hold it all, in order.", codes, steps
    )


def _decoded(
    requirement: str,
    name: str,
    text: str,
    codes: bytes,
    steps: list[Json],
    *,
    result: str = "valid",
    twin: str | None = None,
    source: str = f"{MESSAGES}; {DEFINITION}",
    since: str = FIRST_EDITION,
) -> Case:
    return Case(
        name=name,
        text=text,
        steps=[*steps, silence_step()],
        expect=[audio_of_codes(requirement, codes)],
        result=result,
        flags=WITHHELD,
        twin=twin,
        source=source,
        since=since,
    )


def _without(message: Json, *names: str) -> Json:
    return {key: value for key, value in message.items() if key not in names}


def _reversed(message: Json) -> Json:
    return {
        key: _reversed(value) if isinstance(value, dict) else value
        for key, value in reversed(message.items())
    }


def _spread(message: Json) -> str:
    return json.dumps(message, indent=1, separators=(" \t,\r\n ", "\n:\t "))


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)
