"""Tests of the hang-up's answers, repetition, concurrency, time limit and secrecy."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import respx
from loguru import logger
from pipecat.frames.frames import CancelFrame, EndFrame, Frame

from tests.product.reference.calls import ACCOUNT, ENDED, TOKEN, URL, basic, make
from twilio_reference import hangup

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


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("after", "requests"),
    [("0", 2), ("3600", 1), ("Fri, 31 Dec 9999 23:59:59 GMT", 1), ("9" * 400, 1)]
    + [
        (text, 2)
        for text in (
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "",
            "soon",
            "-1",
            "nan",
            "Fri, 31 Dec 9999 23:59:59 -0000",
        )
    ],
)
async def test_retry_after_is_waited_for_or_the_attempt_given_up(
    api: respx.MockRouter, logged: list[str], after: str, requests: int
) -> None:
    refused = httpx.Response(503, headers={"Retry-After": after})
    route = api.post(URL).mock(side_effect=[refused, ENDED])
    await make().serialize(EndFrame())
    assert route.call_count == requests
    assert [record.split()[0] for record in logged] == ["INFO" if requests == 2 else "ERROR"]


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
