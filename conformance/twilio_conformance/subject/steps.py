"""The steps of a vector, and the end of a call, which may leave its request to a task."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from twilio_conformance.subject.frames import Json
from twilio_conformance.subject.observation import Observation
from twilio_conformance.twilio.clock import skipped

if TYPE_CHECKING:
    from twilio_conformance.subject.probe import Subject

END: Json = {"frame": "EndFrame"}
TERMINAL = ("EndFrame", "CancelFrame")

STEP_LIMIT = 40.0
"""Time limit of serialize, in seconds on the event loop's clock: above the 30 s that a hang-up may take."""

ATTEMPT_LIMIT = 31.0
"""Seconds after which every attempt is over, even one in the background."""

PATIENCE, PATIENCE_OVER_STDIO = 10.0, 1.0
"""Seconds of real time to wait for one; over stdio no clock skips, and most calls that end cause none."""


async def take_step(subject: Subject, step: Json) -> Observation:
    """Take a step of a vector and return what it did; the implementation's exceptions are values."""
    if "serialize" in step:
        frame = step["serialize"]
        serialize = end_call if frame["frame"] in TERMINAL else subject.__class__.serialize
        return await serialize(subject, frame, limit=STEP_LIMIT)
    if "deserialize" in step:
        message = subject.probe.names.message(step["deserialize"])
        return await subject.deserialize(message)
    if "setup" in step:
        return await subject.setup(*step["setup"].values())
    await asyncio.sleep(step["wait"])
    return Observation(f"wait({step['wait']})")


async def end_call(subject: Subject, frame: Json = END, *, limit: float = STEP_LIMIT) -> Observation:
    """Serialize a terminal frame, and wait for its request: api.txt permits to leave it to a task (TFS-HANGUP-16)."""
    network, now = subject.probe.network, asyncio.get_running_loop().time
    before, pause = len(network.exchanges), 0.05
    observation = await subject.serialize(frame, limit=limit)
    began, began_really = now(), now() - skipped()
    patience = PATIENCE_OVER_STDIO if subject.probe.implementation.is_remote else PATIENCE
    while now() < began + ATTEMPT_LIMIT and now() - skipped() < began_really + patience:
        made = network.exchanges[before:]
        if made and all(exchange.answer_status is not None for exchange in made):
            # A task that was left behind has yet to read the answer.
            await asyncio.sleep(0 if pause == 0.05 else 0.05)
            break
        await asyncio.sleep(pause)
        pause *= 2
    return observation
