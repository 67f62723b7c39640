"""Observations: what one call of an implementation returned or raised, as values."""

from __future__ import annotations

from dataclasses import dataclass

from twilio_conformance.errors import RemoteException
from twilio_conformance.subject.frames import FrameValue, Value, shorten

NEVER_RETURNED = "DidNotReturn"
"""The kind of exception recorded for a call that reached its time limit."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception as a value."""

    kind: str
    bases: frozenset[str]
    message: str

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
        return cls(type(error).__name__, bases, message)

    @classmethod
    def at_limit(cls, limit: float) -> Raised:
        """Describe a call that did not return within its limit in seconds."""
        return cls(NEVER_RETURNED, frozenset(), f"no return within {limit:g} s")

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
        call: The call, for messages.
        value: What it returned; None if it raised.
        raised: What it raised.
        seconds: How long it took, on the event loop's clock.
    """

    call: str
    value: Value = None
    raised: Raised | None = None
    seconds: float = 0.0

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
