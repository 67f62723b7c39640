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

from twilio_conformance.subject.frames import shorten
from twilio_conformance.subject.probe import Probe

PART = 16
"""Characters of a credential that are too many to show: half of an auth token."""


def is_leak(probe: Probe, text: str) -> bool:
    """Whether a text holds a credential in one of its written forms, or half of one."""
    return masked(probe, text) != text


def masked(probe: Probe, text: str) -> str:
    """The text without its credentials and the halves of them."""
    masked = str(probe.names.redact(text))
    for name in ("auth_token", "api_key_secret"):
        secret = probe.names.values[name]
        for start in range(len(secret) - PART + 1):
            masked = masked.replace(secret[start : start + PART], f"<part of {name}>")
    return masked


def around_leak(probe: Probe, text: str) -> str:
    """The first line that holds a credential, without it."""
    lines = [line for line in text.splitlines() if is_leak(probe, line)] or [text]
    return shorten(masked(probe, lines[0]), 300)


@contextlib.contextmanager
def captured_output() -> Iterator[Callable[[], str]]:
    """Keeps what is written to standard output and error meanwhile, and gives what reads it."""
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
            read()
            for descriptor, original in zip((1, 2), originals, strict=True):
                os.dup2(original, descriptor)
                os.close(original)


def texts_of(error: BaseException) -> dict[str, str]:
    """What an exception shows, and those behind it."""
    text, link = "", error
    while True:
        text += f"{link} {link!r} "
        behind = link.__cause__ or link.__context__
        if behind is None:
            return {"text": text, "traceback": "".join(traceback.format_exception(error))}
        link = behind


def traceback_with_values(error: BaseException, place: TracebackType | None) -> str:
    """The traceback as loguru writes it by default, with the values of the names on its lines."""
    lines: list[str] = []
    # Below the level that loguru prints by default, so that only this sink shows it.
    sink = logger.add(lines.append, level=0, format="{exception}", backtrace=False, diagnose=True)
    logger.opt(exception=(type(error), error, place)).trace("")
    logger.remove(sink)
    return "".join(lines)
