"""The registry of checks in code, and the functions with which a check ends."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twilio_conformance import FIRST_EDITION, checks
from twilio_conformance.errors import NotTestable, Violation

if TYPE_CHECKING:
    from twilio_conformance.subject.probe import Probe

CheckFunction = Callable[["Probe"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Check:
    """A check in code.

    Attributes:
        id: Its id, frozen with the edition.
        requirement: The id of its requirement.
        function: What grades an implementation.
        limit: Its time limit, in seconds of real time.
        since: The edition that first held it.
    """

    id: str
    requirement: str
    function: CheckFunction
    limit: float
    since: str = FIRST_EDITION


_REGISTRY: dict[str, Check] = {}

_ID_PREFIX = {
    "fidelity_continuity": "continuity",
    "media_in": "media",
    "media_out": "media",
    "secrecy_injection": "injection",
}
"""Module to the prefix of its checks' ids, where it differs: ids are frozen with the edition, files may move."""


def check(
    requirement: str, *, limit: float = 20.0, since: str = FIRST_EDITION
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a check of one requirement, with a time limit in seconds of real time and its first edition.

    The id of the check is the prefix of its module, a dot and the function's name.
    """

    def register(function: CheckFunction) -> CheckFunction:
        identifier = f"{id_prefix(function.__module__.rpartition('.')[2])}.{function.__name__}"
        _REGISTRY[identifier] = Check(identifier, requirement, function, limit, since)
        return function

    return register


def id_prefix(module: str) -> str:
    """Return the part before the dot in the ids of a module's checks."""
    return _ID_PREFIX.get(module, module)


def load_checks() -> dict[str, Check]:
    """Import every chapter and return all checks in code, by id."""
    for module in pkgutil.iter_modules(checks.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{checks.__name__}.{module.name}")
    return dict(_REGISTRY)


def expect(holds: bool, message: str, expected: Any = None, actual: Any = None) -> None:
    """End the check with a Violation unless a condition holds; the finding shows both sides, which are JSON."""
    if not holds:
        raise Violation(message, expected=expected, actual=actual)


def expect_attempt(probe: Probe) -> None:
    """End a check of requests as NotTestable if nothing tried to connect to Twilio's API."""
    if not probe.network.connections:
        raise NotTestable("nothing tried to reach Twilio's API")
