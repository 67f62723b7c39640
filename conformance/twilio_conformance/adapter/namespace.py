"""A network namespace for an adapter, with nothing but loopback, a resolver and the sockets of the network double.

On Linux a process can leave the machine's network (`unshare`). In its own network, every name of Twilio's resolves
to an address on loopback, where sockets listen that this module has opened there. Nothing else is reachable.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import socket
import struct
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from twilio_conformance.subject.process import die_with_parent

PORTS = (443, 80, 8443, 8080)
"""Ports that listen: HTTPS, HTTP, and a port that a `base_url` can name."""

RESOLVER = "127.0.0.53"

_NEWNS, _NEWUSER, _NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_SIOCSIFFLAGS, _IFF_UP_RUNNING = 0x8914, 0x41
_FILES = {
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/resolv.conf": f"nameserver {RESOLVER}\noptions timeout:5 attempts:2\n",
    "/etc/nsswitch.conf": "hosts: files dns\n",
}


class Unavailable(Exception):
    """This machine does not give a process a network namespace; the message says why."""


@dataclass(frozen=True)
class NamespaceSockets:
    """The suite's sockets in a process's network namespace.

    Attributes:
        listeners: The sockets that listen on `PORTS`.
        resolver: The socket of the resolver.
        asked: The names that were resolved, a line each, since clients cache the addresses.
    """

    listeners: tuple[socket.socket, ...]
    resolver: socket.socket
    asked: BinaryIO = field(default_factory=tempfile.TemporaryFile)

    def close(self) -> None:
        """Close them in this process."""
        for opened in (*self.listeners, self.resolver):
            opened.close()
        self.asked.close()


class NamespaceEntry:
    """Moves a process that is about to start into a network namespace, and passes the sockets back."""

    def __init__(self) -> None:
        """Prepare the files and the socket pair."""
        self._here, self._there = socket.socketpair()
        self._folder = tempfile.TemporaryDirectory(prefix="twilio-conformance-")
        for path, text in _FILES.items():
            (Path(self._folder.name) / Path(path).name).write_text(text)

    def enter(self) -> None:
        """Run in the new process before its program; after a failure, the program starts outside."""
        try:
            _leave_network()
            _put_files(Path(self._folder.name))
            _raise_loopback()
            sockets = [socket.create_server(("0.0.0.0", port), backlog=128) for port in PORTS]
            resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            resolver.bind((RESOLVER, 53))
            socket.send_fds(self._there, [b"."], [opened.fileno() for opened in (*sockets, resolver)])
        except OSError as error:
            self._there.send(f"{error.strerror or error}".encode()[:200])
        # Only now, because a change of credentials cancels the request.
        die_with_parent()

    def close(self) -> None:
        """Release the files and the socket pair."""
        self._here.close()
        self._there.close()
        self._folder.cleanup()

    def receive_sockets(self) -> NamespaceSockets:
        """Return the sockets of the process that has entered.

        Raise Unavailable if it could not enter; the message says why.
        """
        self._here.settimeout(10)
        try:
            message, descriptors, _, _ = socket.recv_fds(self._here, 256, len(PORTS) + 1)
        except OSError as error:
            raise Unavailable(str(error)) from error
        finally:
            self.close()
        if not descriptors:
            raise Unavailable(message.decode("utf-8", "replace"))
        *listeners, resolver = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        return NamespaceSockets(tuple(listeners), resolver)


def _leave_network() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEWUSER | _NEWNET | _NEWNS) == 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    elif libc.unshare(_NEWNET | _NEWNS) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _put_files(folder: Path) -> None:
    _mount(None, "/", _MS_REC | _MS_PRIVATE)
    for path in filter(os.path.exists, _FILES):
        _mount(str(folder / Path(path).name), path, _MS_BIND)


def _mount(source: str | None, target: str, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source and source.encode(), target.encode(), None, ctypes.c_ulong(flags), None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{target}: {os.strerror(number)}")


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING))


class Resolver:
    """Resolves names for a process in its network namespace: only served names have an address."""

    def __init__(
        self, sockets: NamespaceSockets, is_served: Callable[[str], bool], refuse: Callable[[str], None]
    ) -> None:
        """Start to answer for the names that the double serves; `refuse` receives all others."""
        self._sockets, self._is_served, self._refuse = sockets, is_served, refuse
        asked = os.pread(sockets.asked.fileno(), 1 << 20, 0).decode().split()
        self._names = {address_of(name): name for name in asked}
        self.thread = threading.Thread(target=self._answer, name="network-double", daemon=True)
        self.thread.start()

    def name_of(self, address: str) -> str | None:
        """Return the name that was resolved to this address; None if there is none."""
        return self._names.get(address)

    def _answer(self) -> None:
        while True:
            try:
                question, sender = self._sockets.resolver.recvfrom(2048)
            except OSError as error:
                if error.errno == errno.EBADF:
                    return
                continue
            with contextlib.suppress(ValueError, IndexError, UnicodeDecodeError, OSError):
                self._sockets.resolver.sendto(self._reply(question), sender)

    def _reply(self, question: bytes) -> bytes:
        """Return a DNS reply (RFC 1035) to a question for one name."""
        labels, place = [], 12
        while length := question[place]:
            labels.append(question[place + 1 : place + 1 + length].decode("ascii").lower())
            place += 1 + length
        name, asked = ".".join(labels), question[12 : place + 5]
        kind = int.from_bytes(question[place + 1 : place + 3], "big")
        is_served = self._is_served(name)
        if not is_served:
            self._refuse(name)
        has_address = is_served and kind == 1
        head = question[:2] + struct.pack(
            "!HHHHH", 0x8180 if is_served else 0x8183, 1, int(has_address), 0, 0
        )
        if not has_address:
            return head + asked
        address = address_of(name)
        if address not in self._names:
            self._names[address] = name
            os.write(self._sockets.asked.fileno(), f"{name}\n".encode())
        return head + asked + struct.pack("!HHHIH", 0xC00C, 1, 1, 0, 4) + socket.inet_aton(address)


def address_of(name: str) -> str:
    """Return the loopback address of a served name, always the same one since clients cache it."""
    first, second, third = hashlib.sha256(name.encode()).digest()[:3]
    return f"127.{64 + first % 128}.{second}.{third}"
