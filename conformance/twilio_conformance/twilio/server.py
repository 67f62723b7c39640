"""Twilio's REST API as a server on loopback: it leads connections to their scripted faults and answers.

It speaks TLS and cleartext on one port and knows nothing of any client. Plain threads, one a connection.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

from twilio_conformance.twilio.exchange import Answer, Connection, Record
from twilio_conformance.twilio.http import HttpConnection, reason_of
from twilio_conformance.twilio.tls import LOOPBACK, Authority, ServerStream


class Server:
    """Twilio's REST API on a free loopback port.

    Clients are led here by `dial`, which says whom they meant to reach. A connection that was not dialled
    (a ``base_url`` on loopback, another process) is served as well and recorded under the address itself.

    Attributes:
        port: The listening port.
    """

    def __init__(self, record: Record, authority: Authority) -> None:
        """Starts listening and serving.

        Args:
            record: Where to write down, and where the answers come from.
            authority: Issues the certificates.
        """
        self._record = record
        self._authority = authority
        self._lock = threading.Lock()
        self._dials: dict[int, tuple[Connection, Answer | None]] = {}
        self._streams: set[ServerStream] = set()
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self._running = True
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        # A port that is bound but does not listen refuses connections, and nobody else can take it.
        self._closed = socket.socket()
        self._closed.bind((LOOPBACK, 0))
        self._spawn(self._accept)

    def stop(self) -> None:
        """Ends every wait, connection and thread."""
        with self._lock:
            self._running = False
            for stream in self._streams:
                stream.interrupt()
        # Closing a socket does not end its accept() in another thread; a last connection does.
        with suppress(OSError):
            socket.create_connection((LOOPBACK, self.port), timeout=1).close()
        for thread in self._threads:
            thread.join(timeout=2)
        self._listener.close()
        self._closed.close()

    @property
    def is_serving(self) -> bool:
        """Whether it still takes connections: nobody but `stop` may end the thread that does."""
        return self._threads[0].is_alive()

    def welcome(self, door: socket.socket, host_of: Callable[[str], tuple[str, bool]]) -> None:
        """Serves what comes in at another listening socket too, such as one in another process's network.

        Args:
            door: The listening socket.
            host_of: The name that an address there stands for, and whether it is none of Twilio's.
        """
        self._spawn(self._accept_at, door, host_of)

    def check(self) -> None:
        """Makes a failure of the server itself known.

        Raises:
            RuntimeError: A thread of the server failed.
        """
        if self._failures:
            raise RuntimeError("the network double failed while serving") from self._failures[0]

    def dial(self, client_port: int, host: str, port: int, decoy: bool) -> int:
        """Announces a client's connection.

        Args:
            client_port: The port that the client's socket is bound to.
            host: The name that it means to reach.
            port: The port that it means to reach.
            decoy: The host is none of Twilio's.

        Returns:
            The loopback port to connect to; one that refuses, if the script says so.
        """
        with self._lock:
            connection, plan = self._record.add_connection(host, port, decoy)
            if plan and plan.fault == "refuse":
                return int(self._closed.getsockname()[1])
            self._dials[client_port] = connection, plan
            return self.port

    def settle(self, timeout: float) -> bool:
        """Waits until all that clients have sent is read and recorded; False if time runs out first.

        Loopback may deliver a moment after the client's call returned, so three quiet looks in a row count.
        """
        deadline = monotonic() + timeout
        quiet = 0
        while quiet < 3 and monotonic() < deadline:
            quiet = quiet + 1 if self.is_quiet() else 0
            sleep(0.001)
        return quiet == 3

    def is_quiet(self) -> bool:
        """Tells whether this side waits, and all that clients have sent is read and recorded."""
        with self._lock:
            return not self._dials and all(stream.settled() for stream in self._streams)

    def next_deadline(self) -> float | None:
        """Returns when a scripted delay ends, in seconds of ``time.monotonic``; None without a delay."""
        with self._lock:
            deadlines = [stream.deadline for stream in self._streams]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def threads(self) -> frozenset[int | None]:
        """Returns the identifiers of this server's threads; of an ended one, another thread may have got its own."""
        return frozenset(thread.ident for thread in self._threads if thread.is_alive())

    def _spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, name="network-double", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connected, (_, client_port) = self._listener.accept()
            except OSError as error:
                self._failures.append(error)
                return
            with self._lock:
                if not self._running:
                    connected.close()
                    return
                dialled = self._dials.pop(client_port, None)
                if dialled is None:
                    dialled = self._record.add_connection(LOOPBACK, self.port, decoy=False)
                stream = ServerStream(connected)
                self._streams.add(stream)
            self._spawn(self._serve, stream, *dialled)

    def _accept_at(self, door: socket.socket, host_of: Callable[[str], tuple[str, bool]]) -> None:
        while True:
            try:
                connected, _ = door.accept()
            except OSError:
                return
            address, port = connected.getsockname()
            host, decoy = host_of(address)
            with self._lock:
                connection, plan = self._record.add_connection(host, port, decoy)
                stream = ServerStream(connected)
                if plan and plan.fault == "refuse":
                    # Where a socket listens nobody can be refused any more; a reset is the next best.
                    stream.reset()
                    continue
                self._streams.add(stream)
            self._spawn(self._serve, stream, connection, plan)

    def _serve(self, stream: ServerStream, connection: Connection, plan: Answer | None) -> None:
        try:
            opened = self._open(stream, connection, plan)
            if opened:
                HttpConnection(self._record, stream, opened, plan).run()
        except BaseException as error:
            self._failures.append(error)
        finally:
            stream.close()
            with self._lock:
                self._streams.discard(stream)

    def _open(self, stream: ServerStream, connection: Connection, plan: Answer | None) -> Connection | None:
        """Brings a connection to where requests can be read, or to its scripted end (None)."""
        if not stream.open():
            return None
        number = connection.number
        connection = self._record.note_connection(number, secure=stream.secure)
        if plan and plan.fault == "silence-in-handshake":
            stream.wait(None)
            return None
        if plan and plan.fault != "certificate":
            stream.reset()
            return None
        if not stream.secure:
            return connection
        context = self._authority.context(connection.host, plan.kind if plan else None)
        try:
            stream.handshake(context)
        except OSError as error:
            self._record.note_connection(number, sni=stream.sni, tls_failure=reason_of(error))
            return None
        return self._record.note_connection(number, sni=stream.sni)
