"""The network double: Twilio's names resolve to a server on loopback; only loopback is allowed besides.

`install` prepares the process once, before the implementation is imported; `Network` is one run.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

from twilio_conformance.twilio.record import Connection, Exchange, Record
from twilio_conformance.twilio.script import Answer
from twilio_conformance.twilio.server import Server
from twilio_conformance.twilio.sockets import SENTINELS, Refusal, install, process, uninstall
from twilio_conformance.twilio.tls import LOOPBACK

__all__ = ["LOOPBACK", "Network", "Refusal", "certificate", "install", "require_loopback", "uninstall"]

TWILIO = "twilio.com"
"""Domain that is served, with all its subdomains."""

DECOY = "decoy.example"
"""Domain that is served too but is not Twilio's, to see what reaches it."""


def require_loopback() -> None:
    """Check that connections within this machine work; OSError means that they do not."""
    with socket.create_server((LOOPBACK, 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


class Network:
    """One run of the double: a server for Twilio's names and the record of what reached it.

    A context manager. If the process has not called `install`, it is called and undone. Records stay readable
    after `stop`; `start` clears them.
    """

    def __init__(self, answers: Iterable[Mapping[str, Any]] = ()) -> None:
        """Prepare a run with a script; see `script`."""
        self._script = [Answer.from_json(answer) for answer in answers]
        self._installed = False
        self._server: Server | None = None
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._record = Record(self._script)
        self._refused: list[Refusal] = []
        self._hosts: list[str] = []

    def start(self) -> None:
        """Start the server.

        Raises:
            RuntimeError: Another run is under way in this process.
        """
        if process.network:
            raise RuntimeError("a network double is running already")
        self._installed = not process.authority
        if self._installed:
            install()
        assert process.authority
        self._reset()
        self._server = Server(self._record, process.authority)
        process.network = self

    def stop(self) -> None:
        """Stop the server at once, whatever it waits for; fail if the double itself failed while serving."""
        if process.network is not self or self._server is None:
            return
        self._server.stop()
        process.network = None
        if self._installed:
            uninstall()
        self._server.check()

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    def script(self, answers: Iterable[Mapping[str, Any]]) -> None:
        """Set the answers as `Answer.from_json` reads them: one per request, in order, and the last one repeats.

        A fault of a connection applies to one connection.
        """
        self._script = [Answer.from_json(answer) for answer in answers]
        self._record.script(self._script)

    @property
    def base_url(self) -> str:
        """Address of the server in cleartext, for an implementation's ``base_url``; TLS works there too.

        Raises:
            RuntimeError: The double is not running.
        """
        if self._server is None:
            raise RuntimeError("the network double is not running")
        return f"http://{LOOPBACK}:{self._server.port}"

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Requests so far, in order of arrival; RuntimeError if the double itself failed while serving."""
        if self._server:
            self._server.check()
        return self._record.exchanges

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Connections so far, in order of connecting, refused ones included."""
        return self._record.connections

    @property
    def refused(self) -> tuple[Refusal, ...]:
        """Refused destinations."""
        return tuple(self._refused)

    def accept_from(self, listeners: Iterable[socket.socket], name_of: Callable[[str], str | None]) -> None:
        """Serve a process by the listening sockets in its network namespace.

        `name_of` maps an address there to the name that the process looked up; None if it looked up none.
        """
        assert self._server

        def host_of(address: str) -> tuple[str, bool]:
            host = name_of(address)
            return host or address, host is not None and not _is_within(host, TWILIO)

        for listener in listeners:
            self._server.accept_from(listener, host_of)

    def serves_name(self, host: str) -> bool:
        """Return whether the double serves a name."""
        return any(_is_within(host, domain) for domain in (TWILIO, DECOY))

    def settle(self) -> bool:
        """Wait until everything that clients have sent is recorded; call it before reading the records.

        It usually takes a few milliseconds; return False if it takes more than a second.
        """
        deadline, quiet = monotonic() + 1.0, 0
        # Three checks in a row, because loopback may deliver shortly after the client's call returned.
        while quiet < 3 and monotonic() < deadline:
            quiet = quiet + 1 if self.is_quiet() else 0
            sleep(0.001)
        return quiet == 3

    def is_quiet(self) -> bool:
        """Return whether the double is idle and has processed everything that clients have sent."""
        return self._server is None or self._server.is_quiet()

    def next_deadline(self) -> float | None:
        """Return when the next scripted delay ends, in seconds of ``time.monotonic``; None without one."""
        return self._server.next_deadline() if self._server else None

    def serves(self, port: int) -> bool:
        """Return whether a loopback port is the double's."""
        return self._server is not None and port == self._server.port

    def threads(self) -> frozenset[int | None]:
        """Return the identifiers of the double's own threads."""
        return self._server.threads() if self._server else frozenset()

    def sentinel(self, host: str) -> str | None:
        """Return the sentinel address of a served name; None for any other name."""
        assert process.authority
        if not self.serves_name(host):
            return None
        try:
            process.authority.context(host)
        except UnicodeError:
            return None
        with self._lock:
            if host not in self._hosts:
                self._hosts.append(host)
            return str(SENTINELS[self._hosts.index(host) + 1])

    def host_of(self, sentinel: IPv4Address) -> str | None:
        """Return the name that a sentinel address stands for; None if it is unused."""
        index = int(sentinel) - int(SENTINELS.network_address) - 1
        return self._hosts[index] if 0 <= index < len(self._hosts) else None

    def expect_connection(self, client_port: int, host: str, port: int) -> int:
        """Announce that the client at a port connects to a host; return the loopback port to connect to."""
        assert self._server
        return self._server.expect_connection(client_port, host, port, decoy=not _is_within(host, TWILIO))

    def add_refusal(self, refusal: Refusal) -> None:
        """Record a refused destination."""
        self._refused.append(refusal)


def certificate() -> str:
    """Return the certificate that another process has to trust, in PEM; the double has to be installed."""
    assert process.authority
    return process.authority.pem


def _is_within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")
