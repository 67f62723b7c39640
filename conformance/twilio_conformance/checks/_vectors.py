"""The runner of the vectors: plays a vector, then grades what was observed by its expectations."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any
from unittest import mock

from twilio_conformance.checks._expectations import Session, expect_raises, grade_session, grade_step
from twilio_conformance.errors import Finding, NotApplicable, NotTestable
from twilio_conformance.spec.catalogue import Vector
from twilio_conformance.subject.frames import Json
from twilio_conformance.subject.probe import Observation, Probe

STEP_LIMIT = 40.0
"""Time limit of a step, in seconds on the event loop's clock: above the 30 s that any requirement permits."""


async def play(vector: Vector, probe: Probe) -> Session:
    """Construct and set up an instance and take every step; the implementation's exceptions are values.

    Raise NotApplicable if the vector sets environment variables and the implementation is in another process.
    """
    environment = vector.data["given"].get("environment", {})
    if environment and probe.implementation.is_remote:
        raise NotApplicable("the environment of another process cannot be set")
    with mock.patch.dict(os.environ, environment):
        return await _play(vector, probe)


async def _play(vector: Vector, probe: Probe) -> Session:
    session = Session(network=probe.implementation.network)
    given = vector.data["given"]
    probe.names.values.update(given.get("names", {}))
    probe.answer(given["answers"])
    session.construction, subject = probe.attempt(**given["arguments"])
    if subject is None:
        session.obstacle = f"the constructor {session.construction.outcome}"
        return session
    if given["setup"] is not None:
        observation = await subject.setup(*_rates(given["setup"]))
        if observation.raised is not None:
            session.obstacle = f"setup {observation.outcome}"
    for step in vector.data["steps"]:
        if "serialize" in step:
            observation = await subject.serialize(step["serialize"], limit=STEP_LIMIT)
        elif "deserialize" in step:
            message = probe.names.message(step["deserialize"])
            observation = await subject.deserialize(message, limit=STEP_LIMIT)
        elif "setup" in step:
            observation = await subject.setup(*_rates(step["setup"]))
        else:
            await asyncio.sleep(step["wait"])
            observation = Observation(f"wait({step['wait']})")
        session.steps.append(observation)
    session.exchanges = probe.network.exchanges
    session.attempted = bool(probe.network.connections)
    session.logs = probe.logs
    return session


def grade(vector: Vector, session: Session, requirement: str, names: Callable[[Any], Any]) -> None:
    """Compare a session of a vector with every expectation of one requirement, whose ${names} are replaced.

    Where construction may raise, and does, nothing else is expected.
    It is NotTestable if construction or setup failed, or if nothing tried to reach Twilio's API as the vector presumes.
    """
    refused = False
    for expectation in _of(vector.data.get("construction", ()), requirement):
        assert session.construction is not None
        refused |= session.construction.raised is not None
        expect_raises(session.construction, names(expectation))
    of_steps = [_of(step.get("expect", ()), requirement) for step in vector.data["steps"]]
    of_session = _of(vector.data["expect"], requirement)
    if session.obstacle is not None:
        if not refused and (of_session or any(of_steps)):
            raise NotTestable(session.obstacle)
        return
    for observation, expectations in zip(session.steps, of_steps, strict=False):
        for expectation in expectations:
            try:
                grade_step(observation, names(expectation))
            except Finding as finding:
                finding.message = f"{observation.call}: {finding.message}"
                raise
    for expectation in of_session:
        grade_session(session, names(expectation))
    if vector.data.get("premise") == "attempt" and not session.attempted:
        raise NotTestable("nothing tried to reach Twilio's API")


def _of(expectations: Any, requirement: str) -> list[Json]:
    return [expectation for expectation in expectations if expectation["requirement"] == requirement]


def _rates(rates: Json) -> tuple[int, int]:
    return rates["audio_in_sample_rate"], rates["audio_out_sample_rate"]
