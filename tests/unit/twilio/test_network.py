"""The network double: it records the requests of every client and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import truststore
from twilio.rest import Client as TwilioClient

from twilio_conformance.twilio.network import Network

OUTSIDE = "192.0.2.1"


def test_a_hang_up_of_any_client_is_recorded(double: Network, client: Any, hang_up: Any) -> None:
    status, body = client.post(hang_up.url())
    assert (status, json.loads(body)["sid"]) == (200, hang_up.call)
    assert double.settle()
    (exchange,) = double.exchanges
    assert (exchange.scheme, exchange.host, exchange.port) == ("https", "api.twilio.com", 443)
    assert exchange.sni == "api.twilio.com"
    assert (exchange.method, exchange.target, exchange.http_version) == ("POST", hang_up.path, "1.1")
    assert exchange.header("authorization") == hang_up.authorization
    assert exchange.header("Host") == "api.twilio.com"
    assert exchange.body == hang_up.body
    assert (exchange.complete, exchange.answer_status, exchange.note) == (True, 200, None)
    assert not exchange.decoy
    assert double.refused == ()
    assert len(double.connections) == 1
    assert double.connections[0].tls_failure is None


@pytest.mark.parametrize(
    ("place", "host"),
    [
        ({}, "api.twilio.com"),
        ({"region": "ie1", "edge": "dublin"}, "api.dublin.ie1.twilio.com"),
        ({"region": "us1"}, "api.us1.twilio.com"),
        ({"edge": "ashburn-ix"}, "api.ashburn-ix.us1.twilio.com"),
    ],
)
def test_the_official_client_is_seen(double: Network, hang_up: Any, place: dict[str, str], host: str) -> None:
    call = (
        TwilioClient(hang_up.account, hang_up.token, **place).calls(hang_up.call).update(status="completed")
    )
    assert call.status == "completed"
    (exchange,) = double.exchanges
    assert (exchange.host, exchange.sni, exchange.target) == (host, host, hang_up.path)
    assert exchange.header("Authorization") == hang_up.authorization
    assert exchange.body == hang_up.body


@pytest.mark.usefixtures("double")
def test_a_client_that_could_speak_http2_falls_back() -> None:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("api.twilio.com", 443)) as plain,
        context.wrap_socket(plain, server_hostname="api.twilio.com") as secure,
    ):
        assert secure.selected_alpn_protocol() == "http/1.1"


def test_cleartext_is_seen_as_such(double: Network, family: Any, hang_up: Any) -> None:
    assert family.post(hang_up.url(scheme="http"))[0] == 200
    double.settle()
    (exchange,) = double.exchanges
    assert (exchange.scheme, exchange.host, exchange.port) == ("http", "api.twilio.com", 80)
    assert exchange.sni is None
    assert exchange.header("Authorization") == hang_up.authorization


def test_an_unusual_port_is_served_and_recorded(double: Network, hang_up: Any) -> None:
    assert httpx.post(hang_up.url("api.sydney.au1.twilio.com:8443")).status_code == 200
    double.settle()
    assert [(e.host, e.port) for e in double.exchanges] == [("api.sydney.au1.twilio.com", 8443)]


@pytest.mark.parametrize(
    ("dialled", "host"),
    [
        ("twilio.com", "twilio.com"),
        ("API.Twilio.COM", "api.twilio.com"),
        ("api.twilio.com.", "api.twilio.com"),
        (b"api.twilio.com", "api.twilio.com"),
        ("\uff41pi.twilio.com", "api.twilio.com"),
        ("a.b.c.d.e.twilio.com", "a.b.c.d.e.twilio.com"),
        ("decoy.example", "decoy.example"),
        ("www.decoy.example", "www.decoy.example"),
    ],
)
def test_a_served_name_is_known_without_sni(double: Network, dialled: Any, host: str) -> None:
    with socket.create_connection((dialled, 80), timeout=5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert plain.recv(100).startswith(b"HTTP/1.1 200")
    (exchange,) = double.exchanges
    assert (exchange.host, exchange.decoy) == (host, host.endswith("decoy.example"))


def test_the_servers_own_address_serves_as_base_url(double: Network, hang_up: Any) -> None:
    assert httpx.post(double.base_url + hang_up.path).status_code == 200
    assert httpx.post(double.base_url.replace("http:", "https:") + hang_up.path).status_code == 200
    double.settle()
    assert [(e.scheme, e.host, e.target) for e in double.exchanges] == [
        ("http", "127.0.0.1", hang_up.path),
        ("https", "127.0.0.1", hang_up.path),
    ]
    assert not any(exchange.decoy for exchange in double.exchanges)


def test_twenty_requests_at_once_are_all_recorded(double: Network, run: Any, hang_up: Any) -> None:
    async def post(session: aiohttp.ClientSession, number: int) -> None:
        async with session.post(hang_up.url(), data={"number": number}) as response:
            assert response.status == 200

    async def post_all() -> None:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(post(session, number))

    run(post_all())
    bodies = {exchange.body for exchange in double.exchanges}
    assert bodies == {f"number={number}".encode() for number in range(20)}
    assert [exchange.number for exchange in double.exchanges] == list(range(1, 21))


def test_threads_of_clients_are_all_recorded(double: Network, hang_up: Any) -> None:
    with requests.Session() as session, ThreadPoolExecutor(8) as pool:
        replies = pool.map(lambda _: session.post(hang_up.url(), data="x").status_code, range(20))
        assert set(replies) == {200}
    assert len(double.exchanges) == 20
    assert all(exchange.complete for exchange in double.exchanges)


def test_a_run_can_follow_a_run(hang_up: Any) -> None:
    double = Network()
    for status in (200, 404):
        double.script([{"status": status}])
        double.start()
        assert httpx.post(hang_up.url()).status_code == status
        double.stop()
        assert [exchange.answer_status for exchange in double.exchanges] == [status]


@pytest.mark.usefixtures("double")
def test_two_runs_at_once_are_refused() -> None:
    with pytest.raises(RuntimeError, match="running"):
        Network().start()


def test_stop_ends_a_silent_server_at_once(hang_up: Any) -> None:
    errors: list[BaseException] = []

    def post() -> None:
        try:
            requests.post(hang_up.url(), timeout=30)
        except requests.RequestException as error:
            errors.append(error)

    double = Network([{"fault": "silence"}])
    double.start()
    thread = threading.Thread(target=post)
    thread.start()
    while not double.exchanges:
        assert thread.is_alive()
    double.stop()
    thread.join(timeout=5)
    assert len(errors) == 1


def test_truststore_in_the_place_of_ssl_is_served(double: Network, hang_up: Any) -> None:
    truststore.inject_into_ssl()
    try:
        assert httpx.post(hang_up.url("api.frankfurt.de1.twilio.com"), content=b"x").status_code == 200
    finally:
        truststore.extract_from_ssl()
    assert double.exchanges[0].host == "api.frankfurt.de1.twilio.com"


ZYGOTE = """
import asyncio, json, os, sys
from twilio_conformance.twilio import network

network.install()
import aiohttp, http.client, ssl

URL = "https://api.dublin.ie1.twilio.com/2010-04-01/Accounts/AC1/Calls/CA{}.json"

async def post(number):
    async with aiohttp.ClientSession() as session, session.post(URL.format(number), data=b"x") as response:
        return response.status

def child(number, pipe):
    reached = []
    def listen(event, arguments):
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            reached.append("send to " + str(arguments[1][0]))
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            reached.append("look up " + str(arguments[0]))
    sys.addaudithook(listen)
    double = network.Network([{"status": 200 + number}])
    double.start()
    status = asyncio.run(post(number))
    for host in ("elsewhere.example", "192.0.2.1"):
        try:
            http.client.HTTPSConnection(host, timeout=5).request("GET", "/")
        except OSError:
            pass
    double.settle()
    os.write(pipe, json.dumps({
        "status": status,
        "targets": [exchange.target for exchange in double.exchanges],
        "refused": [refusal.host for refusal in double.refused],
        "reached": sorted(set(reached)),
    }).encode() + b"\\n")
    os._exit(0)

read, write = os.pipe()
children = []
for number in range(3):
    children.append(os.fork())
    if children[-1] == 0:
        child(number, write)
for process in children:
    os.waitpid(process, 0)
os.close(write)
print(os.read(read, 65536).decode())
"""


def test_children_forked_after_install_each_have_a_double_and_nothing_leaves_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ZYGOTE], capture_output=True, text=True, timeout=60, check=True
    )
    results = sorted(
        (json.loads(line) for line in done.stdout.splitlines() if line), key=lambda r: r["status"]
    )
    for number, result in enumerate(results):
        assert result["status"] == 200 + number
        assert result["targets"] == [f"/2010-04-01/Accounts/AC1/Calls/CA{number}.json"]
        assert result["refused"] == ["elsewhere.example", "192.0.2.1"]
        # What the operating system was asked for, below the patches.
        assert result["reached"] == ["look up 127.84.0.1", "look up 192.0.2.1", "send to 127.0.0.1"]
    assert len(results) == 3
