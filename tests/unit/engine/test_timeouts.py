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
        said = [patience.lose(f"serialize({frame})") for frame in ("EndFrame", "CancelFrame", "TextFrame")]
        assert said == [None, None, "3 calls did not return: every later call was given 2 s"]
        assert patience.limit("deserialize('{}')") == CallTimeouts.SHORT

    def test_a_kind_of_call_has_hardly_any_after_many_of_it_have_not_returned(self) -> None:
        patience = CallTimeouts()
        said = [patience.lose(f"deserialize('{number}')") for number in range(CallTimeouts.ALIKE)]
        assert said[-1] == "deserialize did not return 5 times: every later one was given 0.2 s"
        assert patience.limit("deserialize('other')") == CallTimeouts.SHORTEST
        assert patience.limit("serialize(EndFrame)") == CallTimeouts.SHORT

    def test_frames_of_different_classes_are_calls_of_different_kinds(self) -> None:
        patience = CallTimeouts()
        for _ in range(CallTimeouts.ALIKE):
            patience.lose("serialize(EndFrame)")
        assert patience.limit("serialize(EndFrame)") == CallTimeouts.SHORTEST
        assert patience.limit("serialize(TextFrame)") == CallTimeouts.SHORT


class TestSign:
    def test_a_parent_sees_the_call_that_its_child_is_in(self) -> None:
        sign = ChildStatus()
        before = sign.count
        if (pid := os.fork()) == 0:
            sign.enter("setup(8000)")
            sign.leave("closed everything")
            os._exit(0)
        os.waitpid(pid, 0)
        assert (sign.call, sign.words) == ("setup(8000)", "closed everything")
        assert sign.count != before
        sign.close()

    def test_no_call_is_an_empty_text(self) -> None:
        sign = ChildStatus()
        sign.enter("setup(8000)")
        sign.enter("")
        assert sign.call == ""

    @pytest.mark.parametrize("call", ["x" * 10_000, "ü" * 10_000, "\udc80" * 10_000])
    def test_a_long_call_is_cut_and_spoils_nothing(self, call: str) -> None:
        sign = ChildStatus()
        sign.leave("words")
        sign.enter(call)
        assert sign.words == "words"
        assert 0 < len(sign.call) < 1000
        sign.enter("short")
        assert sign.call == "short"
