"""Vectors of the chapter Hostile input: what deserialize survives, refusals beside twins that it accepts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dialogue import caller_hushed, codes_of, dtmf, media, understood
from model import (
    STREAM_SID,
    Case,
    Json,
    b64,
    deserialize,
    deserialize_bytes,
    deserialize_parts,
    deserialize_text,
    family,
    gives_frame,
    nothing,
    raises,
    set_up,
    within,
)
from signals import speech

CODES = codes_of(speech(240, seed=31))
PAYLOAD = b64(CODES)
WRONG_TYPES: dict[str, Any] = {
    "null": None,
    "true": True,
    "number": 123,
    "fraction": 1.5,
    "list": ["a"],
    "empty-list": [],
    "object": {"a": 1},
    "empty-object": {},
}
MANY = 100_000

Parts = list[str | tuple[str, int]]


def still_works() -> Json:
    """A good message after the bad one: the key 5."""
    return deserialize(dtmf("5"), gives_frame("TFS-INPUT-09", "InputDTMFFrame", button="5"))


def refused(name: str, text: str, requirement: str, step: Json, **fields: Any) -> Case:
    """A case whose one step has to give None."""
    step = step | {"expect": [nothing(requirement)]}
    return Case(name, text, steps=[step, still_works()], result="invalid", **fields)


def accepted(name: str, text: str, requirement: str, step: Json, codes: bytes = CODES, **fields: Any) -> Case:
    """A case whose one step has to give the audio of these codes."""
    return Case(
        name,
        text,
        steps=[step, caller_hushed()],
        expect=[understood(requirement, codes)],
        flags=("WithheldSilence",),
        **fields,
    )


def as_text(message: Any) -> str:
    """Compact JSON."""
    return json.dumps(message, separators=(",", ":"))


@family("input")
def texts_that_are_not_json() -> Iterator[Case]:
    """Texts that no JSON parser takes, and a neighbour of one character that it does."""
    good = as_text(media(CODES))
    yield accepted(
        "not-json-twin-complete", "A media message, whole.", "TFS-INPUT-01", deserialize_text(good)
    )
    yield refused(
        "not-json-cut-short",
        "The same message without its last brace.",
        "TFS-INPUT-01",
        deserialize_text(good[:-1]),
        twin="not-json-twin-complete",
    )
    texts = {
        "empty": "",
        "space": " ",
        "line-feed": "\n",
        "nul": "\0",
        "word": "hello",
        "single-quotes": "{'event': 'media'}",
        "trailing-comma": '{"event":"stop",}',
        "comment": '{"event":"stop"} // over',
        "two-messages": good + good,
        "open-brace": "{",
        "open-text": '{"event":"med',
        "unquoted-name": '{event:"stop"}',
        "lone-surrogate": "\ud800",
        "control-character": '{"event":"st\x01op"}',
        "byte-order-mark": "\ufeff",
        "html": "<html><body>502 Bad Gateway</body></html>",
        "xml": '<?xml version="1.0"?><Response/>',
        "base64": PAYLOAD,
        "leading-zero": '{"event":"stop","n":01}',
        "hexadecimal": "0x10",
        "undefined": "undefined",
    }
    for name, text in texts.items():
        yield refused(f"not-json-{name}", f"Not JSON: {name}.", "TFS-INPUT-01", deserialize_text(text))


@family("input")
def values_that_are_not_objects() -> Iterator[Case]:
    """JSON of every other type than an object."""
    values = {
        "null": "null",
        "true": "true",
        "false": "false",
        "zero": "0",
        "number": "3",
        "negative": "-1",
        "fraction": "1.5e3",
        "text": '"x"',
        "text-media": '"media"',
        "empty-text": '""',
        "list": "[]",
        "list-of-message": f"[{as_text(media(CODES))}]",
        "list-of-pairs": '[["event","media"]]',
        "nested-list": "[[[]]]",
    }
    for name, text in values.items():
        yield refused(
            f"not-object-{name}", f"JSON, not an object: {name}.", "TFS-INPUT-02", deserialize_text(text)
        )


@family("input")
def events_of_the_wrong_kind() -> Iterator[Case]:
    """An event that is missing or not a text; the message is one of media in all else."""
    message = media(CODES)
    yield accepted("event-twin-media", "The event is media.", "TFS-INPUT-03", deserialize(message))
    yield refused(
        "event-missing",
        "The same message without event.",
        "TFS-INPUT-03",
        deserialize({name: value for name, value in message.items() if name != "event"}),
        twin="event-twin-media",
    )
    yield refused("event-no-members", "An object without members.", "TFS-INPUT-03", deserialize({}))
    for name, value in (WRONG_TYPES | {"list-of-media": ["media"], "object-of-media": {"media": 1}}).items():
        yield refused(
            f"event-{name}", f"The event is {name}.", "TFS-INPUT-03", deserialize(message | {"event": value})
        )
    for name, value in {"capital": "Media", "space": "media ", "empty": "", "start": "start"}.items():
        yield refused(
            f"event-text-{name}",
            f"The event is {value!r}.",
            "TFS-INPUT-03",
            deserialize(message | {"event": value}),
        )


@family("input")
def media_of_the_wrong_kind() -> Iterator[Case]:
    """A media message whose media or payload is missing or of another type."""
    message = media(CODES)
    yield accepted("media-twin-good", "media and payload are there.", "TFS-INPUT-04", deserialize(message))
    yield refused(
        "media-missing",
        "The same message without media.",
        "TFS-INPUT-04",
        deserialize({name: value for name, value in message.items() if name != "media"}),
        twin="media-twin-good",
    )
    for name, value in (
        WRONG_TYPES | {"text": PAYLOAD, "empty-text": "", "list-of-media": [message["media"]]}
    ).items():
        yield refused(
            f"media-{name}", f"media is {name}.", "TFS-INPUT-04", deserialize(message | {"media": value})
        )
    inner = {name: value for name, value in message["media"].items() if name != "payload"}
    yield refused(
        "payload-missing", "media has no payload.", "TFS-INPUT-04", deserialize(message | {"media": inner})
    )
    for name, value in (WRONG_TYPES | {"list-of-text": [PAYLOAD], "list-of-bytes": list(CODES[:20])}).items():
        yield refused(
            f"payload-{name}",
            f"The payload is {name}.",
            "TFS-INPUT-04",
            deserialize(message | {"media": inner | {"payload": value}}),
        )


@family("input")
def payloads_that_are_not_base64() -> Iterator[Case]:
    """Payloads that break RFC 4648 section 4 in one place, and the neighbour that does not."""
    odd = codes_of(speech(241, seed=32))
    even = codes_of(speech(242, seed=33))
    one, two = b64(odd), b64(even)
    assert one.endswith("==") and two.endswith("=") and not two.endswith("==")
    twins = {"whole": (PAYLOAD, CODES), "two-pads": (one, odd), "one-pad": (two, even)}
    for name, (payload, codes) in twins.items():
        yield accepted(
            f"base64-twin-{name}", f"Good base64: {name}.", "TFS-INPUT-05", deserialize(_with(payload)), codes
        )
    high = b64(bytes([0xFB, 0xFF] * 120))
    yield accepted(
        "base64-twin-plus-and-slash",
        "Good base64 with + and /.",
        "TFS-INPUT-05",
        deserialize(_with(high)),
        bytes([0xFB, 0xFF] * 120),
    )
    broken = {
        "no-pad-of-two": (one.rstrip("="), "two-pads"),
        "no-pad-of-one": (two.rstrip("="), "one-pad"),
        "half-a-pad": (one[:-1], "two-pads"),
        "pad-too-many": (two + "=", "one-pad"),
        "pad-without-need": (PAYLOAD + "=", "whole"),
        "one-character-less": (PAYLOAD[:-1], "whole"),
        "one-character-more": (PAYLOAD + "A", "whole"),
        "text-after-padding": (one + PAYLOAD, "two-pads"),
        "padding-in-the-middle": (PAYLOAD[:40] + "=" + PAYLOAD[41:], "whole"),
        "url-safe-alphabet": (high.replace("+", "-").replace("/", "_"), "plus-and-slash"),
        "star": (PAYLOAD[:40] + "*" + PAYLOAD[41:], "whole"),
        "space": (PAYLOAD[:40] + " " + PAYLOAD[40:], "whole"),
        "line-feed": (PAYLOAD[:76] + "\n" + PAYLOAD[76:], "whole"),
        "carriage-return": (PAYLOAD[:76] + "\r\n" + PAYLOAD[76:], "whole"),
        "leading-space": (" " + PAYLOAD, "whole"),
        "trailing-line-feed": (PAYLOAD + "\n", "whole"),
        "nul": (PAYLOAD[:40] + "\0" + PAYLOAD[41:], "whole"),
        "percent-encoded": (PAYLOAD[:40] + "%3D" + PAYLOAD[43:], "whole"),
        "accent": (PAYLOAD[:40] + "\u00e9" + PAYLOAD[41:], "whole"),
        "full-width": (PAYLOAD[:40] + "\uff21" + PAYLOAD[41:], "whole"),
        "lone-surrogate": (PAYLOAD[:40] + "\ud800" + PAYLOAD[41:], "whole"),
        "data-url": ("data:audio/x-mulaw;base64," + PAYLOAD, "whole"),
    }
    for name, (payload, twin) in broken.items():
        yield refused(
            f"base64-{name}",
            f"Broken base64: {name}.",
            "TFS-INPUT-05",
            deserialize(_with(payload)),
            twin=f"base64-twin-{twin}",
        )
    for name, payload in {
        "one-character": "A",
        "three-characters": "abc",
        "four-accents": "\u00e9" * 4,
        "exclamation": "!!!!",
        "only-pads": "====",
        "space-only": "    ",
    }.items():
        yield refused(
            f"base64-{name}", f"Broken base64: {name}.", "TFS-INPUT-05", deserialize(_with(payload))
        )


@family("input")
def key_presses_of_the_wrong_kind() -> Iterator[Case]:
    """A dtmf message whose dtmf is missing or of another type, or has no digit."""
    message = dtmf("5")
    key = gives_frame("TFS-INPUT-06", "InputDTMFFrame", button="5")
    yield Case("dtmf-twin-good", "dtmf is there.", steps=[deserialize(message, key)])
    yield refused(
        "dtmf-missing",
        "The same message without dtmf.",
        "TFS-INPUT-06",
        deserialize({name: value for name, value in message.items() if name != "dtmf"}),
        twin="dtmf-twin-good",
    )
    yield refused(
        "dtmf-no-digit",
        "dtmf has no digit.",
        "TFS-INPUT-06",
        deserialize(message | {"dtmf": {"track": "inbound_track"}}),
    )
    for name, value in (WRONG_TYPES | {"text": "5", "list-of-dtmf": [message["dtmf"]]}).items():
        yield refused(
            f"dtmf-{name}", f"dtmf is {name}.", "TFS-INPUT-06", deserialize(message | {"dtmf": value})
        )


@family("input")
def bytes_of_the_wrong_kind() -> Iterator[Case]:
    """Bytes that are not UTF-8 JSON; byte order marks and UTF-16, which parsers are free to understand."""
    message = {name: value for name, value in dtmf("5").items() if name != "streamSid"}
    good = as_text(message).encode()
    key = gives_frame("TFS-INPUT-07", "InputDTMFFrame", button="5")
    yield Case("bytes-twin-utf-8", "A message in UTF-8.", steps=[deserialize_bytes(good, key)])
    yield refused(
        "bytes-one-invalid",
        "The same bytes, one of them no UTF-8.",
        "TFS-INPUT-07",
        deserialize_bytes(good.replace(b"inbound_track", b"inbound\xfftrack")),
        twin="bytes-twin-utf-8",
    )
    broken = {
        "empty": b"",
        "one-zero": b"\0",
        "silence": b"\xff" * 160,
        "codes": CODES,
        "overlong": b'{"event":"\xc0\xae"}',
        "cut-character": b'{"event":"\xe2\x82',
        "surrogate": b'{"event":"\xed\xa0\x80"}',
        "latin-1": '{"event":"\u00e9"}'.encode("latin-1"),
        "random": bytes(range(256)),
        "gzip": bytes.fromhex("1f8b0800000000000003") + CODES[:40],
        "wav-header": b"RIFF\x24\x08\x00\x00WAVEfmt ",
    }
    for name, data in broken.items():
        yield refused(f"bytes-{name}", f"Bytes: {name}.", "TFS-INPUT-07", deserialize_bytes(data))
    text = good.decode()
    marked = {
        "utf-8-with-mark": b"\xef\xbb\xbf" + good,
        "utf-16": text.encode("utf-16"),
        "utf-16-le": text.encode("utf-16-le"),
        "utf-32": text.encode("utf-32"),
    }
    for name, data in marked.items():
        yield Case(
            f"bytes-{name}",
            f"A message in another encoding: {name}.",
            steps=[deserialize_bytes(data, raises("TFS-INPUT-07", None)), still_works()],
            result="acceptable",
            flags=("OtherEncoding",),
        )
    yield Case(
        "bytes-text-with-mark",
        "A message as text with a byte order mark before it.",
        steps=[deserialize_text("\ufeff" + text, raises("TFS-INPUT-07", None)), still_works()],
        result="acceptable",
        flags=("OtherEncoding",),
    )


@family("input")
def extremes() -> Iterator[Case]:
    """Depths, lengths and numbers at which parsers give up; the work stays bounded."""
    nested: dict[str, Parts] = {
        "lists": [("[", MANY), ("]", MANY)],
        "open-lists": [("[", MANY)],
        "objects": [('{"a":', MANY), "1", ("}", MANY)],
        "media": ['{"event":"media","media":', ("[", MANY), ("]", MANY), "}"],
        "payload": ['{"event":"media","media":{"payload":', ('{"payload":', MANY), "1", ("}", MANY), "}}"],
        "digit": ['{"event":"dtmf","dtmf":{"digit":', ("[", MANY), ("]", MANY), "}}"],
    }
    numbers: dict[str, Parts] = {
        "event": ['{"event":', ("9", 4301), "}"],
        "digit": ['{"event":"dtmf","dtmf":{"digit":', ("9", 4301), "}}"],
        "alone": [("9", 4301)],
        "payload": ['{"event":"media","media":{"payload":', ("9", 4301), "}}"],
        "negative": ["-", ("9", 5000)],
        "exponent": ['{"event":"dtmf","dtmf":{"digit":1e', ("9", 400), "}}"],
    }
    head, tail = (
        '{"event":"media","streamSid":"' + STREAM_SID + '","media":{"track":"inbound","payload":"',
        '"}}',
    )
    long: dict[str, Parts] = {
        "white-space": [(" ", 1 << 20)],
        "text": [("x", 1 << 20)],
        "broken-payload": [head, ("////", 1 << 18), "*", tail],
        "members": ["{", ('"a":1,', MANY), '"b":1}'],
        "escapes": ['{"event":"', ("\\u0041", MANY), '"}'],
    }
    for kind, texts in {"nested": nested, "number": numbers, "long": long}.items():
        for name, parts in texts.items():
            yield refused(
                f"extreme-{kind}-{name}",
                f"Beyond what parsers take: {kind}, {name}.",
                "TFS-INPUT-08",
                deserialize_parts(parts),
            )
    for name, times in {"1-mib": 1 << 18, "16-mib": 1 << 22}.items():
        whole: Parts = [head, ("////", times), tail]
        yield Case(
            f"extreme-payload-{name}",
            f"A payload of {name}, which may be taken or refused, in bounded time.",
            steps=[
                deserialize_parts(whole, raises("TFS-INPUT-08", None), within("TFS-INPUT-08", 5.0)),
                still_works(),
            ],
            result="acceptable",
            flags=("LongPayload",),
        )


@family("input")
def oddities() -> Iterator[Case]:
    """What JSON leaves open or Twilio never sends: no exception, whatever else."""
    message = media(CODES)
    texts = {
        "event-twice": '{"event":"start","event":"stop"}',
        "payload-twice": as_text(message).replace('"payload":', '"payload":"!!","payload":', 1),
        "nan": '{"event":"stop","n":NaN}',
        "infinity": '{"event":"stop","n":-Infinity}',
        "surrogate-escape": '{"event":"\\ud800"}',
        "surrogate-in-payload": as_text(_with("\\ud800")).replace("\\\\", "\\"),
        "proto": '{"__proto__":{"event":"media"},"constructor":1,"event":"stop"}',
        "empty-name": '{"":1,"event":"stop"}',
    }
    for name, text in texts.items():
        yield _harmless(
            f"odd-{name}",
            f"JSON at its border: {name}.",
            deserialize_text(text, raises("TFS-INPUT-11", None)),
        )
    for member in ("streamSid", "sequenceNumber"):
        for name, value in WRONG_TYPES.items():
            yield _harmless(
                f"odd-{member.lower()}-{name}",
                f"{member} is {name}.",
                deserialize(message | {member: value}, raises("TFS-INPUT-11", None)),
            )
    for name, value in WRONG_TYPES.items():
        yield _harmless(
            f"odd-track-{name}",
            f"media.track is {name}.",
            deserialize(
                message | {"media": message["media"] | {"track": value}}, raises("TFS-INPUT-11", None)
            ),
        )
    for event in ("connected", "start", "stop", "mark"):
        for name, value in {"missing": ..., "null": None, "list": [], "text": "x"}.items():
            odd: Json = {"event": event} | ({} if value is ... else {event: value})
            yield _harmless(
                f"odd-{event}-{name}", f"{event} is {name}.", deserialize(odd, raises("TFS-INPUT-11", None))
            )


@family("input")
def before_setup() -> Iterator[Case]:
    """Messages that come before setup was awaited: no exception, and a working serializer after it."""
    ways = {
        "media": deserialize(media(CODES), raises("TFS-INPUT-10", None)),
        "dtmf": deserialize(dtmf("5"), raises("TFS-INPUT-10", None)),
        "broken": deserialize_text("[]", raises("TFS-INPUT-10", None)),
    }
    for name, step in ways.items():
        yield Case(
            f"before-setup-{name}",
            f"A message before setup: {name}.",
            steps=[
                step,
                set_up(8000),
                deserialize(dtmf("5"), gives_frame("TFS-INPUT-10", "InputDTMFFrame", button="5")),
            ],
            rate=None,
            result="acceptable",
            flags=("BeforeSetup",),
        )


def _with(payload: str) -> Json:
    message = media(CODES)
    return message | {"media": message["media"] | {"payload": payload}}


def _harmless(name: str, text: str, step: Json) -> Case:
    return Case(name, text, steps=[step, still_works()], result="acceptable", flags=("HarmlessEitherWay",))
