"""The private certificate authority, and the server's end of a connection, cleartext or TLS.

The authority issues one certificate per host name when the name is first needed, because a wildcard covers
one label only and Twilio's regional hosts have two (``api.dublin.ie1.twilio.com``). It also issues the bad
certificates that a verifying client must refuse.
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
"""Kinds of certificate that a verifying client must refuse."""

LOOPBACK = "127.0.0.1"

_CHUNK = 65536
_SLICE = 0.002
_WRONG_HOST = "wrong-host.example"
_HANDSHAKE_RECORD = 0x16


class Authority:
    """A private certificate authority, made of two roots: one to be trusted, one that nobody trusts.

    Attributes:
        pem: The trusted root's certificate, for ``SSLContext.load_verify_locations(cadata=...)``.
    """

    def __init__(self) -> None:
        """Makes both roots (EC keys)."""
        self._trusted = trustme.CA()
        self._stranger = trustme.CA()
        self._contexts: dict[tuple[str, str | None], SSLContext] = {}
        self._lock = threading.Lock()
        self.pem = self._trusted.cert_pem.bytes().decode("ascii")

    def trust(self, context: SSLContext) -> None:
        """Makes a client's context trust the authority."""
        context.load_verify_locations(cadata=self.pem)

    def context(self, host: str, bad: str | None = None) -> SSLContext:
        """Returns the server context for a host name or a loopback address.

        The context offers HTTP/1.1 only, so that a client that could speak HTTP/2 falls back.

        Args:
            host: The name that the client dialled.
            bad: One of `BAD_CERTIFICATES`, or None for a good certificate.

        Raises:
            UnicodeError: No certificate can hold the name.
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
    """One accepted connection: bytes in, bytes out, deliberate resets, and waits that end at once.

    Every wait is one call of ``poll``, so that another thread can end it (`interrupt`) and can tell whether
    this side has dealt with all that arrived (`settled`). Used by one thread, but for those two methods.

    Attributes:
        secure: The client opened with a TLS handshake; None before its first byte.
        sni: The server name that the client asked for, if any.
        deadline: When this side goes on by itself, in seconds of ``time.monotonic``; None while it does not.
    """

    def __init__(self, connected: socket.socket) -> None:
        """Takes over an accepted socket."""
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
        """Waits for the client's first byte and tells TLS from cleartext; False if none comes."""
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
        """Does the server's side of the TLS handshake.

        Raises:
            ssl.SSLError: The client refused; its alert is in the error's ``reason``.
            ConnectionError: The client left in the middle of it.
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
        """Waits for data from the client; ``b""`` once it has gone."""
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
        """Sends data whole.

        Raises:
            OSError: The client has gone, or the stream was interrupted.
        """
        if self._tls is None:
            self._write(data)
            return
        self._tls.write(data)
        self._flush()

    def wait(self, seconds: float | None) -> bool:
        """Lets time pass (None: without end); False as soon as the client has gone."""
        self.deadline = None if seconds is None else time.monotonic() + seconds
        try:
            while self.deadline is None or time.monotonic() < self.deadline:
                # In slices, because the clock may skip meanwhile.
                data = self._read(None if self.deadline is None else _SLICE)
                if data is not None and not self._keep(data):
                    return False
            return True
        finally:
            self.deadline = None

    def _keep(self, data: bytes) -> bool:
        """Keeps what arrived while nobody asked for it; False at the client's end."""
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
        """Ends the connection with a TCP reset."""
        with self._closing:
            if self._socket.fileno() >= 0:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._socket.close()

    def close(self) -> None:
        """Ends the connection in order: TLS close_notify, then FIN. Harmless when it has ended already."""
        if self._tls is not None and self._socket.fileno() >= 0:
            # close_notify is written at once; the client's own is not waited for, and if the client has gone
            # there is nobody to tell.
            with suppress(ssl.SSLError):
                self._tls.unwrap()
            with suppress(OSError):
                self._flush()
        with self._closing:
            self._socket.close()

    def interrupt(self) -> None:
        """Ends every wait, now and later; called from another thread."""
        with self._closing:
            if self._socket.fileno() >= 0:
                # A socket that is not connected any more has ended its wait by itself.
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def settled(self) -> bool:
        """Tells whether this side waits, with nothing to read and for later; called from another thread."""
        deadline = self.deadline
        if deadline is not None and deadline <= time.monotonic():
            return False
        with self._closing:
            awaiting = self._awaiting
            return self._socket.fileno() >= 0 and bool(awaiting) and not self._poll(awaiting, 0)

    def _decrypt(self) -> bytes | None:
        """Returns what TLS has ready: None for nothing yet, ``b""`` at the client's end."""
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
        """Returns raw bytes, ``b""`` at the end or after a reset, None when the time is up."""
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
        # The mark is taken off before the data is read, so settled() never sees an empty socket in a
        # thread that still has the data in its hands.
        self._awaiting = event
        ready = self._poll(event, seconds)
        self._awaiting = 0
        return ready

    def _poll(self, event: int, seconds: float | None) -> bool:
        poller = select.poll()
        poller.register(self._socket, event)
        return bool(poller.poll(None if seconds is None else seconds * 1000))
