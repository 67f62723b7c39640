"""Tests of the hang-up: arguments, request, answers, repetition, concurrency, time and secrecy."""

import asyncio
import base64
import logging
import secrets
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger
from pipecat.frames.frames import CancelFrame, EndFrame, Frame

from twilio_reference import TwilioFrameSerializer, hangup
from twilio_reference.hangup import call_url

CALL = "CA" + "0123456789abcdef" * 2
ACCOUNT = "AC" + "fedcba9876543210" * 2
TOKEN = secrets.token_hex(16)
URL = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json"
ENDED = httpx.Response(200, json={"sid": CALL, "status": "completed"})


def make(**changes: Any) -> TwilioFrameSerializer:
    """A serializer with hang-up, some arguments changed or taken away (`...`)."""
    arguments = {"stream_sid": "MZ1", "call_sid": CALL, "account_sid": ACCOUNT, "auth_token": TOKEN} | changes
    return TwilioFrameSerializer(**{name: value for name, value in arguments.items() if value is not ...})


def basic(login: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()


@pytest.fixture
def api() -> Iterator[respx.MockRouter]:
    """Answers requests in place of the network; an unexpected one fails."""
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the pauses and the time limit."""
    monkeypatch.setattr(hangup, "_PAUSES", (0.001, 0.001))
    monkeypatch.setattr(hangup, "_TIME_LIMIT", 0.3)


# Arguments


@pytest.mark.parametrize("name", ["call_sid", "account_sid", "auth_token"])
@pytest.mark.parametrize("value", [..., None, ""])
def test_a_missing_argument_is_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"needs {name}\b"):
        make(**{name: value})


def test_all_missing_arguments_are_named_together() -> None:
    with pytest.raises(ValueError, match="call_sid, account_sid, auth_token"):
        make(call_sid=..., account_sid=..., auth_token=...)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"auth_token": ..., "api_key_sid": "SK1"}, "needs api_key_secret"),
        ({"auth_token": ..., "api_key_secret": "s"}, "needs api_key_sid"),
        ({"api_key_secret": "s"}, "needs api_key_sid"),
        ({"region": "ie1"}, "region and edge"),
        ({"edge": "dublin"}, "region and edge"),
        ({"region": "ie1", "edge": "dublin.evil.example"}, "edge"),
        ({"region": "ie1/", "edge": "dublin"}, "region"),
        ({"region": "-ie1", "edge": "dublin"}, "region"),
        ({"region": "ie1", "edge": "dublin\n"}, "edge"),
        ({"region": "i" * 64, "edge": "dublin"}, "region"),
        ({"account_sid": "AC:1"}, "account_sid"),
        ({"auth_token": "to\nken"}, "auth_token"),
        ({"auth_token": "\ud800"}, "auth_token"),
        ({"auth_token": ..., "api_key_sid": "SK:1", "api_key_secret": "s"}, "api_key_sid"),
        ({"auth_token": ..., "api_key_sid": "SK1", "api_key_secret": "s\0"}, "api_key_secret"),
        ({"call_sid": "."}, "call_sid"),
        ({"call_sid": ".."}, "call_sid"),
        ({"account_sid": ".."}, "account_sid"),
        ({"call_sid": "C" * 129}, "call_sid"),
        ({"base_url": "api.example.com"}, "base_url"),
        ({"base_url": "ftp://api.example.com"}, "base_url"),
        ({"base_url": "https://"}, "base_url"),
        ({"base_url": "https:///path"}, "base_url"),
        ({"base_url": "https://api.example.com?x=1"}, "base_url"),
        ({"base_url": "https://api.example.com/?"}, "base_url"),
        ({"base_url": "https://api.example.com/#x"}, "base_url"),
        ({"base_url": "https://user:word@api.example.com"}, "base_url"),
        ({"base_url": "https://api.example.com\\@evil.example"}, "base_url"),
        ({"base_url": "https://api.example.com\r\nX: y"}, "base_url"),
    ],
)
def test_an_unfit_argument_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        make(**changes)
    assert TOKEN not in str(raised.value)
    assert "word" not in str(raised.value)
    # A traceback that shows the values on its lines passes none of ours that has an argument on it.
    ours = [entry.line for entry in traceback.extract_tb(raised.tb) if "twilio_reference" in entry.filename]
    assert ours == ["raise error.with_traceback(None) from None"]
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


# Request


async def test_the_request_is_the_documented_one(api: respx.MockRouter) -> None:
    route = api.post(URL).mock(ENDED)
    assert await make().serialize(EndFrame()) is None
    ((request, _),) = route.calls
    assert request.content == b"Status=completed"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["authorization"] == basic(ACCOUNT, TOKEN)


async def test_an_api_key_takes_the_tokens_place(api: respx.MockRouter) -> None:
    route = api.post(URL).mock(ENDED)
    await make(auth_token=..., api_key_sid="SK1", api_key_secret=TOKEN).serialize(CancelFrame())
    assert route.calls.last.request.headers["authorization"] == basic("SK1", TOKEN)


@pytest.mark.parametrize(
    ("arguments", "root"),
    [
        ({}, "https://api.twilio.com"),
        ({"region": "", "edge": ""}, "https://api.twilio.com"),
        ({"region": "ie1", "edge": "dublin"}, "https://api.dublin.ie1.twilio.com"),
        ({"region": "us1", "edge": "ashburn-ix"}, "https://api.ashburn-ix.us1.twilio.com"),
        ({"base_url": "https://voice.example.com"}, "https://voice.example.com"),
        ({"base_url": "https://voice.example.com/"}, "https://voice.example.com"),
        ({"base_url": "http://127.0.0.1:8080/api/laml//"}, "http://127.0.0.1:8080/api/laml"),
        ({"base_url": "http://[::1]:8080"}, "http://[::1]:8080"),
        ({"base_url": "https://voice.example.com", "region": "ie1"}, "https://voice.example.com"),
    ],
)
def test_the_address_follows_region_and_edge_or_base_url(arguments: dict[str, str], root: str) -> None:
    assert call_url("AC1", "CA1", **arguments) == f"{root}/2010-04-01/Accounts/AC1/Calls/CA1.json"


@pytest.mark.parametrize(
    ("sid", "segment"),
    [
        ("CA1/../../x?y=1#z", b"CA1%2F..%2F..%2Fx%3Fy%3D1%23z"),
        ("CA%2e%2e", b"CA%252e%252e"),
        ("a@b:c d", b"a%40b%3Ac%20d"),
        ("é", b"%C3%A9"),
        ("9f1c2d3e-0000-4000-8000-123456789abc", b"9f1c2d3e-0000-4000-8000-123456789abc"),
    ],
)
async def test_a_sid_stays_one_path_segment_on_the_wire(
    api: respx.MockRouter, sid: str, segment: bytes
) -> None:
    route = api.post(host="api.twilio.com").mock(ENDED)
    await make(call_sid=sid).serialize(EndFrame())
    raw_path = route.calls.last.request.url.raw_path
    assert raw_path == b"/2010-04-01/Accounts/" + ACCOUNT.encode() + b"/Calls/" + segment + b".json"


@given(sid=st.text(min_size=1))
def test_any_sid_is_refused_or_stays_one_path_segment(sid: str) -> None:
    try:
        url = httpx.URL(call_url("AC1", sid))
    except ValueError:
        return
    assert url.host == "api.twilio.com"
    assert url.raw_path.count(b"/") == 5
    assert url.path == f"/2010-04-01/Accounts/AC1/Calls/{sid}.json"


async def test_proxies_and_netrc_of_the_environment_are_not_used(
    api: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}
    client = httpx.AsyncClient

    def watched(**arguments: Any) -> httpx.AsyncClient:
        seen.update(arguments)
        return client(**arguments)

    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(httpx, "AsyncClient", watched)
    api.post(URL).mock(ENDED)
    await make().serialize(EndFrame())
    assert seen["trust_env"] is False
    assert seen["verify"].check_hostname
    assert seen["verify"].verify_mode.name == "CERT_REQUIRED"


# Answers


def _answer(status: int, content: str = "", content_type: str = "application/json") -> httpx.Response:
    return httpx.Response(status, text=content, headers={"content-type": content_type})


@pytest.mark.parametrize(
    ("answer", "level", "requests"),
    [
        (_answer(200), "INFO", 1),
        (_answer(201), "INFO", 1),
        (_answer(204), "INFO", 1),
        (_answer(200, "<html>", "text/html"), "INFO", 1),
        (_answer(404, '{"code": 20404}'), "DEBUG", 1),
        (_answer(404, '{"code": "20404"}', "text/plain"), "DEBUG", 1),
        (_answer(400, '{"code": 21220}', "text/html"), "DEBUG", 1),
        (_answer(404), "ERROR", 1),
        (_answer(404, '{"status": 404}'), "ERROR", 1),
        (_answer(404, "[20404]"), "ERROR", 1),
        (_answer(404, "20404"), "ERROR", 1),
        (_answer(404, '{"code": true}'), "ERROR", 1),
        (_answer(404, f'{{"code": {"1" * 4000}}}'), "ERROR", 1),
        (_answer(404, '{"code": 21220}'), "ERROR", 1),
        (_answer(404, "[" * 4000), "ERROR", 1),
        (_answer(404, "<html>", "text/html"), "ERROR", 1),
        (_answer(400, '{"code": 20404}'), "ERROR", 1),
        (_answer(401, '{"code": 20003}'), "ERROR", 1),
        (_answer(403), "ERROR", 1),
        (_answer(301), "ERROR", 1),
        (_answer(429, '{"code": 20429}'), "ERROR", 3),
        (_answer(500, '{"code": 20500}'), "ERROR", 3),
        (_answer(503), "ERROR", 3),
        (httpx.ConnectError("refused"), "ERROR", 3),
        (httpx.ReadError("reset"), "ERROR", 3),
        (httpx.RemoteProtocolError("no HTTP"), "ERROR", 3),
        (RuntimeError("unforeseen"), "ERROR", 1),
    ],
)
@pytest.mark.usefixtures("impatient")
async def test_each_answer_is_logged_once_at_its_level(
    api: respx.MockRouter, logged: list[str], answer: Any, level: str, requests: int
) -> None:
    route = api.post(URL).mock(side_effect=[answer] * 3)
    assert await make().serialize(EndFrame()) is None
    assert [record.split()[0] for record in logged] == [level]
    assert len(logged[0]) < 400
    assert route.call_count == requests


@pytest.mark.usefixtures("impatient")
async def test_why_a_connection_fails_is_logged_in_short(api: respx.MockRouter, logged: list[str]) -> None:
    api.post(URL).mock(side_effect=httpx.ConnectError("certificate verify failed " + "x" * 9999))
    await make().serialize(EndFrame())
    assert "ConnectError (certificate verify failed xx" in logged[0]
    assert len(logged[0]) < 500


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_failures_and_not_followed(
    api: respx.MockRouter, logged: list[str], status: int
) -> None:
    api.post(URL).mock(httpx.Response(status, headers={"location": "https://evil.example/"}))
    elsewhere = api.route(host="evil.example")
    await make().serialize(EndFrame())
    assert not elsewhere.called
    assert logged[0].startswith(f"ERROR Could not end the call: status {status}")


async def test_an_endless_body_is_read_only_in_part(api: respx.MockRouter) -> None:
    given_out = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given_out
        while True:
            given_out += 1
            yield b"x" * 1000

    api.post(URL).mock(httpx.Response(404, stream=_Stream(endless)))
    await make().serialize(EndFrame())
    assert given_out < 10


class _Stream(httpx.AsyncByteStream):
    def __init__(self, parts: Callable[[], AsyncIterator[bytes]]) -> None:
        self._parts = parts

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts()


# Repetition


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("failure", [_answer(429), _answer(500), _answer(503), httpx.ConnectError("refused")])
async def test_a_passing_failure_is_overcome(api: respx.MockRouter, logged: list[str], failure: Any) -> None:
    route = api.post(URL).mock(side_effect=[failure, failure, ENDED])
    await make().serialize(EndFrame())
    assert route.call_count == 3
    assert [record.split()[0] for record in logged] == ["INFO"]


@pytest.mark.parametrize("answer", [ENDED, _answer(404, '{"code": 20404}')])
@pytest.mark.parametrize("frames", [(EndFrame, CancelFrame), (EndFrame, EndFrame), (CancelFrame, EndFrame)])
async def test_a_call_that_has_ended_is_not_ended_again(
    api: respx.MockRouter, answer: httpx.Response, frames: tuple[Callable[[], Frame], ...]
) -> None:
    route = api.post(URL).mock(answer)
    serializer = make()
    for frame in frames:
        await serializer.serialize(frame())
    assert route.call_count == 1


async def test_after_a_failure_the_next_terminal_frame_tries_again(api: respx.MockRouter) -> None:
    route = api.post(URL).mock(side_effect=[_answer(401), ENDED])
    serializer = make()
    for _ in range(3):
        await serializer.serialize(EndFrame())
    assert route.call_count == 2


# Concurrency


@pytest.mark.parametrize(("first", "requests"), [(ENDED, 1), (_answer(403), 2)])
async def test_concurrent_terminal_frames_wait_for_one_success(
    api: respx.MockRouter, first: httpx.Response, requests: int
) -> None:
    under_way = 0
    answers = iter([first, ENDED])

    async def answer(_: httpx.Request) -> httpx.Response:
        nonlocal under_way
        under_way += 1
        await asyncio.sleep(0.02)
        assert under_way == 1
        under_way -= 1
        return next(answers)

    route = api.post(URL).mock(side_effect=answer)
    serializer = make()
    await asyncio.gather(*(serializer.serialize(frame()) for frame in (EndFrame, CancelFrame, EndFrame)))
    assert route.call_count == requests


async def test_cancellation_propagates_and_the_next_terminal_frame_tries_again(
    api: respx.MockRouter, logged: list[str]
) -> None:
    asked = asyncio.Event()

    async def silent(_: httpx.Request) -> httpx.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    route = api.post(URL).mock(side_effect=silent)
    serializer = make()
    first = asyncio.create_task(serializer.serialize(EndFrame()))
    await asked.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert logged == []
    route.mock(ENDED)
    await serializer.serialize(CancelFrame())
    assert [record.split()[0] for record in logged] == ["INFO"]


# Time


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("silent", ["before the answer", "in the answer"])
async def test_a_silent_server_is_given_up_by_all_who_wait(
    api: respx.MockRouter, logged: list[str], silent: str
) -> None:
    requests = 0

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async def answer(_: httpx.Request) -> httpx.Response:
        nonlocal requests
        requests += 1
        if silent == "before the answer":
            await asyncio.Event().wait()
        return httpx.Response(404, stream=_Stream(nothing))

    api.post(URL).mock(side_effect=answer)
    serializer = make()
    begin = asyncio.get_running_loop().time()
    await asyncio.gather(*(serializer.serialize(EndFrame()) for _ in range(3)))
    assert asyncio.get_running_loop().time() - begin < 0.6
    assert requests == 1
    assert [record.split(":")[0] for record in logged] == ["ERROR Could not end the call"] * 3


def test_the_time_limit_leaves_room_below_ten_seconds() -> None:
    assert sum(hangup._PAUSES) < hangup._TIME_LIMIT <= 8


# Secrecy


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("failure", ["echo", "exception", "cancellation"])
async def test_no_credential_is_logged(
    api: respx.MockRouter, logged: list[str], caplog: pytest.LogCaptureFixture, failure: str
) -> None:
    header = basic(ACCOUNT, TOKEN)

    async def answer(request: httpx.Request) -> httpx.Response:
        echo = request.headers["authorization"] + TOKEN
        if failure == "exception":
            raise httpx.RemoteProtocolError(f"illegal line: {echo}")
        if failure == "cancellation":
            raise asyncio.CancelledError
        return httpx.Response(400, json={"code": 1, "message": echo})

    api.post(URL).mock(side_effect=answer)
    serializer = make()
    caplog.set_level(logging.DEBUG)
    try:
        await serializer.serialize(EndFrame())
    except asyncio.CancelledError as error:
        logger.opt(exception=error).error("cancelled")
    for text in (*logged, caplog.text, repr(serializer), str(serializer)):
        assert TOKEN not in text
        assert header.split()[1] not in text
    assert len(logged) == 1
