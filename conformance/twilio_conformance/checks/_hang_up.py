"""Hang-ups of new instances, as the checks of requests make them."""

from __future__ import annotations

import asyncio
from typing import Any

from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.frames import Json
from twilio_conformance.subject.probe import Observation, Probe, Subject
from twilio_conformance.subject.surroundings import end_call

END: Json = {"frame": "EndFrame"}
COMPLETED: Json = {"status": 200, "json": {"status": "completed"}}

CLIENT_LIMIT = 400.0
"""Seconds that exceed the longest default timeout of HTTP clients (300 s)."""


async def hang_up(probe: Probe, *answers: Json, limit: float = 40.0, **changes: Any) -> Observation:
    """Script Twilio's answers, if any, end the call of a new instance, and wait until its requests are recorded.

    Its arguments are those of `Probe.arguments` with these changes. Serialize has a time limit in seconds.
    """
    if answers:
        probe.answer(answers)
    observation = await end_call(await probe.ready(**probe.arguments(**changes)), limit=limit)
    probe.network.settle()
    return observation


async def begin_hang_up(probe: Probe, *answers: Json) -> tuple[Subject, asyncio.Task[Observation]]:
    """Return a new instance, and the task of its hang-up, once the request is at the server; else NotTestable."""
    probe.answer(answers)
    subject, before = await probe.ready(**probe.arguments()), len(probe.exchanges)
    task = asyncio.create_task(subject.serialize(END, limit=CLIENT_LIMIT))
    for _ in range(500):
        if len(probe.exchanges) > before:
            return subject, task
        await asyncio.sleep(0.01)
    task.cancel()
    raise NotTestable("no request came within 5 s")


def require_request(probe: Probe) -> None:
    """End the check as not testable if no request was made."""
    if not probe.exchanges:
        raise NotTestable("no request was made")
