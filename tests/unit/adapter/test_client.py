"""The channel to an adapter: requests and answers over two pipes."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from twilio_conformance.adapter import client
from twilio_conformance.adapter.client import Channel
from twilio_conformance.errors import AdapterFault, NotApplicable, RemoteException
from twilio_conformance.subject.logs import CAPTURE

GREETING = {"protocol": 1, "name": "port", "version": None, "capabilities": []}

Json = dict[str, Any]
Reply = Callable[[Json], list[Any]]
Connect = Callable[..., Channel]


class Adapter:
    """The other side of a channel: a thread that replies to each request as a function says."""

    def __init__(self, reply: Reply, ending: str | None = None) -> None:
        reading, self.requests = os.pipe()
        self.answers, self._writing = os.pipe()
        self.channel = Channel(self.requests, self.answers, lambda: ending)
        self._reply, self._reading = reply, reading
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with (
            os.fdopen(self._reading, "rb") as requests,
            os.fdopen(self._writing, "wb", buffering=0) as answers,
        ):
            for line in requests:
                request = json.loads(line)
                for reply in self._reply(request):
                    if reply == b"":
                        return
                    whole = isinstance(reply, bytes)
                    answers.write(
                        reply if whole else json.dumps({"id": request["id"]} | reply).encode() + b"\n"
                    )

    def end(self) -> None:
        self.channel.close()
        os.close(self.requests)
        self._thread.join()
        os.close(self.answers)


@pytest.fixture
def connect() -> Iterator[Connect]:
    started: list[Adapter] = []

    def start(reply: Reply, ending: str | None = None) -> Channel:
        started.append(Adapter(reply, ending))
        return started[-1].channel

    yield start
    for adapter in started:
        adapter.end()


def echo(request: Json) -> list[Any]:
    return [{"result": GREETING if request["op"] == "hello" else {"text": request.get("text", "")}}]


def test_an_answer_is_returned_to_who_asked(connect: Connect) -> None:
    channel = connect(echo)
    assert channel.hello() == GREETING
    assert channel.ask("serialize", 5.0, text="a") == {"text": "a"}
    assert channel.is_clean


def test_requests_can_be_under_way_together_and_answers_come_in_any_order(connect: Connect) -> None:
    kept: list[Json] = []

    def last_first(request: Json) -> list[Any]:
        kept.append(request)
        if len(kept) < 3:
            return []
        return [{"id": each["id"], "result": {"text": each["text"]}} for each in reversed(kept)]

    channel = connect(last_first)
    found = channel.ask_each("serialize", [{"text": text} for text in "abc"], 5.0)
    assert [answer and answer["result"]["text"] for answer in found] == ["a", "b", "c"]


def test_calls_of_several_tasks_each_get_their_answer(connect: Connect) -> None:
    channel = connect(echo)

    async def run() -> Any:
        return await asyncio.gather(*(channel.call("serialize", text=text) for text in "abc"))

    assert asyncio.run(run()) == [{"text": text} for text in "abc"]


def test_what_the_implementation_raised_is_raised_here(connect: Connect) -> None:
    channel = connect(lambda _: [{"raised": {"type": "KeyError", "bases": ["LookupError"], "message": "m"}}])
    with pytest.raises(RemoteException, match="m") as found:
        channel.ask("serialize", 5.0)
    assert (found.value.kind, found.value.bases) == ("KeyError", frozenset({"LookupError"}))
    assert channel.fault is None


def test_log_records_of_an_answer_are_captured(connect: Connect) -> None:
    CAPTURE.records.clear()
    channel = connect(lambda _: [{"result": None, "logs": [{"level": "ERROR", "text": "no"}]}])
    channel.ask("close", 5.0)
    assert [(record.level, record.text) for record in CAPTURE.records] == [(40, "no")]


@pytest.mark.parametrize(
    ("reply", "clause"),
    [
        ([b"hello\n"], "writes a line that is not JSON: 'hello'"),
        ([{"id": 1, "result": None}], "answers request 1, which is not open"),
        ([{"id": None, "result": None}], "answers without the number of a request"),
        ([{"result": None, "error": "e"}], "answers serialize with the members"),
        ([{"error": "no such frame"}], "cannot perform serialize: 'no such frame'"),
        ([b""], "closed its output in serialize"),
        ([], "does not answer serialize within 0.3 s"),
    ],
)
def test_a_mistake_of_the_adapter_is_its_fault_in_one_sentence(
    connect: Connect, reply: list[Any], clause: str
) -> None:
    channel = connect(lambda _: reply)
    with pytest.raises(AdapterFault, match=clause):
        channel.ask("serialize", 0.3)
    assert not channel.is_clean
    with pytest.raises(AdapterFault, match=clause):
        channel.hello()


def test_how_the_process_ended_is_part_of_the_fault(connect: Connect) -> None:
    channel = connect(lambda _: [b""], ending="ended with status 3")
    with pytest.raises(AdapterFault, match="the adapter ended with status 3 in serialize"):
        channel.ask("serialize", 5.0)


def test_a_call_that_does_not_return_is_given_up_if_the_adapter_answers_hello(connect: Connect) -> None:
    channel = connect(lambda request: echo(request) if request["op"] == "hello" else [])

    async def run() -> None:
        async with asyncio.timeout(0.1):
            await channel.call("setup")

    with pytest.raises(TimeoutError):
        asyncio.run(run())
    assert (channel.stuck, channel.fault) == (["setup"], None)


def test_an_adapter_that_answers_nothing_else_is_at_fault(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PING_LIMIT", 0.1)
    channel = connect(lambda _: [])
    with pytest.raises(AdapterFault, match="answers nothing while serialize is under way"):
        channel.ask_each("serialize", [{}], 0.1)


def test_a_request_above_the_limit_is_not_applicable(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LINE_LIMIT", 1000)
    channel = connect(echo)
    with pytest.raises(NotApplicable, match="the protocol's limit is 1000"):
        channel.ask("serialize", 5.0, text="x" * 1000)
    assert channel.is_clean


@pytest.mark.parametrize("extra", [b'{"id": 7}\n', b"partial"])
def test_output_that_answers_nothing_breaks_the_silence(connect: Connect, extra: bytes) -> None:
    channel = connect(lambda request: [*echo(request), extra])
    with pytest.raises(AdapterFault):
        channel.hello()
        channel.expect_silence(0.5)


def test_silence_is_kept_by_an_adapter_that_only_answers(connect: Connect) -> None:
    channel = connect(echo)
    channel.hello()
    channel.expect_silence(0.05)
    assert channel.fault is None
