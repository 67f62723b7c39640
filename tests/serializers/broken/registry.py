"""Registry of broken serializers: each breaks one thing, and violates one requirement."""

from __future__ import annotations

import fnmatch
import importlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

Factory = TypeVar("Factory", bound=Callable[..., Any])

FOLDER = Path(__file__).parent
REQUIREMENTS = Path(__file__).parents[3] / "spec" / "requirements"
PACKAGE = "tests.serializers.broken"
UNREGISTERED = ("base", "base_audio", "fuzzing", "registry", "vacuous")
"""Modules here that register nothing."""


@dataclass(frozen=True, slots=True)
class BrokenSerializer:
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
        """The value of --impl that selects this serializer."""
        return f"{self.module}:{self.name}"

    @property
    def chapter(self) -> str:
        """The module name of the chapter that it violates."""
        return chapter_of_requirement(self.violates)

    def may_fail(self, requirement: str) -> bool:
        """Return whether the fault may also show in a requirement other than its own."""
        return any(fnmatch.fnmatchcase(requirement, pattern) for pattern in self.also)


OUTGOING_AUDIO = "TFS-MEDIAOUT-0[56789] TFS-MEDIAOUT-11 TFS-CLEAR-05 TFS-ABUSE-0[13569] TFS-ABUSE-1[0234]"
"""Requirements that any damage to the audio for Twilio may fail."""

BROKEN: dict[str, BrokenSerializer] = {}
"""All broken serializers by name, once `load` has been called."""


def broken(
    violates: str, story: str, *, also: str = "", isolated: bool = False, untestable: bool = False
) -> Callable[[Factory], Factory]:
    """Register a broken serializer: a class, or a function that returns an instance.

    Args:
        violates: The id of the requirement whose checks have to find the fault.
        story: How such a bug happens in the field, with the number of an issue where there is one.
        also: Patterns, separated by spaces, of other requirements in which the same fault must show.
        isolated: Whether it leaves traces in the process, so that every check needs its own process.
        untestable: Whether `not-testable` counts as a kill, because the fault removes what the
            requirement is about.

    Raises:
        ValueError: If the name is taken, or the module is not one of the requirement's chapter.
    """

    def register(factory: Factory) -> Factory:
        name, module = factory.__name__, factory.__module__
        if name in BROKEN:
            raise ValueError(f"two broken serializers are called {name}")
        stem, chapter = module.rpartition(".")[2], chapter_of_requirement(violates)
        if chapter_of_module(stem) != chapter:
            raise ValueError(f"{name} violates {violates} and belongs in {chapter}.py, not in {stem}.py")
        BROKEN[name] = BrokenSerializer(
            name, module, violates, story, tuple(also.split()), isolated, untestable
        )
        return factory

    return register


@cache
def chapters() -> dict[str, str]:
    """Return the module name of each chapter of spec/requirements, by the id of the chapter."""
    return {
        tomllib.loads(path.read_text())["chapter"]["id"]: path.stem.replace("-", "_")
        for path in REQUIREMENTS.glob("*.toml")
    }


def chapter_of_requirement(requirement: str) -> str:
    """Return the module name of a requirement's chapter.

    Raises:
        ValueError: If no chapter has the id.
    """
    _, chapter, _ = requirement.split("-")
    if chapter not in chapters():
        raise ValueError(f"{requirement}: spec/requirements has no chapter {chapter}")
    return chapters()[chapter]


def chapter_of_module(stem: str) -> str:
    """Return the chapter of a module, which is called `<chapter>` or `<chapter>_<part>`.

    Raises:
        ValueError: If the name does not begin with a chapter of spec/requirements.
    """
    for chapter in chapters().values():
        if stem == chapter or stem.startswith(f"{chapter}_"):
            return chapter
    raise ValueError(f"{stem}.py: no chapter of spec/requirements has this name")


def load() -> dict[str, BrokenSerializer]:
    """Import the modules of broken serializers and return all that they register.

    Raises:
        ValueError: If a module is not named after a chapter, or registers something wrong.
    """
    for path in sorted(FOLDER.glob("*.py")):
        if path.stem not in UNREGISTERED:
            chapter_of_module(path.stem)
            importlib.import_module(f"{PACKAGE}.{path.stem}")
    return BROKEN
