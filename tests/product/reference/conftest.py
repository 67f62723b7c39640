"""Fixtures of the reference's tests: captured logs, serializers, and answers in place of the network."""

from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import respx
from loguru import logger

from twilio_reference import TwilioFrameSerializer, hangup

STREAM_SID = "MZ" + "0123456789abcdef" * 2


@pytest.fixture
def stream_sid() -> str:
    """The SID of the stream of the serializers made here."""
    return STREAM_SID


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Every log record of the test as "LEVEL text", with tracebacks and the values in them."""
    records: list[str] = []
    handler = logger.add(
        lambda message: records.append(str(message)),
        level=0,
        format="{level} {message}\n{exception}",
        diagnose=True,
        backtrace=True,
    )
    yield records
    logger.remove(handler)


@pytest.fixture
def make() -> Callable[..., Awaitable[TwilioFrameSerializer]]:
    """Makes a serializer without hang-up and sets it up for a pipeline rate."""

    async def set_up(rate: int = 8000, **params: Any) -> TwilioFrameSerializer:
        serializer = TwilioFrameSerializer(
            STREAM_SID, params=TwilioFrameSerializer.InputParams(auto_hang_up=False, **params)
        )
        await serializer.setup(SimpleNamespace(audio_in_sample_rate=rate))
        return serializer

    return set_up


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
