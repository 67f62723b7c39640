"""Dials: whole calls of an implementation through Pipecat's own server, in real time."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from twilio_conformance.errors import NotObservable, SuiteError
from twilio_conformance.subject.probe import Probe
from twilio_conformance.twilio import clock
from twilio_conformance.twilio.caller import Identity

if TYPE_CHECKING:
    from twilio_conformance.checks._server import Call, PipecatServer


@contextlib.asynccontextmanager
async def switchboard() -> AsyncIterator[PipecatServer]:
    """Pipecat's server, in real time.

    Raises:
        NotObservable: The extra `live` is not installed.
        SuiteError: The clock skipped meanwhile.
    """
    missing = [name for name in ("fastapi", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise NotObservable(
            f"{' and '.join(missing)} not installed: pip install 'pipecat-twilio-conformance[live]'",
            expected=["fastapi", "uvicorn"],
            actual={"missing": missing},
        )
    from twilio_conformance.checks._server import PipecatServer

    async with PipecatServer() as board:
        skipped = clock.skipped()
        yield board
        if clock.skipped() != skipped:
            raise SuiteError("the clock skipped while a call was under way")


@contextlib.asynccontextmanager
async def place_call(
    probe: Probe, board: PipecatServer, rate: int, *, echoes: bool = True, hangs_up: bool = False
) -> AsyncIterator[Call]:
    """A call to a pipeline whose serializer is an instance of the implementation."""
    identity = Identity.random(probe.names.values["account_sid"])
    arguments: dict[str, Any] = {"params": {"auto_hang_up": False}}
    if hangs_up:
        arguments = {"account_sid": "${account_sid}", "auth_token": "${auth_token}"}
    subject = probe.construct(stream_sid=identity.stream_sid, call_sid=identity.call_sid, **arguments)
    async with board.call(subject.instance, identity, rate, echoes=echoes) as call:
        yield call
