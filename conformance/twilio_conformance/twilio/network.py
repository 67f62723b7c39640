"""The network double: Twilio's names lead to a server on loopback, loopback stays, all else is refused.

`install` prepares the process, once, before the implementation is imported; `Network` is one run.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address
from types import TracebackType
from typing import Any, Self

from twilio_conformance.twilio.exchange import Answer, Connection, Exchange, Record
from twilio_conformance.twilio.server import Server
from twilio_conformance.twilio.sockets import (
    SENTINELS,
    Refusal,
    TLSClient,
    blind_spots,
    install,
    process,
    stray_refusals,
    uninstall,
)
from twilio_conformance.twilio.tls import LOOPBACK

__all__ = [
    "DECOY",
    "LOOPBACK",
    "TWILIO",
    "Answer",
    "Connection",
    "Exchange",
    "Network",
    "Refusal",
    "TLSClient",
    "blind_spots",
    "install",
    "require_loopback",
    "stray_refusals",
    "uninstall",
]

TWILIO = "twilio.com"
"""The domain that is served, with every name below it."""

DECOY = "decoy.example"
"""The default domain that is served too, but is none of Twilio's."""


def require_loopback() -> None:
    """Looks whether a connection within this machine can be made at all.

    Raises:
        OSError: It cannot.
    """
    with socket.create_server((LOOPBACK, 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


class Network:
    """One run of the double: a server for Twilio's names and the record of what reached it.

    A context manager; `install` is called, and undone, if the process has not done so. Records stay readable
    after `stop`; `start` begins anew.

    Attributes:
        decoys: Domains that are served although they are none of Twilio's.
    """

    def __init__(
        self,
        answers: Iterable[Answer | Mapping[str, Any]] = (),
        *,
        decoys: Iterable[str] = (DECOY,),
    ) -> None:
        """Prepares a run.

        Args:
            answers: The script, see `script`.
            decoys: Domains to serve besides Twilio's, to see what reaches them.
        """
        self.decoys = tuple(decoys)
        self._script = _answers(answers)
        self._installed = False
        self._server: Server | None = None
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._record = Record(self._script)
        self._refused: list[Refusal] = []
        self._tls_clients: list[TLSClient] = []
        self._hosts: list[str] = []

    def start(self) -> None:
        """Starts the server.

        Raises:
            RuntimeError: A run of the double is under way in this process.
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
        """Stops the server at once, whatever it waits for.

        Raises:
            RuntimeError: The double itself failed while serving.
        """
        if process.network is not self or self._server is None:
            return
        self._server.stop()
        process.network = None
        if self._installed:
            uninstall()
        self._server.check()

    def __enter__(self) -> Self:
        """Starts."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops."""
        self.stop()

    def script(self, answers: Iterable[Answer | Mapping[str, Any]]) -> None:
        """Sets the answers, used in order, one a request (faults of a connection: one a connection).

        The last one repeats for ever. Mappings are read by `Answer.from_json`.

        Raises:
            ValueError: A mapping that is no answer.
        """
        self._script = _answers(answers)
        self._record.script(self._script)

    @property
    def is_serving(self) -> bool:
        """Whether its server still takes connections."""
        return self._server is not None and self._server.is_serving

    @property
    def base_url(self) -> str:
        """The server's own address in cleartext, for an implementation's ``base_url``; TLS works there too.

        Raises:
            RuntimeError: It is not running.
        """
        if self._server is None:
            raise RuntimeError("the network double is not running")
        return f"http://{LOOPBACK}:{self._server.port}"

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The requests so far, in order of arrival.

        Raises:
            RuntimeError: The double itself failed while serving.
        """
        if self._server:
            self._server.check()
        return self._record.exchanges

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The connections so far, in order of dialling; a refused one counts."""
        return self._record.connections

    @property
    def tls_failures(self) -> tuple[Connection, ...]:
        """The connections whose TLS failed; with a bad certificate, by a client that verified it."""
        return tuple(connection for connection in self.connections if connection.tls_failure)

    @property
    def refused(self) -> tuple[Refusal, ...]:
        """The destinations that were refused."""
        return tuple(self._refused)

    @property
    def tls_clients(self) -> tuple[TLSClient, ...]:
        """The TLS set-ups of clients, in order."""
        return tuple(self._tls_clients)

    def welcome(self, doors: Iterable[socket.socket], name_of: Callable[[str], str | None]) -> None:
        """Serves another process, in whose own network these sockets listen.

        Args:
            doors: Listening sockets.
            name_of: The name that led the process to an address; None where none did.
        """
        assert self._server

        def host_of(address: str) -> tuple[str, bool]:
            host = name_of(address)
            return host or address, host is not None and not _is_within(host, TWILIO)

        for door in doors:
            self._server.welcome(door, host_of)

    def serves_name(self, host: str) -> bool:
        """Tells whether a name leads to the double."""
        return any(_is_within(host, domain) for domain in (TWILIO, *self.decoys))

    def settle(self, timeout: float = 1.0) -> bool:
        """Waits until all that clients have sent is recorded; call it before reading the records.

        Args:
            timeout: Seconds at most; a few milliseconds are usual.

        Returns:
            False if the time ran out first.
        """
        return self._server is None or self._server.settle(timeout)

    def is_quiet(self) -> bool:
        """Tells whether the double waits, and nothing that a client has sent is left to deal with."""
        return self._server is None or self._server.is_quiet()

    def next_deadline(self) -> float | None:
        """Returns when a scripted delay ends, in seconds of ``time.monotonic``; None without a delay."""
        return self._server.next_deadline() if self._server else None

    def serves(self, port: int) -> bool:
        """Tells whether a port of loopback is the double's."""
        return self._server is not None and port == self._server.port

    def threads(self) -> frozenset[int | None]:
        """Returns the identifiers of the double's own threads."""
        return self._server.threads() if self._server else frozenset()

    def sentinel(self, host: str) -> str | None:
        """Returns the address that stands for a served name; None for any other name."""
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
        """Returns the name that a sentinel address stands for; None if it was not given out."""
        index = int(sentinel) - int(SENTINELS.network_address) - 1
        return self._hosts[index] if 0 <= index < len(self._hosts) else None

    def dial(self, client_port: int, host: str, port: int) -> int:
        """Announces a client's connection to the server and returns the loopback port to connect to."""
        assert self._server
        return self._server.dial(client_port, host, port, decoy=not _is_within(host, TWILIO))

    def note_refusal(self, refusal: Refusal) -> None:
        """Records a refused destination."""
        self._refused.append(refusal)

    def note_tls_client(self, client: TLSClient) -> None:
        """Records a client's TLS set-up."""
        self._tls_clients.append(client)


def certificate() -> str:
    """The private authority's certificate, in PEM, for a process that is to trust the double.

    Raises:
        RuntimeError: The double is not installed.
    """
    if process.authority is None:
        raise RuntimeError("the network double is not installed")
    return process.authority.pem


def _answers(answers: Iterable[Answer | Mapping[str, Any]]) -> tuple[Answer, ...]:
    return tuple(item if isinstance(item, Answer) else Answer.from_json(item) for item in answers)


def _is_within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")
