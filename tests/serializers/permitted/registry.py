"""The register of variants: serializers that differ from the reference in a way that the specification permits."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Sound = TypeVar("Sound", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Variant:
    """A sound serializer, the profiles that it claims, and what is different about it."""

    name: str
    module: str
    difference: str
    profiles: tuple[str, ...]
    foregoes: tuple[str, ...]
    why: str

    @property
    def impl(self) -> str:
        """What --impl takes to grade it."""
        return f"{self.module}:{self.name}"


VARIANTS: dict[str, Variant] = {}
"""All variants by name, once `load` has been called."""


def variant(
    difference: str, *, profiles: str = "core robust secure audio live", foregoes: str = "", why: str = ""
) -> Callable[[Sound], Sound]:
    """Registers a sound serializer: a class, or a factory that returns one.

    Args:
        difference: What it does differently.
        profiles: The profiles whose every MUST it keeps, between spaces.
        foregoes: Ids of SHOULD requirements that it does not keep.
        why: The reason why it does not.
    """

    def register(sound: Sound) -> Sound:
        name = sound.__name__
        if name in VARIANTS:
            raise ValueError(f"two variants are called {name}")
        if bool(foregoes) != bool(why):
            raise ValueError(f"{name}: what it foregoes needs a reason, and a reason something to forego")
        VARIANTS[name] = Variant(
            name, sound.__module__, difference, tuple(profiles.split()), tuple(foregoes.split()), why
        )
        return sound

    return register


def load() -> dict[str, Variant]:
    """Imports every file of variants beside this one, and gives what they registered."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem != "registry":
            importlib.import_module(f"tests.serializers.permitted.{path.stem}")
    return VARIANTS
