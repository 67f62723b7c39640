"""The autojump clock: it skips time in which nothing can happen, and every client agrees with it."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

import aiohttp
import httpx
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.http.http_client import TwilioHttpClient

from twilio_conformance.twilio import clock
from twilio_conformance.twilio.network import Network

T = TypeVar("T")
Post = Callable[[float], Awaitable[int]]

URL = "https://api.twilio.com/"
HOUR = 3600.0
REAL = time.perf_counter
"""The real clock, bound before it is patched."""

TOLERANCE = 30.0
"""Real seconds that no test here comes near; it detects a clock that does not jump."""


@pytest.fixture
def beside(double: Network) -> Iterator[Network]:
    """A running double in a process with the autojump clock."""
    clock.install()
    yield double
    clock.uninstall()


def run(double: Network, work: Coroutine[Any, Any, T]) -> tuple[T, float, float]:
    """Return the result of the work, and the seconds that it took by the loop's clock and by the real one."""

    async def timed() -> tuple[T, float]:
        started = asyncio.get_running_loop().time()
        return await work, asyncio.get_running_loop().time() - started

    began = REAL()
    with asyncio.Runner(loop_factory=lambda: clock.new_event_loop(double)) as runner:
        value, seconds = runner.run(timed())
        double.stop()
    return value, seconds, REAL() - began


# Clients


async def _aiohttp(timeout: float) -> int:
    limit = aiohttp.ClientTimeout(total=timeout)
    async with aiohttp.ClientSession(timeout=limit) as session, session.post(URL, data=b"x") as response:
        await response.read()
        return response.status


async def _httpx(timeout: float) -> int:
    async with httpx.AsyncClient(timeout=timeout) as client:
        return (await client.post(URL, content=b"x")).status_code


async def _streams(timeout: float) -> int:
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection("api.twilio.com", 443, ssl=True)
        try:
            writer.write(b"POST / HTTP/1.1\r\nHost: api.twilio.com\r\nContent-Length: 0\r\n\r\n")
            return int((await reader.readline()).split()[1])
        finally:
            writer.close()


async def _requests(timeout: float) -> int:
    response = await asyncio.to_thread(requests.post, URL, data=b"x", timeout=timeout)
    return response.status_code


async def _urllib(timeout: float) -> int:
    response = await asyncio.to_thread(urllib.request.urlopen, URL, b"x", timeout)
    status: int = response.status
    response.close()
    return status


async def _httpx_in_a_thread(timeout: float) -> int:
    return (await asyncio.to_thread(httpx.post, URL, content=b"x", timeout=timeout)).status_code


async def _twilio(timeout: float) -> int:
    client = TwilioHttpClient(timeout=timeout)
    response = await asyncio.to_thread(client.request, "POST", URL, data={"Status": "completed"})
    return int(response.status_code)


ON_THE_LOOP = (_aiohttp, _httpx, _streams)
"""Clients whose time limits are timers of the event loop."""

IN_A_THREAD = (_requests, _urllib, _httpx_in_a_thread, _twilio)
"""Clients whose time limits are timeouts of a socket."""

on_the_loop = pytest.mark.parametrize("post", ON_THE_LOOP)
in_a_thread = pytest.mark.parametrize("post", IN_A_THREAD)
ERRORS = (aiohttp.ClientError, httpx.TransportError, requests.RequestException, OSError)


async def _status(post: Post, timeout: float) -> int | None:
    """The answer's status, or None if the client gave up."""
    try:
        return await post(timeout)
    except ERRORS:
        return None


# What is skipped


def test_an_hour_of_sleep_passes_at_once(beside: Network) -> None:
    _, seconds, real = run(beside, asyncio.sleep(HOUR))
    assert HOUR <= seconds < HOUR + TOLERANCE
    assert real < TOLERANCE


def test_a_loop_without_connections_and_threads_waits_for_no_poll(
    beside: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sleep_often() -> None:
        for _ in range(20):
            await asyncio.sleep(HOUR)

    monkeypatch.setattr(clock, "POLL_INTERVAL", TOLERANCE)
    _, seconds, real = run(beside, sleep_often())
    assert seconds >= 20 * HOUR
    assert real < TOLERANCE


def test_every_clock_of_the_process_skips_by_the_same_amount(beside: Network) -> None:
    def read() -> list[float]:
        nanoseconds = (time.time_ns(), time.monotonic_ns(), time.perf_counter_ns())
        return [time.time(), time.monotonic(), time.perf_counter(), *(number / 1e9 for number in nanoseconds)]

    before = read()
    run(beside, asyncio.sleep(HOUR))
    for earlier, later in zip(before, read(), strict=True):
        assert HOUR <= later - earlier < HOUR + TOLERANCE
    assert HOUR - TOLERANCE < clock.skipped() <= HOUR


@on_the_loop
@pytest.mark.parametrize("fault", ["silence", "silence-in-handshake"])
def test_a_client_on_the_loop_gives_up_on_silence_at_its_limit_and_at_once(
    beside: Network, post: Post, fault: str
) -> None:
    beside.script([{"fault": fault}])
    status, seconds, real = run(beside, _status(post, 50))
    assert status is None
    assert 50 <= seconds < 50 + TOLERANCE
    assert real < TOLERANCE


@on_the_loop
def test_an_answer_within_the_limit_arrives_however_late(beside: Network, post: Post) -> None:
    beside.script([{"status": 202, "delay": 49}])
    status, seconds, real = run(beside, _status(post, 50))
    assert status == 202
    assert 49 <= seconds < 50
    assert real < TOLERANCE


@on_the_loop
def test_an_answer_after_the_limit_does_not_arrive(beside: Network, post: Post) -> None:
    beside.script([{"status": 202, "delay": 51}])
    status, seconds, _ = run(beside, _status(post, 50))
    assert status is None
    assert 50 <= seconds < 51


def test_a_drip_passes_byte_by_byte(beside: Network) -> None:
    beside.script([{"status": 200, "fault": "drip", "interval": 10}])
    status, seconds, real = run(beside, _status(_aiohttp, HOUR))
    assert status == 200
    head = len("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert 10 * (head - 1) <= seconds <= 10 * head + TOLERANCE
    assert real < TOLERANCE


def test_an_endless_body_with_pauses_ends_by_the_clients_limit(beside: Network) -> None:
    beside.script([{"status": 500, "fault": "endless", "interval": 1}])
    status, seconds, _ = run(beside, _status(_aiohttp, 20.5))
    assert status is None
    assert 20.5 <= seconds < 20.5 + TOLERANCE


@settings(max_examples=20, deadline=None)
@given(pauses=st.lists(st.floats(0.01, HOUR), min_size=1, max_size=8))
def test_timers_fire_in_their_order_and_not_before_their_time(pauses: list[float]) -> None:
    async def sleepers() -> list[tuple[float, float]]:
        now, woken = asyncio.get_running_loop().time, list[tuple[float, float]]()

        async def sleeper(pause: float) -> None:
            started = now()
            await asyncio.sleep(pause)
            woken.append((pause, now() - started))

        await asyncio.gather(*map(sleeper, pauses))
        return woken

    clock.install()
    try:
        with Network() as double:
            woken, _, _ = run(double, sleepers())
    finally:
        clock.uninstall()
    # Timers closer to each other than the loop's own resolution may swap.
    assert [round(pause, 3) for pause, _ in woken] == sorted(round(pause, 3) for pause in pauses)
    assert all(pause <= slept + 1e-6 for pause, slept in woken)


# What is not skipped


@in_a_thread
def test_a_client_in_a_thread_keeps_the_time_of_its_sockets(beside: Network, post: Post) -> None:
    async def outlive() -> int | None:
        return await asyncio.wait_for(_status(post, 0.5), HOUR)

    beside.script([{"fault": "silence"}])
    status, seconds, real = run(beside, outlive())
    assert status is None
    assert 0.4 <= seconds <= real < TOLERANCE


@in_a_thread
def test_a_client_in_a_thread_waits_for_a_late_answer(beside: Network, post: Post) -> None:
    async def outlive() -> int | None:
        return await asyncio.wait_for(_status(post, TOLERANCE), HOUR)

    beside.script([{"status": 202, "delay": 0.3}])
    status, seconds, real = run(beside, outlive())
    assert status == 202
    assert 0.3 <= seconds <= real


def test_a_client_that_blocks_the_loop_waits_for_a_late_answer(beside: Network) -> None:
    async def block() -> int:
        return requests.post(URL, timeout=TOLERANCE).status_code

    beside.script([{"status": 202, "delay": 0.3}])
    status, seconds, _ = run(beside, block())
    assert status == 202
    assert seconds >= 0.3


@pytest.mark.parametrize("name", ["thread", "process", "pair"])
def test_nothing_is_skipped_while_something_unknown_may_happen(beside: Network, name: str) -> None:
    async def thread() -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> None:
            time.sleep(0.2)
            loop.call_soon_threadsafe(done.set)

        threading.Thread(target=work, daemon=True).start()
        await done.wait()

    async def process() -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print(1)", stdout=asyncio.subprocess.PIPE
        )
        await child.communicate()

    async def pair() -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            threading.Timer(0.2, theirs.send, (b"x",)).start()
            await asyncio.get_running_loop().sock_recv(ours, 1)

    work = {"thread": thread, "process": process, "pair": pair}[name]
    _, seconds, _ = run(beside, asyncio.wait_for(work(), HOUR))
    assert seconds < TOLERANCE


def test_an_idle_worker_of_a_pool_holds_nothing_up(beside: Network) -> None:
    async def work_then_sleep() -> None:
        await asyncio.to_thread(time.sleep, 0.01)
        await asyncio.sleep(HOUR)

    _, seconds, real = run(beside, work_then_sleep())
    assert seconds >= HOUR
    assert real < TOLERANCE


@pytest.mark.parametrize(("blocking", "ticks"), [(False, range(15, 1000)), (True, range(2))])
def test_a_heartbeat_shows_a_blocked_loop(beside: Network, blocking: bool, ticks: range) -> None:
    async def count() -> int:
        number = 0

        async def tick() -> None:
            nonlocal number
            while True:
                await asyncio.sleep(0.05)
                number += 1

        heart = asyncio.create_task(tick())
        await asyncio.sleep(0)
        if blocking:
            requests.post(URL, timeout=TOLERANCE)
        else:
            await _aiohttp(TOLERANCE)
        heart.cancel()
        return number

    beside.script([{"status": 200, "delay": 1}])
    number, _, _ = run(beside, count())
    assert number in ticks


# The patch itself


def test_uninstalling_restores_every_clock() -> None:
    names = ("time", "monotonic", "perf_counter")
    originals: Mapping[str, Any] = {
        name: getattr(time, name) for name in (*names, *(f"{name}_ns" for name in names))
    }
    clock.install()
    assert all(getattr(time, name) is not original for name, original in originals.items())
    clock.uninstall()
    assert all(getattr(time, name) is original for name, original in originals.items())
    assert clock.skipped() == 0


@pytest.mark.usefixtures("beside")
def test_installing_twice_is_refused() -> None:
    with pytest.raises(RuntimeError, match="installed already"):
        clock.install()


def test_a_loop_needs_the_clock() -> None:
    with pytest.raises(RuntimeError, match="not installed"):
        clock.new_event_loop(Network())


# A clock that is held


@pytest.mark.usefixtures("beside")
def test_a_held_clock_stands_still_and_goes_on_from_there() -> None:
    with clock.held():
        before = [read() for read in (time.time, time.monotonic, time.perf_counter, time.monotonic_ns)]
        with clock.held():
            began = REAL()
            while REAL() - began < 0.05:
                pass
        assert [
            read() for read in (time.time, time.monotonic, time.perf_counter, time.monotonic_ns)
        ] == before
    later = time.monotonic() - before[1]
    assert 0 <= later < 0.05


def test_a_held_clock_skips_what_is_waited_for(beside: Network) -> None:
    async def wait() -> float:
        with clock.held():
            before = time.monotonic()
            await asyncio.sleep(HOUR)
            return time.monotonic() - before

    value, seconds, real = run(beside, wait())
    assert value == pytest.approx(HOUR)
    assert seconds == pytest.approx(HOUR, abs=TOLERANCE)
    assert real < TOLERANCE
