"""What the worker sees of a child: the call that it is in, and the time that a call is given."""

from __future__ import annotations

import os

import pytest

from twilio_conformance.engine.timeouts import CallTimeouts, ChildStatus


class TestPatience:
    def test_a_call_has_at_first_all_the_time_of_its_job(self) -> None:
        assert CallTimeouts().limit("setup(8000)") is None

    def test_every_call_has_less_after_some_have_not_returned(self) -> None:
        patience = CallTimeouts()
        said = [
            patience.count_hung(f"serialize({frame})") for frame in ("EndFrame", "CancelFrame", "TextFrame")
        ]
        assert said == [None, None, "3 calls did not return: every later call was given 2 s"]
        assert patience.limit("deserialize('{}')") == CallTimeouts.SHORT

    def test_a_kind_of_call_has_hardly_any_after_many_of_it_have_not_returned(self) -> None:
        patience = CallTimeouts()
        said = [patience.count_hung(f"deserialize('{number}')") for number in range(CallTimeouts.ALIKE)]
        assert said[-1] == "deserialize did not return 5 times: every later one was given 0.2 s"
        assert patience.limit("deserialize('other')") == CallTimeouts.SHORTEST
        assert patience.limit("serialize(EndFrame)") == CallTimeouts.SHORT

    def test_frames_of_different_classes_are_calls_of_different_kinds(self) -> None:
        patience = CallTimeouts()
        for _ in range(CallTimeouts.ALIKE):
            patience.count_hung("serialize(EndFrame)")
        assert patience.limit("serialize(EndFrame)") == CallTimeouts.SHORTEST
        assert patience.limit("serialize(TextFrame)") == CallTimeouts.SHORT


class TestSign:
    def test_a_parent_sees_the_call_that_its_child_is_in(self) -> None:
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

    def test_no_call_is_an_empty_text(self) -> None:
        status = ChildStatus()
        status.enter("setup(8000)")
        status.enter("")
        assert status.call == ""

    @pytest.mark.parametrize("call", ["x" * 10_000, "ü" * 10_000, "\udc80" * 10_000])
    def test_a_long_call_is_cut_and_spoils_nothing(self, call: str) -> None:
        status = ChildStatus()
        status.fail("words")
        status.enter(call)
        assert status.failure == "words"
        assert 0 < len(status.call) < 1000
        status.enter("short")
        assert status.call == "short"
