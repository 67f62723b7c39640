"""Twilio's REST API as a server on loopback, which answers requests and causes faults by script.

It accepts TLS and cleartext on one port, with one thread per connection.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twilio_conformance.twilio.http import HttpConnection, reason_of
from twilio_conformance.twilio.record import Connection, Record
from twilio_conformance.twilio.script import Answer
from twilio_conformance.twilio.tls import LOOPBACK, Authority, ServerStream


class Server:
    """Twilio's REST API on a free loopback port.

    `expect_connection` announces a client and the host that it means to reach. A connection that was not
    announced (a ``base_url`` on loopback, another process) is recorded under the loopback address.

    Attributes:
        port: Listening port.
    """

    def __init__(self, record: Record, authority: Authority) -> None:
        """Start to serve by the script of a record, with certificates of an authority."""
        self._record = record
        self._authority = authority
        self._lock = threading.Lock()
        self._expected: dict[int, tuple[Connection, Answer | None]] = {}
        self._streams: set[ServerStream] = set()
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self._running = True
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        # A bound socket that does not listen reserves a port that refuses connections.
        self._closed = socket.socket()
        self._closed.bind((LOOPBACK, 0))
        self._spawn(self._accept, self._listener)

    def stop(self) -> None:
        """End all waits, connections and threads."""
        with self._lock:
            self._running = False
            for stream in self._streams:
                stream.interrupt()
        # Closing a socket does not interrupt accept() in another thread; a connection does.
        with suppress(OSError):
            socket.create_connection((LOOPBACK, self.port), timeout=1).close()
        for thread in self._threads:
            thread.join(timeout=2)
        self._listener.close()
        self._closed.close()

    def accept_from(self, listener: socket.socket, host_of: Callable[[str], tuple[str, bool]]) -> None:
        """Serve another listening socket too, such as one in another network namespace.

        `host_of` maps an address there to its host name and whether that is not Twilio's.
        """
        self._spawn(self._accept, listener, host_of)

    def check(self) -> None:
        """Raise RuntimeError if a thread of the server has failed."""
        if self._failures:
            raise RuntimeError("the network double failed while serving") from self._failures[0]

    def expect_connection(self, client_port: int, host: str, port: int, decoy: bool) -> int:
        """Announce that the client at a port connects to a host, which may be a decoy.

        Return the loopback port to connect to; if the script says ``refuse``, one that refuses.
        """
        with self._lock:
            connection, answer = self._record.add_connection(host, port, decoy)
            if answer and answer.fault == "refuse":
                return int(self._closed.getsockname()[1])
            self._expected[client_port] = connection, answer
            return self.port

    def is_quiet(self) -> bool:
        """Return whether the server is idle and has recorded everything that clients have sent."""
        with self._lock:
            return not self._expected and all(stream.is_settled() for stream in self._streams)

    def next_deadline(self) -> float | None:
        """Return when the next scripted delay ends, in seconds of ``time.monotonic``; None without one."""
        with self._lock:
            deadlines = [stream.deadline for stream in self._streams]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def threads(self) -> frozenset[int | None]:
        """Return the identifiers of the live threads; those of ended ones may have been reused."""
        return frozenset(thread.ident for thread in self._threads if thread.is_alive())

    def _spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, name="network-double", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(
        self, listener: socket.socket, host_of: Callable[[str], tuple[str, bool]] | None = None
    ) -> None:
        while True:
            try:
                connected, peer = listener.accept()
            except OSError as error:
                if listener is self._listener:
                    self._failures.append(error)
                return
            with self._lock:
                if not self._running:
                    connected.close()
                    return
                if host_of:
                    address, port = connected.getsockname()
                    host, decoy = host_of(address)
                    connection, answer = self._record.add_connection(host, port, decoy)
                else:
                    expected = self._expected.pop(peer[1], None)
                    connection, answer = expected or self._record.add_connection(LOOPBACK, self.port, False)
                stream = ServerStream(connected)
                if host_of and answer and answer.fault == "refuse":
                    # The listening socket has accepted already, so a reset has to do.
                    stream.reset()
                    continue
                self._streams.add(stream)
            self._spawn(self._serve, stream, connection, answer)

    def _serve(self, stream: ServerStream, connection: Connection, answer: Answer | None) -> None:
        try:
            opened = self._open(stream, connection, answer)
            if opened:
                HttpConnection(self._record, stream, opened, answer).run()
        except BaseException as error:
            self._failures.append(error)
        finally:
            stream.close()
            self._record.update_connection(connection.number, closed=time.monotonic())
            with self._lock:
                self._streams.discard(stream)

    def _open(self, stream: ServerStream, connection: Connection, answer: Answer | None) -> Connection | None:
        """Open a connection for requests; return None if a scripted fault ended it."""
        if not stream.open():
            return None
        number = connection.number
        connection = self._record.update_connection(number, secure=stream.secure)
        if answer and answer.fault == "silence-in-handshake":
            stream.wait(None)
            return None
        if answer and answer.fault != "certificate":
            stream.reset()
            return None
        if not stream.secure:
            return connection
        context = self._authority.context(connection.host, answer.kind if answer else None)
        try:
            stream.handshake(context)
        except OSError as error:
            self._record.update_connection(number, sni=stream.sni, tls_failure=reason_of(error))
            return None
        return self._record.update_connection(number, sni=stream.sni)
