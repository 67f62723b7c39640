"""The time limits of single calls, and the memory in which a child tells the worker its call."""

from __future__ import annotations

import itertools
import os

import pytest

from twilio_conformance.engine.timeouts import CallTimeouts, ChildStatus


class TestCallTimeouts:
    def test_a_call_has_no_limit_of_its_own_at_first(self) -> None:
        assert CallTimeouts().limit("setup(8000)") is None

    def test_every_call_is_limited_after_some_did_not_return(self) -> None:
        timeouts = CallTimeouts()
        sentences = [
            timeouts.count_hung(f"serialize({frame})") for frame in ("EndFrame", "CancelFrame", "TextFrame")
        ]
        assert sentences == [None, None, "3 calls did not return: every later call was given 2 s"]
        assert timeouts.limit("deserialize('{}')") == CallTimeouts.SHORT

    def test_one_kind_of_call_is_limited_further_after_many_of_it_did_not_return(self) -> None:
        timeouts = CallTimeouts()
        sentences = [timeouts.count_hung(f"deserialize('{number}')") for number in range(CallTimeouts.ALIKE)]
        assert sentences[-1] == "deserialize did not return 5 times: every later one was given 0.2 s"
        assert timeouts.limit("deserialize('other')") == CallTimeouts.SHORTEST
        assert timeouts.limit("serialize(EndFrame)") == CallTimeouts.SHORT

    def test_frames_of_different_classes_are_calls_of_different_kinds(self) -> None:
        timeouts = CallTimeouts()
        for _ in range(CallTimeouts.ALIKE):
            timeouts.count_hung("serialize(EndFrame)")
        assert timeouts.limit("serialize(EndFrame)") == CallTimeouts.SHORTEST
        assert timeouts.limit("serialize(TextFrame)") == CallTimeouts.SHORT


class TestChildStatus:
    def test_the_parent_sees_the_call_and_the_failure_of_its_child(self) -> None:
        status = ChildStatus()
        before = status.count
        if (pid := os.fork()) == 0:
            status.enter("setup(8000)")
            status.fail("closed everything")
            os._exit(0)
        os.waitpid(pid, 0)
        assert (status.call, status.failure) == ("setup(8000)", "closed everything")
        assert status.count != before
        status.close()

    def test_a_call_that_has_returned_leaves_an_empty_string(self) -> None:
        status = ChildStatus()
        status.enter("setup(8000)")
        status.enter("")
        assert status.call == ""

    @pytest.mark.parametrize("call", ["x" * 10_000, "ü" * 10_000, "\udc80" * 10_000])
    def test_a_long_call_is_cut_and_leaves_the_failure_alone(self, call: str) -> None:
        status = ChildStatus()
        status.fail("closed everything")
        status.enter(call)
        assert status.failure == "closed everything"
        assert 0 < len(status.call) < 1000
        status.enter("short")
        assert status.call == "short"

    def test_every_call_changes_the_count_even_after_hundreds(self) -> None:
        status = ChildStatus()
        counts = []
        for number in range(300):
            status.enter(f"setup({number})")
            counts.append(status.count)
        assert all(one != other for one, other in itertools.pairwise(counts))
