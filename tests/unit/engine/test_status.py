"""The memory in which a child tells the worker which call it is in."""

from __future__ import annotations

import itertools
import os

import pytest

from twilio_conformance.engine.status import ChildStatus


class TestChildStatus:
    def test_the_parent_sees_the_call_and_the_failure_of_its_child(self) -> None:
        status = ChildStatus()
        before = status.count
        if (pid := os.fork()) == 0:
            status.enter("setup(8000)", 2.5)
            status.fail("closed everything")
            os._exit(0)
        os.waitpid(pid, 0)
        assert (status.call, status.limit, status.failure) == ("setup(8000)", 2.5, "closed everything")
        assert status.count != before
        status.close()

    def test_a_call_that_has_returned_leaves_an_empty_string(self) -> None:
        status = ChildStatus()
        status.enter("setup(8000)", 10)
        status.enter("", 0)
        assert status.call == ""

    @pytest.mark.parametrize("call", ["x" * 10_000, "ü" * 10_000, "\udc80" * 10_000])
    def test_a_long_call_is_cut_and_leaves_the_failure_alone(self, call: str) -> None:
        status = ChildStatus()
        status.fail("closed everything")
        status.enter(call, 10)
        assert status.failure == "closed everything"
        assert 0 < len(status.call) < 1000
        status.enter("short", 10)
        assert status.call == "short"

    def test_every_call_changes_the_count_even_after_hundreds(self) -> None:
        status = ChildStatus()
        counts = []
        for number in range(300):
            status.enter(f"setup({number})", 10)
            counts.append(status.count)
        assert all(one != other for one, other in itertools.pairwise(counts))
