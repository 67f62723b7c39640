"""Registry of permitted variants: serializers that differ from the reference as the specification allows."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Factory = TypeVar("Factory", bound=Callable[..., Any])

FOLDER = Path(__file__).parent
PACKAGE = "tests.serializers.permitted"


@dataclass(frozen=True, slots=True)
class PermittedVariant:
    """A conformant serializer, the profiles that it claims, and how it differs from the reference."""

    name: str
    module: str
    difference: str
    profiles: tuple[str, ...]
    unmet: tuple[str, ...]
    reason: str

    @property
    def impl(self) -> str:
        """The value of --impl that selects this serializer."""
        return f"{self.module}:{self.name}"


PERMITTED: dict[str, PermittedVariant] = {}
"""All permitted variants by name, once `load` has been called."""


def permitted(
    difference: str, *, profiles: str = "core robust secure audio live", unmet: str = "", reason: str = ""
) -> Callable[[Factory], Factory]:
    """Register a permitted variant: a class, or a function that returns an instance.

    Args:
        difference: How it differs from the reference.
        profiles: The profiles, separated by spaces, of which it meets every MUST.
        unmet: Ids, separated by spaces, of SHOULD requirements that it does not meet.
        reason: Why it does not meet them.

    Raises:
        ValueError: If the name is taken, or there are unmet requirements without a reason or the
            other way round.
    """

    def register(factory: Factory) -> Factory:
        name = factory.__name__
        if name in PERMITTED:
            raise ValueError(f"two permitted variants are called {name}")
        if bool(unmet) != bool(reason):
            raise ValueError(f"{name}: unmet requirements need a reason, and a reason unmet requirements")
        PERMITTED[name] = PermittedVariant(
            name, factory.__module__, difference, tuple(profiles.split()), tuple(unmet.split()), reason
        )
        return factory

    return register


def load() -> dict[str, PermittedVariant]:
    """Import the modules of permitted variants and return all that they register."""
    for path in sorted(FOLDER.glob("*.py")):
        if path.stem != "registry":
            importlib.import_module(f"{PACKAGE}.{path.stem}")
    return PERMITTED
