"""Comparison of what a vector expects with what was observed: for a step, for construction, for the session."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from twilio_conformance.checks._comparison import (
    abbreviate,
    decode_base64,
    expect_joined,
    same,
    shape_difference,
)
from twilio_conformance.checks._core import expect
from twilio_conformance.errors import NotObservable, NotTestable, Violation
from twilio_conformance.subject.frames import FrameValue, Json, Value, audio_bytes, shorten
from twilio_conformance.subject.logs import LogRecord, none_but
from twilio_conformance.subject.probe import Observation
from twilio_conformance.subject.target import BASE_URL, IN_PROCESS, NOWHERE
from twilio_conformance.twilio.record import Exchange

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


@dataclass
class Session:
    """What was observed while a vector was played.

    `obstacle` says why no step was taken, `attempted` whether anything tried to connect to Twilio's API, `printed` is
    the first line of output, and `network` says how requests reach the network double (see `target.NETWORKS`).
    """

    construction: Observation | None = None
    obstacle: str | None = None
    steps: list[Observation] = field(default_factory=list)
    exchanges: tuple[Exchange, ...] = ()
    attempted: bool = False
    logs: tuple[LogRecord, ...] = ()
    printed: str = ""
    network: str = IN_PROCESS


def grade_step(observation: Observation, expectation: Json) -> None:
    """End the check with a finding if what a step did is not what is expected; NotTestable if that cannot be told."""
    if "raises" in expectation:
        expect_raises(observation, expectation)
        return
    if "within" in expectation:
        limit, took = expectation["within"], observation.seconds
        expect(took <= limit, "took too long", f"at most {limit:g} s", f"{took:.1f} s")
        return
    if observation.raised is not None:
        kind = NotTestable if "not_events" in expectation else Violation
        wanted = {name: value for name, value in expectation.items() if name != "requirement"}
        nothing = expectation.get("returns") == "nothing"
        raise kind("raised an exception", expected="None" if nothing else wanted, actual=observation.outcome)
    value = observation.value
    if "not_frames" in expectation:
        for kind in expectation["not_frames"]:
            given = isinstance(value, FrameValue) and value.is_a(kind)
            expect(not given, f"gave a {kind}", f"no {kind}", repr(value))
    elif "not_events" in expectation:
        for event in expectation["not_events"]:
            given = _event(value) == event
            expect(not given, f"gave a {event} message", f"no {event}", shorten(value, 300))
    elif "frame" in expectation:
        _expect_frame(value, expectation["frame"])
    elif expectation["returns"] == "nothing":
        expect(value is None, "returned something", "None", shorten(value, 300))
    else:
        wanted = expectation["returns"]
        text = _text(value, wanted)
        if text is None:
            raise Violation("returned no text", expected=wanted["json"], actual=shorten(value, 300))
        _expect_shape(text, wanted["json"])


def expect_raises(observation: Observation, expectation: Json) -> None:
    """End the check unless a call raised a permitted exception that mentions what it should."""
    permitted = expectation["raises"] if isinstance(expectation["raises"], list) else [expectation["raises"]]
    raised = observation.raised
    fits = any(
        raised is None if kind is None else raised is not None and raised.is_a(kind) for kind in permitted
    )
    wanted = " or ".join("no exception" if kind is None else kind for kind in permitted)
    expect(fits, "raised the wrong thing" if raised else "did not raise", wanted, observation.outcome)
    if raised is not None:
        missing = [text for text in expectation.get("mentions", ()) if text not in raised.message]
        expect(not missing, "the message does not name everything", missing, raised.message)


def _expect_frame(value: Value, wanted: Json) -> None:
    if not isinstance(value, FrameValue) or not value.is_a(wanted["frame"]):
        raise Violation(f"gave no {wanted['frame']}", expected=wanted, actual=shorten(value, 300))
    for name, expected in wanted.items():
        if name != "frame":
            equal = value.attributes.get(name) == (audio_bytes(expected) if name == "audio" else expected)
            expect(equal, f"{name} differs", shorten(expected), repr(value))


def _expect_shape(text: str, shape: Any) -> None:
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise Violation(
            "returned text that is not JSON", expected="JSON text", actual=shorten(text, 300)
        ) from error
    difference = shape_difference(parsed, shape, "message")
    expect(difference is None, difference or "", shape, abbreviate(parsed))


def _text(value: Value, wanted: Json | None = None) -> str | None:
    """Return the text that serialize returned, or None.

    Bytes are decoded, except if the expectation demands str: a wrong type should fail one requirement only.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return None
    if wanted is not None and wanted.get("as") == "text":
        raise Violation("returned bytes", expected="str", actual=shorten(value))
    return value.decode("utf-8", "replace")


def _event(value: Value) -> Any:
    text = _text(value)
    try:
        parsed = None if text is None else json.loads(text)
    except ValueError:
        return None
    return parsed.get("event") if isinstance(parsed, dict) else None


def grade_session(session: Session, expectation: Json) -> None:
    """End the check with a finding if a session is not what is expected of the whole.

    It is NotTestable without a message, a request or a readable payload, and NotObservable if requests, or their
    hosts, cannot be observed here.
    """
    for aspect, grade_aspect in _ASPECTS.items():
        if aspect in expectation:
            grade_aspect(session, expectation[aspect])


def _grade_messages(session: Session, wanted: Json) -> None:
    texts = [text for text in (_text(step.value, wanted) for step in session.steps) if text is not None]
    at_least = wanted["at_least"]
    expect(len(texts) >= at_least, "too few messages", f"at least {at_least}", len(texts))
    if not texts:
        raise NotTestable("no message was sent", expected=wanted["shape"])
    for text in texts:
        _expect_shape(text, wanted["shape"])


def _grade_payloads(session: Session, wanted: Json) -> None:
    codes = b""
    for value in (step.value for step in session.steps):
        if _event(value) == "media":
            message = json.loads(_text(value) or "")
            media = message.get("media")
            payload = decode_base64(str(media.get("payload") if isinstance(media, dict) else None))
            if payload is None:
                raise NotTestable("a payload is not base64", actual=abbreviate(message))
            codes += payload
    alternatives = [base64.b64decode(text) for text in wanted["each_in"]]
    expect_joined(codes, alternatives, wanted["at_least"], "code")


def _grade_audio(session: Session, wanted: Json) -> None:
    values = (step.value for step in session.steps)
    frames = [value for value in values if isinstance(value, FrameValue) and value.is_a("InputAudioRawFrame")]
    for frame in frames:
        for name in ("sample_rate", "num_channels"):
            actual = frame.attributes[name]
            expect(actual == wanted[name], f"{name} differs", wanted[name], actual)
        carried = frame.attributes["audio"]
        expect(isinstance(carried, bytes), "the audio is not bytes", "bytes", shorten(carried))
    pcm, at_least = b"".join(frame.attributes["audio"] for frame in frames), wanted.get("at_least", 0)
    given = bool(frames) or not (at_least or "equals" not in wanted)
    expect(given, "gave no InputAudioRawFrame", f"at least {at_least} samples", "no frame")
    if "equals" in wanted:
        expect_joined(pcm, [base64.b64decode(wanted["equals"])], 2 * at_least, "byte")
    else:
        expect(len(pcm) >= 2 * at_least, "too few samples", f"at least {at_least}", len(pcm) // 2)


def _grade_requests(session: Session, wanted: Json) -> None:
    _expect_visible(session)
    count = len(_effective(session) if wanted["at_most"] != 0 else session.exchanges)
    _expect_count(count, wanted, "wrong number of requests", count)


def _expect_count(count: int, wanted: Json, message: str, actual: Any) -> None:
    fits = count >= wanted["at_least"] and (wanted["at_most"] is None or count <= wanted["at_most"])
    expect(fits, message, _limits(wanted), actual)


def _limits(wanted: Json) -> str:
    """Return how many are permitted, in words."""
    least, most = wanted["at_least"], wanted["at_most"]
    if most is None:
        return f"at least {least}"
    return "none" if most == 0 else f"{least}" if least == most else f"{least} to {most}"


def _effective(session: Session) -> Sequence[Exchange]:
    """Return the requests that are not safe methods (RFC 9110, section 9.2.1); all, if all are safe."""
    safe = ("GET", "HEAD", "OPTIONS")
    return [each for each in session.exchanges if each.method not in safe] or session.exchanges


def _expect_visible(session: Session, wanted: Json | None = None) -> None:
    if session.network == NOWHERE:
        raise NotObservable(
            "requests cannot be seen here: there is no network namespace, and base_url is not claimed"
        )
    if session.network == BASE_URL and "url" in (wanted or {}):
        raise NotObservable(
            "hosts cannot be seen here: there is no network namespace, and base_url takes their place"
        )


def _grade_request(session: Session, wanted: Json) -> None:
    _expect_visible(session, wanted)
    if not session.exchanges:
        raise NotTestable("no request was made", expected=wanted)
    for exchange in _effective(session):
        for aspect, expected in wanted.items():
            actual = aspect_of(exchange, aspect)
            fits = same(actual, expected) or (aspect == "basic" and actual in expected)
            expect(fits, f"{aspect} differs", expected, actual)


def aspect_of(exchange: Exchange, aspect: str) -> Any:
    """Return an aspect of a request: method, url, target, form or basic; a phrase if it is malformed."""
    if aspect == "url":
        usual = {"https": 443, "http": 80}[exchange.scheme]
        port = "" if exchange.port == usual else f":{exchange.port}"
        return f"{exchange.scheme}://{exchange.host}{port}"
    if aspect == "form":
        kind = (exchange.header("content-type") or "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            return f"content type {kind or 'missing'}"
        # Members that do not change the call are permitted.
        fields = urllib.parse.parse_qsl(exchange.body.decode("latin-1"), keep_blank_values=True)
        pairs = [(name, value) for name, value in fields if name in ("Status", "Url", "Twiml")]
        members = dict(pairs)
        return members if len(members) == len(pairs) else pairs
    if aspect == "basic":
        return _basic(exchange.header("authorization"))
    return getattr(exchange, aspect)


def _basic(authorization: str | None) -> Any:
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return f"authorization {scheme or 'missing'}"
    decoded = decode_base64(credentials.strip())
    if decoded is None:
        return "Basic credentials that are not base64"
    user, _, password = decoded.decode("utf-8", "replace").partition(":")
    return [user, password]


def _grade_log(session: Session, wanted: Json) -> None:
    found = [record for record in session.logs if record.level >= _LEVELS[wanted["level"]]]
    shown = [f"{record.level_name}: {shorten(record.text, 200)}" for record in found]
    message = f"wrong number of log records of level {wanted['level']} or above"
    _expect_count(len(found), wanted, message, shown or none_but(session.printed))


_ASPECTS: dict[str, Callable[[Session, Json], None]] = {
    "messages": _grade_messages,
    "payloads": _grade_payloads,
    "audio": _grade_audio,
    "requests": _grade_requests,
    "request": _grade_request,
    "log": _grade_log,
}
