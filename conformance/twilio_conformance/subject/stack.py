"""Where in its own source an implementation raised, without the frames of the suite and of libraries."""

from __future__ import annotations

import linecache
import os
import sysconfig
import traceback
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

DEPTH = 6
"""Frames that are shown; of a deeper recursion, these are the innermost."""

MOST_FRAMES = 50
"""Frames that are kept of one exception."""

_FOLDER = Path.cwd()
"""The folder that the run was started in; an implementation may leave it."""

_SUITE = f"{Path(__file__).parents[1]}{os.sep}"
_STANDARD = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib"))
_PACKAGES = ("site-packages", "dist-packages")


Place = dict[str, str | int]
"""A frame as JSON: `file`, `line`, `function` and `source`, and `library` if a library that it called raised."""


class Frame(NamedTuple):
    """A place in a traceback: a file, a line in it from 1, and the function."""

    file: str
    line: int
    function: str

    @property
    def path(self) -> str:
        """The file to show: relative to the folder of installed packages or to that of the run, where it is inside."""
        path = Path(self.file)
        if parts := self._installed:
            return str(Path(*parts))
        return str(path.relative_to(_FOLDER)) if path.is_relative_to(_FOLDER) else self.file

    @property
    def package(self) -> str | None:
        """The installed package that the file belongs to; "" for the standard library, None for any other code."""
        if parts := self._installed:
            return parts[0].removesuffix(".py")
        return "" if self.file.startswith((*_STANDARD, "<frozen ")) else None

    @property
    def library(self) -> str:
        """The top-level package or module of installed code or of the standard library."""
        path = Path(self.file)
        inside = [path.relative_to(folder).parts[0] for folder in _STANDARD if path.is_relative_to(folder)]
        return self.package or (inside[0].removesuffix(".py") if inside else self.file)

    @property
    def _installed(self) -> tuple[str, ...]:
        """The parts of the path below the folder of installed packages; none if it is not there."""
        parts = Path(self.file).parts
        return next((parts[parts.index(name) + 1 :] for name in _PACKAGES if name in parts[:-1]), ())


def frames(error: BaseException) -> tuple[Frame, ...]:
    """Return the innermost frames of an exception, without the suite's own. They keep no object alive."""
    found = deque[Frame](maxlen=MOST_FRAMES)
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if not code.co_filename.startswith(_SUITE):
            found.append(Frame(code.co_filename, line or 0, code.co_name))
    return tuple(found)


def places(raised_in: Iterable[Frame], packages: Iterable[str]) -> list[Place]:
    """Return the frames of the implementation as JSON, the innermost last.

    Args:
        raised_in: The frames of an exception.
        packages: The installed packages that count as the implementation's, besides all code that is not installed.

    Returns:
        The file (see `Frame.path`), the line, the function and the text of the line.
        The last one names the library that it called, if that raised.
    """
    everything, own = list(raised_in), {*packages, None}
    shown = [frame for frame in everything if frame.package in own][-DEPTH:]
    found: list[Place] = [
        {
            "file": frame.path,
            "line": frame.line,
            "function": frame.function,
            "source": linecache.getline(frame.file, frame.line).strip(),
        }
        for frame in shown
    ]
    if shown and everything[-1] != shown[-1]:
        found[-1]["library"] = everything[-1].library
    return found
