"""The runner of the vectors: plays one, then grades what was seen against each expectation."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twilio_conformance.catalogue import Vector
from twilio_conformance.errors import Finding, NotTestable, Violation
from twilio_conformance.frames import FrameValue, Value, audio_bytes, shorten
from twilio_conformance.logbook import LogRecord
from twilio_conformance.probe import Observation, Probe
from twilio_conformance.twilio.exchange import Exchange

Json = dict[str, Any]

STEP_LIMIT = 40.0
"""Seconds on the event loop's clock for one step: above the 30 s that the longest requirement allows."""

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


@dataclass
class Session:
    """What was seen while a vector was played."""

    construction: Observation | None = None
    obstacle: str | None = None
    steps: list[Observation] = field(default_factory=list)
    exchanges: tuple[Exchange, ...] = ()
    logs: tuple[LogRecord, ...] = ()

    def values(self, kind: type | str) -> list[Any]:
        """What the steps returned, of one type or one kind of frame."""
        values = [step.value for step in self.steps]
        if isinstance(kind, str):
            return [value for value in values if isinstance(value, FrameValue) and value.is_a(kind)]
        return [value for value in values if isinstance(value, kind)]


async def play(vector: Vector, probe: Probe) -> Session:
    """Constructs, sets up and takes every step; an implementation's exceptions are values."""
    session = Session()
    given = vector.data["given"]
    probe.names.values.update(given.get("names", {}))
    probe.answer(given["answers"])
    session.construction, subject = probe.attempt(**given["arguments"])
    if subject is None:
        session.obstacle = f"the constructor {session.construction.outcome}"
        return session
    if given["setup"] is not None:
        observation = await subject.setup(*_rates(given["setup"]))
        if observation.raised is not None:
            session.obstacle = f"setup {observation.outcome}"
    for step in vector.data["steps"]:
        if "serialize" in step:
            observation = await subject.serialize(step["serialize"], limit=STEP_LIMIT)
        elif "deserialize" in step:
            observation = await subject.deserialize(_data(step["deserialize"], probe), limit=STEP_LIMIT)
        elif "setup" in step:
            observation = await subject.setup(*_rates(step["setup"]))
        else:
            await asyncio.sleep(step["wait"])
            observation = Observation(f"wait({step['wait']})")
        session.steps.append(observation)
    session.exchanges = probe.exchanges
    session.logs = probe.logs
    return session


def grade(vector: Vector, session: Session, requirement: str, names: Callable[[Any], Any]) -> None:
    """Compares the session with every expectation that names the requirement.

    Args:
        vector: What was played.
        session: What was seen.
        requirement: The id of the requirement to grade.
        names: Fills the ${names} of an expectation.

    Raises:
        Violation: An expectation does not hold.
        NotTestable: Construction or setup failed, or nothing was seen that the expectation speaks of.
    """
    for expectation in _of(vector.data.get("construction", ()), requirement):
        assert session.construction is not None
        _expect_raises(session.construction, names(expectation))
    in_steps = [
        (observation, expectation)
        for observation, step in zip(session.steps, vector.data["steps"], strict=False)
        for expectation in _of(step.get("expect", ()), requirement)
    ]
    of_session = _of(vector.data["expect"], requirement)
    if session.obstacle is not None:
        if (
            in_steps
            or of_session
            or any(_of(step.get("expect", ()), requirement) for step in vector.data["steps"])
        ):
            raise NotTestable(session.obstacle)
        return
    for observation, expectation in in_steps:
        try:
            _grade_step(observation, names(expectation))
        except Finding as finding:
            finding.message = f"{observation.call}: {finding.message}"
            raise
    for expectation in of_session:
        _grade_session(session, names(expectation))


def _of(expectations: Any, requirement: str) -> list[Json]:
    return [expectation for expectation in expectations if expectation["requirement"] == requirement]


def _rates(rates: Json) -> tuple[int, int]:
    return rates["audio_in_sample_rate"], rates["audio_out_sample_rate"]


def _data(data: Json, probe: Probe) -> str | bytes:
    if "base64" in data:
        return base64.b64decode(data["base64"])
    if "json" in data:
        text = json.dumps(probe.names.fill(data["json"]), separators=(",", ":"))
    elif "text" in data:
        text = data["text"]
    else:
        pieces = [part if isinstance(part, str) else part["repeat"] * part["times"] for part in data["parts"]]
        text = "".join(probe.names.fill(pieces))
    return text.encode() if data.get("as") == "bytes" else text


# Expectations of a step


def _grade_step(observation: Observation, expectation: Json) -> None:
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
        raise Violation("raised an exception", expected=_wanted(expectation), actual=observation.outcome)
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
        _expect_json(value, expectation["returns"]["json"])


def _wanted(expectation: Json) -> Any:
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


def _expect_json(value: Value, wanted: Any) -> None:
    if not isinstance(value, str):
        raise Violation("returned no text", expected=wanted, actual=shorten(value, 300))
    parsed = _parse(value)
    if not same(parsed, wanted):
        raise Violation("the message differs", expected=wanted, actual=parsed)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Violation(
            "returned text that is not JSON", expected="JSON text", actual=shorten(text, 300)
        ) from error


def _event(value: Value) -> Any:
    if not isinstance(value, str):
        return None
    parsed = _parse(value)
    return parsed.get("event") if isinstance(parsed, dict) else None


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal, true and 1 told apart."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


# Expectations of the whole session


def _grade_session(session: Session, expectation: Json) -> None:
    for aspect, grade_aspect in _ASPECTS.items():
        if aspect in expectation:
            grade_aspect(session, expectation[aspect])


def _grade_messages(session: Session, wanted: Json) -> None:
    for value in (step.value for step in session.steps):
        if isinstance(value, bytes):
            raise Violation("returned bytes", expected="str", actual=shorten(value))
    texts = session.values(str)
    if len(texts) < wanted["at_least"]:
        raise Violation("too few messages", expected=f"at least {wanted['at_least']}", actual=len(texts))
    for text in texts:
        parsed = _parse(text)
        if (difference := _differs(parsed, wanted["shape"], "message")) is not None:
            raise Violation(difference, expected=wanted["shape"], actual=_cut(parsed))


def _differs(value: Any, shape: Any, place: str) -> str | None:
    """The first place where a value has not the shape, as a sentence; None where it has."""
    if shape == "<any>":
        return None
    if shape == "<base64>":
        return (
            None if isinstance(value, str) and _decode(value) else f"{place} is not non-empty standard base64"
        )
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{place} is not an object"
        if missing := sorted(shape.keys() - value.keys()):
            return f"{place} lacks {', '.join(missing)}"
        if extra := sorted(value.keys() - shape.keys()):
            return f"{place} has {', '.join(extra)} as well"
        differences = (_differs(value[key], shape[key], f"{place}.{key}") for key in shape)
        return next((difference for difference in differences if difference is not None), None)
    return None if same(value, shape) else f"{place} differs"


def _cut(value: Any) -> Any:
    """A JSON value with its long strings shortened, for a report."""
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items()}
    return f"{value[:60]}… ({len(value)} characters)" if isinstance(value, str) and len(value) > 80 else value


def _decode(payload: str) -> bytes | None:
    try:
        return base64.b64decode(payload.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None


def _grade_payloads(session: Session, wanted: Json) -> None:
    codes = b""
    for text in session.values(str):
        message = _parse(text)
        if isinstance(message, dict) and message.get("event") == "media":
            payload = _decode(str(_member(message, "media", "payload")))
            if payload is None:
                raise NotTestable("a payload is not base64", actual=_cut(message))
            codes += payload
    alternatives = [base64.b64decode(text) for text in wanted["each_in"]]
    _compare_joined(codes, alternatives, wanted["at_least"], "code")


def _member(message: Any, *path: str) -> Any:
    for name in path:
        message = message.get(name) if isinstance(message, dict) else None
    return message


def _compare_joined(got: bytes, alternatives: list[bytes], at_least: int, unit: str) -> None:
    if len(got) > len(alternatives[0]):
        raise Violation(f"too many {unit}s", expected=len(alternatives[0]), actual=len(got))
    for place, value in enumerate(got):
        permitted = {alternative[place] for alternative in alternatives}
        if value not in permitted:
            wanted = ", ".join(f"0x{code:02X}" for code in sorted(permitted))
            raise Violation(f"{unit} {place} differs", expected=wanted, actual=f"0x{value:02X}")
    if len(got) < at_least:
        raise Violation(f"too few {unit}s", expected=f"at least {at_least}", actual=len(got))


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
        _compare_joined(pcm, [base64.b64decode(wanted["equals"])], 2 * at_least, "byte")
    elif len(pcm) < 2 * at_least:
        raise Violation("too few samples", expected=f"at least {at_least}", actual=len(pcm) // 2)


def _grade_requests(session: Session, wanted: Json) -> None:
    count = len(session.exchanges)
    most = wanted["at_most"]
    if count < wanted["at_least"] or (most is not None and count > most):
        limits = f"{wanted['at_least']}" if most == wanted["at_least"] else f"{wanted['at_least']} to {most}"
        raise Violation("wrong number of requests", expected=f"{limits} requests", actual=f"{count} requests")


def _grade_request(session: Session, wanted: Json) -> None:
    if not session.exchanges:
        raise NotTestable("no request was made", expected=wanted)
    for exchange in session.exchanges:
        for aspect, expected in wanted.items():
            actual = _aspect_of(exchange, aspect)
            if not same(actual, expected):
                raise Violation(f"{aspect} differs", expected=expected, actual=actual)


def _aspect_of(exchange: Exchange, aspect: str) -> Any:
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
    pairs = urllib.parse.parse_qsl(body.decode("latin-1"), keep_blank_values=True)
    members = dict(pairs)
    return members if len(members) == len(pairs) else pairs


def _basic(authorization: str | None) -> Any:
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return f"authorization {scheme or 'missing'}"
    decoded = _decode(credentials.strip())
    if decoded is None:
        return "Basic credentials that are not base64"
    user, _, password = decoded.decode("utf-8", "replace").partition(":")
    return [user, password]


def _grade_log(session: Session, wanted: Json) -> None:
    found = [record for record in session.logs if record.level >= _LEVELS[wanted["level"]]]
    most = wanted["at_most"]
    if len(found) < wanted["at_least"] or (most is not None and len(found) > most):
        limits = f"at least {wanted['at_least']}" if most is None else f"{wanted['at_least']} to {most}"
        shown = [f"{record.level_name}: {shorten(record.text, 200)}" for record in found]
        raise Violation(
            f"wrong number of log records of level {wanted['level']} or above", expected=limits, actual=shown
        )


_ASPECTS: dict[str, Callable[[Session, Json], None]] = {
    "messages": _grade_messages,
    "payloads": _grade_payloads,
    "audio": _grade_audio,
    "requests": _grade_requests,
    "request": _grade_request,
    "log": _grade_log,
}
