"""HTTP/1.1 of the double: requests as recorded, answers as scripted, faults of a request."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from tests.unit.twilio.raw_http import GET, connected, read_all
from twilio_conformance.twilio.http import ENDLESS_LIMIT, REQUEST_BODY_LIMIT
from twilio_conformance.twilio.network import Network

# Answers


@pytest.mark.parametrize(
    ("answer", "status", "content_type", "body"),
    [
        ({"status": 200, "json": {"a": [1]}}, 200, "application/json", b'{"a": [1]}'),
        ({"status": 404, "body": "text \u2713"}, 404, "text/plain; charset=utf-8", "text \u2713".encode()),
        ({"status": 500, "body_base64": "AP8="}, 500, "application/octet-stream", b"\x00\xff"),
        ({"status": 503}, 503, None, b""),
        ({"status": 201, "json": {}, "headers": {"content-type": "text/html"}}, 201, "text/html", b"{}"),
        ({"status": 200, "json": {"a": 1}, "chunked": True}, 200, "application/json", b'{"a": 1}'),
        ({"status": 200, "json": {"a": 1}, "interim": [100, 102, 103]}, 200, "application/json", b'{"a": 1}'),
        ({"status": 204}, 204, None, b""),
        ({"status": 304, "body": "never sent"}, 304, "text/plain; charset=utf-8", b""),
    ],
    ids=lambda case: json.dumps(case) if isinstance(case, dict) else "",
)
def test_a_scripted_answer_arrives_as_it_stands(
    double: Network, hang_up: Any, answer: dict[str, Any], status: int, content_type: str | None, body: bytes
) -> None:
    double.script([answer])
    response = httpx.post(hang_up.url(scheme="http"), content=b"x")
    assert (response.status_code, response.content) == (status, body)
    assert response.headers.get("Content-Type") == content_type
    assert ("chunked" in response.headers.get("Transfer-Encoding", "")) == answer.get("chunked", False)


def test_a_reason_phrase_can_be_scripted(double: Network) -> None:
    double.script([{"status": 429, "reason": "Slow Down"}])
    with connected() as plain:
        plain.sendall(GET)
        assert plain.recv(100).startswith(b"HTTP/1.1 429 Slow Down\r\n")


def test_every_client_reads_a_long_answer_after_100(double: Network, family: Any, hang_up: Any) -> None:
    double.script([{"status": 200, "body": "x" * 100_000, "interim": [100]}])
    assert family.post(hang_up.url()) == (200, b"x" * 100_000)


@pytest.mark.parametrize("interim", [102, 103])
def test_http_client_of_the_standard_library_takes_any_other_1xx_for_the_answer(
    double: Network, family: Any, hang_up: Any, interim: int
) -> None:
    double.script([{"status": 200, "interim": [interim]}])
    knows = family.name.startswith(("aiohttp", "httpx", "asyncio"))
    assert family.post(hang_up.url())[0] == (200 if knows else interim)


def test_a_head_request_is_answered_without_a_body(double: Network, hang_up: Any) -> None:
    double.script([{"status": 200, "body": "text"}])
    response = requests.head(hang_up.url())
    assert (response.content, response.headers["Content-Length"]) == (b"", "4")


def test_an_answer_can_echo_the_request(double: Network, hang_up: Any) -> None:
    double.script(
        [{"status": 401, "json": {"you sent": "{authorization}", "to": "{target}", "call": "{call_sid}"}}]
    )
    response = httpx.post(hang_up.url(), auth=(hang_up.account, hang_up.token))
    assert response.json() == {
        "you sent": hang_up.authorization,
        "to": hang_up.path,
        "call": hang_up.call,
    }


def test_an_echoed_target_cannot_break_a_json_body(double: Network) -> None:
    double.script([{"status": 200, "json": {"to": "{target}"}, "headers": {"X-Echo": "{target}"}}])
    with connected() as plain:
        plain.sendall(b'GET /"\\ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        head, _, body = read_all(plain).partition(b"\r\n\r\n")
    assert json.loads(body) == {"to": '/"\\'}
    assert b'X-Echo: /"\\\r\n' in head + b"\r\n"


# Redirects


def test_credentials_that_follow_a_redirect_to_another_host_are_seen(
    double: Network, family: Any, hang_up: Any
) -> None:
    double.script([{"status": 302, "headers": {"Location": "https://decoy.example/next"}}, {"status": 200}])
    family.post(hang_up.url())
    double.settle()
    decoyed = [exchange for exchange in double.exchanges if exchange.decoy]
    follows = {"aiohttp", "requests", "urllib"}
    assert [exchange.target for exchange in decoyed] == ["/next"] * (family.name in follows)
    leaks = [exchange.header("Authorization") for exchange in decoyed if exchange.header("Authorization")]
    # urllib.request keeps every header whatever the host.
    assert leaks == [hang_up.authorization] * (family.name == "urllib")


def test_a_redirect_to_cleartext_is_seen(double: Network, hang_up: Any) -> None:
    double.script([{"status": 307, "headers": {"Location": hang_up.url(scheme="http")}}, {"status": 200}])
    requests.post(hang_up.url(), data=hang_up.body, auth=(hang_up.account, hang_up.token))
    assert [(e.scheme, e.port, e.body) for e in double.exchanges] == [
        ("https", 443, hang_up.body),
        ("http", 80, hang_up.body),
    ]


# Requests


def test_a_request_is_recorded_as_it_was_sent(double: Network) -> None:
    with connected() as plain:
        plain.sendall(
            b"PUT /a/../b?c=%41#d HTTP/1.1\r\nhOsT: x:1\r\nX-Two: 1\r\nx-two:  2 \r\n"
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        plain.recv(100)
    double.settle()
    (exchange,) = double.exchanges
    assert (exchange.method, exchange.target) == ("PUT", "/a/../b?c=%41#d")
    assert exchange.headers == (
        ("hOsT", "x:1"),
        ("X-Two", "1"),
        ("x-two", "2"),
        ("Transfer-Encoding", "chunked"),
    )
    assert exchange.headers_named("X-TWO") == ("1", "2")
    assert (exchange.header("x-Two"), exchange.header("X-Three")) == ("1", None)
    assert exchange.body == b"abcde"
    assert exchange.started <= (exchange.finished or 0)


def test_requests_in_a_row_before_any_answer_are_all_answered(double: Network) -> None:
    double.script([{"status": 200, "delay": 0.01, "body": "1"}, {"status": 200, "body": "2"}])
    with connected() as plain:
        plain.sendall(GET + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert re.findall(rb"\r\n\r\n(.)", read_all(plain)) == [b"1", b"2"]


def test_a_client_that_waits_for_100_continue_gets_it(double: Network) -> None:
    with connected() as plain:
        plain.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        assert plain.recv(100).startswith(b"HTTP/1.1 100")
        plain.sendall(b"x")
        assert plain.recv(100).startswith(b"HTTP/1.1 200")
    assert double.exchanges[0].body == b"x"


@pytest.mark.parametrize(
    ("sent", "headers", "body"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf", 2, b"half"),
        (b"POST / HTTP/1.1\r\nHo", 0, b"POST / HTTP/1.1\r\nHo"),
    ],
)
def test_a_request_that_breaks_off_is_recorded_as_incomplete(
    double: Network, sent: bytes, headers: int, body: bytes
) -> None:
    with connected() as plain:
        plain.sendall(sent)
    double.settle()
    (exchange,) = double.exchanges
    assert (len(exchange.headers), exchange.body, exchange.complete) == (headers, body, False)
    assert exchange.note == "the client left before the request was whole"


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_a_malformed_request_is_recorded_and_answered_400(double: Network, sent: bytes) -> None:
    with connected() as plain:
        plain.sendall(sent)
        assert plain.recv(100).startswith(b"HTTP/1.1 400")
    double.settle()
    (exchange,) = double.exchanges
    assert (exchange.method, exchange.target, exchange.body) == ("", "", sent)
    assert (exchange.complete, exchange.answer_status) == (False, 400)
    assert str(exchange.note).startswith("malformed request: ")


def test_http2_without_negotiation_is_recorded_as_what_it_is(double: Network) -> None:
    with connected() as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        plain.recv(100)
    assert (double.exchanges[0].method, double.exchanges[0].http_version) == ("PRI", "2.0")


def test_a_request_body_is_bounded(double: Network) -> None:
    with connected() as plain, pytest.raises(ConnectionError):
        plain.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        while True:
            plain.sendall(bytes(2**20))
    double.settle()
    (exchange,) = double.exchanges
    assert not exchange.complete
    assert REQUEST_BODY_LIMIT < len(exchange.body) < 2 * REQUEST_BODY_LIMIT


# Faults of a request


def test_half_the_answer_arrives_before_its_reset(double: Network) -> None:
    double.script([{"fault": "reset-in-answer", "status": 200, "body": "0123456789"}])
    with connected() as plain:
        plain.sendall(GET)
        data = b""
        with pytest.raises(ConnectionResetError):
            while True:
                data += plain.recv(100)
    assert data.endswith(b"Content-Length: 10\r\n\r\n01234")


def test_a_drip_is_a_valid_answer_byte_by_byte(double: Network) -> None:
    double.script([{"fault": "drip", "interval": 0.001, "status": 200, "body": "ok"}])
    with connected() as plain:
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


def test_taking_the_whole_endless_body_is_noted(double: Network) -> None:
    double.script([{"fault": "endless"}])
    with connected() as plain:
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
