"""The faults of Twilio's scripted REST API, as every client meets them."""

from __future__ import annotations

import asyncio
import http.client
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from twilio_conformance.twilio.exchange import CONNECTION_FAULTS
from twilio_conformance.twilio.http import ENDLESS_LIMIT
from twilio_conformance.twilio.network import Network

GET = b"GET /a?b=%20c HTTP/1.1\r\nHost: api.twilio.com\r\n\r\n"
ABRUPT = ("refuse", "reset", "reset-in-answer", "reset-in-handshake", "close")
# OpenSSL may tell a reset as an end of the stream.
RESET_OVER_TLS = (httpx.ReadError, httpx.RemoteProtocolError)


@contextmanager
def _dialled(port: int = 80) -> Iterator[socket.socket]:
    with socket.create_connection(("api.twilio.com", port), timeout=5) as plain:
        yield plain


def _all(plain: socket.socket) -> bytes:
    data = b""
    while chunk := plain.recv(65536):
        data += chunk
    return data


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


def test_half_the_answer_arrives_before_its_reset(double: Network) -> None:
    double.script([{"fault": "reset-in-answer", "status": 200, "body": "0123456789"}])
    with _dialled() as plain:
        plain.sendall(GET)
        data = b""
        with pytest.raises(ConnectionResetError):
            while True:
                data += plain.recv(100)
    assert data.endswith(b"Content-Length: 10\r\n\r\n01234")


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
    with _dialled() as plain:
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


def test_a_drip_is_a_valid_answer_byte_by_byte(double: Network) -> None:
    double.script([{"fault": "drip", "interval": 0.001, "status": 200, "body": "ok"}])
    with _dialled() as plain:
        plain.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        pieces = list(iter(lambda: plain.recv(1000), b""))
    assert len(pieces) > 20
    assert re.fullmatch(rb"HTTP/1.1 200 OK\r\n.*\r\n\r\nok", b"".join(pieces), re.DOTALL)


def test_an_endless_body_ends_with_the_client(double: Network, hang_up: Any) -> None:
    double.script([{"fault": "endless"}])
    with httpx.stream("POST", hang_up.url()) as response:
        taken = sum(len(chunk) for _, chunk in zip(range(3), response.iter_raw(), strict=False))
    assert response.status_code == 200
    assert 0 < taken < ENDLESS_LIMIT
    double.settle()
    assert double.exchanges[0].note == "the connection ended before the answer was complete"


def test_a_client_that_takes_the_whole_endless_body_is_told_on(double: Network) -> None:
    double.script([{"fault": "endless"}])
    with _dialled() as plain:
        plain.sendall(GET)
        buffer, taken = bytearray(2**20), 0
        while count := plain.recv_into(buffer):
            taken += count
    double.settle()
    assert taken > ENDLESS_LIMIT
    assert str(ENDLESS_LIMIT) in str(double.exchanges[0].note)


def test_an_answer_can_be_late(double: Network, hang_up: Any) -> None:
    double.script([{"status": 200, "delay": 0.3}, {"status": 200, "delay": 600}])
    assert requests.post(hang_up.url()).status_code == 200
    with pytest.raises(requests.ReadTimeout):
        requests.post(hang_up.url(), timeout=0.5)
    double.settle()
    (first, second) = double.exchanges
    assert (first.finished or 0) - first.started >= 0.3
    assert second.answer_status is None


def test_a_cancelled_request_is_recorded_as_cut_off(double: Network, run: Any, hang_up: Any) -> None:
    async def cancel() -> None:
        async with aiohttp.ClientSession() as session:
            task = asyncio.create_task(session.post(hang_up.url(), data=hang_up.body).__aenter__())
            while not double.exchanges or not double.exchanges[0].complete:
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    double.script([{"fault": "silence"}])
    run(cancel())
    double.settle()
    (exchange,) = double.exchanges
    assert (exchange.complete, exchange.answer_status) == (True, None)
    assert exchange.finished is not None
