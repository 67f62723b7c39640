"""The private CA and the server side of TLS: which certificates clients accept, and how connections end."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest

from twilio_conformance.twilio.network import Network
from twilio_conformance.twilio.record import Connection
from twilio_conformance.twilio.tls import BAD_CERTIFICATES, Authority, ServerStream

ALERTS = {
    "unknown-authority": "TLSV1_ALERT_UNKNOWN_CA",
    "wrong-host": "SSLV3_ALERT_BAD_CERTIFICATE",
    "expired": "SSLV3_ALERT_CERTIFICATE_EXPIRED",
}
LEFT = "the client left in the TLS handshake"


def _failures(double: Network) -> list[Connection]:
    return [connection for connection in double.connections if connection.tls_failure]


@pytest.mark.parametrize("kind", BAD_CERTIFICATES)
def test_a_verifying_client_refuses_a_bad_certificate(
    double: Network, client: Any, hang_up: Any, kind: str
) -> None:
    double.script([{"fault": "certificate", "kind": kind}])
    with pytest.raises(client.errors):
        client.post(hang_up.url())
    assert double.settle()
    assert double.exchanges == ()
    # asyncio's TLS leaves without sending the alert.
    alert = LEFT if client.on_asyncio else ALERTS[kind]
    assert {failure.tls_failure for failure in _failures(double)} == {alert}
    assert {(c.host, c.sni, c.fault) for c in double.connections} == {
        ("api.twilio.com", "api.twilio.com", "certificate")
    }


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
@pytest.mark.parametrize("kind", BAD_CERTIFICATES)
def test_a_client_that_does_not_verify_goes_through(
    double: Network, client: Any, hang_up: Any, kind: str
) -> None:
    double.script([{"fault": "certificate", "kind": kind, "status": 200, "json": {"seen": True}}])
    assert client.post(hang_up.url(), verify=False) == (200, b'{"seen": true}')
    double.settle()
    (exchange,) = double.exchanges
    assert exchange.header("Authorization") == hang_up.authorization
    assert _failures(double) == []


def test_a_bad_certificate_is_met_once_and_then_the_script_goes_on(
    double: Network, family: Any, hang_up: Any
) -> None:
    double.script([{"fault": "certificate", "kind": "expired"}, {"status": 503, "body": "later"}])
    with pytest.raises(family.errors):
        family.post(hang_up.url())
    assert family.post(hang_up.url()) == (503, b"later")


def test_the_certificate_is_for_the_host_connected_to_not_for_the_sni(double: Network) -> None:
    context = ssl.create_default_context()
    with (
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
        socket.create_connection(("decoy.example", 443), timeout=5) as plain,
    ):
        context.wrap_socket(plain, server_hostname="api.twilio.com")
    double.settle()
    (failure,) = _failures(double)
    assert (failure.host, failure.sni, failure.decoy) == ("decoy.example", "api.twilio.com", True)


def test_a_client_that_leaves_in_the_handshake_is_recorded(double: Network) -> None:
    with socket.create_connection(("api.twilio.com", 443), timeout=5) as plain:
        plain.sendall(b"\x16\x03\x01")
    double.settle()
    (failure,) = _failures(double)
    assert failure.tls_failure == LEFT


def test_strict_verification_accepts_the_good_certificate(double: Network) -> None:
    context = ssl.create_default_context()
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    with (
        socket.create_connection(("api.sydney.au1.twilio.com", 443), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="api.sydney.au1.twilio.com") as secure,
    ):
        assert secure.version() == "TLSv1.3"
    assert _failures(double) == []


def test_an_authority_issues_one_certificate_a_name() -> None:
    authority = Authority()
    assert authority.context("api.twilio.com") is authority.context("api.twilio.com")
    assert authority.context("api.twilio.com") is not authority.context("api.twilio.com", "expired")


def test_an_authority_says_which_name_it_cannot_certify() -> None:
    with pytest.raises(UnicodeError):
        Authority().context("us--1.twilio.com")


def _served(serve: Callable[[ServerStream], None]) -> socket.socket:
    ours, theirs = socket.create_server(("127.0.0.1", 0)), socket.socket()
    with ours:
        theirs.connect(ours.getsockname())
        stream = ServerStream(ours.accept()[0])

    def run() -> None:
        serve(stream)
        stream.close()

    threading.Thread(target=run, daemon=True).start()
    theirs.settimeout(5)
    return theirs


def test_a_wait_keeps_what_arrives_meanwhile() -> None:
    def serve(stream: ServerStream) -> None:
        assert stream.open()
        assert stream.wait(0.01)
        stream.send(stream.receive())

    with _served(serve) as plain:
        plain.sendall(b"early")
        assert plain.recv(10) == b"early"


def test_a_wait_ends_when_the_client_leaves() -> None:
    left = threading.Event()

    def serve(stream: ServerStream) -> None:
        if stream.open() and not stream.wait(None):
            left.set()

    with _served(serve) as plain:
        plain.sendall(b"x")
    assert left.wait(5)


def test_a_wait_ends_at_the_close_notify_of_a_tls_client(double: Network, hang_up: Any) -> None:
    double.script([{"fault": "silence"}])
    context = ssl.create_default_context()
    with (
        socket.create_connection(("api.twilio.com", 443), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="api.twilio.com") as secure,
    ):
        secure.sendall(f"GET {hang_up.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while not double.exchanges or not double.exchanges[0].complete:
            double.settle()
        with contextlib.suppress(ssl.SSLError):
            secure.unwrap()
    double.settle()
    assert double.exchanges[0].finished is not None


def test_a_reset_reaches_the_client_as_one() -> None:
    def serve(stream: ServerStream) -> None:
        stream.open()
        stream.reset()

    with _served(serve) as plain:
        plain.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            plain.recv(10)
