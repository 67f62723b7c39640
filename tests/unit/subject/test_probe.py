"""The probe: everything that an implementation does is a value."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
from loguru import logger
from pipecat.frames.frames import EndFrame
from pipecat.serializers.base_serializer import FrameSerializer

from twilio_conformance.errors import NotApplicable, NotTestable
from twilio_conformance.subject.logs import CAPTURE, LogRecord
from twilio_conformance.subject.probe import CALL_LIMIT, NEVER_RETURNED, Probe, Raised
from twilio_conformance.subject.target import Implementation, Target
from twilio_conformance.twilio.network import Network
from twilio_reference import TwilioFrameSerializer as Reference

MakeProbe = Callable[..., Probe]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeProbe]:
    """Makes a probe on a class or factory; nothing of this process is listened to."""
    with Network() as network:

        def make(construct: Callable[..., Any], **changes: Any) -> Probe:
            described: dict[str, Any] = {
                "target": Target("mine", "mine", None),
                "construct": construct,
                "input_params": Reference.InputParams,
                "name": "mine:Serializer",
                "version": None,
                "capabilities": frozenset[str](),
                "is_class": inspect.isclass(construct),
            }
            probe = Probe(Implementation(**(described | changes)), network)
            monkeypatch.setattr(CAPTURE, "attach", lambda: None)
            return probe

        yield make


class Serializer(FrameSerializer):
    """Does what its `deed` does, in each of its methods."""

    def __init__(self, deed: Callable[[], Any] = lambda: None, **_: Any) -> None:
        self.deed = deed

    async def setup(self, configuration: Any) -> Any:
        return await self._do()

    async def serialize(self, frame: Any) -> Any:
        return await self._do()

    async def deserialize(self, data: Any) -> Any:
        return await self._do()

    async def _do(self) -> Any:
        result = self.deed()
        return await result if inspect.iscoroutine(result) else result


async def test_what_a_method_returns_is_a_value(make: MakeProbe) -> None:
    subject = make(Serializer).construct(deed=lambda: "text")
    for observation in (
        await subject.setup(8000),
        await subject.serialize(EndFrame()),
        await subject.serialize({"frame": "EndFrame"}),
        await subject.deserialize("{}"),
        await subject.deserialize(b"{}"),
        await subject.deserialize({"event": "mark"}),
    ):
        assert (observation.value, observation.raised) == ("text", None)
        assert observation.outcome == "returned 'text'"


class Unprintable(Exception):
    def __str__(self) -> NoReturn:
        raise SystemExit


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError("no"), "raised ValueError(no)"),
        (SystemExit(3), "raised SystemExit(3)"),
        (KeyboardInterrupt(), "raised KeyboardInterrupt()"),
        (TimeoutError("theirs"), "raised TimeoutError(theirs)"),
        (asyncio.CancelledError(), "raised CancelledError()"),
        (Unprintable(), "raised Unprintable(an exception whose str() raises SystemExit)"),
        (ValueError("x" * 300), f"raised ValueError('{'x' * 133}…{'x' * 65}' (302 characters))"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_a_method_raises_is_a_value(make: MakeProbe, error: BaseException, shown: str) -> None:
    def deed() -> NoReturn:
        raise error

    observation = await make(Serializer).construct(deed=deed).serialize(EndFrame())
    assert observation.raised is not None
    assert observation.raised.is_a(type(error).__name__)
    assert observation.raised.is_a("BaseException")
    assert observation.outcome.replace("('", "(").replace("')", ")") == shown.replace("('", "(")


def test_what_a_constructor_raises_is_a_value(make: MakeProbe) -> None:
    def construct(**_: Any) -> NoReturn:
        raise ValueError("no")

    observation, subject = make(construct).attempt(stream_sid="MZ1")
    assert (subject, observation.call) == (None, "construct(stream_sid=…)")
    assert observation.raised == Raised.of(ValueError("no"))
    with pytest.raises(NotTestable, match="the constructor raised"):
        make(construct).construct()


async def test_a_method_that_never_returns_is_given_up(make: MakeProbe) -> None:
    subject = make(Serializer).construct(deed=asyncio.Event().wait)
    observation = await subject.serialize(EndFrame(), limit=0.01)
    assert observation.raised is not None
    assert observation.raised.kind == NEVER_RETURNED


async def test_a_check_that_is_ended_from_outside_is_ended(make: MakeProbe) -> None:
    task = asyncio.create_task(make(Serializer).construct(deed=asyncio.Event().wait).setup(8000))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_watch_is_told_each_call_and_that_it_is_over(make: MakeProbe) -> None:
    told: list[tuple[str, float]] = []
    probe = make(Serializer)
    probe._watch = lambda *call: told.append(call)
    await probe.construct().setup(16000, limit=3)
    assert told == [("construct()", CALL_LIMIT), ("", 0), ("setup(16000)", 3), ("", 0)]


async def test_of_calls_at_once_the_watch_sees_the_one_that_is_left(make: MakeProbe) -> None:
    told: list[str] = []
    probe = make(Serializer)
    subject = probe.construct(deed=functools.partial(asyncio.sleep, 0.01))
    slow = asyncio.create_task(subject.setup(8000))
    await asyncio.sleep(0)
    subject.instance.deed = lambda: None
    probe._watch = lambda call, _: told.append(call)
    await subject.serialize(EndFrame())
    await slow
    assert told == ["serialize(EndFrame)", "setup(8000)", ""]


class TestArguments:
    def test_names_are_filled_in_and_none_takes_one_away(self, make: MakeProbe) -> None:
        given: dict[str, Any] = {}
        probe = make(lambda **named: given.update(named))
        probe.attempt(**probe.arguments(call_sid=None, region="ie1"))
        values = probe.names.values
        wanted = {name: values[name] for name in ("stream_sid", "account_sid", "auth_token")}
        assert given == wanted | {"region": "ie1"}

    def test_params_become_input_params(self, make: MakeProbe) -> None:
        given: dict[str, Any] = {}
        make(lambda **named: given.update(named)).attempt(params={"auto_hang_up": False})
        assert given["params"] == Reference.InputParams(auto_hang_up=False)

    def test_positional_ones_keep_their_order(self, make: MakeProbe) -> None:
        given: list[Any] = []
        probe = make(lambda *values: given.extend(values))
        probe.attempt("${stream_sid}", None, {"auto_hang_up": False})
        assert given[:2] == [probe.names.values["stream_sid"], None]
        assert isinstance(given[2], Reference.InputParams)

    def test_without_input_params_nothing_can_be_tested_that_needs_them(self, make: MakeProbe) -> None:
        with pytest.raises(NotTestable, match="mine:Serializer has no InputParams"):
            make(Serializer, input_params=None).construct(params={})


class TestReady:
    async def test_is_an_instance_that_is_set_up_and_never_hangs_up(self, make: MakeProbe) -> None:
        probe = make(Reference)
        subject = await probe.ready()
        assert (await subject.serialize(EndFrame())).value is None
        assert probe.exchanges == ()

    async def test_says_why_there_is_none(self, make: MakeProbe) -> None:
        def fail() -> NoReturn:
            raise ValueError

        with pytest.raises(NotTestable, match="setup raised"):
            await make(Serializer).ready(deed=fail)


class TestAwaitability:
    @pytest.mark.parametrize(
        ("method", "is_awaitable"),
        [
            (Serializer.setup, True),
            (lambda self, _: None, False),
            (lambda self, _: asyncio.get_running_loop().create_future(), True),
            (lambda self, _: 1 / 0, False),
        ],
        ids=["coroutine", "plain", "future", "raising"],
    )
    async def test_is_that_of_what_the_call_gives(
        self, make: MakeProbe, method: Callable[..., Any], is_awaitable: bool
    ) -> None:
        kind = type("Mine", (Serializer,), {"setup": method})
        assert make(kind).construct().is_awaitable("setup", None) == is_awaitable


def test_a_capability_that_is_not_claimed_is_not_applicable(make: MakeProbe) -> None:
    probe = make(Serializer, capabilities=frozenset({"base_url"}))
    probe.require_capability(None)
    probe.require_capability("base_url")
    with pytest.raises(NotApplicable, match="does not claim api_key"):
        probe.require_capability("api_key")


async def test_the_log_is_that_of_this_probe(make: MakeProbe) -> None:
    logger.info("before")
    probe = make(Serializer)
    assert probe.logs == ()


async def test_a_repeated_call_is_one_observation_and_keeps_neither_values_nor_logs(make: MakeProbe) -> None:
    def deed() -> str:
        CAPTURE.records.append(LogRecord(20, "INFO", "again"))
        return "text"

    probe = make(Serializer)
    subject = probe.construct(deed=deed)
    seen = await subject.repeat("serialize", [EndFrame()] * 3, limit=1)
    assert (seen.value, seen.raised, probe.logs) == (None, None, ())
    assert len(probe.trace_to(None)) == 2
    with pytest.raises(NotApplicable):
        await make(Serializer, network="none").construct().repeat("serialize", [], limit=1)


def test_the_usual_limit_is_below_that_of_a_job() -> None:
    from twilio_conformance.engine.messages import VECTOR_LIMIT

    assert CALL_LIMIT < VECTOR_LIMIT
