"""Observations: what one call of an implementation returned or raised, as values."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from twilio_conformance.errors import RemoteException
from twilio_conformance.subject import stack
from twilio_conformance.subject.frames import FrameValue, Value, shorten
from twilio_conformance.subject.redaction import cut

CALL_WIDTH = 75
"""Characters of a call that are shown in messages."""

NEVER_RETURNED = "DidNotReturn"
"""The kind of exception recorded for a call that reached its time limit."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception as a value.

    Attributes:
        kind: The name of its class.
        bases: The names of the base classes.
        message: Its text.
        frames: Where it was raised, the innermost last.
    """

    kind: str
    bases: frozenset[str]
    message: str
    frames: tuple[stack.Frame, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, error: BaseException) -> Raised:
        """Describe an exception, even one whose str() raises."""
        if isinstance(error, RemoteException):
            return cls(error.kind, error.bases, str(error))
        bases = frozenset(base.__name__ for base in type(error).__mro__[1:])
        try:
            message = str(error)
        except BaseException as broken:
            message = f"an exception whose str() raises {type(broken).__name__}"
        return cls(type(error).__name__, bases, message, stack.frames(error))

    @classmethod
    def at_limit(cls, limit: float, error: BaseException) -> Raised:
        """Describe a call that did not return within its limit in seconds; its timeout shows where it waited."""
        waited = stack.frames(error.__cause__ or error)
        return cls(NEVER_RETURNED, frozenset(), f"no return within {limit:g} s", waited)

    def is_a(self, kind: str) -> bool:
        """Return whether the exception is an instance of this class."""
        return kind == self.kind or kind in self.bases

    def __repr__(self) -> str:
        """Return a description for messages."""
        return f"raised {self.kind}({shorten(self.message, 200)})"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one call returned or raised.

    Attributes:
        whole_call: The call with its arguments.
        value: What it returned; None if it raised.
        raised: What it raised.
        seconds: How long it took, on the event loop's clock.
    """

    whole_call: str
    value: Value = None
    raised: Raised | None = None
    seconds: float = 0.0

    @property
    def call(self) -> str:
        """The call, for messages."""
        return cut(self.whole_call, CALL_WIDTH)

    @property
    def kind(self) -> tuple[str, str]:
        """What similar calls share: the method, and the kind of the outcome."""
        value = self.value.kind if isinstance(self.value, FrameValue) else type(self.value).__name__
        came = value if self.raised is None else repr(self.raised)
        return self.call if self.call.startswith("serialize(") else self.call.partition("(")[0], came

    @property
    def outcome(self) -> str:
        """What the call returned or raised, for messages."""
        if self.raised is not None:
            return repr(self.raised)
        return f"returned {shorten(self.value, 300)}"


def is_cancelled_by_the_suite(error: BaseException) -> bool:
    """Return whether the suite is ending the check: the task was cancelled from outside."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
