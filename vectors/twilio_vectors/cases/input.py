"""Vectors of the chapter Hostile input: what deserialize survives, refusals beside twins that it accepts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from twilio_vectors.audio import speech
from twilio_vectors.case import Case, Json, b64, deserialize, deserialize_text, family, gives_frame, nothing
from twilio_vectors.steps import audio_of_codes, codes_of, dtmf, media, silence_step

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


def still_works() -> Json:
    """Return a step with a valid message, the key 5, to follow an invalid one."""
    return deserialize(dtmf("5"), gives_frame("TFS-INPUT-09", "InputDTMFFrame", button="5"))


def refused(name: str, text: str, requirement: str, step: Json, **fields: Any) -> Case:
    """Return an invalid case, whose step has to give None."""
    step = step | {"expect": [nothing(requirement)]}
    return Case(name, text, steps=[step, still_works()], result="invalid", **fields)


def accepted(name: str, text: str, requirement: str, step: Json, codes: bytes = CODES, **fields: Any) -> Case:
    """Return a case whose step has to give the audio of these codes."""
    return Case(
        name,
        text,
        steps=[step, silence_step()],
        expect=[audio_of_codes(requirement, codes)],
        flags=("WithheldSilence",),
        **fields,
    )


def accepted_key(name: str, text: str, requirement: str, step: Json, **fields: Any) -> Case:
    """Return a case whose step has to give the key 5."""
    expect = [gives_frame(requirement, "InputDTMFFrame", button="5")]
    return Case(name, text, steps=[step | {"expect": expect}], **fields)


def as_text(message: Any) -> str:
    """Return compact JSON."""
    return json.dumps(message, separators=(",", ":"))


def with_payload(payload: str) -> Json:
    """Return a media message with this payload."""
    message = media(CODES)
    return message | {"media": message["media"] | {"payload": payload}}


@family("input")
def texts_that_are_not_json() -> Iterator[Case]:
    """Texts that are not JSON, and twins that differ in one character and are."""
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
    for name, text in {"empty": "", "nul": "\0", "lone-surrogate": "\ud800"}.items():
        yield refused(f"not-json-{name}", f"Not JSON: {name}.", "TFS-INPUT-01", deserialize_text(text))
    neighbours = {
        "white-space": f"\n \n{good}\n \n",
        "escaped-control": as_text(media(CODES) | {"note": "st\x01op"}),
        "inner-mark": good.replace("{", '{"note":"\ufeff",', 1),
        "number": good.replace("{", '{"note":1,', 1),
    }
    for name, text in neighbours.items():
        yield accepted(f"not-json-twin-{name}", f"JSON: {name}.", "TFS-INPUT-01", deserialize_text(text))
    broken = {
        "space": (" ", "white-space"),
        "line-feed": ("\n", "white-space"),
        "single-quotes": (good.replace('"', "'"), "complete"),
        "trailing-comma": (good[:-1] + ",}", "complete"),
        "comment": (good + " // over", "complete"),
        "two-messages": (good + good, "complete"),
        "open-brace": ("{", "complete"),
        "open-text": (good[: len(good) // 2], "complete"),
        "unquoted-name": (good.replace('"event"', "event"), "complete"),
        "control-character": (neighbours["escaped-control"].replace("\\u0001", "\x01"), "escaped-control"),
        "byte-order-mark": ("\ufeff", "inner-mark"),
        "leading-zero": (good.replace("{", '{"note":01,', 1), "number"),
    }
    for name, (text, twin) in broken.items():
        yield refused(
            f"not-json-{name}",
            f"Not JSON: {name}.",
            "TFS-INPUT-01",
            deserialize_text(text),
            twin=f"not-json-twin-{twin}",
        )
    foreign = {
        "word": "hello",
        "html": "<html><body>502 Bad Gateway</body></html>",
        "xml": '<?xml version="1.0"?><Response/>',
        "base64": PAYLOAD,
        "hexadecimal": "0x10",
        "undefined": "undefined",
    }
    for name, text in foreign.items():
        yield accepted(
            f"not-json-twin-{name}-inside",
            f"A good message with another member that holds such a text: {name}.",
            "TFS-INPUT-01",
            deserialize(media(CODES) | {"note": text}),
        )
        yield refused(
            f"not-json-{name}",
            f"Not JSON: {name}.",
            "TFS-INPUT-01",
            deserialize_text(text),
            twin=f"not-json-twin-{name}-inside",
        )


@family("input")
def values_that_are_not_objects() -> Iterator[Case]:
    """JSON of every type but object, and valid messages with the same value in another member."""
    message = media(CODES)
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
        "list-of-pairs": '[["event","media"]]',
        "nested-list": "[[[]]]",
    }
    for name, text in values.items():
        yield accepted(
            f"not-object-twin-beside-{name}",
            f"A good message with another member: {name}.",
            "TFS-INPUT-02",
            deserialize_text(as_text(message)[:-1] + f',"note":{text}}}'),
        )
        yield refused(
            f"not-object-{name}",
            f"JSON, not an object: {name}.",
            "TFS-INPUT-02",
            deserialize_text(text),
            twin=f"not-object-twin-beside-{name}",
        )
    yield accepted("not-object-twin-alone", "A message.", "TFS-INPUT-02", deserialize(message))
    yield refused(
        "not-object-list-of-message",
        "A list of one message.",
        "TFS-INPUT-02",
        deserialize([message]),
        twin="not-object-twin-alone",
    )


@family("input")
def events_of_the_wrong_kind() -> Iterator[Case]:
    """Media messages whose event is missing or not a string."""
    message = media(CODES)
    yield accepted("event-twin-media", "The event is media.", "TFS-INPUT-03", deserialize(message))
    yield refused(
        "event-missing",
        "The same message without event.",
        "TFS-INPUT-03",
        deserialize({name: value for name, value in message.items() if name != "event"}),
        twin="event-twin-media",
    )
    yield refused(
        "event-no-members",
        "An object without members.",
        "TFS-INPUT-03",
        deserialize({}),
        twin="event-twin-media",
    )
    yield from _beside(
        "event",
        "TFS-INPUT-03",
        WRONG_TYPES,
        lambda value: {"note": value} | message,
        lambda value: message | {"event": value},
    )
    misses = {
        "list-of-media": ["media"],
        "object-of-media": {"media": 1},
        "text-capital": "Media",
        "text-space": "media ",
        "text-empty": "",
        "text-start": "start",
    }
    for name, value in misses.items():
        yield refused(
            f"event-{name}",
            f"The event is {value!r}.",
            "TFS-INPUT-03",
            deserialize(message | {"event": value}),
            twin="event-twin-media",
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
    yield refused(
        "media-list-of-media",
        "media is a list of what it ought to be.",
        "TFS-INPUT-04",
        deserialize(message | {"media": [message["media"]]}),
        twin="media-twin-good",
    )
    yield from _beside(
        "media",
        "TFS-INPUT-04",
        WRONG_TYPES | {"text": PAYLOAD, "empty-text": ""},
        lambda value: message | {"note": value},
        lambda value: message | {"media": value},
    )
    inner = {name: value for name, value in message["media"].items() if name != "payload"}
    missing: dict[str, Json] = {"missing": {}, "list-of-text": {"payload": [PAYLOAD]}}
    for name, members in missing.items():
        yield refused(
            f"payload-{name}",
            f"The payload is {name}.",
            "TFS-INPUT-04",
            deserialize(message | {"media": inner | members}),
            twin="media-twin-good",
        )
    yield from _beside(
        "payload",
        "TFS-INPUT-04",
        WRONG_TYPES | {"list-of-bytes": list(CODES[:20])},
        lambda value: message | {"media": message["media"] | {"note": value}},
        lambda value: message | {"media": inner | {"payload": value}},
    )


@family("input")
def key_presses_of_the_wrong_kind() -> Iterator[Case]:
    """A dtmf message whose dtmf is missing or of another type, or has no digit."""
    message = dtmf("5")
    yield accepted_key("dtmf-twin-good", "dtmf is there.", "TFS-INPUT-06", deserialize(message))
    broken: dict[str, Json] = {
        "missing": {name: value for name, value in message.items() if name != "dtmf"},
        "no-digit": message | {"dtmf": {"track": "inbound_track"}},
        "list-of-dtmf": message | {"dtmf": [message["dtmf"]]},
    }
    for name, instead in broken.items():
        yield refused(
            f"dtmf-{name}",
            f"dtmf or its digit is missing, or in a list: {name}.",
            "TFS-INPUT-06",
            deserialize(instead),
            twin="dtmf-twin-good",
        )
    for name, value in (WRONG_TYPES | {"text": "5"}).items():
        yield accepted_key(
            f"dtmf-twin-beside-{name}",
            f"dtmf is there; a member that nobody knows is {name}.",
            "TFS-INPUT-06",
            deserialize(message | {"dtmf": message["dtmf"] | {"note": value}}),
        )
        yield refused(
            f"dtmf-{name}",
            f"dtmf is {name}.",
            "TFS-INPUT-06",
            deserialize(message | {"dtmf": value}),
            twin=f"dtmf-twin-beside-{name}",
        )


def _beside(
    place: str,
    requirement: str,
    values: dict[str, Any],
    good: Callable[[Any], Json],
    bad: Callable[[Any], Json],
) -> Iterator[Case]:
    """Yield each value where it is wrong, and as its twin in an unknown member beside a valid one."""
    for name, value in values.items():
        yield accepted(
            f"{place}-twin-beside-{name}",
            f"The {place} is there; a member that nobody knows is {name}.",
            requirement,
            deserialize(good(value)),
        )
        yield refused(
            f"{place}-{name}",
            f"The {place} is {name}.",
            requirement,
            deserialize(bad(value)),
            twin=f"{place}-twin-beside-{name}",
        )
