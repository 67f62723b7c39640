"""How a child attributes the error that ended a job, and which values it accepts into a result."""

from __future__ import annotations

import asyncio
import errno
import json
import math
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twilio_conformance.engine import job
from twilio_conformance.engine.job import TEXT_LIMIT, Context
from twilio_conformance.spec import catalogue
from twilio_conformance.subject import resolution, target


@pytest.fixture(scope="module")
def context() -> Context:
    implementation = resolution.resolve(target.parse("twilio_reference"))
    return Context(implementation, catalogue.load(), {})


def _raised(action: Any) -> BaseException:
    try:
        action()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def _raise(error: BaseException) -> NoReturn:
    raise error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (asyncio.CancelledError(), "cancelled the task that called it"),
        (SystemExit(3), "raised SystemExit in a task or callback of its own"),
        (KeyboardInterrupt(), "raised KeyboardInterrupt in a task or callback of its own"),
        (MemoryError(), "took all the memory that it may have"),
        (OSError(errno.EBADF, "bad"), "closed or used up the file descriptors of the process"),
        (OSError(errno.EMFILE, "many"), "closed or used up the file descriptors of the process"),
        (RuntimeError("Event loop is closed"), "stopped or closed the event loop"),
    ],
    ids=lambda value: repr(value) if isinstance(value, BaseException) else "",
)
def test_what_only_an_implementation_can_have_done_is_its_deed(
    context: Context, error: BaseException, sentence: str
) -> None:
    assert job.action_behind(error, context.implementation) == sentence


@pytest.mark.parametrize("error", [AttributeError("a slip"), OSError(errno.ENOENT, "no"), RuntimeError("?")])
def test_what_the_suite_may_have_done_is_not(context: Context, error: BaseException) -> None:
    assert job.action_behind(_raised(lambda: _raise(error)), context.implementation) is None


def test_an_exception_from_the_implementations_own_code_is_its_deed(context: Context) -> None:
    from twilio_reference import TwilioFrameSerializer

    error = _raised(lambda: TwilioFrameSerializer("MZ1"))
    deed = job.action_behind(error, context.implementation)
    assert deed is not None
    assert deed.startswith("raised ValueError(")
    assert "serializer.py:" in deed


def test_an_exception_from_what_it_shares_with_others_is_not(context: Context) -> None:
    assert job.action_behind(_raised(lambda: json.loads("{")), context.implementation) is None


def test_every_vector_is_a_job_with_the_requirements_of_the_edition(context: Context) -> None:
    jobs = context.jobs()
    assert jobs.keys() == context.catalogue.vectors.keys()
    assert all(
        name in context.catalogue.requirements for entry in jobs.values() for name in entry.requirements
    )
    assert {entry.module for entry in jobs.values()} == {""}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.builds(object)
    | st.just("x" * (TEXT_LIMIT + 1)),
    lambda inner: (
        st.lists(inner) | st.tuples(inner) | st.sets(st.integers()) | st.dictionaries(st.integers(), inner)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(VALUES)
def test_whatever_a_check_finds_becomes_strict_json_of_bounded_texts(value: Any) -> None:
    def longest(document: Any) -> int:
        if isinstance(document, list | dict):
            return max(map(longest, document.values() if isinstance(document, dict) else document), default=0)
        return len(document) if isinstance(document, str) else 0

    document = json.loads(json.dumps(job._fit(value), allow_nan=False))
    assert longest(document) < TEXT_LIMIT + 50


@pytest.mark.parametrize(
    ("value", "fitting"),
    [(math.inf, "inf"), (1.5, 1.5), (True, True), ((1, 2), [1, 2]), ({1: b"a"}, {"1": "b'a'"})],
)
def test_what_is_json_already_stays(value: Any, fitting: Any) -> None:
    assert job._fit(value) == fitting


def test_a_long_trace_says_how_much_of_it_is_left_out() -> None:
    lines = [str(number) for number in range(job.TRACE_LIMIT + 3)]
    assert job._last(lines[: job.TRACE_LIMIT]) == lines[: job.TRACE_LIMIT]
    assert job._last(lines) == ["(3 lines before these)", *lines[3:]]
