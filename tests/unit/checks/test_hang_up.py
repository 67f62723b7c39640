"""Hang-ups of new instances: what is scripted, what is awaited, and what cannot be tested."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from twilio_conformance.checks._hang_up import COMPLETED, begin_hang_up, hang_up, require_request
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.steps import END


class FakeProbe:
    """A probe whose instance makes one request, after some turns of the loop, and then waits for an answer."""

    def __init__(self, turns: int = 0, *, answered: bool = True, waits: bool = True) -> None:
        self.turns, self.answered, self.waits = turns, answered, waits
        self.exchanges: list[Any] = []
        self.done: list[Any] = []
        self.implementation = SimpleNamespace(is_remote=False)
        self.network = SimpleNamespace(settle=lambda: self.done.append("settled"), exchanges=self.exchanges)

    def answer(self, answers: Any) -> None:
        self.done.append(list(answers))

    def arguments(self, **changes: Any) -> dict[str, Any]:
        return changes

    async def ready(self, **arguments: Any) -> Any:
        self.done.append(arguments)
        return SimpleNamespace(serialize=self.serialize, probe=self)

    async def serialize(self, frame: Any, *, limit: float) -> str:
        self.done.append((frame, limit))
        if self.waits:
            await self.request()
        else:
            self.task = asyncio.create_task(self.request())
        return "returned"

    async def request(self) -> None:
        for _ in range(self.turns):
            await asyncio.sleep(0)
        self.exchanges.append(SimpleNamespace(answer_status=200 if self.answered else None))
        if not self.answered:
            await asyncio.Event().wait()


async def test_a_hang_up_scripts_answers_and_waits_until_requests_are_recorded() -> None:
    probe: Any = FakeProbe()
    returned: Any = await hang_up(probe, COMPLETED, limit=3, region="ie1")
    assert returned == "returned"
    assert probe.done == [[COMPLETED], {"region": "ie1"}, (END, 3), "settled"]


async def test_a_request_that_is_left_to_a_task_is_awaited() -> None:
    probe: Any = FakeProbe(3, waits=False)
    await hang_up(probe)
    assert probe.task.done()
    assert probe.done[-1] == "settled"


async def test_what_makes_no_request_is_not_awaited_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twilio_conformance.subject.steps.PATIENCE", 0.1)
    probe: Any = FakeProbe(answered=False, waits=False)
    await asyncio.wait_for(hang_up(probe), 30)
    probe.task.cancel()


async def test_without_answers_the_script_stays_as_it_is() -> None:
    probe: Any = FakeProbe()
    await hang_up(probe)
    assert probe.done[0] == {}


async def test_a_begun_hang_up_is_under_way_when_its_request_has_arrived() -> None:
    probe: Any = FakeProbe(3, answered=False)
    probe.exchanges.append("an earlier request")
    _, task = await begin_hang_up(probe, {"fault": "silence"})
    assert len(probe.exchanges) == 2
    assert not task.done()
    task.cancel()


async def test_a_hang_up_without_a_request_cannot_be_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    async def skip(_: float) -> None:
        await real(0)

    real = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", skip)
    with pytest.raises(NotTestable, match="no request came"):
        await begin_hang_up(FakeProbe(10_000), COMPLETED)  # type: ignore[arg-type]


def test_a_check_of_requests_requires_one() -> None:
    probe: Any = FakeProbe()
    with pytest.raises(NotTestable, match="no request was made"):
        require_request(probe)
    probe.exchanges.append("request")
    require_request(probe)
