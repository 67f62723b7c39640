"""Twilio's scripted REST API: answers, faults, and the record of what was asked."""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jsonschema
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from twilio_conformance.spec import catalogue
from twilio_conformance.twilio.exchange import CONNECTION_FAULTS, Answer, Exchange, Record
from twilio_conformance.twilio.http import REQUEST_BODY_LIMIT
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
    with _dialled() as plain:
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


def test_answers_are_used_in_order_on_one_connection_and_the_last_repeats(
    double: Network, hang_up: Any
) -> None:
    double.script([{"status": 429}, {"status": 503}, {"status": 200}])
    with requests.Session() as session:
        assert [session.post(hang_up.url()).status_code for _ in range(5)] == [429, 503, 200, 200, 200]
    assert len(double.connections) == 1
    assert {exchange.connection for exchange in double.exchanges} == {1}


@given(
    faults=st.lists(st.sampled_from([None, "silence", *CONNECTION_FAULTS]), min_size=1, max_size=8),
    takers=st.lists(st.booleans(), max_size=20),
)
def test_a_script_never_skips_nor_repeats_an_answer_but_the_last(
    faults: list[str | None], takers: list[bool]
) -> None:
    answers = [Answer(fault=fault, delay=float(number)) for number, fault in enumerate(faults)]
    record = Record(answers)
    taken = []
    for connects in takers:
        answer = record.add_connection("h", 1, False)[1] if connects else record.next_answer()
        if answer:
            taken.append(answer)
            assert not connects or answer.fault in CONNECTION_FAULTS
    assert taken == (answers + answers[-1:] * len(taken))[: len(taken)]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"statuss": 200}, "statuss"),
        ({"fault": "explode"}, "explode"),
        ({"fault": "certificate"}, "certificate"),
        ({"fault": "certificate", "kind": "rusty"}, "rusty"),
        ({"status": 200, "kind": "expired"}, "expired"),
        ({"json": {}, "body": ""}, "json, body"),
        ({"body_base64": "AAA"}, "padding"),
    ],
)
def test_what_is_no_answer_is_refused_by_name(answer: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Answer.from_json(answer)


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
    with _dialled() as plain:
        plain.sendall(b'GET /"\\ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        head, _, body = _all(plain).partition(b"\r\n\r\n")
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
    assert [exchange.path for exchange in decoyed] == ["/next"] * (family.name in follows)
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
    with _dialled() as plain:
        plain.sendall(
            b"PUT /a/../b?c=%41#d HTTP/1.1\r\nhOsT: x:1\r\nX-Two: 1\r\nx-two:  2 \r\n"
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        plain.recv(100)
    double.settle()
    (exchange,) = double.exchanges
    assert (exchange.method, exchange.target, exchange.path) == ("PUT", "/a/../b?c=%41#d", "/a/../b")
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
    with _dialled() as plain:
        plain.sendall(GET + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert re.findall(rb"\r\n\r\n(.)", _all(plain)) == [b"1", b"2"]


def test_a_client_that_waits_for_100_continue_gets_it(double: Network) -> None:
    with _dialled() as plain:
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
    with _dialled() as plain:
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
    with _dialled() as plain:
        plain.sendall(sent)
        assert plain.recv(100).startswith(b"HTTP/1.1 400")
    double.settle()
    (exchange,) = double.exchanges
    assert (exchange.method, exchange.target, exchange.body) == ("", "", sent)
    assert (exchange.complete, exchange.answer_status) == (False, 400)
    assert str(exchange.note).startswith("malformed request: ")


def test_http2_without_negotiation_is_recorded_as_what_it_is(double: Network) -> None:
    with _dialled() as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        plain.recv(100)
    assert (double.exchanges[0].method, double.exchanges[0].http_version) == ("PRI", "2.0")


def test_a_request_body_is_bounded(double: Network) -> None:
    with _dialled() as plain, pytest.raises(ConnectionError):
        plain.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        while True:
            plain.sendall(bytes(2**20))
    double.settle()
    (exchange,) = double.exchanges
    assert not exchange.complete
    assert REQUEST_BODY_LIMIT < len(exchange.body) < 2 * REQUEST_BODY_LIMIT


# Traces


def test_a_trace_shows_no_credentials(double: Network, hang_up: Any) -> None:
    httpx.post(hang_up.url(), content=hang_up.body, auth=(hang_up.account, hang_up.token))
    (exchange,) = double.exchanges
    shown = json.dumps(exchange.as_json())
    secret = hang_up.authorization.removeprefix("Basic ")
    assert '"Basic (redacted)"' in shown
    assert hang_up.path in shown
    jsonschema.Draft202012Validator(catalogue.load_schema("exchange")).validate(exchange.as_json())
    assert json.loads(shown)["request"]["body"] == hang_up.body.decode()
    for text in (shown, repr(exchange)):
        assert secret not in text
        assert hang_up.token not in text


@given(
    secret=st.text(st.characters(codec="ascii", exclude_characters="(redacted)"), min_size=3, max_size=20),
    before=st.text(max_size=5),
)
def test_a_named_secret_is_nowhere_in_a_trace(secret: str, before: str) -> None:
    exchange = Exchange(
        number=1,
        scheme="https",
        host="api.twilio.com",
        port=443,
        sni=None,
        decoy=False,
        method="POST",
        target=f"/?{secret}",
        http_version="1.1",
        headers=(("X-Token", secret), ("Authorization", secret)),
        body=(before + secret).encode("utf-8", "surrogatepass"),
        connection=1,
        started=0.0,
    )
    shown = exchange.as_json([secret, ""])
    request = shown["request"]
    strings = [request["target"], request.get("body", ""), *(value for _, value in request["headers"])]
    assert all(secret not in text for text in strings)


def test_a_trace_holds_a_body_that_is_no_text(double: Network) -> None:
    with _dialled() as plain:
        plain.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n\xff\xfe")
        plain.recv(100)
    (exchange,) = double.exchanges
    assert base64.b64decode(exchange.as_json()["request"]["body_base64"]) == b"\xff\xfe"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("Basic abc", "Basic (redacted)"), ("abc", "(redacted)"), ("Bearer a b", "Bearer (redacted)")],
)
def test_an_authorization_keeps_its_scheme_only(double: Network, value: str, shown: str) -> None:
    with _dialled() as plain:
        plain.sendall(GET.replace(b"\r\n\r\n", f"\r\nAuthorization: {value}\r\n\r\n".encode()))
        plain.recv(100)
    assert double.exchanges[0].as_json()["request"]["headers"][-1] == ["Authorization", shown]


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
