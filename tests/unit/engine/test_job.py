"""A job: the outcome of each requirement, whom an error is attributed to, and what a result may hold."""

from __future__ import annotations

import asyncio
import errno
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twilio_conformance.audio.levels import Unmeasurable
from twilio_conformance.checks._core import Check, CheckFunction
from twilio_conformance.engine import job
from twilio_conformance.engine.job import TEXT_LIMIT, Context
from twilio_conformance.engine.messages import Job, vector_jobs
from twilio_conformance.errors import NotApplicable, NotObservable, NotTestable, Violation
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.verdict import FAIL, NOT_APPLICABLE, NOT_TESTABLE, PASS, Outcome
from twilio_conformance.subject import resolution, target
from twilio_conformance.subject.logs import CAPTURE
from twilio_conformance.subject.probe import Probe
from twilio_conformance.subject.target import HANDSHAKE
from twilio_conformance.twilio.network import Network
from twilio_reference import TwilioFrameSerializer

REQUIREMENT = "TFS-CLEAR-01"


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


async def _nothing(_: Probe) -> None:
    """Find nothing wrong."""


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
def test_an_error_that_only_an_implementation_can_cause_is_its_own(
    context: Context, error: BaseException, sentence: str
) -> None:
    assert job.action_behind(error, context.implementation) == sentence


@pytest.mark.parametrize(
    "error", [AttributeError("no such field"), OSError(errno.ENOENT, "no"), RuntimeError("?")]
)
def test_an_error_that_the_suite_may_have_caused_is_not_the_implementations(
    context: Context, error: BaseException
) -> None:
    assert job.action_behind(_raised(lambda: _raise(error)), context.implementation) is None


def test_an_exception_from_the_implementations_code_is_its_own(context: Context) -> None:
    error = _raised(lambda: TwilioFrameSerializer("MZ1"))
    action = job.action_behind(error, context.implementation)
    assert action is not None
    assert action.startswith("raised ValueError(")
    assert "serializer.py:" in action


def test_an_exception_from_a_shared_library_is_not_the_implementations(context: Context) -> None:
    assert job.action_behind(_raised(lambda: json.loads("{")), context.implementation) is None


def test_every_vector_is_a_job_with_the_requirements_of_the_edition(context: Context) -> None:
    jobs = vector_jobs(context.catalogue)
    assert jobs.keys() == context.catalogue.vectors.keys()
    assert all(
        name in context.catalogue.requirements for entry in jobs.values() for name in entry.requirements
    )
    assert {entry.module for entry in jobs.values()} == {""}


def test_a_check_in_code_is_a_job_with_its_own_limit_and_file(context: Context) -> None:
    check = Check("media.gain", REQUIREMENT, _nothing, 300.0)
    found = job.jobs_in_code(context.catalogue, {check.id: check})[check.id]
    assert found == Job("media.gain", [REQUIREMENT], 300.0, __name__.rpartition(".")[2])


class TestGrade:
    """The outcome of a check in code, a vector, and the handshake."""

    @pytest.fixture
    def probe(self, context: Context, monkeypatch: pytest.MonkeyPatch) -> Iterator[Probe]:
        with Network() as network:
            # Nothing that other tests of this process log is listened to.
            monkeypatch.setattr(CAPTURE, "attach", lambda: None)
            yield Probe(context.implementation, network)

    @staticmethod
    async def outcome(
        context: Context, probe: Probe, function: CheckFunction, requirement: str = REQUIREMENT
    ) -> Outcome:
        check = Check("chapter.check", requirement, function, 5.0)
        own = Context(probe.implementation, context.catalogue, {check.id: check})
        return (await job.grade(own, check.id, [requirement], probe))[requirement]

    @pytest.mark.parametrize(
        ("error", "status", "message"),
        [
            (Violation("the key differs"), FAIL, "the key differs"),
            (NotTestable("no request"), NOT_TESTABLE, "no request"),
            (NotObservable("another transport"), NOT_TESTABLE, "another transport"),
            (NotApplicable("not claimed"), NOT_APPLICABLE, "not claimed"),
            (Unmeasurable("silence"), FAIL, "there is no audio to measure"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    async def test_what_a_check_raises_decides_its_outcome(
        self, context: Context, probe: Probe, error: Exception, status: str, message: str
    ) -> None:
        async def function(_: Probe) -> None:
            raise error

        found = await self.outcome(context, probe, function)
        assert (found.status, found.message) == (status, message)
        assert found.out_of_sight is isinstance(error, NotObservable)

    async def test_a_check_that_raises_nothing_passes_with_its_measurements(
        self, context: Context, probe: Probe
    ) -> None:
        async def function(probe: Probe) -> None:
            probe.record("calls", 1)

        found = await self.outcome(context, probe, function)
        assert (found.status, found.metrics) == (PASS, {"calls": 1})

    async def test_a_failing_check_has_both_sides_and_a_trace(self, context: Context, probe: Probe) -> None:
        async def function(probe: Probe) -> None:
            await (await probe.ready()).serialize({"frame": "EndFrame"})
            raise Violation("the key differs", expected="1", actual="2")

        found = await self.outcome(context, probe, function)
        assert (found.expected, found.actual) == ("1", "2")
        assert any("serialize(EndFrame" in line for line in found.trace)

    async def test_a_finding_about_an_exception_says_where_it_was_raised(
        self, context: Context, probe: Probe
    ) -> None:
        async def function(probe: Probe) -> None:
            observation, _ = probe.attempt()
            raise NotTestable("the instance cannot be constructed", actual=observation.outcome)

        probe.implementation = replace(
            probe.implementation, construct=lambda **_: _raise(ValueError("auth_token is missing"))
        )
        place = (await self.outcome(context, probe, function)).where[-1]
        assert place["file"] == str(Path(__file__).relative_to(Path.cwd()))
        assert (place["function"], place["source"]) == ("_raise", "raise error")

    async def test_a_finding_of_a_vector_has_the_whole_message(self, context: Context, probe: Probe) -> None:
        class Deaf(TwilioFrameSerializer):
            async def deserialize(self, data: str | bytes) -> None:
                return None

        probe.implementation = replace(probe.implementation, construct=Deaf)
        found = (await job.grade(context, "dtmf/key-5", ["TFS-DTMF-01"], probe))["TFS-DTMF-01"]
        assert "…" in found.trace[-1]
        assert found.trace[-1].partition(") (")[0].endswith('"digit":"5"}}\'')
        assert found.call.endswith('"digit":"5"}}\')')
        assert "…" not in found.call

    async def test_a_requirement_of_an_unclaimed_capability_is_not_applicable(
        self, context: Context, probe: Probe
    ) -> None:
        probe.implementation = replace(probe.implementation, capabilities=frozenset())
        optional = next(entry for entry in context.catalogue.requirements.values() if entry.capability)
        found = await self.outcome(context, probe, _nothing, optional.id)
        assert found.status == NOT_APPLICABLE
        assert found.message == f"the implementation does not claim {optional.capability}"

    async def test_a_failure_of_the_check_itself_is_no_outcome(self, context: Context, probe: Probe) -> None:
        async def function(_: Probe) -> None:
            raise KeyError("event")

        with pytest.raises(KeyError):
            await self.outcome(context, probe, function)

    async def test_a_vector_is_graded_for_each_of_its_requirements(
        self, context: Context, probe: Probe
    ) -> None:
        vector = next(each for each in context.catalogue.vectors.values() if len(each.requirements) > 1)
        found = await job.grade(context, vector.id, list(vector.requirements), probe)
        assert {name: outcome.status for name, outcome in found.items()} == dict.fromkeys(
            vector.requirements, PASS
        )

    @pytest.mark.parametrize(
        ("construct", "message"),
        [
            (lambda **_: object(), "object without setup, serialize, deserialize"),
            (lambda **_: dict, "type, the class dict itself"),
            (
                lambda **_: TwilioFrameSerializer(
                    "MZ1", params=TwilioFrameSerializer.InputParams(auto_hang_up=False)
                ),
                "",
            ),
            (lambda **_: _raise(ValueError("other arguments, please")), ""),
        ],
        ids=["an object", "a class", "a serializer", "an exception"],
    )
    async def test_a_factory_has_to_return_a_serializer(
        self, context: Context, probe: Probe, construct: Callable[..., object], message: str
    ) -> None:
        probe.implementation = replace(probe.implementation, construct=construct, is_class=False)
        found = await job.grade(context, HANDSHAKE, [HANDSHAKE], probe)
        assert found[HANDSHAKE].status == (FAIL if message else PASS)
        assert found[HANDSHAKE].message == message


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
def test_every_value_becomes_strict_json_of_bounded_texts(value: Any) -> None:
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
def test_json_stays_as_it_is_and_anything_else_becomes_text(value: Any, fitting: Any) -> None:
    assert job._fit(value) == fitting


def test_a_long_trace_says_how_much_of_it_is_left_out() -> None:
    lines = [str(number) for number in range(job.TRACE_LIMIT + 3)]
    assert job._last(lines[: job.TRACE_LIMIT]) == lines[: job.TRACE_LIMIT]
    assert job._last(lines) == ["(3 lines before these)", *lines[3:]]
