"""The register of mutants: serializers that are broken in exactly one way, and the requirement that each violates."""

from __future__ import annotations

import fnmatch
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Broken = TypeVar("Broken", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken serializer, the requirement that it violates, and how such a bug happens."""

    name: str
    module: str
    violates: str
    story: str
    also: tuple[str, ...]
    isolated: bool
    untestable: bool

    @property
    def impl(self) -> str:
        """What --impl takes to grade it."""
        return f"{self.module}:{self.name}"

    def may_fail(self, requirement: str) -> bool:
        """Whether the breakage may show in a requirement that is not its own."""
        return any(fnmatch.fnmatchcase(requirement, pattern) for pattern in self.also)


SOUND_OUT = "TFS-MEDIAOUT-0[56789] TFS-MEDIAOUT-11 TFS-CLEAR-05 TFS-ABUSE-0[13569]"
"""Where any damage to the audio for Twilio shows."""

SOUND_IN = "TFS-MEDIAIN-* TFS-SETUP-0[23] TFS-INPUT-* TFS-ABUSE-*"
"""Where any damage to the caller's audio shows."""

MUTANTS: dict[str, Mutant] = {}
"""All mutants by name, once `load` has been called."""


def mutant(
    violates: str, story: str, *, also: str = "", isolated: bool = False, untestable: bool = False
) -> Callable[[Broken], Broken]:
    """Registers a broken serializer: a class, or a factory that returns one.

    Args:
        violates: The id of the requirement whose checks have to find it.
        story: How such a bug happens in the field, with the number of an issue where there is one.
        also: Patterns of the other requirements, between spaces, where the same breakage cannot but show.
        isolated: Whether it leaves traces in the process, so that every check needs one of its own.
        untestable: Whether `not-testable` is all that can be said: what the requirement speaks of is gone.
    """

    def register(broken: Broken) -> Broken:
        name = broken.__name__
        if name in MUTANTS:
            raise ValueError(f"two mutants are called {name}")
        MUTANTS[name] = Mutant(
            name, broken.__module__, violates, story, tuple(also.split()), isolated, untestable
        )
        return broken

    return register


def load() -> dict[str, Mutant]:
    """Imports every file of mutants beside this one, and gives what they registered."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in ("registry", "base"):
            importlib.import_module(f"tests.serializers.broken.{path.stem}")
    return MUTANTS
