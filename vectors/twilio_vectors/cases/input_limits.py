"""Vectors of the chapter Hostile input: bytes, limits of parsers, borders of JSON, messages before setup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from twilio_vectors.case import (
    STREAM_SID,
    Case,
    Json,
    deserialize,
    deserialize_bytes,
    deserialize_parts,
    deserialize_text,
    family,
    gives_frame,
    raises,
    set_up,
    within,
)
from twilio_vectors.cases.input import (
    CODES,
    WRONG_TYPES,
    accepted,
    accepted_key,
    as_text,
    refused,
    still_works,
    with_payload,
)
from twilio_vectors.steps import dtmf, media

MANY, OFTEN = 100_000, 100
DEPTH, DIGITS, LONG = 50, 300, 8192
"""What has to be taken: levels (parsers in use stop at 64 or more), digits (a double holds 308), characters."""

HEAD = '{"event":"media","streamSid":"' + STREAM_SID + '","media":{"track":"inbound","payload":"'
TAIL = '"}}'
TWINS = {"open-lists": "lists", "alone": "event"}
"""Extremes whose twin is that of another."""

Parts = list[str | tuple[str, int]]


@family("input")
def bytes_of_the_wrong_kind() -> Iterator[Case]:
    """Bytes that are not UTF-8 JSON; byte order marks and UTF-16, which parsers are free to understand."""
    names = {"stream_sid": "MZ0123456789abcdef0123456789abcdef"}
    good = as_text(dtmf("5", number=3) | {"streamSid": names["stream_sid"]}).encode()
    twins = {
        "utf-8": good,
        "two-bytes": good.replace(b"{", b'{"note":"\xc3\xa9",', 1),
        "three-bytes": good.replace(b"{", b'{"note":"\xe2\x82\xac",', 1),
        "before-surrogates": good.replace(b"{", b'{"note":"\xed\x9f\xbf",', 1),
    }
    for name, data in twins.items():
        step = deserialize_bytes(data)
        yield accepted_key(
            f"bytes-twin-{name}", f"A message in UTF-8: {name}.", "TFS-INPUT-07", step, names=names
        )
    yield accepted(
        "bytes-twin-codes",
        "Codes in a message, as bytes.",
        "TFS-INPUT-07",
        deserialize(media(CODES), as_bytes=True),
    )
    yield refused(
        "bytes-one-invalid",
        "The same bytes, one of them no UTF-8.",
        "TFS-INPUT-07",
        deserialize_bytes(good.replace(b"inbound_track", b"inbound\xfftrack")),
        names=names,
        twin="bytes-twin-utf-8",
    )
    broken: dict[str, tuple[bytes, str | None]] = {
        "empty": (b"", None),
        "one-zero": (b"\0", None),
        "silence": (b"\xff" * 160, "codes"),
        "codes": (CODES, "codes"),
        "overlong": (b'{"event":"\xc0\xae"}', "two-bytes"),
        "cut-character": (b'{"event":"\xe2\x82', "three-bytes"),
        "surrogate": (b'{"event":"\xed\xa0\x80"}', "before-surrogates"),
        "latin-1": ('{"event":"\u00e9"}'.encode("latin-1"), "two-bytes"),
        "random": (bytes(range(256)), None),
        "gzip": (bytes.fromhex("1f8b0800000000000003") + CODES[:40], None),
        "wav-header": (b"RIFF\x24\x08\x00\x00WAVEfmt ", None),
    }
    for name, (data, twin) in broken.items():
        yield refused(
            f"bytes-{name}",
            f"Bytes: {name}.",
            "TFS-INPUT-07",
            deserialize_bytes(data),
            twin=twin and f"bytes-twin-{twin}",
        )
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
            names=names,
            result="acceptable",
            flags=("OtherEncoding",),
        )
    yield Case(
        "bytes-text-with-mark",
        "A message as text with a byte order mark before it.",
        steps=[deserialize_text("\ufeff" + text, raises("TFS-INPUT-07", None)), still_works()],
        names=names,
        result="acceptable",
        flags=("OtherEncoding",),
    )


@family("input")
def extremes() -> Iterator[Case]:
    """Depths, lengths and numbers beyond the limits of parsers; the work stays bounded."""
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
    long: dict[str, Parts] = {
        "white-space": [(" ", 1 << 20)],
        "text": [("x", 1 << 20)],
        "broken-payload": [HEAD, ("////", 1 << 18), "*", TAIL],
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
                twin=f"extreme-twin-{kind}-{TWINS.get(name, name)}",
            )
    yield from _within_limits()
    for name, times in {"1-mib": 1 << 18, "16-mib": 1 << 22}.items():
        whole: Parts = [HEAD, ("////", times), TAIL]
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
        "surrogate-in-payload": as_text(with_payload("\\ud800")).replace("\\\\", "\\"),
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
def informing() -> Iterator[Case]:
    """The members of media that only inform have the wrong type, once and in message after message."""
    message = media(CODES)
    for member in ("timestamp", "chunk"):
        for name, value in (WRONG_TYPES | {"text": "soon"}).items():
            odd = message | {"media": message["media"] | {member: value}}
            step = deserialize(odd, raises("TFS-INPUT-11", None))
            yield replace(
                _harmless(f"odd-{member}-{name}", f"media.{member} is {name}.", step), since="2026.12"
            )
    wrong = {"timestamp": "soon", "chunk": "first"}
    odd = message | {"media": message["media"] | wrong}
    steps = [deserialize(odd, raises("TFS-INPUT-11", None)) for _ in range(OFTEN)]
    yield Case(
        "odd-often",
        f"{OFTEN} media messages whose timestamp and chunk are no numbers.",
        steps=[*steps, still_works()],
        result="acceptable",
        flags=("HarmlessEitherWay",),
        since="2026.12",
    )


@family("input")
def refused_often() -> Iterator[Case]:
    """Bad messages in a row: the next good one is understood as after the first of them."""
    bad = ("{", "[]", "", "null", '{"event":"media"}', '{"event":"dtmf","dtmf":{}}', '{"event":"hello"}')
    yield Case(
        "refused-often",
        f"{OFTEN} messages that are refused, in a row, and then a good one.",
        steps=[*(deserialize_text(bad[number % len(bad)]) for number in range(OFTEN)), still_works()],
        result="acceptable",
        flags=("HarmlessEitherWay",),
        since="2026.12",
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


def _harmless(name: str, text: str, step: Json) -> Case:
    return Case(name, text, steps=[step, still_works()], result="acceptable", flags=("HarmlessEitherWay",))


def _within_limits() -> Iterator[Case]:
    """Twins of the extremes: the same in an amount that every parser in use takes, beside what is good."""
    message = media(CODES)
    lists = "[" * DEPTH + "]" * DEPTH
    objects = '{"a":' * DEPTH + "1" + "}" * DEPTH
    digits = "9" * DIGITS
    beside = {
        "nested-lists": lists,
        "nested-objects": objects,
        "number-event": digits,
        "number-negative": f"-{digits}",
    }
    inside = {"nested-media": lists, "nested-payload": objects, "number-payload": digits}
    texts = {
        **{name: _noted(message, value) for name, value in beside.items()},
        **{name: _noted(message, value, "media") for name, value in inside.items()},
        "long-white-space": " " * LONG + as_text(message),
        "long-text": as_text(message | {"note": "x" * LONG}),
        "long-members": as_text(message | {f"n{number}": number for number in range(100)}),
        "long-escapes": as_text(message).replace(
            '"event":"media"', '"event":"\\u006d\\u0065\\u0064\\u0069\\u0061"'
        ),
    }
    for name, text in texts.items():
        yield accepted(
            f"extreme-twin-{name}",
            f"Within what every parser takes: {name}.",
            "TFS-INPUT-08",
            deserialize_text(text),
        )
    yield accepted(
        "extreme-twin-long-broken-payload",
        "A payload as long as a second and not broken.",
        "TFS-INPUT-08",
        deserialize_parts([HEAD, ("////", LONG // 4), TAIL]),
        b"\xff" * (LONG // 4 * 3),
    )
    keys = {"nested-digit": lists, "number-digit": digits, "number-exponent": f"1e{DIGITS}"}
    for name, value in keys.items():
        yield accepted_key(
            f"extreme-twin-{name}",
            f"Within what every parser takes: {name}.",
            "TFS-INPUT-08",
            deserialize_text(_noted(dtmf("5"), value, "dtmf")),
        )


def _noted(message: Json, value: str, place: str | None = None) -> str:
    """The message with one more member, whose value is written out; in the object at this place."""
    whole = message | {"note": "?"} if place is None else message | {place: message[place] | {"note": "?"}}
    return as_text(whole).replace('"?"', value)
