"""Capture of what an implementation logs: with loguru, with the logging module, as warnings, and on its output."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import traceback
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loguru import logger

from twilio_conformance.subject.frames import shorten

if TYPE_CHECKING:
    import loguru


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record.

    Attributes:
        level: As a number; 30 is WARNING.
        level_name: As a name.
        text: The message and, if there is one, the traceback as handlers print it.
    """

    level: int
    level_name: str
    text: str


class LogCapture:
    """Captures everything logged in this process after `attach`, in order, whatever the handlers are.

    Attributes:
        records: What was captured.
    """

    def __init__(self) -> None:
        """Create a capture without records that is not attached yet."""
        self.records: list[LogRecord] = []
        self._is_attached = False

    def attach(self) -> None:
        """Capture every level; call it again after an implementation may have reconfigured its loggers.

        A worker attaches its capture before it forks, because loguru takes 10 ms for each new sink.
        """
        if not self._is_attached:
            self._is_attached = True
            self._capture_loguru()
            self._capture_logging()
        # Each of the two clears the caches of all loggers, which is too slow before every call.
        if logging.root.level != 1:
            logging.root.setLevel(1)
        if logging.root.manager.disable != logging.NOTSET:
            logging.disable(logging.NOTSET)
        warnings.showwarning = self._take_warning

    def _capture_loguru(self) -> None:
        """Add a sink, and add it again whenever all sinks are removed."""
        remove = type(logger).remove

        def add() -> None:
            logger.add(
                self._take_loguru, level=0, format="{message}", backtrace=True, diagnose=True, catch=False
            )

        def remove_and_add(instance: loguru.Logger, handler_id: int | None = None) -> None:
            remove(instance, handler_id)
            if handler_id is None:
                add()

        type(logger).remove = remove_and_add  # type: ignore[method-assign, assignment]
        add()

    def _capture_logging(self) -> None:
        """Capture each record before the handlers get it, so that neither handlers nor `propagate` matter."""
        call_handlers = logging.Logger.callHandlers

        def take_and_call(instance: logging.Logger, record: logging.LogRecord) -> None:
            self.records.append(LogRecord(record.levelno, record.levelname, _text(record)))
            call_handlers(instance, record)

        logging.Logger.callHandlers = take_and_call  # type: ignore[method-assign, assignment]

    def _take_loguru(self, message: loguru.Message) -> None:
        level, extra = message.record["level"], message.record["extra"]
        bound = f" {extra!r}" if extra else ""
        self.records.append(LogRecord(level.no, level.name, str(message).rstrip("\n") + bound))

    def _take_warning(self, message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        self.records.append(LogRecord(logging.WARNING, "WARNING", f"{category.__name__}: {message}"))


def output_size() -> int:
    """Return the bytes that this process has written to its output; 0 if that is not a file, as it is in a child."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    return os.fstat(1).st_size


def printed_records(since: int) -> list[LogRecord]:
    """Return the lines of the output from this byte on that name a level, as structlog and JSON formatters do."""
    lines = [(line, _LEVEL.search(_COLOUR.sub("", line))) for line in _output(since)]
    return [
        LogRecord(_LEVELS[found["level"].lower()], found["level"].upper(), line)
        for line, found in lines
        if found
    ]


def first_line(since: int) -> str:
    """Return the first line of the output from this byte on that is not blank; empty if there is none."""
    return next((line.strip() for line in _output(since) if line.strip()), "")


def none_but(printed: str) -> str:
    """Return what there is in place of records: none, or a printed line with what would count."""
    return f"none; it printed {shorten(printed, 120)}, and {COUNTED}" if printed else "none"


def _output(since: int) -> list[str]:
    with contextlib.suppress(OSError):
        text = os.pread(1, min(max(output_size() - since, 0), _MOST_OUTPUT), since)
        return text.decode("utf-8", "replace").splitlines()
    return []


COUNTED = (
    "only records of loguru, logging and warnings count, and lines that name a level, such as [error] or"
    ' "level": "error"'
)
"""What counts as a log record."""


_MOST_OUTPUT = 1 << 20
"""Bytes of output in which lines are looked for."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LEVELS = {"warn": 30, "warning": 30, "error": 40, "critical": 50, "fatal": 50}
_LEVEL = re.compile(
    r"""(\[\s*|"(level|levelname|severity|log\.level)"\s*:\s*")(?P<level>warn|warning|error|critical|fatal)(\s*\]|")""",
    re.IGNORECASE,
)
"""A level in brackets, or the value of a member."""


def _text(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception as error:
        shown = record.msg if type(record.msg) is str else f"<{type(record.msg).__name__}>"
        text = f"{shown} (cannot be formatted: {type(error).__name__})"
    if record.exc_info:
        text += "\n" + "".join(traceback.format_exception(*record.exc_info))
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    try:
        return f"{text} {extra!r}" if extra else text
    except Exception as error:
        return f"{text} (its extra cannot be shown: {type(error).__name__})"


_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
"""The attributes of every record; all others come from `extra`, which formatters may write."""


CAPTURE = LogCapture()
"""The capture of this process."""
