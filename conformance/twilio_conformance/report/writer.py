"""Writes reports, whole or not at all; the ending of the path names the form."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from twilio_conformance.errors import UsageError
from twilio_conformance.report import document

if TYPE_CHECKING:
    from twilio_conformance.run import Run


def _json(run: Run) -> str:
    return json.dumps(document.build(run), indent=2) + "\n"


FORMS: dict[str, Callable[[Run], str]] = {".json": _json}
"""What writes each form, by the ending of a path."""


def prepare(paths: Iterable[str]) -> None:
    """Sees before the run that every report can be written, and takes an older one away.

    An interrupted run thus leaves no report at all.

    Raises:
        UsageError: The form is unknown, or the path cannot be written.
    """
    for name in paths:
        path = Path(name)
        if path.suffix not in FORMS:
            raise UsageError(f"--report={name}: no form for this ending; there are {', '.join(FORMS)}")
        if path.is_dir():
            raise UsageError(f"--report={name}: is a folder; name a file in it")
        if not path.resolve().parent.is_dir():
            raise UsageError(f"--report={name}: there is no folder {path.resolve().parent}")
        try:
            with tempfile.NamedTemporaryFile(dir=path.resolve().parent):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"--report={name}: cannot be written: {error.strerror}") from error


def write(run: Run, path: Path) -> None:
    """Writes one report beside its place and moves it there when it is whole."""
    content = FORMS[path.suffix](run)
    with tempfile.NamedTemporaryFile("w", dir=path.resolve().parent, delete=False, encoding="utf-8") as file:
        file.write(content)
    Path(file.name).chmod(0o666 & ~_umask())
    Path(file.name).replace(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
