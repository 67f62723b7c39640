"""What Twilio's REST API received: connections and HTTP exchanges."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from twilio_conformance.twilio.script import CONNECTION_FAULTS, Answer


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that reached the server, and its answer.

    Headers and body stay out of ``repr``: they hold credentials.

    Attributes:
        number: Order of arrival, from 1.
        scheme: ``https`` or ``http``.
        host: Name that the client connected to, in lower case, or the loopback address that it used.
        port: Port that the client connected to.
        sni: Server name in the TLS handshake.
        decoy: Whether the host is not Twilio's, so that no credential may reach it.
        connection: Number of the connection.
        started: When the head had arrived, in seconds of ``time.monotonic``.
        method: Request method; empty if the request could not be parsed.
        target: Request target as sent.
        http_version: Such as ``1.1``.
        headers: Names and values as sent, in order.
        body: Body, transfer coding removed; all that arrived, if the request could not be parsed.
        finished: When the answer was sent or the connection ended; None until then.
        answer_status: Status of the answer once its head is sent; None with faults that send none.
        complete: Whether the whole request arrived.
        note: Anything unusual, such as a malformed request.
    """

    number: int
    scheme: str
    host: str
    port: int
    sni: str | None
    decoy: bool
    connection: int
    started: float
    method: str = ""
    target: str = ""
    http_version: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    finished: float | None = None
    answer_status: int | None = None
    complete: bool = False
    note: str | None = None

    def headers_named(self, name: str) -> tuple[str, ...]:
        """Return the values of all headers of a name, in any case."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())

    def header(self, name: str) -> str | None:
        """Return the value of the first header of a name, in any case."""
        return next(iter(self.headers_named(name)), None)

    def as_json(self) -> dict[str, Any]:
        """Return the exchange in the form of spec/schemas/exchange.schema.json, without its credentials."""
        request: dict[str, Any] = {name: getattr(self, name) for name in _REQUEST_MEMBERS}
        request["headers"] = [[name, _redact(name, value)] for name, value in self.headers]
        try:
            request["body"] = self.body.decode()
        except UnicodeDecodeError:
            request["body_base64"] = base64.b64encode(self.body).decode("ascii")
        answer = None if self.answer_status is None else {"status": self.answer_status}
        return {name: getattr(self, name) for name in _MEMBERS} | {"request": request, "answer": answer}


_MEMBERS = ("number", "connection", "started", "finished", "note")
_REQUEST_MEMBERS = ("scheme", "host", "port", "sni", "decoy", "method", "target", "http_version", "complete")


def _redact(name: str, value: str) -> str:
    if name.lower() not in {"authorization", "proxy-authorization"}:
        return value
    scheme, space, _ = value.partition(" ")
    return f"{scheme} (redacted)" if space else "(redacted)"


@dataclass(frozen=True, slots=True)
class Connection:
    """One TCP connection that a client tried to open to a served name.

    Attributes:
        number: Order of connecting, from 1.
        host: Name that the client connected to.
        port: Port that the client connected to.
        decoy: Whether the host is not Twilio's.
        opened: When the client connected, in seconds of ``time.monotonic``.
        fault: The fault that it met, of `twilio_conformance.twilio.script.CONNECTION_FAULTS`.
        secure: Whether the client opened with TLS; None if it sent nothing.
        sni: Server name in the TLS handshake.
        tls_failure: Why TLS failed, as the server saw it: the client's alert (OpenSSL's name, such as
            ``TLSV1_ALERT_UNKNOWN_CA``), or that the client disconnected. With a bad certificate, a failure
            means that the client verified it.
        closed: When either side ended it, in seconds of ``time.monotonic``; None while it is open, or if it was refused.
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
    closed: float | None = None


class Record:
    """The script and the records of one run of the network double. Thread-safe."""

    def __init__(self, answers: Sequence[Answer] = ()) -> None:
        """Start with a script and without records."""
        self._lock = threading.RLock()
        self._connections: list[Connection] = []
        self._exchanges: list[Exchange] = []
        self.script(answers)

    def script(self, answers: Sequence[Answer]) -> None:
        """Replace the script: answers in order, of which the last repeats; without any, every request succeeds."""
        with self._lock:
            self._answers, self._next = tuple(answers) or (Answer(),), 0

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Requests so far, in order of arrival."""
        with self._lock:
            return tuple(self._exchanges)

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Connections so far, in order of connecting, refused ones included."""
        with self._lock:
            return tuple(self._connections)

    def next_answer(self) -> Answer:
        """Return the script's next answer and move on."""
        with self._lock:
            answer = self._answers[self._next]
            self._next = min(self._next + 1, len(self._answers) - 1)
            return answer

    def next_is_connection_fault(self) -> bool:
        """Return whether the script's next answer is a fault that needs a new connection."""
        with self._lock:
            return self._answers[self._next].fault in CONNECTION_FAULTS

    def add_connection(self, host: str, port: int, decoy: bool) -> tuple[Connection, Answer | None]:
        """Record and return a new connection, with the script's next answer if that is a fault of a connection."""
        with self._lock:
            answer = self.next_answer() if self.next_is_connection_fault() else None
            fault = answer.fault if answer else None
            connection = Connection(len(self._connections) + 1, host, port, decoy, time.monotonic(), fault)
            self._connections.append(connection)
            return connection, answer

    def update_connection(self, number: int, **changes: Any) -> Connection:
        """Update the record of a connection and return it."""
        with self._lock:
            self._connections[number - 1] = replace(self._connections[number - 1], **changes)
            return self._connections[number - 1]

    def add_exchange(self, exchange: Exchange) -> int:
        """Record a request and return its number, which replaces the one it has."""
        with self._lock:
            self._exchanges.append(replace(exchange, number=len(self._exchanges) + 1))
            return len(self._exchanges)

    def update_exchange(self, number: int, **changes: Any) -> None:
        """Update the record of a request."""
        with self._lock:
            self._exchanges[number - 1] = replace(self._exchanges[number - 1], **changes)
