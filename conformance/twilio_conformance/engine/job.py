"""What a forked child does: it runs one job and says what it found, or what the implementation did to it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import importlib
import inspect
import math
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from twilio_conformance.adapter.processes import Adapter, Link
from twilio_conformance.audio.levels import Unmeasurable
from twilio_conformance.checks import _vectors
from twilio_conformance.checks._core import Check
from twilio_conformance.engine import sandbox
from twilio_conformance.engine.sandbox import replaced
from twilio_conformance.errors import Finding, NotApplicable, NotObservable, NotTestable
from twilio_conformance.spec.catalogue import Catalogue
from twilio_conformance.spec.verdict import FAIL, NOT_APPLICABLE, NOT_TESTABLE, PASS, Outcome
from twilio_conformance.subject.probe import Probe, Raised
from twilio_conformance.subject.redaction import Names
from twilio_conformance.subject.target import HANDSHAKE, METHODS, Implementation
from twilio_conformance.twilio import clock
from twilio_conformance.twilio.network import Network

Json = dict[str, Any]

TEXT_LIMIT = 4000
"""Characters of one text in a result; more is cut."""

_LATE = {"httpx": ("anyio._backends._asyncio", "httpcore"), "pipecat": ("pipecat.clocks.system_clock",)}
"""What packages import at their first request or setup: each child would do so anew, for up to 50 ms."""

TRACE_LIMIT = 40
"""Lines of a trace; the last ones are kept."""


@dataclass(frozen=True)
class World:
    """What every job is about and works with."""

    implementation: Implementation
    catalogue: Catalogue
    checks: Mapping[str, Check]
    originals: Mapping[str, object]


def import_late_modules() -> None:
    """Imports, before any child is forked, what each of them would have to import."""
    for package, modules in _LATE.items():
        for module in modules if package in sys.modules else ():
            with contextlib.suppress(ImportError):
                importlib.import_module(module)


def run(
    world: World,
    job: str,
    requirements: list[str],
    names: Names,
    watch: Callable[[str], None],
    adapter: Adapter | None = None,
) -> Json:
    """The outcome of a job for each requirement; the process is used up by it.

    Nothing is cleaned up: tasks, threads and sockets that an implementation leaves behind end with the
    process, and cannot hold up the result.

    Args:
        world: What is graded against what.
        job: The id of a vector or check, or `HANDSHAKE`.
        requirements: What a vector is to be graded for.
        names: What ${names} stand for.
        watch: See `Probe`.
        adapter: The process that holds the implementation, where another one does.

    Raises:
        Exception: The suite itself failed.
    """
    network = Network()
    try:
        network.start()
        if adapter is not None:
            link = Link(adapter, world.implementation, network)
            # Time is real there: a clock that skips would leave the other process behind.
            with asyncio.Runner() as runner:
                found = runner.run(
                    grade_job(world, job, requirements, Probe(link.implementation, network, names, watch))
                )
            return found | {"adapter": link.finish()}
        before = sandbox.state()
        probe = Probe(world.implementation, network, names, watch)
        runner = asyncio.Runner(loop_factory=lambda: clock.new_event_loop(network))
        found = runner.run(grade_job(world, job, requirements, probe))
        return _doubt(found, world, network) | {"deeds": sandbox.deeds(before)}
    except BaseException as error:
        deed = deed_of(error, world)
        if deed is None:
            raise
        outcome = Outcome(FAIL, f"the implementation {deed}", actual=repr(Raised.of(error)))
        return {"outcomes": dict.fromkeys(requirements, _fit(outcome.as_json()))}


def _doubt(found: Json, world: World, network: Network) -> Json:
    """What was found; nothing passes where an implementation has laid hands on the suite's own means."""
    changed = replaced(world.originals)
    deeds = [f"replaced {', '.join(changed)}"] if changed else []
    deeds += [] if network.is_serving else ["ended a thread of the suite's"]
    if not deeds or "outcomes" not in found:
        return found
    message = f"the implementation {' and '.join(deeds)}: what the check saw proves nothing"
    failed = _fit(Outcome(FAIL, message).as_json())
    return found | {
        "outcomes": {
            name: failed if outcome["status"] == PASS else outcome
            for name, outcome in found["outcomes"].items()
        }
    }


async def grade_job(world: World, job: str, requirements: list[str], probe: Probe) -> Json:
    """The outcome of a job for each requirement, on a probe; see `run`."""
    if job == HANDSHAKE:
        return {"handshake": _shake_hands(probe)}
    started = monotonic()
    outcomes = {}
    for requirement, grade in (await _graders(world, job, requirements, probe)).items():
        outcome = await _outcome(probe, world.catalogue.requirements[requirement].capability, grade)
        seconds = max(0.0, round(monotonic() - clock.skipped() - started, 4))
        outcome = replace(outcome, seconds=seconds, metrics=probe.metrics)
        outcomes[requirement] = _fit(outcome.as_json())
    return {"outcomes": outcomes, "hung": probe.hung_calls}


async def _graders(
    world: World, job: str, requirements: list[str], probe: Probe
) -> dict[str, Callable[[], Awaitable[None]]]:
    """What grades each requirement of the job; a vector is played once for all of them."""
    if job in world.checks:
        check = world.checks[job]
        return {check.requirement: lambda: check.function(probe)}
    vector = world.catalogue.vectors[job]
    try:
        session = await _vectors.play(vector, probe)
    except Finding as finding:
        return dict.fromkeys(requirements, functools.partial(_find, finding))

    def grader(requirement: str) -> Callable[[], Awaitable[None]]:
        async def grade() -> None:
            _vectors.grade(vector, session, requirement, probe.names.fill)

        return grade

    return {requirement: grader(requirement) for requirement in requirements}


async def _find(finding: Finding) -> None:
    raise finding


def _last(trace: list[str]) -> tuple[str, ...]:
    """The end of a trace, which says what is left out of it."""
    left_out = len(trace) - TRACE_LIMIT
    return tuple(trace) if left_out <= 0 else (f"({left_out} lines before these)", *trace[left_out:])


async def _outcome(probe: Probe, capability: str | None, grade: Callable[[], Awaitable[None]]) -> Outcome:
    try:
        probe.require_capability(capability)
        await grade()
    except NotApplicable as finding:
        return Outcome(NOT_APPLICABLE, finding.message)
    except Finding as finding:
        status = NOT_TESTABLE if isinstance(finding, NotTestable) else FAIL
        trace = _last(probe.trace_to(finding.observation))
        hidden = isinstance(finding, NotObservable)
        return Outcome(status, finding.message, finding.expected, finding.actual, trace, out_of_sight=hidden)
    except Unmeasurable as error:
        return Outcome(FAIL, "there is no audio to measure", "audio", str(error), _last(probe.trace))
    return Outcome(PASS)


def _shake_hands(probe: Probe) -> str | None:
    """What a factory gives instead of a serializer; None where it gives one, or raises."""
    _, subject = probe.attempt(**probe.arguments())
    if subject is None:
        return None
    if inspect.isclass(subject.instance):
        return f"type, the class {subject.instance.__name__} itself"
    missing = [name for name in METHODS if not callable(getattr(subject.instance, name, None))]
    return f"{type(subject.instance).__name__} without {', '.join(missing)}" if missing else None


def deed_of(error: BaseException, world: World) -> str | None:
    """What the implementation did that ended the job; None where the suite is at fault."""
    if changed := replaced(world.originals):
        return f"replaced {', '.join(changed)}, which the suite needs, and the check could not go on"
    if isinstance(error, asyncio.CancelledError):
        return "cancelled the task that called it"
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return f"raised {type(error).__name__} in a task or callback of its own"
    if isinstance(error, MemoryError):
        return "took all the memory that it may have"
    if isinstance(error, OSError) and error.errno in (errno.EBADF, errno.EMFILE, errno.ENFILE):
        return "closed or used up the file descriptors of the process"
    if isinstance(error, RuntimeError) and "Event loop" in str(error):
        return "stopped or closed the event loop"
    places = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if _is_theirs(frame.f_globals.get("__name__"), world.implementation)
    ]
    if places:
        return f"{Raised.of(error)!r} where the check needs a value ({places[-1][0]}:{places[-1][1]})"
    return None


def _is_theirs(module: object, implementation: Implementation) -> bool:
    """Whether a module is the implementation's own, not one that it shares with others."""
    own = {implementation.target.module, implementation.name.partition(":")[0]}
    return isinstance(module, str) and any(module == name or module.startswith(f"{name}.") for name in own)


def _fit(value: Any) -> Any:
    """A value as JSON that a report can hold: no endless text, no number without a digit, nothing foreign."""
    if isinstance(value, str):
        return value if len(value) <= TEXT_LIMIT else f"{value[:TEXT_LIMIT]}… ({len(value)} characters)"
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _fit(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fit(item) for item in value]
    return _fit(repr(value))
