"""Hang-ups of new instances, as the checks of requests make them."""

from __future__ import annotations

import asyncio
from typing import Any

from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.frames import Json
from twilio_conformance.subject.probe import Observation, Probe, Subject
from twilio_conformance.twilio.clock import skipped

END: Json = {"frame": "EndFrame"}
COMPLETED: Json = {"status": 200, "json": {"status": "completed"}}

ATTEMPT_LIMIT, PATIENCE = 31.0, 1.0
"""Seconds after which every attempt is over, even one in the background, and those of real time to wait for it."""

CLIENT_LIMIT = 400.0
"""Seconds that exceed the longest default timeout of HTTP clients (300 s)."""


async def hang_up(probe: Probe, *answers: Json, limit: float = 40.0, **changes: Any) -> Observation:
    """Script Twilio's answers, if any, end the call of a new instance, and wait until its requests are recorded.

    Its arguments are those of `Probe.arguments` with these changes. Serialize has a time limit in seconds.
    """
    if answers:
        probe.answer(answers)
    subject = await probe.ready(**probe.arguments(**changes))
    observation = await subject.serialize(END, limit=limit)
    await finish_requests(probe)
    probe.network.settle()
    return observation


async def finish_requests(probe: Probe) -> None:
    """Wait until requests are answered: api.txt permits to leave them to a task, and TFS-HANGUP-16 advises against it."""
    now, pause = asyncio.get_running_loop().time, 0.05
    began, began_really = now(), now() - skipped()
    while now() < began + ATTEMPT_LIMIT and now() - skipped() < began_really + PATIENCE:
        if (made := probe.network.exchanges) and all(each.answer_status is not None for each in made):
            # A task that was left behind has yet to read the answer.
            await asyncio.sleep(0 if pause == 0.05 else 0.05)
            return
        await asyncio.sleep(pause)
        pause *= 2


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
