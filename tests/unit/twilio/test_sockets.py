"""The patched sockets: what is refused, what passes, and that `uninstall` restores everything."""

from __future__ import annotations

import _socket
import asyncio
import errno
import os
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twilio_conformance.twilio import network
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


# Names


@pytest.mark.parametrize(
    "host",
    [
        "twilio.com.evil.example",
        "eviltwilio.com",
        "twilio.org",
        "api.twilio.com@evil.example",
        "a_b.twilio.com",
        "-a.twilio.com",
        "api.twilio.com\0.evil.example",
        "a.us--1.twilio.com",
    ],
)
def test_a_name_that_only_looks_like_twilios_is_refused(double: Network, host: str) -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo(host, 443)
    assert double.refused == (Refusal(host, 443, "getaddrinfo"),)


@settings(max_examples=25, deadline=None)
@given(labels=st.lists(st.from_regex(r"[a-z0-9]{1,12}(-[a-z0-9]{1,8})?", fullmatch=True), max_size=4))
def test_every_name_below_twilios_has_an_address_of_its_own(labels: list[str]) -> None:
    host, other = ".".join([*labels, "twilio.com"]), ".".join(["other", *labels, "twilio.com"])
    with Network() as double:
        try:
            addresses = {name: socket.gethostbyname(name) for name in (host, other)}
        except socket.gaierror:
            assert any(label[2:4] == "--" for label in labels)
            return
        assert len(set(addresses.values())) == 2
        assert socket.gethostbyaddr(addresses[host])[0] == host
        assert double.refused == ()


def _patched() -> dict[str, object]:
    names = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")
    calls = ("connect", "connect_ex", "sendto", "sendmsg")
    return {
        **{f"_socket.{name}": getattr(_socket, name) for name in names},
        **{f"socket.{name}": getattr(socket, name) for name in names},
        **{f"socket.socket.{name}": vars(socket.socket).get(name) for name in calls},
        **{f"SSLContext.{name}": vars(ssl.SSLContext)[name] for name in ("wrap_socket", "wrap_bio")},
        "aiodns": sys.modules.get("aiodns", "absent"),
    }


def test_stop_restores_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    monkeypatch.setenv("no_proxy", "twilio.com")
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    before, environment = _patched(), dict(os.environ)
    with Network():
        during = _patched()
        assert not {"HTTPS_PROXY", "no_proxy", "TWILIO_REGION"} & os.environ.keys()
    assert _patched() == before
    assert dict(os.environ) == environment
    changed = {name for name in before if before[name] is not during[name]}
    assert before.keys() - changed == {"socket.getaddrinfo"}


def test_names_are_refused_while_no_run_is_under_way() -> None:
    network.install()
    try:
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("api.twilio.com", 443)
        with pytest.raises(OSError, match="refused"), socket.socket() as plain:
            plain.connect(("127.84.0.1", 443))
    finally:
        network.uninstall()


def test_a_resolver_that_asks_for_numbers_only_learns_that_a_name_is_none(double: Network) -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("api.twilio.com", 443, flags=socket.AI_NUMERICHOST)
    assert double.refused == ()


@pytest.mark.usefixtures("double")
def test_a_canonical_name_is_the_name_itself() -> None:
    found = socket.getaddrinfo("api.twilio.com", 443, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    assert found[0][3] == "api.twilio.com"
    assert socket.gethostbyname_ex("api.twilio.com")[0] == "api.twilio.com"
    address = socket.gethostbyname("api.twilio.com")
    assert found[0][4] == (address, 443)
    assert socket.getnameinfo((address, 443), socket.NI_NUMERICSERV) == ("api.twilio.com", "443")


def test_an_ipv6_socket_reaches_the_double_by_a_mapped_address(double: Network) -> None:
    flags = socket.AI_V4MAPPED
    (found,) = socket.getaddrinfo("api.twilio.com", 80, socket.AF_INET6, socket.SOCK_STREAM, flags=flags)
    with socket.socket(socket.AF_INET6) as plain:
        plain.connect(found[4])
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert plain.recv(100).startswith(b"HTTP/1.1 200")
    assert double.exchanges[0].host == "api.twilio.com"


def test_a_bound_client_socket_keeps_its_port(double: Network) -> None:
    with socket.create_connection(("api.twilio.com", 80), source_address=("127.0.0.1", 0)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert plain.recv(100).startswith(b"HTTP/1.1 200")
    assert double.exchanges[0].host == "api.twilio.com"


@pytest.mark.usefixtures("double")
def test_a_second_install_is_refused() -> None:
    with pytest.raises(RuntimeError, match="installed"):
        network.install()
