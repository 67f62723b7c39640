"""What Twilio's API is to answer and what it saw: scripted answers, exchanges and connections."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from twilio_conformance.twilio.tls import BAD_CERTIFICATES

CONNECTION_FAULTS = frozenset({"refuse", "reset-in-handshake", "silence-in-handshake", "certificate"})
"""Faults that a connection meets before any request; each is used up by one connection."""

REQUEST_FAULTS = frozenset({"reset", "reset-in-answer", "close", "silence", "drip", "endless"})
"""Faults that a request meets; each is used up by one request."""

_JSON = (("Content-Type", "application/json"),)
_ENDED_CALL = b'{"sid": "{call_sid}", "account_sid": "{account_sid}", "status": "completed"}'


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted answer of Twilio's API, or one fault. Without arguments: 200 for a call that has ended.

    ``{authorization}``, ``{target}``, ``{account_sid}`` and ``{call_sid}`` in the body and in header values
    stand for what the request held.

    Attributes:
        status: HTTP status.
        headers: Names and values, in order; Content-Length, Transfer-Encoding and Connection are added.
        body: Body, unencoded.
        reason: Reason phrase; None for the usual one.
        delay: Seconds before the answer.
        interim: 1xx statuses sent first.
        chunked: Send the body with chunked transfer coding.
        fault: A member of `CONNECTION_FAULTS` or `REQUEST_FAULTS`, or None.
        kind: With the fault ``certificate``, one of `twilio_conformance.twilio.tls.BAD_CERTIFICATES`.
        interval: Seconds between two bytes of a drip (None: 1), or two chunks of an endless body (None: 0).
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = _JSON
    body: bytes = _ENDED_CALL
    reason: str | None = None
    delay: float = 0.0
    interim: tuple[int, ...] = ()
    chunked: bool = False
    fault: str | None = None
    kind: str | None = None
    interval: float | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Answer:
        """Reads the form that vectors use, such as ``{"status": 404, "json": {"code": 20404}}``.

        Without ``status`` the answer is the default one; with it, the body is ``json``, ``body`` (text) or
        ``body_base64``, else empty.

        Raises:
            ValueError: An unknown key, fault or kind, or more than one body.
        """
        keys = {attribute.name for attribute in fields(cls)} | {"json", "body_base64"}
        if unknown := data.keys() - keys:
            raise ValueError(f"unknown key in a scripted answer: {', '.join(sorted(unknown))}")
        fault, kind = data.get("fault"), data.get("kind")
        if fault is not None and fault not in CONNECTION_FAULTS | REQUEST_FAULTS:
            raise ValueError(f"unknown fault in a scripted answer: {fault!r}")
        if (fault == "certificate") != (kind in BAD_CERTIFICATES):
            raise ValueError(f"fault {fault!r} with kind {kind!r} in a scripted answer")
        headers, body = _content(data)
        given = {name.lower() for name in data.get("headers", {})}
        return cls(
            status=data.get("status", 200),
            headers=(
                *data.get("headers", {}).items(),
                *((name, value) for name, value in headers if name.lower() not in given),
            ),
            body=body,
            reason=data.get("reason"),
            delay=data.get("delay", 0.0),
            interim=tuple(data.get("interim", ())),
            chunked=data.get("chunked", False),
            fault=fault,
            kind=kind,
            interval=data.get("interval"),
        )


def _content(data: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...], bytes]:
    bodies = [key for key in ("json", "body", "body_base64") if key in data]
    if len(bodies) > 1:
        raise ValueError(f"more than one body in a scripted answer: {', '.join(bodies)}")
    if "json" in data:
        return _JSON, json.dumps(data["json"]).encode()
    if "body" in data:
        return (("Content-Type", "text/plain; charset=utf-8"),), data["body"].encode()
    if "body_base64" in data:
        return (("Content-Type", "application/octet-stream"),), base64.b64decode(
            data["body_base64"], validate=True
        )
    return ((), b"") if "status" in data else (_JSON, _ENDED_CALL)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that reached the server, and what became of it.

    Headers and body stay out of ``repr``: they hold credentials.

    Attributes:
        number: Order of arrival, from 1.
        scheme: ``https`` or ``http``.
        host: Name that the client dialled, lower case, without port; a loopback address if it dialled that.
        port: Port that the client dialled.
        sni: Server name in the TLS handshake.
        decoy: The host is none of Twilio's: no credential belongs here.
        method: Request method; empty if the request could not be parsed.
        target: Request target as sent.
        http_version: Such as ``1.1``.
        headers: Names and values as sent, in order.
        body: Body, transfer coding removed; all that arrived, if the request could not be parsed.
        connection: Number of the connection.
        started: When the head had arrived, in seconds of ``time.monotonic``.
        finished: When the answer was sent or the connection ended; None meanwhile.
        answer_status: Status of the answer once its head is sent; None with faults that send none.
        complete: The whole request arrived.
        note: What was out of the ordinary, such as a malformed request.
    """

    number: int
    scheme: str
    host: str
    port: int
    sni: str | None
    decoy: bool
    method: str
    target: str
    http_version: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    connection: int
    started: float
    finished: float | None = None
    answer_status: int | None = None
    complete: bool = False
    note: str | None = None

    @property
    def path(self) -> str:
        """The request target without its query."""
        return self.target.partition("?")[0]

    def headers_named(self, name: str) -> tuple[str, ...]:
        """Returns the values of every header of that name, whatever its case."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())

    def header(self, name: str) -> str | None:
        """Returns the first header of that name, whatever its case."""
        return next(iter(self.headers_named(name)), None)

    def as_json(self, secrets: Sequence[str] = ()) -> dict[str, Any]:
        """Returns the exchange for a trace, as spec/schemas/exchange.schema.json has it, without credentials.

        Args:
            secrets: Strings that must not be shown, wherever in the exchange they stand.
        """
        request: dict[str, Any] = {name: getattr(self, name) for name in _REQUEST_MEMBERS}
        request["headers"] = [[name, _veil(name, value)] for name, value in self.headers]
        try:
            request["body"] = self.body.decode()
        except UnicodeDecodeError:
            request["body_base64"] = base64.b64encode(self.body).decode("ascii")
        shown = {
            name: getattr(self, name) for name in ("number", "connection", "started", "finished", "note")
        }
        answer = None if self.answer_status is None else {"status": self.answer_status}
        shown |= {"request": request, "answer": answer}
        redacted: dict[str, Any] = _redact(shown, [secret for secret in secrets if secret])
        return redacted


_REQUEST_MEMBERS = ("scheme", "host", "port", "sni", "decoy", "method", "target", "http_version", "complete")


def _veil(name: str, value: str) -> str:
    if name.lower() not in {"authorization", "proxy-authorization"}:
        return value
    scheme, space, _ = value.partition(" ")
    return f"{scheme} (redacted)" if space else "(redacted)"


def _redact(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: _redact(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_redact(item, secrets) for item in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "(redacted)")
    return value


@dataclass(frozen=True, slots=True)
class Connection:
    """One TCP connection that a client tried to open to a served name.

    Attributes:
        number: Order of dialling, from 1.
        host: Name that the client dialled.
        port: Port that the client dialled.
        decoy: The host is none of Twilio's.
        opened: When it was dialled, in seconds of ``time.monotonic``.
        fault: The fault of `CONNECTION_FAULTS` that it met.
        secure: The client opened with TLS; None if it sent nothing.
        sni: Server name in the TLS handshake.
        tls_failure: Why TLS failed, as the server saw it: the client's alert (OpenSSL's name, such as
            ``TLSV1_ALERT_UNKNOWN_CA``) or that it left. With a bad certificate: the client verified it.
    """

    number: int
    host: str
    port: int
    decoy: bool
    opened: float
    fault: str | None = None
    secure: bool | None = None
    sni: str | None = None
    tls_failure: str | None = None


class _Script:
    """Answers in their order; the last one repeats. Not locked: its owner does that."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = tuple(answers) or (Answer(),)
        self._next = 0

    @property
    def next_meets_connection(self) -> bool:
        return self._answers[self._next].fault in CONNECTION_FAULTS

    def take(self) -> Answer:
        answer = self._answers[self._next]
        self._next = min(self._next + 1, len(self._answers) - 1)
        return answer


class Record:
    """What one run of the double is to answer and what it saw; safe to use from several threads."""

    def __init__(self, answers: Sequence[Answer] = ()) -> None:
        """Starts with a script and an empty record."""
        self._lock = threading.Lock()
        self._connections: list[Connection] = []
        self._exchanges: list[Exchange] = []
        self.script(answers)

    def script(self, answers: Sequence[Answer]) -> None:
        """Replaces the script; without answers, every request succeeds."""
        with self._lock:
            self._script = _Script(answers)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The requests so far, in order of arrival."""
        with self._lock:
            return tuple(self._exchanges)

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections so far, in order of dialling; a refused one counts."""
        with self._lock:
            return tuple(self._connections)

    def next_answer(self) -> Answer:
        """Takes the script's next answer."""
        with self._lock:
            return self._script.take()

    def next_meets_connection(self) -> bool:
        """Tells whether the script goes on with a fault that needs a new connection."""
        with self._lock:
            return self._script.next_meets_connection

    def add_connection(self, host: str, port: int, decoy: bool) -> tuple[Connection, Answer | None]:
        """Records a new connection; with it comes the fault that it is to meet, taken from the script."""
        with self._lock:
            plan = self._script.take() if self._script.next_meets_connection else None
            fault = plan.fault if plan else None
            connection = Connection(len(self._connections) + 1, host, port, decoy, time.monotonic(), fault)
            self._connections.append(connection)
            return connection, plan

    def note_connection(self, number: int, **changes: Any) -> Connection:
        """Records what became of a connection."""
        with self._lock:
            self._connections[number - 1] = replace(self._connections[number - 1], **changes)
            return self._connections[number - 1]

    def add_exchange(self, exchange: Exchange) -> int:
        """Records a request and returns its number, which replaces the one it came with."""
        with self._lock:
            self._exchanges.append(replace(exchange, number=len(self._exchanges) + 1))
            return len(self._exchanges)

    def note_exchange(self, number: int, **changes: Any) -> None:
        """Records what became of a request."""
        with self._lock:
            self._exchanges[number - 1] = replace(self._exchanges[number - 1], **changes)
