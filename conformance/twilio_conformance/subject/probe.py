"""The one object that observes an implementation: what it returns, raises, logs and requests."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from pipecat.frames.frames import Frame

from twilio_conformance.errors import Finding, NotApplicable, NotObservable, NotTestable, RemoteException
from twilio_conformance.subject import frames
from twilio_conformance.subject.frames import FrameValue, Value, shorten
from twilio_conformance.subject.logs import BOOK, LogRecord
from twilio_conformance.subject.redaction import Names
from twilio_conformance.subject.target import NOWHERE, Implementation
from twilio_conformance.twilio.caller import CallerTrack
from twilio_conformance.twilio.clock import skipped
from twilio_conformance.twilio.network import Network
from twilio_conformance.twilio.record import Exchange
from twilio_conformance.twilio.script import Answer

__all__ = ["CALL_LIMIT", "Names", "Observation", "Probe", "Raised", "Subject"]

Json = dict[str, Any]

CALL_LIMIT = 10.0
"""Seconds on the event loop's clock that one call of the implementation may take."""

TOLERABLE = 5.0
"""Real seconds that a call which does not return may take without being counted as one that hangs."""

CALL_WIDTH = 60
"""Characters of a message that are shown of a call."""

NEVER_RETURNED = "DidNotReturn"
"""What a call that is over its limit is said to have raised."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception as a value."""

    kind: str
    bases: frozenset[str]
    message: str

    @classmethod
    def of(cls, error: BaseException) -> Raised:
        """The value of an exception; that its str() raises does not matter."""
        if isinstance(error, RemoteException):
            return cls(error.kind, error.bases, str(error))
        bases = frozenset(base.__name__ for base in type(error).__mro__[1:])
        try:
            message = str(error)
        except BaseException as broken:
            message = f"an exception whose str() raises {type(broken).__name__}"
        return cls(type(error).__name__, bases, message)

    def is_a(self, kind: str) -> bool:
        """Whether the exception is of this class or of a subclass."""
        return kind == self.kind or kind in self.bases

    def __repr__(self) -> str:
        """For a message."""
        return f"raised {self.kind}({shorten(self.message, 200)})"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one call did."""

    call: str
    value: Value = None
    raised: Raised | None = None
    seconds: float = 0.0

    @property
    def kind(self) -> tuple[str, str]:
        """What makes a call like another: what was called, and what kind of thing came of it."""
        value = self.value.kind if isinstance(self.value, FrameValue) else type(self.value).__name__
        came = value if self.raised is None else repr(self.raised)
        return self.call if self.call.startswith("serialize(") else self.call.partition("(")[0], came

    @property
    def outcome(self) -> str:
        """What came of the call, for a message."""
        if self.raised is not None:
            return repr(self.raised)
        return f"returned {shorten(self.value, 300)}"


class Probe:
    """Everything that a check can do with an implementation, and everything that was seen of it."""

    def __init__(
        self,
        implementation: Implementation,
        network: Network,
        names: Names | None = None,
        watch: Callable[[str], None] = lambda _: None,
    ) -> None:
        """A probe on one implementation, in a world of its own: a network double and a log.

        Args:
            implementation: What to observe.
            network: The other side of its requests.
            names: What ${names} stand for.
            watch: Is told each call when it begins, and "" when it is over.
        """
        self.implementation = implementation
        self.network = network
        self.names = names or Names()
        self.metrics: Json = {}
        self.hung: list[str] = []
        self._watch = watch
        self._under_way: list[str] = []
        self._seen: list[tuple[Observation, float, int]] = []
        self._began = time.monotonic()
        self._book = BOOK
        self._book.records.clear()
        self.answer([{"status": 200, "json": {"sid": "${call_sid}", "status": "completed"}}])

    def answer(self, answers: Sequence[Json]) -> None:
        """Scripts Twilio's API: an answer for each request, the last one for all that follow."""
        self.network.script([Answer.from_json(answer) for answer in self.names.fill(list(answers))])

    @property
    def trace(self) -> list[str]:
        """What happened, in order: a line for each call, and below it one for each request that it made.

        Each begins with its time since the check began, on the clock that skips.
        """
        return self.trace_to(None)

    def trace_to(self, last: Observation | None) -> list[str]:
        """The trace up to this observation; all of it where the observation is None or not of this probe."""
        lines: list[tuple[object, str]] = []
        exchanges, made = self.network.exchanges, 0
        requests = [self._timed(exchange.started, _wire_line(exchange)) for exchange in exchanges]
        for observation, started, made_then in self._seen:
            kind = observation if observation is last else observation.kind
            lines.append((kind, self._timed(started, f"{observation.call}: {observation.outcome}")))
            lines += enumerate(requests[made:made_then], start=made)
            made = made_then
            if observation is last:
                break
        else:
            lines += enumerate(requests[made:], start=made)
        alike = groupby(lines, key=itemgetter(0))
        return [_told([line for _, line in group]) for _, group in alike]

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The HTTP requests made so far, with their answers.

        Raises:
            NotObservable: Nothing leads the implementation's requests to the double.
        """
        if self.implementation.network == NOWHERE:
            raise NotObservable(
                "requests cannot be seen here: there is no network namespace, and base_url is not claimed"
            )
        return self.network.exchanges

    @property
    def logs(self) -> tuple[LogRecord, ...]:
        """The log records so far."""
        return tuple(self._book.records)

    def require_capability(self, capability: str | None) -> None:
        """Ends the check where the implementation does not claim the capability.

        Raises:
            NotApplicable: It is not claimed.
        """
        if capability is not None and capability not in self.implementation.capabilities:
            raise NotApplicable(f"the implementation does not claim {capability}")

    def require_object(self) -> None:
        """Ends the check where there is no object to look at, since it is in another process.

        Raises:
            NotApplicable: The implementation is graded over stdio.
        """
        if self.implementation.is_remote:
            raise NotApplicable(
                "it speaks of Python's objects, tasks or event loop, which stdio does not show"
            )

    def arguments(self, **changes: Any) -> Json:
        """The arguments of a serializer that hangs up, with changes; None takes one away."""
        usual = {name: "${" + name + "}" for name in ("stream_sid", "call_sid", "account_sid", "auth_token")}
        return {name: value for name, value in (usual | changes).items() if value is not None}

    def attempt(self, *positional: Any, **arguments: Any) -> tuple[Observation, Subject | None]:
        """Constructs an instance, or says why it cannot be: an exception is a value here."""
        self._book.attach()
        keywords = self.names.fill(arguments)
        call = f"construct({', '.join([*map(str, positional), *(f'{name}=…' for name in keywords)])})"
        with self._announced(call):
            try:
                instance = self.implementation.construct(
                    *(self._argument(value) for value in self.names.fill(list(positional))),
                    **{name: self._argument(value) for name, value in keywords.items()},
                )
            except NotTestable:
                raise
            except BaseException as error:
                if self._is_about_the_adapter(error):
                    raise
                return self._note(Observation(call, raised=Raised.of(error))), None
        return self._note(Observation(call, value=frames.describe(instance))), Subject(self, instance)

    def construct(self, *positional: Any, **arguments: Any) -> Subject:
        """Constructs an instance.

        Raises:
            NotTestable: The constructor raised.
        """
        observation, subject = self.attempt(*positional, **arguments)
        if subject is None:
            raise NotTestable("the instance cannot be constructed", actual=observation.outcome)
        return subject

    async def ready(
        self, *, rate: int = 8000, out_rate: int | None = None, limit: float = CALL_LIMIT, **arguments: Any
    ) -> Subject:
        """Constructs an instance and sets it up; without arguments, one that never hangs up.

        Raises:
            NotTestable: The constructor or setup raised.
        """
        subject = self.construct(
            **(arguments or {"stream_sid": "${stream_sid}", "params": {"auto_hang_up": False}})
        )
        observation = await subject.setup(rate, out_rate, limit=limit)
        if observation.raised is not None:
            raise NotTestable("setup did not succeed", actual=observation.outcome)
        return subject

    def record(self, name: str, value: Any) -> None:
        """Keeps a measured value, or a series of them, for the report; it has to be JSON."""
        self.metrics[name] = value

    def _argument(self, value: Any) -> Any:
        """A constructor argument; the JSON object of params becomes InputParams."""
        if not isinstance(value, dict):
            return value
        if self.implementation.input_params is None:
            raise NotTestable(f"{self.implementation.name} has no InputParams")
        return self.implementation.input_params(**value)

    def _is_about_the_adapter(self, error: BaseException) -> bool:
        """Whether a finding came up between suite and implementation; one of the implementation's own is none."""
        return self.implementation.is_remote and isinstance(error, Finding)

    def _note(self, observation: Observation) -> Observation:
        self._seen.append((observation, time.monotonic() - observation.seconds, len(self.network.exchanges)))
        return observation

    def _timed(self, moment: float, line: str) -> str:
        return f"+{moment - self._began:.3f} s  {line}"

    @contextlib.contextmanager
    def _announced(self, call: str) -> Iterator[None]:
        """Lets the watch know which call is under way; of several, the latest that has not ended."""
        self._under_way.append(call)
        self._watch(call)
        try:
            yield
        finally:
            self._under_way.remove(call)
            self._watch(self._under_way[-1] if self._under_way else "")

    async def _observe(self, call: str, action: Callable[[], Awaitable[Any]], limit: float) -> Observation:
        if not self.implementation.is_remote:
            self._book.attach()
        clock = asyncio.get_running_loop().time
        started, skipped_before = clock(), skipped()
        with self._announced(call):
            try:
                async with asyncio.timeout(limit) as bound:
                    value = await action()
            except BaseException as error:
                if self._is_about_the_adapter(error):
                    raise
                raised = Raised.of(error)
                if bound.expired():
                    # What the clock skipped cost nothing, and need not cost any later call its time.
                    if clock() - started - (skipped() - skipped_before) > TOLERABLE:
                        self.hung.append(call)
                    raised = Raised(NEVER_RETURNED, frozenset(), f"no return within {limit:g} s")
                elif _is_ours(error):
                    raise
                return self._note(Observation(call, raised=raised, seconds=clock() - started))
        return self._note(Observation(call, frames.describe(value), seconds=clock() - started))

    def _observe_each(
        self, calls: list[str], action: Callable[[], Iterator[Value | BaseException]], limit: float
    ) -> list[Observation]:
        """What each of several calls did that went out together."""
        observations = []
        with self._announced(calls[0] if calls else ""):
            for call, value in zip(calls, action(), strict=True):
                raised = Raised.of(value) if isinstance(value, BaseException) else None
                if isinstance(value, TimeoutError):
                    self.hung.append(call)
                    raised = Raised(NEVER_RETURNED, frozenset(), f"no return within {limit:g} s")
                seen = Observation(call, None if isinstance(value, BaseException) else value, raised)
                observations.append(self._note(seen))
        return observations


class Subject:
    """One instance of the implementation."""

    def __init__(self, probe: Probe, instance: Any) -> None:
        """Wraps an instance; only the checks of its very type look at `instance`."""
        self.probe = probe
        self.track = CallerTrack()
        self._instance = instance

    @property
    def instance(self) -> Any:
        """The instance itself.

        Raises:
            NotApplicable: The implementation is graded over stdio.
        """
        self.probe.require_object()
        return self._instance

    async def setup(
        self, rate: int, out_rate: int | None = None, *, limit: float = CALL_LIMIT
    ) -> Observation:
        """Awaits setup with the pipeline's rates in Hz."""
        configuration = frames.setup_argument(rate, out_rate or rate)
        return await self.probe._observe(f"setup({rate})", lambda: self._instance.setup(configuration), limit)

    async def serialize(self, frame: Json | Frame, *, limit: float = CALL_LIMIT) -> Observation:
        """Awaits serialize of a frame: plain JSON, or one of Pipecat's."""
        given = frames.build(self.probe.names.fill(frame)) if isinstance(frame, dict) else frame
        call = f"serialize({type(given).__name__})"
        return await self.probe._observe(call, lambda: self._instance.serialize(given), limit)

    async def deserialize(self, data: str | bytes | Json, *, limit: float = CALL_LIMIT) -> Observation:
        """Awaits deserialize of a str, bytes, or a message as JSON, which is written compactly."""
        given = self.probe.names.fill(data)
        if isinstance(given, dict):
            given = json.dumps(given, separators=(",", ":"))
        call = f"deserialize({shorten(given, CALL_WIDTH)})"
        return await self.probe._observe(call, lambda: self._instance.deserialize(given), limit)

    async def serialize_each(self, given: Sequence[Frame], *, limit: float = CALL_LIMIT) -> list[Observation]:
        """Awaits serialize of one audio frame after the other; an adapter may be sent them all at once."""
        if not getattr(self._instance, "is_ahead", False):
            return [await self.serialize(frame, limit=limit) for frame in given]
        calls = [f"serialize({type(frame).__name__})" for frame in given]
        return self.probe._observe_each(calls, lambda: self._instance.serialize_each(given, limit), limit)

    async def deserialize_each(
        self, given: Sequence[Json], *, limit: float = CALL_LIMIT
    ) -> list[Observation]:
        """Awaits deserialize of one message after the other; an adapter may be sent them all at once."""
        texts = [self.probe.names.fill(json.dumps(message, separators=(",", ":"))) for message in given]
        if not getattr(self._instance, "is_ahead", False):
            return [await self.deserialize(text, limit=limit) for text in texts]
        calls = [f"deserialize({shorten(text, CALL_WIDTH)})" for text in texts]
        return self.probe._observe_each(calls, lambda: self._instance.deserialize_each(texts, limit), limit)

    def is_awaitable(self, method: str, *arguments: Any) -> bool:
        """Whether a call of the method gives an awaitable; it is closed, not awaited. Raising gives none."""
        self.probe.require_object()
        with self.probe._announced(f"{method}(…)"):
            try:
                result = getattr(self._instance, method)(*arguments)
                if inspect.iscoroutine(result):
                    result.close()
                return inspect.isawaitable(result)
            except BaseException as error:
                self.probe._note(Observation(f"{method}(…)", raised=Raised.of(error)))
                return False


def _told(alike: list[str]) -> str:
    """Lines that are alike on one: the first, and how many more there are."""
    return alike[0] if len(alike) == 1 else f"{alike[0]} (and {len(alike) - 1} more like it)"


def _wire_line(exchange: Exchange) -> str:
    """A request and its answer on one line, without credentials: their headers are veiled."""
    shown = exchange.as_json()["request"]
    place = f"{exchange.scheme}://{exchange.host}:{exchange.port}{exchange.target}"
    headers = ", ".join(f"{name}: {value}" for name, value in shown["headers"])
    answer = "no answer" if exchange.answer_status is None else f"answer {exchange.answer_status}"
    note = f" ({exchange.note})" if exchange.note else ""
    body = shorten(shown.get("body", exchange.body), 200)
    return f"request {exchange.method} {place} -> {answer}{note}; body {body}; {headers}"


def _is_ours(error: BaseException) -> bool:
    """Whether the suite itself ends the check: the task was cancelled from outside."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
