"""The runner of the vectors: plays a vector, then grades what was observed by its expectations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twilio_conformance.checks._expectations import Session, expect_raises, grade_session, grade_step
from twilio_conformance.errors import Finding, NotTestable
from twilio_conformance.subject.frames import Json
from twilio_conformance.subject.probe import Probe
from twilio_conformance.subject.steps import take_step


async def play(vector: Json, probe: Probe) -> Session:
    """Construct and set up an instance and take every step; the implementation's exceptions are values."""
    session = Session(network=probe.implementation.network)
    given = vector["given"]
    probe.names.values.update(given.get("names", {}))
    probe.answer(given["answers"])
    with probe.surrounded(given) as surroundings:
        await surroundings.begin()
        session.construction, subject = probe.attempt(**given["arguments"])
        if subject is None:
            session.obstacle = f"the constructor {session.construction.outcome}"
            return session
        if given["setup"] is not None:
            observation = await take_step(subject, {"setup": given["setup"]})
            if observation.raised is not None:
                session.obstacle = f"setup {observation.outcome}"
        await surroundings.prepare(subject, given["setup"])
        probe.forget_logs()
        for step in vector["steps"]:
            session.steps.append(await take_step(subject, step))
            await surroundings.take_turn()
    session.exchanges = surroundings.graded(probe.network.exchanges)
    session.attempted = len(probe.network.connections) > surroundings.connections_start
    session.logs, session.printed = probe.logs, probe.printed
    return session


def grade(vector: Json, session: Session, requirement: str, names: Callable[[Any], Any]) -> None:
    """Compare a session of a vector with every expectation of one requirement, whose ${names} are replaced.

    Where construction may raise, and does, nothing else is expected.
    It is NotTestable if construction or setup failed, or if nothing tried to reach Twilio's API as the vector presumes.
    """
    refused = False
    for expectation in _of(vector.get("construction", ()), requirement):
        assert session.construction is not None
        expect_raises(session.construction, names(expectation))
        refused |= session.construction.raised is not None
    of_steps = [_of(step.get("expect", ()), requirement) for step in vector["steps"]]
    of_session = _of(vector["expect"], requirement)
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
                finding.observation = observation
                raise
    for expectation in of_session:
        grade_session(session, names(expectation))
    if vector.get("premise") == "attempt" and not session.attempted:
        raise NotTestable("nothing tried to reach Twilio's API")


def _of(expectations: Any, requirement: str) -> list[Json]:
    return [expectation for expectation in expectations if expectation["requirement"] == requirement]
