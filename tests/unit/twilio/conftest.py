"""HTTP clients of many libraries behind one interface, for the tests of the network double."""

from __future__ import annotations

import asyncio
import base64
import http.client
import selectors
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx2
import pytest
import requests
import truststore
import urllib3

from twilio_conformance.twilio.network import Network
from twilio_conformance.twilio.tls import Authority

ACCOUNT, TOKEN, CALL = "AC" + "0" * 32, "token-of-the-test", "CA" + "1" * 32
BODY = b"Status=completed"
BASIC = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
HEADERS = {"Authorization": BASIC, "Content-Type": "application/x-www-form-urlencoded"}

Reply = tuple[int, bytes]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Client:
    """An HTTP client, and the exceptions that it raises when a request fails."""

    name: str
    send: Callable[[str, bool, float], Reply]
    errors: tuple[type[BaseException], ...]
    on_asyncio: bool = False

    def post(self, url: str, verify: bool = True, timeout: float = 5.0) -> Reply:
        """Send the hang-up request and return status and body."""
        return self.send(url, verify, timeout)


def _context(verify: bool) -> ssl.SSLContext:
    return ssl.create_default_context() if verify else ssl._create_unverified_context()


def _run(request: Coroutine[Any, Any, Result]) -> Result:
    selector = selectors.DefaultSelector()

    async def then_close() -> Result:
        try:
            return await request
        finally:
            # aiohttp returns before TLS is shut down; closing the loop earlier would leak the socket. The
            # wake-up socket of the loop stays registered.
            async with asyncio.timeout(5):
                while len(selector.get_map()) > 1:
                    await asyncio.sleep(0.001)

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        return runner.run(then_close())


def _aiohttp(url: str, verify: bool, timeout: float) -> Reply:
    async def post() -> Reply:
        limit = aiohttp.ClientTimeout(total=timeout)
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(url, data=BODY, headers=HEADERS, ssl=verify) as response,
        ):
            return response.status, await response.read()

    return _run(post())


def _httpx_async(url: str, verify: bool, timeout: float) -> Reply:
    async def post() -> Reply:
        async with httpx.AsyncClient(verify=verify, timeout=timeout) as client:
            response = await client.post(url, content=BODY, headers=HEADERS)
            return response.status_code, response.content

    return _run(post())


def _httpx(url: str, verify: bool, timeout: float) -> Reply:
    response = httpx.post(url, content=BODY, headers=HEADERS, verify=verify, timeout=timeout)
    return response.status_code, response.content


def _httpx2(url: str, verify: bool, timeout: float) -> Reply:
    response = httpx2.post(url, content=BODY, headers=HEADERS, verify=verify, timeout=timeout)
    return response.status_code, response.content


def _requests(url: str, verify: bool, timeout: float) -> Reply:
    response = requests.post(url, data=BODY, headers=HEADERS, verify=verify, timeout=timeout)
    return response.status_code, response.content


def _urllib(url: str, verify: bool, timeout: float) -> Reply:
    request = urllib.request.Request(url, data=BODY, headers=HEADERS, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=_context(verify)) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _urllib3(url: str, verify: bool, timeout: float) -> Reply:
    with urllib3.PoolManager(ssl_context=_context(verify), timeout=timeout, retries=False) as pool:
        response = pool.request("POST", url, body=BODY, headers=HEADERS)
        return response.status, response.data


def _http_client(url: str, verify: bool, timeout: float, context: ssl.SSLContext | None = None) -> Reply:
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.netloc, timeout=timeout, context=context or _context(verify)
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    try:
        connection.request("POST", parts.path, body=BODY, headers=HEADERS)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _truststore(url: str, verify: bool, timeout: float) -> Reply:
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return _http_client(url, verify, timeout, context)


def _streams(url: str, verify: bool, timeout: float) -> Reply:
    parts = urlsplit(url)
    secure = parts.scheme == "https"

    async def post() -> Reply:
        port = parts.port or (443 if secure else 80)
        context = _context(verify) if secure else None
        reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
        try:
            head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.hostname}\r\nConnection: close\r\n"
            head += f"Content-Length: {len(BODY)}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in HEADERS.items())
            writer.write(head.encode() + b"\r\n" + BODY)
            status_line, lines = b"HTTP/1.1 100", list[bytes]()
            while status_line[9:10] == b"1":
                status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            lengths = [int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")]
            return int(status_line.split()[1]), await reader.readexactly(lengths[0])
        finally:
            writer.close()

    return _run(asyncio.wait_for(post(), timeout))


CLIENTS = (
    Client("aiohttp", _aiohttp, (aiohttp.ClientError, TimeoutError), True),
    Client("httpx-async", _httpx_async, (httpx.TransportError,), True),
    Client("httpx", _httpx, (httpx.TransportError,)),
    Client("httpx2", _httpx2, (httpx2.TransportError,)),
    Client("requests", _requests, (requests.RequestException,)),
    Client("urllib", _urllib, (OSError, http.client.HTTPException)),
    Client("urllib3", _urllib3, (urllib3.exceptions.HTTPError,)),
    Client("http.client", _http_client, (OSError, http.client.HTTPException)),
    Client("truststore", _truststore, (OSError, http.client.HTTPException)),
    Client("asyncio-streams", _streams, (OSError, asyncio.IncompleteReadError), True),
)


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name)
def client(request: pytest.FixtureRequest) -> Client:
    """Each HTTP client in turn."""
    chosen: Client = request.param
    return chosen


FAMILIES = ("aiohttp", "httpx", "requests", "urllib", "asyncio-streams")


@pytest.fixture(
    params=[client for client in CLIENTS if client.name in FAMILIES], ids=lambda client: client.name
)
def family(request: pytest.FixtureRequest) -> Client:
    """One HTTP client of each family in turn."""
    chosen: Client = request.param
    return chosen


@pytest.fixture(scope="session", autouse=True)
def _small_trust_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Save most clients the 20 ms that loading all public authorities takes."""
    store = tmp_path_factory.mktemp("trust") / "authority.pem"
    store.write_text(Authority().pem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(store))
        patch.setenv("REQUESTS_CA_BUNDLE", str(store))
        yield


@pytest.fixture
def double() -> Iterator[Network]:
    """A running network double."""
    with Network() as running:
        yield running


@dataclass(frozen=True)
class HangUp:
    """What every client above sends, and where."""

    account: str = ACCOUNT
    token: str = TOKEN
    call: str = CALL
    path: str = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json"
    authorization: str = BASIC
    body: bytes = BODY

    def url(self, host: str = "api.twilio.com", scheme: str = "https") -> str:
        """Return the URL of the request at a host."""
        return f"{scheme}://{host}{self.path}"


@pytest.fixture
def hang_up() -> HangUp:
    """The hang-up request of every client."""
    return HangUp()


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine on a selector loop until its connections are closed."""
    return _run
