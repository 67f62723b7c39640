"""Runs one check in this process, so that a debugger can stop in the implementation."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from twilio_conformance import EDITION
from twilio_conformance.checks import _core
from twilio_conformance.engine import job
from twilio_conformance.errors import UsageError
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.coverage import Entry, entries
from twilio_conformance.spec.verdict import Outcome
from twilio_conformance.subject import resolution, target
from twilio_conformance.subject.logs import CAPTURE
from twilio_conformance.subject.probe import Observation, Probe
from twilio_conformance.subject.trace import timed
from twilio_conformance.twilio import clock, network

CALL_LIMIT = 3600.0
"""Seconds for one call of the implementation, time spent in a debugger included."""


class _PrintingProbe(Probe):
    """A probe that prints each call when it returns, with the requests that it made."""

    _requests = 0

    def _note(self, observation: Observation) -> Observation:
        super()._note(observation)
        _, started, made = self.observations[-1]
        _print(timed(started - self._began, f"{observation.call}: {observation.outcome}"))
        for exchange in self.network.exchanges[self._requests : made]:
            line = f"request {exchange.method} https://{exchange.host}{exchange.target} -> {exchange.answer_status}"
            _print(timed(exchange.started - self._began, line))
        self._requests = made
        return observation

    async def _observe(self, call: str, action: Callable[[], Awaitable[Any]], limit: float) -> Observation:
        return await super()._observe(call, action, max(limit, CALL_LIMIT))


def replay(impl: str, name: str) -> Outcome:
    """Run one check for one requirement and print what happens.

    Args:
        impl: The implementation, as for `--impl`.
        name: The requirement and the check, as in `TFS-CLEAR-01[clear/interruption-plain]`.

    Returns:
        The outcome.

    Raises:
        UsageError: The implementation or the check does not exist, or the implementation runs in another process.
        DataError: The specification or the vectors are damaged.
    """
    found = catalogue.load(EDITION)
    subject = target.parse(impl)
    if subject.command:
        raise UsageError(f"{impl}: replay runs Python in its own process; attach a debugger to the adapter")
    network.require_loopback()
    network.install()
    clock.install()
    CAPTURE.attach()
    implementation = resolution.resolve(subject)
    checks = _core.load_checks()
    context = job.Context(implementation, found, checks)
    in_code = {each.id: each.requirements[0] for each in job.jobs_in_code(found, checks).values()}
    requirement, check = _entry(name, entries(found, in_code))
    with network.Network() as double:
        probe = _PrintingProbe(implementation, double)
        with asyncio.Runner(loop_factory=lambda: clock.new_event_loop(double)) as runner:
            outcomes = job.as_json(runner.run(job.grade(context, check, [requirement], probe)))
    return Outcome(**probe.names.redact(outcomes[requirement]))


def _entry(name: str, known: list[Entry]) -> Entry:
    named = {f"{entry.requirement}[{entry.check}]": entry for entry in known}
    if name not in named:
        raise UsageError(f"{name}: no such check; name one as in TFS-CLEAR-01[clear/interruption-plain]")
    return named[name]


def _print(line: str) -> None:
    sys.stdout.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()
