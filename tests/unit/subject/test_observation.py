"""Observations: outcomes as values, alike where they are of one kind."""

from __future__ import annotations

import asyncio

from twilio_conformance.errors import RemoteException
from twilio_conformance.subject.observation import Observation, Raised


def test_an_exception_is_described_by_its_class_bases_and_message() -> None:
    raised = Raised.of(FileNotFoundError("gone"))
    assert raised.kind == "FileNotFoundError"
    assert raised.is_a("OSError")
    assert not raised.is_a("ValueError")
    assert repr(raised) == "raised FileNotFoundError('gone')"


def test_an_exception_knows_where_it_was_raised() -> None:
    try:
        raise ValueError
    except ValueError as error:
        raised = Raised.of(error)
    assert [(frame.file, frame.function) for frame in raised.frames] == [
        (__file__, "test_an_exception_knows_where_it_was_raised")
    ]


async def test_a_call_that_hangs_knows_where_it_waited() -> None:
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(5)
    except TimeoutError as error:
        frames = Raised.at_limit(0, error).frames
    assert [frame.function for frame in frames if frame.file == __file__] == [
        "test_a_call_that_hangs_knows_where_it_waited"
    ]
    assert frames[-1].function == "sleep"


def test_a_long_call_is_shown_from_both_ends() -> None:
    observation = Observation(f"deserialize({'a' * 500}-5)")
    assert observation.call.startswith("deserialize(aaa")
    assert observation.call.endswith("a-5) (515 characters)")
    assert len(observation.whole_call) == 515


def test_an_exception_of_another_process_keeps_its_own_names() -> None:
    raised = Raised.of(RemoteException("TypeError", frozenset({"Error"}), "bad"))
    assert (raised.kind, raised.is_a("Error"), raised.message) == ("TypeError", True, "bad")


def test_an_exception_whose_str_raises_is_described_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise KeyError

    assert Raised.of(Mute()).message == "an exception whose str() raises KeyError"


def test_outcomes_say_what_was_returned_or_raised() -> None:
    assert Observation("setup(8000)").outcome == "returned None"
    assert Observation("setup(8000)", raised=Raised("E", frozenset(), "m")).outcome == "raised E('m')"


def test_calls_of_one_method_with_one_kind_of_outcome_are_alike() -> None:
    assert Observation("deserialize(a)", "x").kind == Observation("deserialize(b)", "y").kind
    assert Observation("deserialize(a)").kind != Observation("deserialize(a)", "x").kind
    assert Observation("serialize(EndFrame)").kind != Observation("serialize(StartFrame)").kind
