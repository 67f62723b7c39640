"""The network namespace of an adapter, and the resolver in it."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
import subprocess
from collections.abc import Iterator

import pytest

from twilio_conformance.adapter import namespace
from twilio_conformance.adapter.namespace import NamespaceEntry, NamespaceSockets, Resolver, Unavailable

API = "api.twilio.com"


def question(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


@pytest.fixture
def sockets() -> Iterator[NamespaceSockets]:
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    resolver.bind(("127.0.0.1", 0))
    opened = NamespaceSockets((), resolver)
    yield opened
    opened.close()


def ask(sockets: NamespaceSockets, data: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(data, sockets.resolver.getsockname())
        return client.recv(2048)


def resolver_for(sockets: NamespaceSockets) -> tuple[Resolver, list[str]]:
    refused: list[str] = []
    return Resolver(sockets, lambda name: name.endswith("twilio.com"), refused.append), refused


def test_a_served_name_has_a_loopback_address_that_leads_back_to_it(sockets: NamespaceSockets) -> None:
    resolver, refused = resolver_for(sockets)
    reply = ask(sockets, question("API.Twilio.com"))
    assert reply[:4] == struct.pack("!HH", 7, 0x8180)
    address = socket.inet_ntoa(reply[-4:])
    assert ipaddress.ip_address(address).is_loopback
    assert address == namespace.address_of(API)
    assert (resolver.name_of(address), resolver.name_of("127.0.0.9"), refused) == (API, None, [])


def test_any_other_name_does_not_exist_and_is_reported(sockets: NamespaceSockets) -> None:
    _, refused = resolver_for(sockets)
    assert ask(sockets, question("example.com"))[2:4] == b"\x81\x83"
    assert refused == ["example.com"]


def test_a_served_name_has_no_address_of_another_kind(sockets: NamespaceSockets) -> None:
    resolver, refused = resolver_for(sockets)
    reply = ask(sockets, question(API, kind=28))
    assert (reply[2:4], reply[6:8], refused) == (b"\x81\x80", b"\0\0", [])
    assert resolver.name_of(namespace.address_of(API)) is None


def test_a_malformed_question_does_not_end_the_resolver(sockets: NamespaceSockets) -> None:
    resolver_for(sockets)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"\xff", sockets.resolver.getsockname())
    assert ask(sockets, question(API))[2:4] == b"\x81\x80"


def test_the_next_resolver_knows_the_names_that_a_client_may_have_cached(sockets: NamespaceSockets) -> None:
    first, _ = resolver_for(sockets)
    ask(sockets, question(API))
    second, _ = resolver_for(sockets)
    assert second.name_of(namespace.address_of(API)) == first.name_of(namespace.address_of(API)) == API


def test_a_process_that_may_not_enter_says_why_and_starts_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(namespace, "_leave_network", refuse)
    entry = NamespaceEntry()
    ran = subprocess.run(["true"], preexec_fn=entry.enter, check=False)
    assert ran.returncode == 0
    with pytest.raises(Unavailable, match="Operation not permitted"):
        entry.receive_sockets()
