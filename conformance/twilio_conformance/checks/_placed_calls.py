"""Calls placed to Pipecat's own server, in real time, where the extra `live` is installed.

`_server` imports FastAPI and uvicorn; this module imports it only when a call is placed, so that every check can be
listed without them.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from twilio_conformance.checks._core import expect
from twilio_conformance.errors import NotObservable, SuiteError
from twilio_conformance.subject.probe import Probe
from twilio_conformance.twilio import clock
from twilio_conformance.twilio.caller import Identity

if TYPE_CHECKING:
    from twilio_conformance.checks._server import Call, PipecatServer

Case = TypeVar("Case")


@contextlib.asynccontextmanager
async def running_server() -> AsyncIterator[PipecatServer]:
    """Run Pipecat's server; NotObservable if the extra `live` is not installed."""
    missing = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise NotObservable(
            f"{' and '.join(missing)} not installed: pip install 'pipecat-twilio-conformance[live]'",
            expected=["fastapi", "uvicorn"],
            actual={"missing": missing},
        )
    from twilio_conformance.checks._server import PipecatServer

    async with PipecatServer() as server:
        skipped = clock.skipped()
        yield server
        if clock.skipped() != skipped:
            raise SuiteError("the clock skipped while a call was under way")


@contextlib.asynccontextmanager
async def place_call(
    probe: Probe, server: PipecatServer, rate: int, *, echoes: bool = True, hangs_up: bool = False
) -> AsyncIterator[Call]:
    """Place a call to a pipeline that uses a new instance of the implementation as its serializer.

    The pipeline has the rate, in Hz, in both directions. The agent echoes the caller unless told otherwise, and the
    serializer has no credentials unless it has to hang up.
    """
    identity = Identity.random(probe.names.values["account_sid"])
    arguments: dict[str, Any] = {"params": {"auto_hang_up": False}}
    if hangs_up:
        arguments = {"account_sid": "${account_sid}", "auth_token": "${auth_token}"}
    subject = probe.construct(stream_sid=identity.stream_sid, call_sid=identity.call_sid, **arguments)
    async with server.expect(subject.instance, identity, rate, echoes=echoes).placed() as call:
        yield call


async def expect_in_each_call(
    calls: Mapping[str, Case],
    play: Callable[[PipecatServer, Case], Awaitable[str | None]],
    message: str,
    expected: str,
) -> None:
    """Play calls at the same time, and end the check with a message if any returns a fault."""
    async with running_server() as server:
        faults = await asyncio.gather(*(play(server, case) for case in calls.values()))
    wrong = {name: fault for name, fault in zip(calls, faults, strict=True) if fault is not None}
    expect(not wrong, message, expected, wrong)
