"""Runs one job in a forked child and attributes what ends it to the implementation or to the suite."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import inspect
import math
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from time import monotonic
from typing import Any

from twilio_conformance.adapter.processes import Adapter, Link
from twilio_conformance.audio.levels import Unmeasurable
from twilio_conformance.checks import _vectors
from twilio_conformance.checks._core import Check
from twilio_conformance.engine.messages import ChildReport, Job
from twilio_conformance.errors import Finding, NotApplicable, NotObservable, NotTestable
from twilio_conformance.spec import situations
from twilio_conformance.spec.catalogue import SEPARATOR, Catalogue, Json
from twilio_conformance.spec.situations import Value
from twilio_conformance.spec.verdict import FAIL, NOT_APPLICABLE, NOT_TESTABLE, PASS, Outcome
from twilio_conformance.subject import resolution, stack, trace
from twilio_conformance.subject.probe import Observation, Probe, Raised
from twilio_conformance.subject.redaction import Names, cut
from twilio_conformance.subject.target import HANDSHAKE, METHODS, Implementation
from twilio_conformance.twilio import clock
from twilio_conformance.twilio.network import Network

HANDSHAKE_LIMIT = 20.0
"""Seconds of real time for a factory to make one serializer."""

REPLAY_LIMIT = 5.0
"""Seconds that a check may take to be played again, to find out which part of its situation makes it fail."""

TEXT_LIMIT = 4000
"""Characters of one text in a result; more is cut."""

TRACE_LIMIT = 40
"""Lines of a trace; the last ones are kept."""

_LAZY_IMPORTS = {
    "httpx": ("anyio._backends._asyncio", "httpcore"),
    "pipecat": ("pipecat.clocks.system_clock",),
}
"""Modules that packages import at their first request or setup, which would cost each child up to 50 ms."""


@dataclass(frozen=True)
class Context:
    """What every job needs: the implementation, the specification and the checks in code.

    `threads` is the number of threads once the implementation is imported; a fork keeps only one of them.
    """

    implementation: Implementation
    catalogue: Catalogue
    checks: Mapping[str, Check]
    threads: int = field(default_factory=threading.active_count)

    def names_for(self, job: Job) -> Names:
        """Return new SIDs and secrets for a job, with those that its vector fixes; read its vector for that."""
        names = Names()
        if not job.module:
            base, _ = situations.parse(job.id)
            names.values.update(self.catalogue.vectors[base].data["given"].get("names", {}))
        return names


def jobs_in_code(catalogue: Catalogue, checks: Mapping[str, Check]) -> dict[str, Job]:
    """Return every check in code of an edition, in each of its situations, as a job, by id."""
    known = catalogue.requirements
    jobs = [
        Job(
            SEPARATOR.join([check.id, *situation]),
            [check.requirement],
            check.limit,
            check.function.__module__.rpartition(".")[2],
            in_real_time=check.requirement in known and known[check.requirement].profile == "live",
        )
        for check in checks.values()
        if check.since <= catalogue.edition
        for situation in ([], *catalogue.situations.get(check.id, ()))
    ]
    return {job.id: job for job in jobs}


def preload_lazy_imports() -> None:
    """Import before any fork what each child would have to import."""
    for package, modules in _LAZY_IMPORTS.items():
        for module in modules if package in sys.modules else ():
            with contextlib.suppress(ImportError):
                importlib.import_module(module)


def run(
    context: Context,
    job: Job,
    names: Names,
    watch: Callable[[str, float], None],
    adapter: Adapter | None = None,
) -> ChildReport:
    """Run a job in this process, which cannot be used for another one afterwards.

    Nothing is cleaned up: tasks, threads and sockets that an implementation leaves behind end with the
    process and cannot hold up the result.

    Args:
        context: The implementation and what it is graded against.
        job: The job.
        names: The values of the ${names}.
        watch: See `Probe`.
        adapter: The process that holds the implementation, if another one does.

    Returns:
        What the child tells the worker.

    Raises:
        Exception: The suite itself failed.
    """
    network = Network()
    try:
        network.start()
        if adapter is not None:
            link = Link(adapter, context.implementation, network)
            probe = Probe(link.implementation, network, names, watch)
            # Time is real in the other process: a clock that skips would leave it behind.
            with asyncio.Runner() as runner:
                outcomes = runner.run(grade(context, job.id, job.requirements, probe))
            fault, is_clean = link.finish()
            return ChildReport(as_json(outcomes), adapter_fault=fault, is_adapter_clean=is_clean)
        if context.threads > 1:
            context = replace(context, implementation=resolution.resolve_again(context.implementation))
        probe = Probe(context.implementation, network, names, watch)
        runner = asyncio.Runner(loop_factory=lambda: clock.new_event_loop(network))
        outcomes = runner.run(grade(context, job.id, job.requirements, probe))
        changes = probe.effects.changes()
        if context.threads > 1:
            changes.append("started a thread when it was imported, so that each check has to import it again")
        return ChildReport(as_json(outcomes), state_changes=changes)
    except BaseException as error:
        action = action_behind(error, context.implementation)
        if action is None:
            raise
        raised = Raised.of(error)
        where = stack.places(raised.frames, context.implementation.packages)
        outcome = Outcome(FAIL, f"the implementation {action}", actual=repr(raised), where=where)
        return ChildReport(as_json(dict.fromkeys(job.requirements, outcome)))


def run_together(context: Context, jobs: list[Job], watch: Callable[[str, float], None]) -> ChildReport:
    """Run jobs in this process, one after the other, each in an event loop of its own.

    Args:
        context: The implementation and what it is graded against.
        jobs: The jobs.
        watch: See `Probe`.

    Returns:
        The outcomes of the jobs that hold; any other may fail for what one before it has left behind.
    """
    report = ChildReport()
    for job in jobs:
        network = Network()
        with contextlib.suppress(BaseException):
            with network, asyncio.Runner(loop_factory=lambda: clock.new_event_loop(network)) as runner:  # noqa: B023
                probe = Probe(context.implementation, network, context.names_for(job), watch)
                outcomes = runner.run(grade(context, job.id, job.requirements, probe, explain=False))
            if all(outcome.holds for outcome in outcomes.values()) and not probe.effects.changes():
                report.held[job.id] = as_json(outcomes)
    return report


async def grade(
    context: Context, check: str, requirements: list[str], probe: Probe, *, explain: bool = True
) -> dict[str, Outcome]:
    """Grade the requirements of a job on a probe of their own; see `run`.

    Args:
        context: The implementation and what it is graded against.
        check: The id of a vector or check, or `HANDSHAKE`.
        requirements: The requirements to grade.
        probe: The probe to grade with.
        explain: Whether to find out which part of its situation makes a check fail.

    Returns:
        The outcome of each requirement.
    """
    if check == HANDSHAKE:
        return {HANDSHAKE: _shake_hands(probe)}
    started = monotonic()
    outcomes = {}
    base, values = situations.parse(check)
    for requirement, grader in (await _graders(context, base, values, requirements, probe)).items():
        outcome = await _outcome(probe, context.catalogue.requirements[requirement].capability, grader)
        seconds = max(0.0, round(monotonic() - clock.skipped() - started, 4))
        outcomes[requirement] = replace(outcome, seconds=seconds, metrics=probe.metrics)
    for requirement, outcome in outcomes.items() if values and explain else ():
        if outcome.status in (FAIL, NOT_TESTABLE):
            named = (
                values
                if outcome.seconds > REPLAY_LIMIT
                else await _decisive(context, check, requirement, probe)
            )
            situation = ", ".join(value.phrase for value in named)
            message = f"{situation}: {outcome.message}" if named else outcome.message
            outcomes[requirement] = replace(outcome, message=message)
    return outcomes


async def _graders(
    context: Context, base: str, values: list[Value], requirements: list[str], probe: Probe
) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return what grades each requirement in a situation; a vector is played once for all of them."""
    if base in context.checks:
        code = context.checks[base]

        async def run() -> None:
            with probe.surrounded(situations.surroundings(values)):
                await code.function(probe)

        return {code.requirement: run}
    vector = situations.apply(context.catalogue.vectors[base].data, values)
    try:
        session = await _vectors.play(vector, probe)
    except Finding as error:
        obstacle = error

        async def fail() -> None:
            raise obstacle

        return dict.fromkeys(requirements, fail)

    def grader(requirement: str) -> Callable[[], Awaitable[None]]:
        async def grade() -> None:
            _vectors.grade(vector, session, requirement, probe.names.fill)

        return grade

    return {requirement: grader(requirement) for requirement in requirements}


async def _decisive(context: Context, check: str, requirement: str, probe: Probe) -> list[Value]:
    """Return the values of a situation without which a failure disappears, by taking back one after the other.

    There are none if the case fails in the usual situation as well.
    """
    base, values = situations.parse(check)

    async def fails(values: list[Value]) -> bool:
        renewed = probe.renewed()
        graders = await _graders(context, base, values, [requirement], renewed)
        return (await _outcome(renewed, None, graders[requirement])).status in (FAIL, NOT_TESTABLE)

    if await fails([]):
        return []
    for value in list(values):
        fewer = [each for each in values if each is not value]
        if await fails(fewer):
            values = fewer
    return values


async def _outcome(probe: Probe, capability: str | None, grader: Callable[[], Awaitable[None]]) -> Outcome:
    try:
        probe.require_capability(capability)
        await grader()
    except NotApplicable as finding:
        return Outcome(NOT_APPLICABLE, finding.message)
    except Finding as finding:
        status = NOT_TESTABLE if isinstance(finding, NotTestable) else FAIL
        hidden = isinstance(finding, NotObservable)
        found = Outcome(status, finding.message, finding.expected, finding.actual, out_of_sight=hidden)
        return _evidence(probe, found, finding.observation)
    except Unmeasurable as error:
        return _evidence(probe, Outcome(FAIL, "there is no audio to measure", "audio", str(error)), None)
    return Outcome(PASS)


def _evidence(probe: Probe, found: Outcome, named: Observation | None) -> Outcome:
    """Return an outcome with its trace, which ends with the observation that the finding names, if any.

    If the implementation raised, the place in its source is added; if the call that shows it is long, the whole call.
    """
    lines = _last(probe.trace_to(named))
    shown = trace.decisive(probe.observations, named, f"{found.message} {found.actual}")
    if shown is None:
        return replace(found, trace=lines)
    raised_in = shown.raised.frames if shown.raised else ()
    where = stack.places(raised_in, probe.implementation.packages)
    whole = shown.whole_call if shown.whole_call != shown.call else ""
    return replace(found, trace=lines, where=where, call=whole)


def _last(lines: list[str]) -> list[str]:
    """Return the end of a trace, with a line that says how much is left out."""
    left_out = len(lines) - TRACE_LIMIT
    return lines if left_out <= 0 else [f"({left_out} lines before these)", *lines[left_out:]]


def _shake_hands(probe: Probe) -> Outcome:
    """Check that a factory returns a serializer; one that raises may still do so with other arguments."""
    _, subject = probe.attempt(**probe.arguments())
    if subject is None:
        return Outcome(PASS)
    instance = subject.instance
    wrong = None
    if inspect.isclass(instance):
        wrong = f"type, the class {instance.__name__} itself"
    elif missing := [name for name in METHODS if not callable(getattr(instance, name, None))]:
        wrong = f"{type(instance).__name__} without {', '.join(missing)}"
    return Outcome(PASS) if wrong is None else Outcome(FAIL, wrong, expected="a serializer")


def action_behind(error: BaseException, implementation: Implementation) -> str | None:
    """Return what the implementation did to end a job with this error; None if the suite is at fault."""
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
        if _belongs_to(implementation, frame.f_globals.get("__name__"))
    ]
    if places:
        return f"{Raised.of(error)!r} where the check needs a value ({places[-1][0]}:{places[-1][1]})"
    return None


def _belongs_to(implementation: Implementation, module: object) -> bool:
    """Return whether a module is the implementation's own, not one that it shares with others."""
    own = {implementation.target.module, implementation.name.partition(":")[0]}
    return isinstance(module, str) and any(module == name or module.startswith(f"{name}.") for name in own)


def as_json(outcomes: Mapping[str, Outcome]) -> dict[str, Json]:
    """Return outcomes as strict JSON, by requirement."""
    return {name: _fit(asdict(outcome)) for name, outcome in outcomes.items()}


def _fit(value: Any) -> Any:
    """Return a value as strict JSON for a report: long texts are cut, foreign objects become their repr."""
    if isinstance(value, str):
        return cut(value, TEXT_LIMIT)
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _fit(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fit(item) for item in value]
    return _fit(repr(value))
