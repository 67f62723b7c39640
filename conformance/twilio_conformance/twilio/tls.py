"""A private certificate authority, and the server side of a connection, cleartext or TLS.

The authority issues one certificate per host name on first use, because a wildcard covers
one label only and Twilio's regional hosts have two (``api.dublin.ie1.twilio.com``). It also issues the bad
certificates that a verifying client must reject.
"""

from __future__ import annotations

import datetime
import select
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress

# By name, because truststore may replace ssl.SSLContext later.
from ssl import SSLContext

import trustme

BAD_CERTIFICATES = ("unknown-authority", "wrong-host", "expired")
"""Kinds of certificate that a verifying client must reject."""

LOOPBACK = "127.0.0.1"

_CHUNK = 65536
_SLICE = 0.002
_WRONG_HOST = "wrong-host.example"
_HANDSHAKE_RECORD = 0x16


class Authority:
    """A private certificate authority with two roots: a trusted one, and one that no client trusts.

    Attributes:
        pem: Certificate of the trusted root, for ``SSLContext.load_verify_locations(cadata=...)``.
    """

    def __init__(self) -> None:
        """Create both roots (EC keys)."""
        self._trusted = trustme.CA()
        self._stranger = trustme.CA()
        self._contexts: dict[tuple[str, str | None], SSLContext] = {}
        self._lock = threading.Lock()
        self.pem = self._trusted.cert_pem.bytes().decode("ascii")

    def context(self, host: str, bad: str | None = None) -> SSLContext:
        """Return the server context for a host name or a loopback address; UnicodeError for an impossible name.

        It offers HTTP/1.1 only, so that a client that could speak HTTP/2 falls back. `bad` is one of
        `BAD_CERTIFICATES`, or None for a good certificate.
        """
        with self._lock:
            if (host, bad) not in self._contexts:
                self._contexts[host, bad] = self._issue(host, bad)
            return self._contexts[host, bad]

    def _issue(self, host: str, bad: str | None) -> SSLContext:
        issuer = self._stranger if bad == "unknown-authority" else self._trusted
        name = _WRONG_HOST if bad == "wrong-host" else host
        expiry = datetime.datetime(2001, 1, 1) if bad == "expired" else None
        certificate = issuer.issue_cert(name, not_after=expiry)
        context = SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with certificate.private_key_and_cert_chain_pem.tempfile() as path:
            context.load_cert_chain(path)
        context.set_alpn_protocols(["http/1.1"])
        context.num_tickets = 0
        context.sslobject_class = _NamedSSLObject
        context.sni_callback = _keep_server_name
        return context


class _NamedSSLObject(ssl.SSLObject):
    sni: str | None = None


def _keep_server_name(tls: ssl.SSLObject, name: str | None, _: SSLContext) -> None:
    if isinstance(tls, _NamedSSLObject):
        tls.sni = name


class ServerStream:
    """The server side of one accepted connection, with deliberate resets and interruptible waits.

    Every wait is one call of ``poll``, so that another thread can end it (`interrupt`) and can tell whether
    all that arrived has been read (`is_settled`). All other methods belong to one thread.

    Attributes:
        secure: Whether the client opened with a TLS handshake; None before its first byte.
        sni: Server name that the client asked for, if any.
        deadline: When a scripted wait ends, in seconds of ``time.monotonic``; None without one.
    """

    def __init__(self, connected: socket.socket) -> None:
        """Take over an accepted socket."""
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.secure: bool | None = None
        self.sni: str | None = None
        self._socket = connected
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._pending = b""
        self._awaiting = 0
        self._closing = threading.Lock()
        self.deadline: float | None = None

    def open(self) -> bool:
        """Wait for the client's first byte and detect TLS; return False if none arrives."""
        first = self._read(None)
        if not first:
            return False
        self.secure = first[0] == _HANDSHAKE_RECORD
        if self.secure:
            self._incoming.write(first)
        else:
            self._pending = first
        return True

    def handshake(self, context: SSLContext) -> None:
        """Perform the server's side of the TLS handshake.

        Raise ConnectionResetError if the client disconnected. If it rejects the handshake, ssl.SSLError has
        its alert as ``reason``.
        """
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        try:
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    self._flush()
                    data = self._read(None)
                    if not data:
                        raise ConnectionResetError("the client left in the TLS handshake") from None
                    self._incoming.write(data)
        finally:
            if isinstance(tls, _NamedSSLObject):
                self.sni = tls.sni
        self._flush()
        self._tls = tls

    def receive(self) -> bytes:
        """Wait for data from the client; return ``b""`` once it has disconnected."""
        while not self._pending:
            if self._tls is not None and (plain := self._decrypt()) is not None:
                return plain
            data = self._read(None)
            if not data:
                return b""
            if self._tls is None:
                return data
            self._incoming.write(data)
        data, self._pending = self._pending, b""
        return data

    def send(self, data: bytes) -> None:
        """Send all of the data; OSError means that the client has disconnected or the stream was interrupted."""
        if self._tls is None:
            self._write(data)
            return
        self._tls.write(data)
        self._flush()

    def wait(self, seconds: float | None) -> bool:
        """Wait for some seconds (None: forever); return False as soon as the client disconnects."""
        self.deadline = None if seconds is None else time.monotonic() + seconds
        try:
            while self.deadline is None or time.monotonic() < self.deadline:
                # In slices, because the clock may jump meanwhile.
                data = self._read(None if self.deadline is None else _SLICE)
                if data is not None and not self._keep(data):
                    return False
            return True
        finally:
            self.deadline = None

    def _keep(self, data: bytes) -> bool:
        """Buffer data that arrived during a wait; return False at the end of the stream."""
        if not data:
            return False
        if self._tls is None:
            self._pending += data
            return True
        self._incoming.write(data)
        while (plain := self._decrypt()) is not None:
            if not plain:
                return False
            self._pending += plain
        return True

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        with self._closing:
            if self._socket.fileno() >= 0:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._socket.close()

    def close(self) -> None:
        """End the connection in order: TLS close_notify, then FIN. Does nothing if it has ended already."""
        if self._tls is not None and self._socket.fileno() >= 0:
            # Send close_notify without waiting for the client's; it may have disconnected already.
            with suppress(ssl.SSLError):
                self._tls.unwrap()
            with suppress(OSError):
                self._flush()
        with self._closing:
            self._socket.close()

    def interrupt(self) -> None:
        """End the present and all later waits; called from another thread."""
        with self._closing:
            if self._socket.fileno() >= 0:
                # On a socket that is no longer connected, the wait has ended by itself.
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def is_settled(self) -> bool:
        """Return whether this side waits with nothing left to read; called from another thread."""
        deadline = self.deadline
        if deadline is not None and deadline <= time.monotonic():
            return False
        with self._closing:
            awaiting = self._awaiting
            return self._socket.fileno() >= 0 and bool(awaiting) and not self._poll(awaiting, 0)

    def _decrypt(self) -> bytes | None:
        """Return decrypted data: None if there is none yet, ``b""`` at the end of the stream."""
        assert self._tls is not None
        try:
            return self._tls.read(_CHUNK)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            return b""

    def _flush(self) -> None:
        self._write(self._outgoing.read())

    def _read(self, seconds: float | None) -> bytes | None:
        """Return raw bytes; ``b""`` at the end or after a reset, None after the timeout."""
        while True:
            if not self._await(select.POLLIN, seconds):
                return None
            try:
                return self._socket.recv(_CHUNK)
            except BlockingIOError:
                continue
            except ConnectionError:
                return b""

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._await(select.POLLOUT, None)
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                continue

    def _await(self, event: int, seconds: float | None) -> bool:
        # Cleared before the data is read, so that is_settled() never sees an empty socket while this
        # thread still has to process the data.
        self._awaiting = event
        ready = self._poll(event, seconds)
        self._awaiting = 0
        return ready

    def _poll(self, event: int, seconds: float | None) -> bool:
        poller = select.poll()
        poller.register(self._socket, event)
        return bool(poller.poll(None if seconds is None else seconds * 1000))
