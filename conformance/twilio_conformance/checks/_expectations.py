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
from twilio_conformance.errors import NotObservable, NotTestable, Violation
from twilio_conformance.subject.frames import FrameValue, Value, audio_bytes, shorten
from twilio_conformance.subject.logs import LogRecord
from twilio_conformance.subject.probe import Observation
from twilio_conformance.subject.target import BASE_URL, IN_PROCESS, NOWHERE
from twilio_conformance.twilio.record import Exchange

Json = dict[str, Any]

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


@dataclass
class Session:
    """What was observed while a vector was played.

    Attributes:
        construction: What the constructor did.
        obstacle: Why no step was taken, as a sentence.
        steps: What each step did.
        exchanges: The HTTP requests, with their answers.
        attempted: Whether anything tried to connect to Twilio's API.
        logs: The log records.
        network: How requests reach the network double (see `target.NETWORKS`).
    """

    construction: Observation | None = None
    obstacle: str | None = None
    steps: list[Observation] = field(default_factory=list)
    exchanges: tuple[Exchange, ...] = ()
    attempted: bool = False
    logs: tuple[LogRecord, ...] = ()
    network: str = IN_PROCESS

    def values(self, kind: type | str) -> list[Any]:
        """Return the values of the steps that have one type, or are one kind of frame."""
        values = [step.value for step in self.steps]
        if isinstance(kind, str):
            return [value for value in values if isinstance(value, FrameValue) and value.is_a(kind)]
        return [value for value in values if isinstance(value, kind)]


def grade_construction(session: Session, expectation: Json) -> None:
    """Compare what the constructor did with an expectation.

    Raises:
        Violation: The expectation does not hold.
    """
    assert session.construction is not None
    _expect_raises(session.construction, expectation)


# Expectations of a step


def grade_step(observation: Observation, expectation: Json) -> None:
    """Compare what a step did with an expectation.

    Raises:
        Violation: The expectation does not hold.
        NotTestable: The step raised, and the expectation only excludes events.
    """
    if "raises" in expectation:
        _expect_raises(observation, expectation)
        return
    if "within" in expectation:
        limit = expectation["within"]
        if observation.seconds > limit:
            raise Violation(
                "took too long", expected=f"at most {limit:g} s", actual=f"{observation.seconds:.1f} s"
            )
        return
    if observation.raised is not None:
        kind = NotTestable if "not_events" in expectation else Violation
        raise kind("raised an exception", expected=_wanted(expectation), actual=observation.outcome)
    value = observation.value
    if "not_frames" in expectation:
        for kind in expectation["not_frames"]:
            if isinstance(value, FrameValue) and value.is_a(kind):
                raise Violation(f"gave a {kind}", expected=f"no {kind}", actual=repr(value))
    elif "not_events" in expectation:
        for event in expectation["not_events"]:
            if _event(value) == event:
                raise Violation(f"gave a {event} message", expected=f"no {event}", actual=shorten(value, 300))
    elif "frame" in expectation:
        _expect_frame(value, expectation["frame"])
    elif expectation["returns"] == "nothing":
        if value is not None:
            raise Violation("returned something", expected="None", actual=shorten(value, 300))
    else:
        _expect_json(value, expectation["returns"])


def _wanted(expectation: Json) -> Any:
    """Return what a step should have returned instead of raising, for reports."""
    if expectation.get("returns") == "nothing":
        return "None"
    return {name: value for name, value in expectation.items() if name != "requirement"}


def _expect_raises(observation: Observation, expectation: Json) -> None:
    permitted = expectation["raises"] if isinstance(expectation["raises"], list) else [expectation["raises"]]
    raised = observation.raised
    fits = any(
        raised is None if kind is None else raised is not None and raised.is_a(kind) for kind in permitted
    )
    if not fits:
        wanted = " or ".join("no exception" if kind is None else kind for kind in permitted)
        raise Violation(
            "raised the wrong thing" if raised else "did not raise",
            expected=wanted,
            actual=observation.outcome,
        )
    missing = [
        text for text in expectation.get("mentions", ()) if raised is not None and text not in raised.message
    ]
    if missing:
        raise Violation(
            "the message does not name everything", expected=missing, actual=raised and raised.message
        )


def _expect_frame(value: Value, wanted: Json) -> None:
    if not isinstance(value, FrameValue) or not value.is_a(wanted["frame"]):
        raise Violation(f"gave no {wanted['frame']}", expected=wanted, actual=shorten(value, 300))
    for name, expected in wanted.items():
        if name == "frame":
            continue
        actual = value.attributes.get(name)
        if actual != (audio_bytes(expected) if name == "audio" else expected):
            raise Violation(f"{name} differs", expected=shorten(expected), actual=repr(value))


def _expect_json(value: Value, wanted: Json) -> None:
    text = _text(value, wanted)
    if text is None:
        raise Violation("returned no text", expected=wanted["json"], actual=shorten(value, 300))
    parsed = _parse(text)
    if (difference := shape_difference(parsed, wanted["json"], "message")) is not None:
        raise Violation(difference, expected=wanted["json"], actual=abbreviate(parsed))


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


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Violation(
            "returned text that is not JSON", expected="JSON text", actual=shorten(text, 300)
        ) from error


def _event(value: Value) -> Any:
    text = _text(value)
    try:
        parsed = None if text is None else json.loads(text)
    except ValueError:
        return None
    return parsed.get("event") if isinstance(parsed, dict) else None


# Expectations of the whole session


def grade_session(session: Session, expectation: Json) -> None:
    """Compare a session with an expectation of the whole.

    Raises:
        Violation: The expectation does not hold.
        NotTestable: There is nothing to compare: no message, no request, or a payload that is not base64.
        NotObservable: Requests, or their hosts, cannot be observed here.
    """
    for aspect, grade_aspect in _ASPECTS.items():
        if aspect in expectation:
            grade_aspect(session, expectation[aspect])


def _grade_messages(session: Session, wanted: Json) -> None:
    texts = [text for text in (_text(step.value, wanted) for step in session.steps) if text is not None]
    if len(texts) < wanted["at_least"]:
        raise Violation("too few messages", expected=f"at least {wanted['at_least']}", actual=len(texts))
    if not texts:
        raise NotTestable("no message was sent", expected=wanted["shape"])
    for text in texts:
        parsed = _parse(text)
        if (difference := shape_difference(parsed, wanted["shape"], "message")) is not None:
            raise Violation(difference, expected=wanted["shape"], actual=abbreviate(parsed))


def _grade_payloads(session: Session, wanted: Json) -> None:
    codes = b""
    for value in (step.value for step in session.steps):
        if _event(value) == "media":
            message = json.loads(_text(value) or "")
            payload = decode_base64(str(_member(message, "media", "payload")))
            if payload is None:
                raise NotTestable("a payload is not base64", actual=abbreviate(message))
            codes += payload
    alternatives = [base64.b64decode(text) for text in wanted["each_in"]]
    expect_joined(codes, alternatives, wanted["at_least"], "code")


def _member(message: Any, *path: str) -> Any:
    for name in path:
        message = message.get(name) if isinstance(message, dict) else None
    return message


def _grade_audio(session: Session, wanted: Json) -> None:
    frames = session.values("InputAudioRawFrame")
    pcm = b""
    for frame in frames:
        for name in ("sample_rate", "num_channels"):
            if frame.attributes[name] != wanted[name]:
                raise Violation(f"{name} differs", expected=wanted[name], actual=frame.attributes[name])
        pcm += frame.attributes["audio"]
    at_least = wanted.get("at_least", 0)
    if not frames and (at_least or "equals" not in wanted):
        raise Violation(
            "gave no InputAudioRawFrame", expected=f"at least {at_least} samples", actual="no frame"
        )
    if "equals" in wanted:
        expect_joined(pcm, [base64.b64decode(wanted["equals"])], 2 * at_least, "byte")
    elif len(pcm) < 2 * at_least:
        raise Violation("too few samples", expected=f"at least {at_least}", actual=len(pcm) // 2)


def _grade_requests(session: Session, wanted: Json) -> None:
    _expect_visible(session)
    most = wanted["at_most"]
    count = len(_effective(session) if most != 0 else session.exchanges)
    if count < wanted["at_least"] or (most is not None and count > most):
        raise Violation("wrong number of requests", expected=_limits(wanted), actual=count)


def _limits(wanted: Json) -> str:
    """Return how many are permitted, in words."""
    least, most = wanted["at_least"], wanted["at_most"]
    if most is None:
        return f"at least {least}"
    return "none" if most == 0 else f"{least}" if least == most else f"{least} to {most}"


def _effective(session: Session) -> Sequence[Exchange]:
    """Return the requests that are not safe methods (RFC 9110, section 9.2.1); all, if all are safe."""
    changing = [
        exchange for exchange in session.exchanges if exchange.method not in ("GET", "HEAD", "OPTIONS")
    ]
    return changing or session.exchanges


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
            if not same(actual, expected):
                raise Violation(f"{aspect} differs", expected=expected, actual=actual)


def aspect_of(exchange: Exchange, aspect: str) -> Any:
    """Return an aspect of a request: method, url, target, form or basic; a phrase if it is malformed."""
    if aspect == "url":
        usual = {"https": 443, "http": 80}[exchange.scheme]
        return f"{exchange.scheme}://{exchange.host}" + (
            "" if exchange.port == usual else f":{exchange.port}"
        )
    if aspect == "form":
        kind = (exchange.header("content-type") or "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            return f"content type {kind or 'missing'}"
        return _form(exchange.body)
    if aspect == "basic":
        return _basic(exchange.header("authorization"))
    return getattr(exchange, aspect)


def _form(body: bytes) -> Any:
    """Return the members of a form that change the call; others are permitted."""
    fields = urllib.parse.parse_qsl(body.decode("latin-1"), keep_blank_values=True)
    pairs = [(name, value) for name, value in fields if name in _DECISIVE]
    members = dict(pairs)
    return members if len(members) == len(pairs) else pairs


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
    most = wanted["at_most"]
    if len(found) < wanted["at_least"] or (most is not None and len(found) > most):
        shown = [f"{record.level_name}: {shorten(record.text, 200)}" for record in found]
        raise Violation(
            f"wrong number of log records of level {wanted['level']} or above",
            expected=_limits(wanted),
            actual=shown or "none",
        )


_DECISIVE = ("Status", "Url", "Twiml")

_ASPECTS: dict[str, Callable[[Session, Json], None]] = {
    "messages": _grade_messages,
    "payloads": _grade_payloads,
    "audio": _grade_audio,
    "requests": _grade_requests,
    "request": _grade_request,
    "log": _grade_log,
}
