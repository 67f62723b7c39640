"""Everything the suite raises.

ConformanceError
├── UsageError      the person who started the run has to change something: exit status 4
├── DataError       a requirement or vector file is damaged: exit status 3
├── SuiteError      the suite itself is at fault: exit status 3
└── Finding         what a check says of an implementation
    ├── Violation       the requirement does not hold
    ├── NotTestable     something before it failed, so that it cannot be seen; counts as failed
    │   ├── AdapterFault    the adapter between suite and implementation is at fault, not the implementation
    │   └── NotObservable      this machine does not show what the implementation does
    └── NotApplicable   it speaks of a capability that the implementation does not claim
"""

from __future__ import annotations

from typing import Any


class ConformanceError(Exception):
    """Base of all errors of this package."""


class UsageError(ConformanceError):
    """A mistake in how the run was started; the message says what, where and what to do."""


class DataError(ConformanceError):
    """A damaged file of the specification or the vectors; the message names the file."""


class SuiteError(ConformanceError):
    """A fault of the suite, never of the implementation."""


class Finding(ConformanceError):
    """What a check found, with what was expected and what was seen."""

    def __init__(
        self, message: str, *, expected: Any = None, actual: Any = None, observation: Any = None
    ) -> None:
        """Keeps the sentence and both sides of the comparison, which have to be JSON.

        Args:
            message: What was found, as a sentence.
            expected: What should have been.
            actual: What was.
            observation: The `probe.Observation` that shows it, at which a trace then ends.
        """
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.actual = actual
        self.observation = observation


class Violation(Finding):
    """The requirement does not hold."""


class NotTestable(Finding):
    """Something the requirement builds on failed."""


class AdapterFault(NotTestable):
    """The adapter, not the implementation, is at fault; the message says how."""


class NotObservable(NotTestable):
    """It cannot be seen on this machine; another one might show it."""


class RemoteException(Exception):
    """What an implementation raised in its own process.

    Attributes:
        kind: The name of the exception's class.
        bases: The names of that class's base classes.
    """

    def __init__(self, kind: str, bases: frozenset[str], message: str) -> None:
        """An exception by its names."""
        super().__init__(message)
        self.kind = kind
        self.bases = bases


class NotApplicable(Finding):
    """The requirement speaks of a capability that is not claimed."""
