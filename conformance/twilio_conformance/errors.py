"""The exceptions of the suite, and the exit statuses that they lead to.

ConformanceError
├── UsageError          the person who started the run has to change something: exit status 4
├── DataError           a requirement or vector file is damaged: exit status 3
├── SuiteError          the suite itself is at fault: exit status 3
├── RemoteException     what an implementation raised in a process of its own
└── Finding             the result of a check that does not pass
    ├── Violation       the requirement does not hold
    ├── NotTestable     something the check builds on failed; counts as a failure
    │   ├── AdapterFault    the adapter is at fault, not the implementation behind it
    │   └── NotObservable   this machine cannot observe what the implementation does
    └── NotApplicable   the requirement needs a capability that the implementation does not claim
"""

from __future__ import annotations

from typing import Any

EXIT_INCOMPLETE = 3
"""Exit status when results are missing, the baseline is stale, a specification file is damaged, or the suite failed."""


class ConformanceError(Exception):
    """Base class of all exceptions in this package."""


class UsageError(ConformanceError):
    """A mistake in how the run was started; the message says what is wrong, where, and what to do."""


class DataError(ConformanceError):
    """A damaged file of the specification or the vectors; the message names the file."""


class SuiteError(ConformanceError):
    """A fault of the suite, never of the implementation."""


class RemoteException(ConformanceError):
    """An exception that an implementation raised in a process of its own.

    Attributes:
        kind: Name of the exception's class.
        bases: Names of the base classes.
    """

    def __init__(self, kind: str, bases: frozenset[str], message: str) -> None:
        """Keep the class of the exception; `message` is its text."""
        super().__init__(message)
        self.kind = kind
        self.bases = bases


class Finding(ConformanceError):
    """The result of a check that does not pass, with the expected and the actual value."""

    def __init__(
        self, message: str, *, expected: Any = None, actual: Any = None, observation: Any = None
    ) -> None:
        """Keep the message and both sides of the comparison, which must be JSON.

        Args:
            message: The result, as a sentence.
            expected: The expected value.
            actual: The actual value.
            observation: The `probe.Observation` that shows it; a trace ends there.
        """
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.actual = actual
        self.observation = observation


class Violation(Finding):
    """The requirement does not hold."""


class NotTestable(Finding):
    """Something that the check builds on failed."""


class AdapterFault(NotTestable):
    """The adapter, not the implementation, is at fault; the message says how."""


class NotObservable(NotTestable):
    """This machine cannot observe what the implementation does; another one might."""


class NotApplicable(Finding):
    """The requirement needs a capability that the implementation does not claim."""
