"""What surrounds an instance while it is observed: its past, another call beside it, and the process around it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from twilio_conformance.errors import NotApplicable, NotTestable
from twilio_conformance.spec.situations import change_arguments
from twilio_conformance.subject.steps import take_step
from twilio_conformance.subject.target import PARAMETERS
from twilio_conformance.twilio.record import Exchange

if TYPE_CHECKING:
    from twilio_conformance.subject.probe import Probe, Subject

Json = dict[str, Any]

POSITIONAL = PARAMETERS[:6]
"""Arguments that may be passed by position: for params, TFS-CONSTRUCT-03 asks that alone."""


class Surroundings:
    """The members of a vector's `given` that are about the surroundings; without any, there are none.

    Attributes:
        connections_start: How many connections to Twilio's API there were when the instance had been prepared.
    """

    def __init__(self, probe: Probe, given: Json) -> None:
        """Prepare the surroundings of a probe's instances; spec/schemas/vector.schema.json describes `given`."""
        self.connections_start = 0
        self._probe, self._given = probe, given
        self._neighbour: Subject | None = None
        self._ungraded: list[range] = []
        self._turns = 0

    @property
    def api_host(self) -> str:
        """The host and port of Twilio's API for the arguments that the surroundings give."""
        arguments = self._given.get("arguments", {})
        if base_url := arguments.get("base_url"):
            return str(base_url).partition("://")[2]
        edge, region = arguments.get("edge"), arguments.get("region")
        return f"api.{edge}.{region}.twilio.com:443" if region else "api.twilio.com:443"

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Set the environment variables, and set them back in the end.

        Raises:
            NotApplicable: The implementation does not claim what the surroundings need.
        """
        for need in self._given.get("needs", ()):
            if need != "python":
                self._probe.require_capability(need)
            elif self._probe.implementation.is_remote:
                raise NotApplicable(
                    "it needs Python's objects or a clock that skips, which stdio does not have"
                )
        environment = self._probe.names.fill(self._given.get("environment", {}))
        if environment and self._probe.implementation.is_remote:
            raise NotApplicable("it needs environment variables, which cannot change over stdio")
        before = {name: os.environ[name] for name in environment if name in os.environ}
        os.environ.update(environment)
        try:
            yield
        finally:
            for name in environment:
                os.environ.pop(name, None)
            os.environ.update(before)

    def arguments(self, positional: Sequence[Any], arguments: Json) -> tuple[list[Any], Json]:
        """Return the constructor's arguments by position and by name, as the surroundings change them."""
        changes = self._given.get("arguments", {})
        usual = {name: "${" + name + "}" for name in PARAMETERS}
        open_to_change = {
            name: change
            for name, change in changes.items()
            if isinstance(change, dict) or arguments.get(name, usual.get(name)) == usual.get(name)
        }
        arguments = dict(arguments)
        if not positional:
            change_arguments(arguments, open_to_change)
        given = [name for name in POSITIONAL if name in arguments]
        if self._given.get("passing") != "position" or positional or not given:
            return list(positional), arguments
        passed = POSITIONAL[: POSITIONAL.index(given[-1]) + 1]
        return [arguments.pop(name, None) for name in passed], arguments

    def input_params(self, kind: type[Any]) -> type[Any]:
        """Return the class of which params is an instance, for this class of the implementation."""
        is_subclass = self._given.get("params") == "subclass"
        return type(f"Application{kind.__name__}", (kind,), {}) if is_subclass else kind

    async def begin(self) -> None:
        """Construct the other instance, once, and take its first steps."""
        beside = self._given.get("beside")
        if beside is None or self._neighbour is not None:
            return
        arguments = self._probe.names.fill(beside["arguments"])
        try:
            instance = self._probe.implementation.construct(**arguments)
        except Exception as error:
            raise NotTestable("the other instance cannot be constructed", actual=repr(error)) from error
        self._neighbour = self._probe.wrap(instance)
        await self._take(self._neighbour, [{"setup": beside["setup"]}, *beside.get("first", ())], beside)

    async def prepare(self, subject: Subject, rates: Json | None) -> None:
        """Let an instance that has been set up go through its past, and the other one take its steps.

        Args:
            subject: The instance.
            rates: The rates with which it was set up; None if it was not.
        """
        before, beside = self._given.get("before"), self._given.get("beside")
        if before is not None:
            steps = [
                step | {"setup": rates} if step.get("setup") == "given" else step for step in before["steps"]
            ]
            await self._take(subject, [step for step in steps if step.get("setup", ...) is not None], before)
        if beside is not None and self._neighbour is not None:
            await self._take(self._neighbour, beside.get("then", ()), beside)
        self.connections_start = len(self._probe.network.connections)

    async def take_turn(self) -> None:
        """Let the other instance take the step that follows one of the instance that is graded."""
        turns = self._given.get("beside", {}).get("turns", ())
        if turns and self._neighbour is not None:
            await self._take(self._neighbour, [turns[self._turns % len(turns)]], {})
            self._turns += 1

    def graded(self, exchanges: Sequence[Exchange]) -> tuple[Exchange, ...]:
        """Return the requests that were not made in an ungraded step."""
        return tuple(
            exchange
            for index, exchange in enumerate(exchanges)
            if not any(index in ungraded for ungraded in self._ungraded)
        )

    async def _take(self, subject: Subject, steps: Sequence[Json], part: Json) -> None:
        """Take ungraded steps, with the answers of their part of `given`."""
        start = len(self._probe.network.exchanges)
        with self._probe.answering(part.get("answers")):
            for step in steps:
                await take_step(subject, step)
        self._ungraded.append(range(start, len(self._probe.network.exchanges)))
