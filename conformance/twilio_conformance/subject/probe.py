"""The probe, the one object that observes an implementation: what it returns, raises, logs and requests."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from pipecat.frames.frames import Frame

from twilio_conformance.errors import Finding, NotApplicable, NotObservable, NotTestable
from twilio_conformance.subject import frames, trace
from twilio_conformance.subject.effects import Effects
from twilio_conformance.subject.frames import Value, shorten
from twilio_conformance.subject.logs import CAPTURE, LogRecord, first_line, output_size, printed_records
from twilio_conformance.subject.observation import (
    NEVER_RETURNED,
    Observation,
    Raised,
    is_cancelled_by_the_suite,
)
from twilio_conformance.subject.redaction import Names
from twilio_conformance.subject.surroundings import Surroundings
from twilio_conformance.subject.target import NOWHERE, Implementation
from twilio_conformance.twilio.caller import CallerTrack
from twilio_conformance.twilio.network import Network
from twilio_conformance.twilio.record import Exchange

__all__ = ["CALL_LIMIT", "NEVER_RETURNED", "Names", "Observation", "Probe", "Raised", "Subject"]

Json = dict[str, Any]

CALL_LIMIT = 10.0
"""Time limit of one call of the implementation, in seconds on the event loop's clock."""

MESSAGE_LIMIT = 4000
"""Characters of a message that the description of a call holds."""


class Probe:
    """Everything that a check can do with an implementation, and everything observed so far.

    Attributes:
        metrics: Values to report, by name.
        turns: Counts the situations of the check, from 0.
        effects: What it did to its process.
        kept: Everything that setup, serialize and deserialize returned, if a check sets this to a list.
        observations: Each call, when it started, and how many requests there were when it was over.
    """

    def __init__(
        self,
        implementation: Implementation,
        network: Network,
        names: Names | None = None,
        watch: Callable[[str, float], None] = lambda *_: None,
    ) -> None:
        """Create a probe for one implementation.

        Args:
            implementation: What to observe.
            network: The network double that answers its requests.
            names: The values of ${names}; random by default.
            watch: Called with each call and its time limit when it begins, and with "" when none is running.
        """
        self.implementation = implementation
        self.network = network
        self.names = names or Names()
        self.metrics: Json = {}
        self.turns = count()
        self.kept: list[Any] | None = None
        self.effects = Effects()
        self.surroundings = Surroundings(self, {})
        self._watch = watch
        self._running_calls: list[tuple[str, float]] = []
        self.observations: list[tuple[Observation, float, int]] = []
        self._began = time.monotonic()
        self._printed = output_size()
        CAPTURE.records.clear()
        self.answer([{"status": 200, "json": {"sid": "${call_sid}", "status": "completed"}}])

    def answer(self, answers: Sequence[Json]) -> None:
        """Script Twilio's API: an answer for each request, the last one for all that follow."""
        self._answers = list(answers)
        self.network.script(self.names.fill(self._answers))

    @contextlib.contextmanager
    def answering(self, answers: Sequence[Json] | None) -> Iterator[None]:
        """Script other answers for a while; None for none."""
        usual = self._answers
        if answers is not None:
            self.answer(answers)
        yield
        if answers is not None:
            self.answer(usual)

    @contextlib.contextmanager
    def surrounded(self, given: Json) -> Iterator[Surroundings]:
        """Observe all instances in these surroundings; NotApplicable if they need what is not claimed."""
        self.surroundings = Surroundings(self, given)
        with self.surroundings.entered():
            yield self.surroundings

    def renewed(self) -> Probe:
        """Return a probe of the same implementation that has observed nothing; this one sees no more requests."""
        if not self.implementation.is_remote:
            self.network.stop()
            self.network.start()
        return Probe(self.implementation, self.network, self.names, self._watch)

    def wrap(self, instance: Any) -> Subject:
        """Return an instance as one to observe."""
        return Subject(self, instance)

    def trace_to(self, last: Observation | None) -> list[str]:
        """Return the trace up to this observation; all of it for None, or an observation of another probe."""
        return trace.lines(self.observations, self.network.exchanges, self._began, last)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The HTTP requests made so far, with their answers.

        Raises:
            NotObservable: The implementation's requests do not reach the network double.
        """
        if self.implementation.network == NOWHERE:
            raise NotObservable(
                "requests cannot be seen here: there is no network namespace, and base_url is not claimed"
            )
        return self.surroundings.graded(self.network.exchanges)

    @property
    def logs(self) -> tuple[LogRecord, ...]:
        """The log records so far, and the lines of output that say that they are one."""
        return (*CAPTURE.records, *printed_records(self._printed))

    @property
    def printed(self) -> str:
        """The first line of output since the first record of `logs`; empty if there is none."""
        return first_line(self._printed)

    def forget_logs(self) -> None:
        """Leave out of `logs` what there is so far."""
        CAPTURE.records.clear()
        self._printed = output_size()

    def require_capability(self, capability: str | None) -> None:
        """End the check if the implementation does not claim the capability.

        Raise NotApplicable if it is not claimed.
        """
        if capability is not None and capability not in self.implementation.capabilities:
            raise NotApplicable(f"the implementation does not claim {capability}")

    def require_object(self) -> None:
        """End the check if the instance is in another process and cannot be inspected.

        Raises:
            NotApplicable: The implementation is graded over stdio.
        """
        if self.implementation.is_remote:
            raise NotApplicable(
                "it speaks of Python's objects, tasks or event loop, which stdio does not show"
            )

    def arguments(self, **changes: Any) -> Json:
        """Return the arguments of a serializer that hangs up, with changes; None removes an argument."""
        usual = {name: "${" + name + "}" for name in ("stream_sid", "call_sid", "account_sid", "auth_token")}
        return {name: value for name, value in (usual | changes).items() if value is not None}

    def attempt(self, *positional: Any, **arguments: Any) -> tuple[Observation, Subject | None]:
        """Construct an instance and return what the constructor did, and the instance; None if it raised.

        Raise NotTestable if there is no InputParams to pass, or the adapter failed.
        """
        CAPTURE.attach()
        given, named = self.surroundings.arguments(positional, arguments)
        keywords = self.names.fill(named)
        call = f"construct({', '.join([*map(str, given), *(f'{name}=…' for name in keywords)])})"
        with self._announced(call):
            try:
                instance = self.implementation.construct(
                    *(self._argument(value) for value in self.names.fill(given)),
                    **{name: self._argument(value) for name, value in keywords.items()},
                )
            except NotTestable:
                raise
            except BaseException as error:
                if self._is_about_the_adapter(error):
                    raise
                return self._note(Observation(call, raised=Raised.of(error))), None
        return self._note(Observation(call, value=frames.describe(instance))), self.wrap(instance)

    def construct(self, *positional: Any, **arguments: Any) -> Subject:
        """Construct an instance; raise NotTestable if the constructor raised."""
        observation, subject = self.attempt(*positional, **arguments)
        if subject is None:
            raise NotTestable(f"the constructor {observation.outcome}")
        return subject

    async def ready(
        self, *, rate: int = 8000, out_rate: int | None = None, limit: float = CALL_LIMIT, **arguments: Any
    ) -> Subject:
        """Construct an instance and set it up; without arguments, one that never hangs up.

        Args:
            rate: The pipeline's input rate, in Hz.
            out_rate: The pipeline's output rate, in Hz; the same by default.
            limit: The time limit of setup, in seconds.
            **arguments: The constructor's arguments.

        Returns:
            The instance.

        Raises:
            NotTestable: The constructor or setup raised.
        """
        await self.surroundings.begin()
        subject = self.construct(
            **(arguments or {"stream_sid": "${stream_sid}", "params": {"auto_hang_up": False}})
        )
        observation = await subject.setup(rate, out_rate, limit=limit)
        if observation.raised is not None:
            raise NotTestable(f"setup {observation.outcome}")
        await self.surroundings.prepare(
            subject, {"audio_in_sample_rate": rate, "audio_out_sample_rate": out_rate or rate}
        )
        return subject

    def record(self, name: str, value: Any) -> None:
        """Record a measured value for the report; it has to be JSON."""
        self.metrics[name] = value

    def _argument(self, value: Any) -> Any:
        """Return a constructor argument, with a JSON object converted to InputParams."""
        if not isinstance(value, dict):
            return value
        if self.implementation.input_params is None:
            raise NotTestable(f"{self.implementation.name} has no InputParams")
        return self.surroundings.input_params(self.implementation.input_params)(**value)

    def _is_about_the_adapter(self, error: BaseException) -> bool:
        """Return whether the adapter, not the implementation, caused this."""
        return self.implementation.is_remote and isinstance(error, Finding)

    def _note(self, observation: Observation) -> Observation:
        self.observations.append(
            (observation, time.monotonic() - observation.seconds, len(self.network.exchanges))
        )
        return observation

    @contextlib.contextmanager
    def _announced(self, call: str, limit: float = CALL_LIMIT) -> Iterator[None]:
        """Tell the watch which call is running; of several, the one that began last."""
        running = Observation(call).call, limit
        self._running_calls.append(running)
        self._watch(*running)
        try:
            yield
        finally:
            self._running_calls.remove(running)
            self._watch(*(self._running_calls[-1] if self._running_calls else ("", 0.0)))

    async def _observe(self, call: str, action: Callable[[], Awaitable[Any]], limit: float) -> Observation:
        if not self.implementation.is_remote:
            CAPTURE.attach()
        clock = asyncio.get_running_loop().time
        started = clock()
        with self._announced(call, limit):
            try:
                async with asyncio.timeout(limit) as bound:
                    value = await action()
            except BaseException as error:
                if self._is_about_the_adapter(error):
                    raise
                raised = Raised.of(error)
                if bound.expired():
                    raised = Raised.at_limit(limit, error)
                elif is_cancelled_by_the_suite(error):
                    raise
                return self._note(Observation(call, raised=raised, seconds=clock() - started))
        if self.kept is not None:
            self.kept.append(value)
        return self._note(Observation(call, frames.describe(value), seconds=clock() - started))

    def _observe_each(
        self, calls: list[str], values: Iterator[Value | BaseException], limit: float
    ) -> list[Observation]:
        """Observe several calls that are sent together when the first value is asked for."""
        observations = []
        with self._announced(calls[0] if calls else "", limit):
            for call, value in zip(calls, values, strict=True):
                if isinstance(value, TimeoutError):
                    seen = Observation(call, raised=Raised.at_limit(limit, value))
                elif isinstance(value, BaseException):
                    seen = Observation(call, raised=Raised.of(value))
                else:
                    seen = Observation(call, value)
                observations.append(self._note(seen))
        return observations


class Subject:
    """One instance of the implementation."""

    def __init__(self, probe: Probe, instance: Any) -> None:
        """Wrap an instance."""
        self.probe = probe
        self.track = CallerTrack()
        self._instance = instance

    @property
    def instance(self) -> Any:
        """The instance itself, for checks of its type.

        Raises:
            NotApplicable: The implementation is graded over stdio.
        """
        self.probe.require_object()
        return self._instance

    async def setup(
        self, rate: int, out_rate: int | None = None, *, limit: float = CALL_LIMIT
    ) -> Observation:
        """Await setup.

        Args:
            rate: The pipeline's input rate, in Hz.
            out_rate: The pipeline's output rate, in Hz; the same by default.
            limit: The time limit, in seconds on the event loop's clock.

        Returns:
            What it did.
        """
        configuration = frames.setup_argument(rate, out_rate or rate)
        return await self.probe._observe(f"setup({rate})", lambda: self._instance.setup(configuration), limit)

    async def serialize(self, frame: Json | Frame, *, limit: float = CALL_LIMIT) -> Observation:
        """Await serialize of a frame, given as plain JSON or as Pipecat's."""
        given = frames.build(self.probe.names.fill(frame)) if isinstance(frame, dict) else frame
        call = f"serialize({type(given).__name__})"
        return await self.probe._observe(call, lambda: self._instance.serialize(given), limit)

    async def deserialize(self, data: str | bytes | Json, *, limit: float = CALL_LIMIT) -> Observation:
        """Await deserialize of text, bytes, or a JSON message, which is sent as compact text."""
        given = self.probe.names.fill(data)
        if isinstance(given, dict):
            given = json.dumps(given, separators=(",", ":"))
        call = f"deserialize({shorten(given, MESSAGE_LIMIT)})"
        return await self.probe._observe(call, lambda: self._instance.deserialize(given), limit)

    async def serialize_each(self, given: Sequence[Frame], *, limit: float = CALL_LIMIT) -> list[Observation]:
        """Await serialize of audio frames in turn; an adapter that supports it gets them all at once."""
        if not getattr(self._instance, "is_ahead", False):
            return [await self.serialize(frame, limit=limit) for frame in given]
        calls = [f"serialize({type(frame).__name__})" for frame in given]
        return self.probe._observe_each(calls, self._instance.serialize_each(given, limit), limit)

    async def deserialize_each(
        self, given: Sequence[Json], *, limit: float = CALL_LIMIT
    ) -> list[Observation]:
        """Await deserialize of messages in turn; an adapter that supports it gets them all at once."""
        texts = [self.probe.names.fill(json.dumps(message, separators=(",", ":"))) for message in given]
        if not getattr(self._instance, "is_ahead", False):
            return [await self.deserialize(text, limit=limit) for text in texts]
        calls = [f"deserialize({shorten(text, MESSAGE_LIMIT)})" for text in texts]
        return self.probe._observe_each(calls, self._instance.deserialize_each(texts, limit), limit)

    async def repeat(self, method: str, given: Iterable[Any], *, limit: float) -> Observation:
        """Await a method of an instance in this process for each argument, and keep nothing that it returns or logs."""
        self.probe.require_object()
        logged = len(CAPTURE.records)

        async def call_each() -> None:
            for argument in given:
                await getattr(self._instance, method)(argument)
            del CAPTURE.records[logged:]

        return await self.probe._observe(f"{method}(…), many times", call_each, limit)

    def is_awaitable(self, method: str, *arguments: Any) -> bool:
        """Return whether a method returns an awaitable, which is closed, not awaited; False if it raises."""
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
