"""Writes reports to files, whole or not at all; the extension of the path selects the format."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from twilio_conformance.errors import UsageError
from twilio_conformance.report import badge, html, markdown
from twilio_conformance.report.model import Report


def _json(report: Report) -> str:
    return json.dumps(report.as_json(), indent=2, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[Report], str]] = {
    ".json": _json,
    ".html": html.page,
    ".svg": badge.svg,
    ".md": markdown.summary,
}
"""The function that renders each format, by the extension of the path."""


def prepare(names: Sequence[str], folder: Path) -> list[Path]:
    """Check before the run that every report can be written, and delete older ones.

    An interrupted run thus leaves no report.

    Args:
        names: The values of --report.
        folder: The folder that relative names start from.

    Returns:
        The paths of the reports.

    Raises:
        UsageError: The extension is not supported, or the path cannot be written.
    """
    paths = [(folder / name).resolve() for name in names]
    for name, path in zip(names, paths, strict=True):
        if path.suffix not in FORMATS:
            raise UsageError(f"--report={name}: unsupported extension; use {', '.join(FORMATS)}")
        if path.is_dir():
            raise UsageError(f"--report={name}: is a folder; name a file in it")
        if not path.parent.is_dir():
            raise UsageError(f"--report={name}: there is no folder {path.parent}")
        with _writing(name), tempfile.NamedTemporaryFile(dir=path.parent):
            path.unlink(missing_ok=True)
    return paths


def remove(paths: Iterable[Path]) -> None:
    """Delete reports of earlier runs.

    Args:
        paths: Their files, which need not exist.

    Raises:
        UsageError: A file cannot be deleted.
    """
    for path in paths:
        with _writing(path):
            path.unlink(missing_ok=True)


def write(report: Report, path: Path) -> None:
    """Write one report beside its path and move it there once it is whole.

    Args:
        report: The report.
        path: The file; its extension selects the format.

    Raises:
        UsageError: The file cannot be written.
    """
    content = FORMATS[path.suffix](report)
    part = path.with_name(f".{path.name}.part")
    with _writing(path):
        try:
            part.write_text(content, encoding="utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _writing(name: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"--report={name}: cannot be written: {error.strerror}") from error
