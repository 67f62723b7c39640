"""What the network double refuses, and what it lets pass."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twilio_conformance.twilio.network import Network, Refusal

OUTSIDE = "192.0.2.1"


def _udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _connect(address: Any, kind: int = socket.SOCK_STREAM) -> None:
    with socket.socket(socket.AF_INET, kind) as plain:
        plain.connect(address)


def _datagram(*arguments: Any) -> None:
    with _udp() as plain:
        plain.sendto(*arguments)


def _message(address: Any) -> None:
    with _udp() as plain:
        plain.sendmsg([b"x"], (), 0, address)


REFUSED: list[tuple[Callable[[], Any], type[Exception], Refusal]] = [
    (lambda: socket.getaddrinfo("a.example", 1), socket.gaierror, Refusal("a.example", 1, "getaddrinfo")),
    (
        lambda: socket.getaddrinfo(b"a.example", b"1"),
        socket.gaierror,
        Refusal("a.example", "1", "getaddrinfo"),
    ),
    (lambda: socket.gethostbyname("a.example"), socket.gaierror, Refusal("a.example", None, "gethostbyname")),
    (
        lambda: socket.gethostbyname_ex("a.example"),
        socket.gaierror,
        Refusal("a.example", None, "gethostbyname_ex"),
    ),
    (lambda: socket.gethostbyaddr(OUTSIDE), socket.herror, Refusal(OUTSIDE, None, "gethostbyaddr")),
    (
        lambda: socket.getnameinfo((OUTSIDE, 9), socket.NI_NUMERICSERV),
        socket.gaierror,
        Refusal(OUTSIDE, "9", "getnameinfo"),
    ),
    (lambda: socket.create_connection((OUTSIDE, 443)), OSError, Refusal(OUTSIDE, 443, "connect")),
    (lambda: socket.create_connection(("a.example", 443)), OSError, Refusal("a.example", 443, "getaddrinfo")),
    (lambda: _connect(("a.example", 443)), OSError, Refusal("a.example", 443, "connect")),
    (lambda: _connect((b"192.0.2.1", 443)), OSError, Refusal(OUTSIDE, 443, "connect")),
    (lambda: _connect(("3221225985", 443)), OSError, Refusal("3221225985", 443, "connect")),
    (lambda: _connect(("127.0.0.1", 53)), OSError, Refusal("127.0.0.1", 53, "connect")),
    (lambda: _connect(("127.84.200.1", 443)), OSError, Refusal("127.84.200.1", 443, "connect")),
    (lambda: _connect((OUTSIDE, 443), socket.SOCK_DGRAM), OSError, Refusal(OUTSIDE, 443, "connect")),
    (lambda: _datagram(b"x", (OUTSIDE, 443)), OSError, Refusal(OUTSIDE, 443, "sendto")),
    (lambda: _datagram(b"x", 0, ("a.example", 443)), OSError, Refusal("a.example", 443, "sendto")),
    (lambda: _message((OUTSIDE, 443)), OSError, Refusal(OUTSIDE, 443, "sendmsg")),
    (
        lambda: _datagram(b"x", (socket.gethostbyname("api.twilio.com"), 443)),
        OSError,
        Refusal("api.twilio.com", 443, "sendto"),
    ),
    (
        lambda: asyncio.run(asyncio.open_connection("a.example", 443)),
        socket.gaierror,
        Refusal("a.example", 443, "getaddrinfo"),
    ),
    (lambda: asyncio.run(asyncio.open_connection(OUTSIDE, 443)), OSError, Refusal(OUTSIDE, 443, "connect")),
]


@pytest.mark.parametrize(("call", "error", "refusal"), REFUSED, ids=[str(case[2]) for case in REFUSED])
def test_another_destination_is_refused_and_recorded(
    double: Network, call: Callable[[], Any], error: type[Exception], refusal: Refusal
) -> None:
    with pytest.raises(error):
        call()
    assert double.refused == (refusal,)
    assert double.connections == ()


@pytest.mark.parametrize("host", ["2001:db8::1", "::ffff:192.0.2.1"])
def test_an_outside_ipv6_address_is_refused(double: Network, host: str) -> None:
    with pytest.raises(OSError, match="refused"), socket.socket(socket.AF_INET6) as plain:
        plain.connect((host, 443))
    assert [(refusal.port, refusal.how) for refusal in double.refused] == [(443, "connect")]


def test_connect_ex_returns_the_refusal_as_a_number(double: Network) -> None:
    with socket.socket() as plain:
        assert plain.connect_ex((OUTSIDE, 443)) == errno.ENETUNREACH
    assert double.refused == (Refusal(OUTSIDE, 443, "connect_ex"),)


def test_connect_ex_reaches_a_served_name(double: Network) -> None:
    with socket.socket() as plain:
        assert plain.connect_ex(("api.twilio.com", 80)) == 0
    double.settle()
    assert [connection.host for connection in double.connections] == ["api.twilio.com"]


def test_a_client_refused_elsewhere_raises_its_own_error(double: Network, family: Any, hang_up: Any) -> None:
    with pytest.raises(family.errors):
        family.post(hang_up.url("elsewhere.example"))
    assert {refusal.host for refusal in double.refused} == {"elsewhere.example"}
    assert double.exchanges == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", socket.gethostname()])
def test_loopback_passes(double: Network, host: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection((host, listener.getsockname()[1]), timeout=5) as plain,
    ):
        assert plain.getpeername() == listener.getsockname()
    assert double.refused == ()
    assert double.connections == ()


def test_datagrams_on_loopback_pass(double: Network) -> None:
    with _udp() as receiver, _udp() as sender:
        receiver.bind(("127.0.0.1", 0))
        sender.sendto(b"x", receiver.getsockname())
        sender.sendmsg([b"y"], (), 0, receiver.getsockname())
        assert receiver.recv(9) + receiver.recv(9) == b"xy"
    assert double.refused == ()


def test_unix_sockets_pass(double: Network, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as plain:
        listener.bind(path)
        listener.listen()
        plain.connect(path)
    assert double.refused == ()
