"""The server of the double: scripted faults as every client sees them, and failures of its own."""

from __future__ import annotations

import http.client
import socket
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from tests.unit.twilio.raw_http import GET, connected
from twilio_conformance.twilio.network import Network
from twilio_conformance.twilio.record import Record
from twilio_conformance.twilio.script import CONNECTION_FAULTS

ABRUPT = ("refuse", "reset", "reset-in-answer", "reset-in-handshake", "close")
# OpenSSL may tell a reset as an end of the stream.
RESET_OVER_TLS = (httpx.ReadError, httpx.RemoteProtocolError)


# Faults


@pytest.mark.parametrize("fault", ABRUPT)
def test_every_client_meets_a_fault_as_an_error_of_its_own(
    double: Network, client: Any, hang_up: Any, fault: str
) -> None:
    double.script([{"fault": fault}])
    with pytest.raises(client.errors):
        client.post(hang_up.url())
    double.settle()
    seen = [(e.complete, e.answer_status) for e in double.exchanges]
    if fault in CONNECTION_FAULTS:
        assert seen == []
        assert {connection.fault for connection in double.connections} == {fault}
    else:
        assert set(seen) == {(True, 200 if fault == "reset-in-answer" else None)}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refuse", aiohttp.ClientConnectorError),
        ("reset", aiohttp.ClientOSError),
        ("reset-in-answer", aiohttp.ClientPayloadError),
        ("reset-in-handshake", aiohttp.ClientConnectorError),
        ("close", aiohttp.ServerDisconnectedError),
    ],
)
def test_aiohttp_names_each_fault(
    double: Network, run: Any, hang_up: Any, fault: str, error: type[Exception]
) -> None:
    async def post() -> None:
        async with aiohttp.ClientSession() as session, session.post(hang_up.url()) as response:
            await response.read()

    double.script([{"fault": fault}])
    with pytest.raises(error):
        run(post())


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refuse", httpx.ConnectError),
        ("reset", RESET_OVER_TLS),
        ("reset-in-answer", RESET_OVER_TLS),
        ("reset-in-handshake", httpx.ConnectError),
        ("close", httpx.RemoteProtocolError),
    ],
)
def test_httpx_names_each_fault(double: Network, hang_up: Any, fault: str, error: Any) -> None:
    double.script([{"fault": fault}])
    with pytest.raises(error):
        httpx.post(hang_up.url())


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refuse", ConnectionRefusedError),
        ("reset", ConnectionResetError),
        ("reset-in-answer", ConnectionResetError),
        ("close", http.client.RemoteDisconnected),
    ],
)
def test_the_operating_system_names_each_fault(double: Network, fault: str, error: type[Exception]) -> None:
    double.script([{"fault": fault}])
    connection = http.client.HTTPConnection("api.twilio.com", timeout=5)
    try:
        with pytest.raises(error):
            connection.request("GET", "/")
            connection.getresponse().read()
    finally:
        connection.close()


@pytest.mark.parametrize("fault", [*ABRUPT, "silence"])
def test_after_a_fault_the_script_goes_on(double: Network, hang_up: Any, fault: str) -> None:
    double.script([{"fault": fault}, {"status": 200, "body": "again"}])
    with pytest.raises(requests.RequestException):
        requests.post(hang_up.url(), timeout=0.5)
    assert requests.post(hang_up.url()).text == "again"


def test_a_fault_of_a_connection_waits_for_a_new_connection(double: Network, hang_up: Any) -> None:
    double.script([{"status": 429}, {"fault": "refuse"}, {"status": 200}])
    with requests.Session() as session:
        assert session.post(hang_up.url()).status_code == 429
        with pytest.raises(requests.ConnectionError):
            session.post(hang_up.url())
        assert session.post(hang_up.url()).status_code == 200
    assert [connection.fault for connection in double.connections] == [None, "refuse", None]


def test_a_fault_of_a_connection_resets_one_that_is_open_already(double: Network) -> None:
    with connected() as plain:
        double.script([{"fault": "refuse"}, {"status": 200}])
        plain.sendall(GET)
        with pytest.raises(ConnectionResetError):
            plain.recv(100)
    double.settle()
    assert double.exchanges[0].note == "the fault 'refuse' met an open connection and reset it"


def test_every_client_can_give_up_waiting(double: Network, client: Any, hang_up: Any) -> None:
    double.script([{"fault": "silence"}])
    with pytest.raises(client.errors):
        client.post(hang_up.url(), timeout=0.1)
    double.settle()
    for exchange in double.exchanges:
        assert exchange.answer_status is None
        assert exchange.finished is not None
        assert exchange.note == "the connection ended before the answer was complete"


@pytest.mark.parametrize("fault", ["silence-in-handshake", "drip"])
def test_a_client_can_give_up_on_a_slow_server(
    double: Network, family: Any, hang_up: Any, fault: str
) -> None:
    double.script([{"fault": fault, "interval": 600}])
    with pytest.raises(family.errors):
        family.post(hang_up.url(), timeout=0.1)
    double.settle()
    assert {connection.host for connection in double.connections} == {"api.twilio.com"}
    for exchange in double.exchanges:
        assert (exchange.answer_status, exchange.finished is None) == (200, False)


def test_a_failure_of_the_double_itself_is_not_hidden(hang_up: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(Record, "next_answer", broken)
    double = Network()
    double.start()
    with pytest.raises(requests.RequestException):
        requests.post(hang_up.url())
    with pytest.raises(RuntimeError, match="failed while serving"):
        double.exchanges  # noqa: B018
    with pytest.raises(RuntimeError, match="failed while serving"):
        double.stop()


def test_answers_are_used_in_order_on_one_connection_and_the_last_repeats(
    double: Network, hang_up: Any
) -> None:
    double.script([{"status": 429}, {"status": 503}, {"status": 200}])
    with requests.Session() as session:
        assert [session.post(hang_up.url()).status_code for _ in range(5)] == [429, 503, 200, 200, 200]
    assert len(double.connections) == 1
    assert {exchange.connection for exchange in double.exchanges} == {1}


def test_a_connection_is_open_until_the_client_closes_it(double: Network, hang_up: Any) -> None:
    with requests.Session() as session:
        session.post(hang_up.url())
        double.settle()
        assert [connection.closed for connection in double.connections] == [None]
    double.settle()
    (connection,) = double.connections
    assert connection.closed is not None
    assert connection.closed > connection.opened


@pytest.mark.parametrize(
    ("name", "host", "decoy"), [("decoy.example", "decoy.example", True), (None, "127.0.0.1", False)]
)
def test_another_listener_is_served_under_the_name_that_was_looked_up(
    double: Network, name: str | None, host: str, decoy: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        double.accept_from([listener], lambda _: name)
        with socket.create_connection(listener.getsockname(), timeout=5) as plain:
            plain.sendall(GET)
            assert plain.recv(100).startswith(b"HTTP/1.1 200")
        double.settle()
        # Closing alone does not interrupt accept() in the server's thread.
        listener.shutdown(socket.SHUT_RDWR)
    assert [(exchange.host, exchange.decoy) for exchange in double.exchanges] == [(host, decoy)]
