"""Patches of Python's sockets and TLS contexts that allow loopback and the network double only.

The patches sit below every HTTP client that uses Python's sockets: in ``_socket`` rather than ``socket`` for
name lookups, so that an earlier ``from socket import getaddrinfo`` is caught too, and on ``socket.socket``
itself. Each served name has a sentinel address, so that the name is known even in cleartext and without SNI;
a connection to a sentinel goes to the double's port.
"""

from __future__ import annotations

import _socket
import errno
import ipaddress
import os
import re
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from twilio_conformance.twilio.tls import LOOPBACK, Authority

if TYPE_CHECKING:
    from twilio_conformance.twilio.network import Network

SENTINELS = ipaddress.IPv4Network("127.84.0.0/16")
"""Addresses that stand for served names; no packet is ever sent to them."""

_DNS_PORT = 53
_DOTTED = re.compile(r"[0-9a-fx.]+")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
_ENVIRONMENT = re.compile(r"(?i:(https?|all|no)_proxy)|TWILIO_.*")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused destination.

    Attributes:
        host: Name or address.
        port: Port or service name, if one was given.
        how: The call that was refused, such as ``getaddrinfo``, ``connect`` or ``sendto``.
    """

    host: str
    port: int | str | None
    how: str


@dataclass
class Process:
    """The state of the patches in this process: the private CA if they are installed, the double if it runs."""

    authority: Authority | None = None
    network: Network | None = None
    saved: list[tuple[Any, str, Any]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    masked: bool = False


process = Process()
"""The state of this process."""

_ABSENT = object()
# truststore may have replaced it by a subclass.
_SSL_CONTEXT = next(kind for kind in ssl.SSLContext.__mro__ if kind.__module__ == "ssl")
_ORIGINAL: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(_socket, name)
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")
    },
    **{name: getattr(_socket.socket, name) for name in ("connect", "connect_ex", "sendto", "sendmsg")},
    **{name: getattr(_SSL_CONTEXT, name) for name in ("wrap_socket", "wrap_bio")},
}


def install() -> None:
    """Patch sockets and TLS contexts, remove proxies and ``TWILIO_*`` from the environment, create the CA.

    No thread is started, so the process may fork afterwards. Without a running double, every name is refused.

    Raises:
        RuntimeError: The network double is installed already.
    """
    if process.authority:
        raise RuntimeError("the network double is installed already")
    process.authority = Authority()
    # Create once what every forked child would need: a certificate and the tables of the codec.
    process.authority.context("api.twilio.com".encode("idna").decode())
    for owners, name, replacement in _PATCHES:
        for owner in owners:
            process.saved.append((owner, name, vars(owner).get(name, _ABSENT)))
            setattr(owner, name, replacement)
    for name in [name for name in os.environ if _ENVIRONMENT.fullmatch(name)]:
        process.environment[name] = os.environ.pop(name)
    # With aiodns, aiohttp resolves names without the patched functions.
    if "aiodns" not in sys.modules:
        sys.modules["aiodns"] = None  # type: ignore[assignment]
        process.masked = True


def uninstall() -> None:
    """Undo `install`; TLS contexts used meanwhile keep trusting the private CA."""
    for owner, name, original in reversed(process.saved):
        if original is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, original)
    process.saved.clear()
    os.environ.update(process.environment)
    process.environment.clear()
    if process.masked and sys.modules.get("aiodns", _ABSENT) is None:
        del sys.modules["aiodns"]
    process.masked = False
    process.authority = None


def _refuse(host: str, port: int | str | None, how: str) -> None:
    if process.network:
        process.network.add_refusal(Refusal(host, port, how))


def _text(host: str | bytes) -> str:
    """Return the normal form of a host name: IDNA, lower case, without the root's dot."""
    raw = host.encode("idna") if isinstance(host, str) else bytes(host)
    return raw.decode("latin-1").lower().removesuffix(".")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse a numeric address in any form that sockets accept (``127.1``, scopes, mapped IPv4)."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        with suppress(OSError):
            return IPv4Address(socket.inet_aton(text)) if _DOTTED.fullmatch(text) else None
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _lookup(host: str | bytes, port: int | str | None, how: str) -> str:
    """Return what to look up instead of a host: its sentinel, or itself if it is local or numeric.

    Other names raise socket.gaierror, and malformed ones UnicodeError, as in an unpatched lookup.
    """
    name = _text(host)
    if name == "localhost" or not name or _address(name):
        return name
    if name == socket.gethostname().lower():
        return LOOPBACK
    if process.network and _HOST_NAME.fullmatch(name):
        sentinel = process.network.sentinel(name)
        if sentinel:
            return sentinel
    _refuse(name, port, how)
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known (refused by the network double)")


def _getaddrinfo(
    host: str | bytes | None,
    port: str | bytes | int | None,
    family: int = 0,
    type: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> Any:
    original = _ORIGINAL["getaddrinfo"]
    if not isinstance(host, str | bytes) or flags & socket.AI_NUMERICHOST:
        return original(host, port, family, type, proto, flags)
    shown = port.decode("latin-1") if isinstance(port, bytes) else port
    found = original(_lookup(host, shown, "getaddrinfo"), port, family, type, proto, flags)
    return [(*entry[:3], _text(host) if entry[3] else "", entry[4]) for entry in found]


def _gethostbyname(hostname: str | bytes) -> Any:
    return _ORIGINAL["gethostbyname"](_lookup(hostname, None, "gethostbyname"))


def _gethostbyname_ex(hostname: str | bytes) -> Any:
    address = _ORIGINAL["gethostbyname"](_lookup(hostname, None, "gethostbyname_ex"))
    return _text(hostname), [], [address]


def _gethostbyaddr(ip_address: str | bytes) -> Any:
    name, text = _name_of(_lookup(ip_address, None, "gethostbyaddr"))
    if name is None:
        _refuse(text, None, "gethostbyaddr")
        raise socket.herror(1, "Unknown host (refused by the network double)")
    return name, [], [text]


def _getnameinfo(sockaddr: Any, flags: int) -> Any:
    numeric, service = _ORIGINAL["getnameinfo"](sockaddr, flags | socket.NI_NUMERICHOST)
    name, text = _name_of(numeric)
    if flags & socket.NI_NUMERICHOST:
        return numeric, service
    if name is None:
        _refuse(text, service, "getnameinfo")
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known (refused by the network double)")
    return name, service


def _name_of(text: str) -> tuple[str | None, str]:
    """Return the name of a local or sentinel address (None for others), and the address."""
    if text == "localhost":
        return text, LOOPBACK
    address = _address(text)
    if process.network and isinstance(address, IPv4Address) and address in SENTINELS:
        return process.network.host_of(address), text
    return ("localhost" if address and address.is_loopback else None), text


def _route(sock: socket.socket, address: Any, how: str) -> Any:
    """Return the address to use in place of the given one; raise OSError if it is not allowed."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return address
    if (
        not isinstance(address, tuple)
        or len(address) < 2
        or not isinstance(address[0], str | bytes | bytearray)
    ):
        return address
    port = address[1]
    text = _lookup(address[0] if isinstance(address[0], str) else bytes(address[0]), port, how)
    ip = _address(text)
    if isinstance(ip, IPv4Address) and ip in SENTINELS:
        host = process.network.host_of(ip) if process.network else None
        if process.network and host and sock.type == socket.SOCK_STREAM and how.startswith("connect"):
            return _bind_and_announce(sock, process.network, host, port)
        text = host or text
    # A DNS resolver on loopback would forward names to the Internet.
    elif port != _DNS_PORT and (ip is None or ip.is_loopback or ip.is_unspecified):
        return (text, *address[1:])
    _refuse(text, port, how)
    raise OSError(errno.ENETUNREACH, "Network is unreachable (refused by the network double)")


def _bind_and_announce(sock: socket.socket, network: Network, host: str, port: int) -> Any:
    # Bind before connecting, so that the double recognizes the connection by its port.
    mapped = "::ffff:" if sock.family == socket.AF_INET6 else ""
    if sock.getsockname()[1] == 0:
        sock.bind((mapped + LOOPBACK, 0))
    return mapped + LOOPBACK, network.expect_connection(sock.getsockname()[1], host, port)


def _connect(self: socket.socket, address: Any, /) -> Any:
    return _ORIGINAL["connect"](self, _route(self, address, "connect"))


def _connect_ex(self: socket.socket, address: Any, /) -> Any:
    try:
        routed = _route(self, address, "connect_ex")
    except socket.gaierror:
        raise
    except OSError as error:
        return error.errno
    return _ORIGINAL["connect_ex"](self, routed)


def _sendto(self: socket.socket, data: Any, *rest: Any) -> Any:
    if rest:
        rest = (*rest[:-1], _route(self, rest[-1], "sendto"))
    return _ORIGINAL["sendto"](self, data, *rest)


def _sendmsg(
    self: socket.socket, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None, /
) -> Any:
    if address is None:
        return _ORIGINAL["sendmsg"](self, buffers, ancdata, flags)
    return _ORIGINAL["sendmsg"](self, buffers, ancdata, flags, _route(self, address, "sendmsg"))


def _trusting(name: str) -> Callable[..., Any]:
    """Return a method of TLS contexts that makes a verifying client trust the private CA first."""

    def wrap(self: ssl.SSLContext, *arguments: Any, **options: Any) -> Any:
        # Servers trust it too, which does them no harm: they rarely verify.
        if self.verify_mode != ssl.CERT_NONE and process.authority:
            self.load_verify_locations(cadata=process.authority.pem)
        return _ORIGINAL[name](self, *arguments, **options)

    return wrap


_PATCHES: tuple[tuple[tuple[Any, ...], str, Callable[..., Any]], ...] = (
    ((_socket,), "getaddrinfo", _getaddrinfo),
    ((_socket, socket), "gethostbyname", _gethostbyname),
    ((_socket, socket), "gethostbyname_ex", _gethostbyname_ex),
    ((_socket, socket), "gethostbyaddr", _gethostbyaddr),
    ((_socket, socket), "getnameinfo", _getnameinfo),
    ((socket.socket,), "connect", _connect),
    ((socket.socket,), "connect_ex", _connect_ex),
    ((socket.socket,), "sendto", _sendto),
    ((socket.socket,), "sendmsg", _sendmsg),
    ((_SSL_CONTEXT,), "wrap_socket", _trusting("wrap_socket")),
    ((_SSL_CONTEXT,), "wrap_bio", _trusting("wrap_bio")),
)
