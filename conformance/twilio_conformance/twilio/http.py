"""The HTTP/1.1 side of a connection to Twilio's REST API: requests and scripted answers (h11)."""

from __future__ import annotations

import json
import re
import ssl
import time
from http import HTTPStatus
from typing import Any

import h11

from twilio_conformance.twilio.record import Connection, Exchange, Record
from twilio_conformance.twilio.script import CONNECTION_FAULTS, Answer
from twilio_conformance.twilio.tls import ServerStream

ENDLESS_LIMIT = 64 * 2**20
"""Size at which an endless body is cut off, in bytes."""

REQUEST_BODY_LIMIT = 16 * 2**20
"""Size of a request's body above which the server resets the connection, in bytes."""

_HEAD_LIMIT = 2**20
_BODILESS = (204, 304)
_CUT_OFF = "the connection ended before the answer was complete"
_CALL = re.compile(r"/Accounts/(?P<account>[^/?#]*)/Calls/(?P<call>[^/?#]*?)(?:\.json)?(?:[?#]|$)")


def reason_of(error: OSError) -> str:
    """Return OpenSSL's name for a TLS failure, else the error's text."""
    return error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)


class HttpConnection:
    """The requests and answers of one open connection."""

    def __init__(
        self, record: Record, stream: ServerStream, connection: Connection, answer: Answer | None
    ) -> None:
        """Take over a stream that is ready for requests: cleartext, or TLS after its handshake.

        `answer` is the answer to the first request, if it was taken from the script already.
        """
        self._record = record
        self._stream = stream
        self._connection = connection
        self._first_answer = answer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_LIMIT)
        self._number: int | None = None
        self._request: dict[str, Any] = {}
        self._raw = b""
        self._at_end = False

    def run(self) -> None:
        """Serve requests until either side closes the connection."""
        again = True
        while again:
            try:
                again = self._read_request() and self._answer()
            except ssl.SSLError as error:
                self._record.update_connection(self._connection.number, tls_failure=reason_of(error))
                again = False
            except OSError:
                self._note(note=_CUT_OFF)
                again = False
            self._note(finished=time.monotonic())
            self._number = None
            again = again and self._http.our_state is self._http.their_state is h11.DONE
            if again:
                self._http.start_next_cycle()

    def _note(self, **changes: Any) -> None:
        if self._number is not None:
            self._record.update_exchange(self._number, **changes)

    def _read_request(self) -> bool:
        """Read and record one request; return False if no whole one arrives."""
        body = bytearray()
        while len(body) <= REQUEST_BODY_LIMIT:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                self._reject(body, error)
                return False
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    self._stream.send(self._bytes(h11.InformationalResponse(status_code=100, headers=[])))
                data = self._stream.receive()
                self._at_end = not data
                if self._number is None:
                    self._raw += data
                self._http.receive_data(data)
            elif isinstance(event, h11.Request):
                self._number = self._add_request(event)
                self._raw = b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self._note(body=bytes(body), complete=True)
                return True
            else:
                return False
        self._note(body=bytes(body), note=f"request body broken off after {REQUEST_BODY_LIMIT} bytes")
        self._stream.reset()
        return False

    def _add(self, **parts: Any) -> int:
        connection = self._connection
        exchange = Exchange(
            number=0,
            scheme="https" if connection.secure else "http",
            host=connection.host,
            port=connection.port,
            sni=connection.sni,
            decoy=connection.decoy,
            connection=connection.number,
            started=time.monotonic(),
            **parts,
        )
        return self._record.add_exchange(exchange)

    def _add_request(self, request: h11.Request) -> int:
        headers = request.headers.raw_items()
        # The answer's placeholders need these too.
        self._request = {
            "method": request.method.decode("latin-1"),
            "target": request.target.decode("latin-1"),
            "http_version": request.http_version.decode("latin-1"),
            "headers": tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers),
        }
        return self._add(**self._request)

    def _reject(self, body: bytearray, error: h11.RemoteProtocolError) -> None:
        """Record a malformed or incomplete request; answer 400 if the client is still connected."""
        if self._number is None:
            body = bytearray(self._raw)
            self._number = self._add()
        if self._at_end:
            self._note(body=bytes(body), note="the client left before the request was whole")
            return
        self._note(body=bytes(body), note=f"malformed request: {error}", answer_status=400)
        self._stream.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def _answer(self) -> bool:
        """Answer the request; return False if that ended the connection."""
        answer = self._first_answer or self._record.next_answer()
        if self._first_answer is None and answer.fault in CONNECTION_FAULTS:
            self._note(note=f"the fault {answer.fault!r} met an open connection and reset it")
            self._stream.reset()
            return False
        self._first_answer = None
        self._wait(answer.delay)
        if answer.fault == "reset":
            self._stream.reset()
        elif answer.fault == "silence":
            self._stream.wait(None)
            self._note(note=_CUT_OFF)
        elif answer.fault != "close":
            return self._send_answer(answer)
        return False

    def _send_answer(self, answer: Answer) -> bool:
        for status in answer.interim:
            self._stream.send(self._bytes(h11.InformationalResponse(status_code=status, headers=[])))
        body = self._filled(answer)
        head = self._bytes(self._head(answer, len(body)))
        if self._request["method"] == "HEAD" or answer.status in _BODILESS:
            body = b""
        self._note(answer_status=answer.status)
        half = len(body) // 2
        if answer.fault == "reset-in-answer":
            self._stream.send(head + self._bytes(h11.Data(data=body[:half])))
            self._stream.reset()
            return False
        if answer.fault == "endless":
            self._send_endless(head, answer.interval or 0.0)
            return False
        parts = (body[:half], body[half:]) if answer.chunked else (body,)
        message = head + b"".join(self._bytes(h11.Data(data=part)) for part in parts)
        message += self._bytes(h11.EndOfMessage())
        if answer.fault == "drip":
            for byte in message:
                self._stream.send(bytes((byte,)))
                self._wait(1.0 if answer.interval is None else answer.interval)
        else:
            self._stream.send(message)
        return True

    def _head(self, answer: Answer, length: int) -> h11.Response:
        values = self._values()
        headers = [(name.encode(), _fill(value.encode(), values)) for name, value in answer.headers]
        if not answer.chunked and answer.fault != "endless" and answer.status not in _BODILESS:
            headers.append((b"Content-Length", str(length).encode()))
        if self._record.next_is_connection_fault():
            headers.append((b"Connection", b"close"))
        return h11.Response(
            status_code=answer.status,
            headers=headers,
            reason=_phrase(answer.status) if answer.reason is None else answer.reason,
        )

    def _send_endless(self, head: bytes, interval: float) -> None:
        self._stream.send(head)
        # White space, so that an incremental JSON parser has no reason to stop.
        chunk = b" " * 65536
        for _ in range(ENDLESS_LIMIT // len(chunk)):
            self._stream.send(self._bytes(h11.Data(data=chunk)))
            self._wait(interval)
        self._note(note=f"the endless body was broken off after {ENDLESS_LIMIT} bytes, all of them taken")

    def _filled(self, answer: Answer) -> bytes:
        values = self._values()
        if any(name.lower() == "content-type" and "json" in value for name, value in answer.headers):
            values = {key: json.dumps(value)[1:-1] for key, value in values.items()}
        return _fill(answer.body, values)

    def _values(self) -> dict[str, str]:
        headers, target = self._request["headers"], self._request["target"]
        authorization = (value for name, value in headers if name.lower() == "authorization")
        call = _CALL.search(target)
        return {
            "authorization": next(authorization, ""),
            "target": target,
            "account_sid": call["account"] if call else "",
            "call_sid": call["call"] if call else "",
        }

    def _bytes(self, event: h11.Event) -> bytes:
        return self._http.send(event) or b""

    def _wait(self, seconds: float) -> None:
        """Wait for a scripted time; raise ConnectionAbortedError if the client disconnects meanwhile."""
        if seconds and not self._stream.wait(seconds):
            raise ConnectionAbortedError


def _fill(text: bytes, values: dict[str, str]) -> bytes:
    for name, value in values.items():
        text = text.replace(b"{%s}" % name.encode(), value.encode("latin-1"))
    return text


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
