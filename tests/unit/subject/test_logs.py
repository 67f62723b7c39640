"""What an implementation logs is kept, however it configures its loggers."""

from __future__ import annotations

import logging
import logging.config
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest
from loguru import logger

from twilio_conformance.subject.logs import LogCapture, first_line, none_but, output_size, printed_records


@pytest.fixture
def capture() -> Iterator[LogCapture]:
    """A capture that listens in this process, which is as before afterwards."""
    remove, call_handlers = type(logger).remove, logging.Logger.callHandlers
    show, level = warnings.showwarning, logging.getLogger().level
    new = LogCapture()
    new.attach()
    yield new
    type(logger).remove, logging.Logger.callHandlers = remove, call_handlers  # type: ignore[method-assign]
    warnings.showwarning = show
    logging.getLogger().setLevel(level)
    logger.remove()
    logger.add(sys.stderr)


def _texts(capture: LogCapture) -> list[tuple[str, str]]:
    return [(record.level_name, record.text) for record in capture.records]


def test_loguru_and_logging_and_warnings_are_kept_in_order(capture: LogCapture) -> None:
    logger.error("one {}", 1)
    logging.getLogger("mine").warning("two %d", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        capture.attach()
        warnings.warn("three", UserWarning, stacklevel=1)
    assert _texts(capture) == [("ERROR", "one 1"), ("WARNING", "two 2"), ("WARNING", "UserWarning: three")]
    assert [record.level for record in capture.records] == [40, 30, 30]


def test_every_level_is_kept(capture: LogCapture) -> None:
    logger.trace("finest")
    logging.getLogger("mine").debug("fine")
    assert _texts(capture) == [("TRACE", "finest"), ("DEBUG", "fine")]


#: Ways in which a program sets its logging up for itself.
SETTINGS: dict[str, Callable[[], object]] = {
    "loguru without sinks": lambda: logger.remove(),
    "loguru with its own sink": lambda: logger.configure(
        handlers=[{"sink": sys.stderr, "level": "CRITICAL"}]
    ),
    "basicConfig": lambda: logging.basicConfig(force=True, level=logging.CRITICAL),
    "dictConfig": lambda: logging.config.dictConfig({"version": 1, "disable_existing_loggers": False}),
    "no handlers": lambda: logging.getLogger().handlers.clear(),
    "disabled": lambda: logging.disable(logging.CRITICAL),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_own_settings_of_a_program_hide_nothing(capture: LogCapture, setting: str) -> None:
    handlers = logging.getLogger().handlers[:]
    try:
        SETTINGS[setting]()
        capture.attach()
        logger.info("loguru")
        logging.getLogger("mine").info("logging")
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.disable(logging.NOTSET)
    assert _texts(capture) == [("INFO", "loguru"), ("INFO", "logging")]


def test_a_logger_that_hands_nothing_on_is_heard_too(capture: LogCapture) -> None:
    quiet = logging.getLogger("quiet")
    quiet.propagate = False
    quiet.addHandler(logging.NullHandler())
    quiet.error("heard")
    assert _texts(capture) == [("ERROR", "heard")]


def test_a_traceback_is_part_of_the_text(capture: LogCapture) -> None:
    secret = "s3cret"
    try:
        raise LookupError(secret)
    except LookupError:
        logger.exception("loguru")
        logging.getLogger("mine").exception("logging")
    diagnosed, plain = capture.records
    assert "LookupError: s3cret" in plain.text
    assert "secret = 's3cret'" not in plain.text
    assert diagnosed.text.count("LookupError: s3cret") == 1
    assert "└ 's3cret'" in diagnosed.text, "loguru shows the values of variables"


class Unprintable(Exception):
    def __str__(self) -> NoReturn:
        raise ValueError


def test_a_record_that_cannot_be_formatted_is_kept_and_raises_nothing(capture: LogCapture) -> None:
    mine = logging.getLogger("mine")
    mine.addHandler(logging.NullHandler())
    mine.propagate = False
    mine.error("%d of %d", "one")
    mine.error(Unprintable())
    try:
        raise Unprintable
    except Unprintable:
        mine.exception("raised")
    texts = [text for _, text in _texts(capture)]
    assert texts[:2] == [
        "%d of %d (cannot be formatted: TypeError)",
        "<Unprintable> (cannot be formatted: ValueError)",
    ]
    assert "<exception str() failed>" in texts[2]


def test_what_a_record_carries_besides_is_part_of_the_text(capture: LogCapture) -> None:
    class Shy:
        def __repr__(self) -> str:
            raise ValueError("no repr")

    logging.getLogger("app").info("ready", extra={"token": "secret"})
    logging.getLogger("app").info("ready", extra={"token": Shy()})
    assert [record.text for record in capture.records] == [
        "ready {'token': 'secret'}",
        "ready (its extra cannot be shown: ValueError)",
    ]


def test_attaching_twice_keeps_each_record_once(capture: LogCapture) -> None:
    capture.attach()
    logger.info("once")
    logging.getLogger("mine").info("once")
    assert len(capture.records) == 2


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-12-01 05:00:00 [error    ] hang-up failed    status=401", 40),
        ("2026-12-01 05:00:00 [\x1b[33m\x1b[1mwarning  \x1b[0m] hang-up failed", 30),
        ('{"status": 401, "event": "hang-up failed", "level": "error"}', 40),
        ('{"severity":"CRITICAL","message":"hang-up failed"}', 50),
        ("[info     ] an error of the caller", None),
        ('{"level": "info", "event": "no error"}', None),
        ("hang-up failed: 401", None),
    ],
)
@pytest.mark.usefixtures("capfd")
def test_a_printed_line_that_names_its_level_is_a_record(line: str, level: int | None) -> None:
    before = output_size()
    print(line)
    records = printed_records(before)
    assert [(record.level, record.text) for record in records] == ([] if level is None else [(level, line)])


@pytest.mark.usefixtures("capfd")
def test_a_line_that_was_printed_in_place_of_a_record_is_told_with_what_counts() -> None:
    before = output_size()
    assert none_but(first_line(before)) == "none"
    print("\n  hang-up failed: 401\nsecond")
    said = none_but(first_line(before))
    assert said.startswith("none; it printed 'hang-up failed: 401', and only records of loguru, logging")


def test_output_that_is_no_file_has_no_records() -> None:
    reading, writing = os.pipe()
    output = os.dup(1)
    os.dup2(writing, 1)
    try:
        assert printed_records(output_size()) == []
    finally:
        os.dup2(output, 1)
        for descriptor in (output, reading, writing):
            os.close(descriptor)
