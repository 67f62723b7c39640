"""The caller: it sends Twilio's messages and hears what would be played, and when."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from websockets.asyncio.server import ServerConnection, serve

from twilio_conformance.twilio.caller import CHUNK, RATE, SILENCE, Caller, CallerTrack, Identity, Playout

WIRE = Path(__file__).parents[3] / "spec" / "schemas" / "wire"
SID = '"streamSid": "MZ00000000000000000000000000000000"'
IDENTITY = Identity("MZ" + "0" * 32, "CA" + "1" * 32, "AC" + "2" * 32)
SECOND = bytes(range(200)) * 40

Json = dict[str, Any]


class Server:
    """A server that records messages and sends what a test tells it to."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.moments: list[float] = []
        self.connected = asyncio.Event()
        self.code: int | None = None

    async def answer(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.connected.set()
        async for data in connection:
            self.moments.append(asyncio.get_running_loop().time())
            self.messages.append(json.loads(data) if isinstance(data, str) else data)
        self.code = connection.close_code

    async def say(self, event: str, **content: Any) -> None:
        await self.connected.wait()
        await self.connection.send(json.dumps({"event": event, "streamSid": IDENTITY.stream_sid} | content))

    async def play(self, codes: bytes) -> None:
        await self.say("media", media={"payload": base64.b64encode(codes).decode()})

    def of(self, event: str) -> list[Json]:
        return [message for message in self.messages if message["event"] == event]


@asynccontextmanager
async def call(**parameters: str) -> AsyncIterator[tuple[Caller, Server]]:
    """A call to a server of the test; at its end everything that was sent has arrived."""
    server = Server()
    async with serve(server.answer, "127.0.0.1", 0) as listener:
        port = next(iter(listener.sockets)).getsockname()[1]
        async with Caller(f"ws://127.0.0.1:{port}", IDENTITY, parameters) as caller:
            await server.connected.wait()
            yield caller, server


@pytest.fixture(scope="module")
def is_wire() -> Callable[[str, object], bool]:
    """Return whether a message conforms to a schema of the wire."""
    schemas = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in WIRE.glob("*.json")}
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas.values()
    )
    return lambda name, message: Draft202012Validator(schemas[name], registry=registry).is_valid(message)


# The playout


@given(st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 3000)), min_size=1, max_size=12))
def test_all_audio_is_played_whole_in_order_and_never_before_it_arrives(
    pieces: list[tuple[float, int]],
) -> None:
    playout, moment = Playout(), 0.0
    for number, (pause, length) in enumerate(pieces):
        moment += pause
        playout.add(moment, bytes([number]) * length)
    played = b"".join(entry.codes for entry in playout.audio)
    assert played == b"".join(bytes([number]) * length for number, (_, length) in enumerate(pieces))
    assert all(entry.start >= entry.arrived for entry in playout.audio)
    assert all(
        one.end <= two.start + 1e-9 for one, two in zip(playout.audio, playout.audio[1:], strict=False)
    )
    heard = playout.heard(playout.end + 0.1)
    kept = heard.replace(SILENCE, b"")
    assert abs(len(kept) - sum(length for _, length in pieces)) <= len(pieces)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=8), st.floats(0, 3))
def test_after_a_clear_nothing_more_of_what_arrived_is_heard(lengths: list[int], moment: float) -> None:
    playout = Playout()
    for length in lengths:
        playout.add(0.0, b"\x00" * length)
    before, end = playout.heard(4.0), playout.end
    dropped = playout.clear(moment)
    after = playout.heard(4.0)
    cut = round(moment * RATE)
    assert dropped == pytest.approx(max(0.0, end - moment))
    assert after[:cut] == before[:cut]
    assert set(after[cut:]) <= set(SILENCE)
    assert playout.end <= max(moment, 0.0) + 1 / RATE or playout.end == end


def test_audio_that_comes_after_a_clear_is_played_at_once() -> None:
    playout = Playout()
    playout.add(0.0, b"\x00" * RATE)
    playout.clear(0.25)
    playout.add(0.3, b"\x01" * CHUNK)
    assert playout.audio[-1].start == 0.3


def test_a_gap_is_where_the_buffer_was_empty() -> None:
    playout = Playout()
    for moment in (0.0, 0.01, 0.1):
        playout.add(moment, b"\x00" * CHUNK)
    [(start, seconds)] = playout.gaps()
    assert [start, seconds] == pytest.approx([0.04, 0.06])


# What the caller sends


async def test_every_message_is_one_of_twilios(is_wire: Callable[[str, object], bool]) -> None:
    async with call(language="fr") as (caller, server):
        await caller.speak(SECOND[: 3 * CHUNK])
        await caller.press("#")
        await server.say("mark", mark={"name": "there"})
        assert await caller.until(lambda: bool(caller.marks), 5)
        await caller.speak(SECOND[:CHUNK])
    names = {"media": "media-inbound", "mark": "mark-inbound"}
    assert [message["event"] for message in server.messages] == [
        "connected", "start", "media", "media", "media", "dtmf", "mark", "media", "stop",
    ]  # fmt: skip
    for message in server.messages:
        assert is_wire(names.get(message["event"], message["event"]), message), message
    assert [message["sequenceNumber"] for message in server.messages[1:]] == [str(n) for n in range(1, 9)]
    assert [message["media"]["chunk"] for message in server.of("media")] == ["1", "2", "3", "4"]
    assert server.of("start")[0]["start"]["customParameters"] == {"language": "fr"}


async def test_speech_goes_out_whole_in_messages_of_20_ms_and_no_sooner_than_it_is_spoken() -> None:
    async with call() as (caller, server):
        began = caller.now
        await caller.speak(SECOND[: 10 * CHUNK])
        elapsed = caller.now - began
        await caller.until(lambda: len(server.of("media")) == 10, 5)
    payloads = [base64.b64decode(message["media"]["payload"]) for message in server.of("media")]
    assert b"".join(payloads) == SECOND[: 10 * CHUNK]
    assert {len(payload) for payload in payloads} == {CHUNK}
    assert elapsed >= 0.199
    assert caller.spoken == pytest.approx(0.2)


async def test_audio_that_is_held_up_comes_at_once_afterwards() -> None:
    async with call() as (caller, server):
        await caller.speak(SECOND[: 2 * CHUNK])
        caller.hold_up(0.2)
        await caller.speak(SECOND[2 * CHUNK : 8 * CHUNK])
        await caller.until(lambda: len(server.of("media")) == 8, 5)
    gaps = [two - one for one, two in zip(server.moments, server.moments[1:], strict=False)]
    assert max(gaps) >= 0.19
    payloads = [base64.b64decode(message["media"]["payload"]) for message in server.of("media")]
    assert b"".join(payloads) == SECOND[: 8 * CHUNK]


async def test_hanging_up_sends_stop_and_closes_in_order() -> None:
    async with call() as (caller, server):
        pass
    assert server.messages[-1]["event"] == "stop"
    assert server.code == 1000
    assert not caller.closed_by_server


# What the caller hears


async def test_a_mark_comes_back_when_what_was_sent_before_it_has_been_played() -> None:
    async with call() as (caller, server):
        await server.play(b"\x00" * (RATE // 5))
        await server.say("mark", mark={"name": "first"})
        await server.play(b"\x00" * (RATE // 10))
        await server.say("mark", mark={"name": "second"})
        assert await caller.until(lambda: len(caller.marks) == 2, 5)
        await asyncio.sleep(0.05)
    (first, one), (second, two) = caller.marks
    assert (one, two) == ("first", "second")
    began = caller.playout.audio[0].start
    assert first >= began + 0.2 - 0.001
    assert second >= began + 0.3 - 0.001
    assert [message["mark"]["name"] for message in server.of("mark")] == ["first", "second"]


async def test_a_clear_drops_the_rest_and_returns_every_mark_at_once() -> None:
    async with call() as (caller, server):
        await server.play(b"\x00" * (60 * RATE))
        for name in ("a", "b"):
            await server.say("mark", mark={"name": name})
        await server.say("clear")
        assert await caller.until(lambda: len(caller.marks) == 2, 5)
        await caller.until(lambda: len(server.of("mark")) == 2, 5)
    assert [message["mark"]["name"] for message in server.of("mark")] == ["a", "b"]
    assert caller.playout.end <= caller.clears[0] + 1 / RATE


async def test_a_mark_comes_back_at_once_when_there_is_nothing_to_play() -> None:
    async with call() as (caller, server):
        await server.say("mark", mark={"name": "now"})
        assert await caller.until(lambda: bool(caller.marks), 5)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x00\x01", 31950),
        (f'{{"event": "clear", {SID}}}'.encode(), 31950),
        ("no json", 31951),
        ("[]", 31951),
        ("{}", 31951),
        ('{"event": "clear"}', 31951),
        ('{"event": "clear", "streamSid": "MZ1"}', 31951),
        (f'{{"event": "clear", {SID}, "x": 1}}', 31951),
        (f'{{"event": "rtvi", {SID}}}', 31951),
        (f'{{"event": "media", {SID}, "media": {{}}}}', 31951),
        (f'{{"event": "media", {SID}, "media": {{"payload": "@"}}}}', 31951),
        (f'{{"event": "media", {SID}, "media": {{"payload": 1}}}}', 31951),
        (f'{{"event": "mark", {SID}, "mark": "a"}}', 31951),
        (f'{{"event": ["mark"], {SID}}}', 31951),
    ],
)
async def test_what_twilio_does_not_take_is_a_warning_and_nothing_else(data: str | bytes, code: int) -> None:
    async with call() as (caller, server):
        await server.connection.send(data)
        await server.play(b"\x00" * CHUNK)
        assert await caller.until(lambda: bool(caller.arrivals), 5)
    assert [warned.code for warned in caller.warnings] == [code]
    assert not caller.clears
    assert not caller.marks
    assert [len(arrival.codes) for arrival in caller.arrivals] == [CHUNK]


async def test_it_is_known_who_closed_the_connection_and_speaking_into_it_is_harmless() -> None:
    async with call() as (caller, server):
        await server.connection.close()
        assert await caller.until(caller.closed.is_set, 5)
        await caller.speak(SECOND[:CHUNK])
        await caller.press("1")
        assert not await caller.until(lambda: False, 60)
    assert caller.closed_by_server


# Messages outside real time


def test_a_track_continues_numbers_and_timestamps() -> None:
    track = CallerTrack()
    messages = [track.message(bytes(length)) for length in (160, 160, 8000, 1, 160)]
    media = [message["media"] for message in messages]
    assert [message["sequenceNumber"] for message in messages] == ["2", "3", "4", "5", "6"]
    assert [entry["chunk"] for entry in media] == ["1", "2", "3", "4", "5"]
    assert [entry["timestamp"] for entry in media] == ["0", "20", "40", "1040", "1040"]
    assert CallerTrack("MZ1").message(b"")["streamSid"] == "MZ1"
