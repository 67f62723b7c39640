"""Leaks: whether a text holds a credential, and the texts in which one may appear."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType

from loguru import logger

from twilio_conformance.errors import Violation
from twilio_conformance.subject.frames import shorten
from twilio_conformance.subject.probe import Probe

PART = 16
"""Characters of a credential that must not be shown: half of an auth token."""


def is_leak(probe: Probe, text: str) -> bool:
    """Return whether a text contains a credential in any of its forms, or half of one."""
    return masked(probe, text) != text


def masked(probe: Probe, text: str) -> str:
    """Return the text with credentials, and parts of them, replaced by their names."""
    masked = str(probe.names.redact(text))
    for name in ("auth_token", "api_key_secret"):
        secret = probe.names.values[name]
        for start in range(len(secret) - PART + 1):
            masked = masked.replace(secret[start : start + PART], f"<part of {name}>")
    return masked


def expect_no_leak(probe: Probe, text: str, message: str, place: str = "") -> None:
    """End the check with a message if a text contains a credential; show its first line that does, masked."""
    if is_leak(probe, text):
        lines = [line for line in text.splitlines() if is_leak(probe, line)] or [text]
        raise Violation(message, expected="none", actual=place + shorten(masked(probe, lines[0]), 300))


@contextlib.contextmanager
def captured_output() -> Iterator[Callable[[], str]]:
    """Capture what is written to standard output and error; yields a function that returns it."""
    streams = (sys.stdout, sys.stderr)
    with tempfile.TemporaryFile() as kept:

        def read() -> str:
            for stream in streams:
                stream.flush()
            return os.pread(kept.fileno(), os.fstat(kept.fileno()).st_size, 0).decode("utf-8", "replace")

        read()
        originals = [os.dup(descriptor) for descriptor in (1, 2)]
        for descriptor in (1, 2):
            os.dup2(kept.fileno(), descriptor)
        try:
            yield read
        finally:
            # Flush, so that nothing of this is written to the originals.
            read()
            for descriptor, original in zip((1, 2), originals, strict=True):
                os.dup2(original, descriptor)
                os.close(original)


def texts_of(error: BaseException) -> dict[str, str]:
    """Return the text and the traceback of an exception and those it was raised from."""
    text = ""
    link: BaseException | None = error
    while link is not None:
        text += f"{link} {link!r} "
        link = link.__cause__ or link.__context__
    return {"text": text, "traceback": "".join(traceback.format_exception(error))}


def traceback_with_values(error: BaseException, place: TracebackType | None) -> str:
    """Return the traceback as loguru writes it by default, with the values of variables."""
    lines: list[str] = []
    # Log below loguru's default level, so that only this sink gets it.
    sink = logger.add(lines.append, level=0, format="{exception}", backtrace=False, diagnose=True)
    logger.opt(exception=(type(error), error, place)).trace("")
    logger.remove(sink)
    return "".join(lines)
