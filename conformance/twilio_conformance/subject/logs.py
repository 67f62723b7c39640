"""What an implementation logs: records of loguru, of the standard library's logging, and warnings."""

from __future__ import annotations

import logging
import traceback
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loguru import logger

if TYPE_CHECKING:
    import loguru


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record; `text` is the message and, where there is one, the traceback as handlers print it."""

    level: int
    level_name: str
    text: str
    origin: str


class LogBook:
    """Collects what is logged in this process from `attach` on, in order, whatever handlers there are."""

    def __init__(self) -> None:
        """An empty book that nothing writes to yet."""
        self.records: list[LogRecord] = []
        self._is_attached = False

    def attach(self) -> None:
        """Listens to every level, also after an implementation has configured its loggers anew.

        A worker attaches its book before it forks: loguru takes 10 ms for each new sink.
        """
        if not self._is_attached:
            self._is_attached = True
            self._keep_loguru()
            self._keep_logging()
        # Each of the two empties the caches of all loggers, which is dear before every call.
        if logging.root.level != 1:
            logging.root.setLevel(1)
        if logging.root.manager.disable != logging.NOTSET:
            logging.disable(logging.NOTSET)
        warnings.showwarning = self._take_warning

    def _keep_loguru(self) -> None:
        """Adds a sink, and again whenever all sinks are removed."""
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

    def _keep_logging(self) -> None:
        """Sees each record on its way to the handlers, so that none of them, and no `propagate`, matters."""
        call_handlers = logging.Logger.callHandlers

        def take_and_call(instance: logging.Logger, record: logging.LogRecord) -> None:
            self.records.append(LogRecord(record.levelno, record.levelname, _text(record), record.name))
            call_handlers(instance, record)

        logging.Logger.callHandlers = take_and_call  # type: ignore[method-assign, assignment]

    def _take_loguru(self, message: loguru.Message) -> None:
        level, extra = message.record["level"], message.record["extra"]
        bound = f" {extra!r}" if extra else ""
        self.records.append(LogRecord(level.no, level.name, str(message).rstrip("\n") + bound, "loguru"))

    def _take_warning(self, message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        self.records.append(
            LogRecord(logging.WARNING, "WARNING", f"{category.__name__}: {message}", "warnings")
        )


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
"""What every record has; more comes from `extra`, which formatters may write."""


BOOK = LogBook()
"""The book of this process."""
