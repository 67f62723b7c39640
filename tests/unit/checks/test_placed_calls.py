"""Calls are placed only where the extra `live` is installed."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncIterator
from typing import Any

import pytest

from twilio_conformance.checks import _placed_calls
from twilio_conformance.errors import NotObservable, Violation


@pytest.mark.parametrize("absent", ["fastapi", "uvicorn"])
async def test_without_the_extra_nothing_passes(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == absent else real(name))
    with pytest.raises(
        NotObservable, match=rf"{absent} not installed: pip install 'pipecat-twilio-conformance\[live\]'"
    ):
        async with _placed_calls.running_server():
            pass


async def test_faults_of_calls_played_at_the_same_time_are_in_one_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextlib.asynccontextmanager
    async def running_server() -> AsyncIterator[str]:
        yield "server"

    async def play(server: Any, case: int) -> str | None:
        await both.wait()
        return f"{server} fails" if case == 2 else None

    both = asyncio.Barrier(2)
    monkeypatch.setattr(_placed_calls, "running_server", running_server)
    with pytest.raises(Violation, match="late") as caught:
        await _placed_calls.expect_in_each_call({"a": 1, "b": 2}, play, "late", "in time")
    assert caught.value.actual == {"b": "server fails"}
    await _placed_calls.expect_in_each_call({"a": 1, "b": 3}, play, "late", "in time")
