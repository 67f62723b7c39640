"""Writes reports, whole or not at all; the ending of the path names the form."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from twilio_conformance.errors import UsageError
from twilio_conformance.report import badge, document, html, markdown

if TYPE_CHECKING:
    from twilio_conformance.engine.run import Run


def _json(run: Run) -> str:
    return json.dumps(document.build(run), indent=2, allow_nan=False) + "\n"


def _html(run: Run) -> str:
    return html.page(document.build(run))


def _svg(run: Run) -> str:
    return badge.svg(document.build(run))


def _markdown(run: Run) -> str:
    return markdown.summary(document.build(run))


FORMS: dict[str, Callable[[Run], str]] = {".json": _json, ".html": _html, ".svg": _svg, ".md": _markdown}
"""What writes each form, by the ending of a path."""


def prepare(names: Iterable[str], folder: Path) -> list[Path]:
    """Sees before the run that every report can be written, and takes an older one away.

    An interrupted run thus leaves no report at all.

    Args:
        names: What --report says.
        folder: Where relative names begin.

    Returns:
        The places of the reports.

    Raises:
        UsageError: The form is unknown, or the path cannot be written.
    """
    places = []
    for name in names:
        place = (folder / name).resolve()
        if place.suffix not in FORMS:
            raise UsageError(f"--report={name}: no form for this ending; there are {', '.join(FORMS)}")
        if place.suffix == ".html":
            html.require()
        if place.is_dir():
            raise UsageError(f"--report={name}: is a folder; name a file in it")
        if not place.parent.is_dir():
            raise UsageError(f"--report={name}: there is no folder {place.parent}")
        try:
            with tempfile.NamedTemporaryFile(dir=place.parent):
                take_away([place])
        except OSError as error:
            raise UsageError(f"--report={name}: cannot be written: {error.strerror}") from error
        places.append(place)
    return places


def take_away(places: Iterable[Path]) -> None:
    """Deletes what stands in the place of a report and is none of this run, whoever wrote it.

    Raises:
        UsageError: It cannot be deleted.
    """
    for place in places:
        try:
            place.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"--report={place}: cannot be written: {error.strerror}") from error


def write(run: Run, place: Path) -> None:
    """Writes one report beside its place and moves it there when it is whole.

    Raises:
        UsageError: It cannot be written any more.
        SuiteError: It is not what its schema says.
    """
    content = FORMS[place.suffix](run)
    part = place.with_name(f".{place.name}.part")
    try:
        part.write_text(content, encoding="utf-8")
        part.replace(place)
    except OSError as error:
        raise UsageError(f"--report={place}: cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
