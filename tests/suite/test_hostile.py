"""What implementations may do to the process that they are in, and how the suite comes through."""

from __future__ import annotations

import pytest

from tests.suite import miniature
from tests.suite.host import IMPLEMENTATIONS, REFERENCE, Host, Result

pytestmark = pytest.mark.xdist_group("the hostile implementation")

PASS = ("pass", "")

#: Failed, or not testable where the time limit had been lowered by then.
HUNG = ("fail not-testable", "hung in deserialize(")

#: Each deed, what becomes of its check, and a part of the sentence that says so.
DEEDS = {
    "nothing": PASS,
    "raise-an-exception": ("fail", "raised an exception"),
    "raise-unprintable": ("fail", "raised an exception"),
    "raise-system-exit": ("fail", "raised an exception"),
    "raise-keyboard-interrupt": ("fail", "raised an exception"),
    "raise-recursion": ("fail", "raised an exception"),
    "raise-at-length": ("fail", "raised an exception"),
    "raise-in-a-task": ("fail", "raised SystemExit in a task or callback of its own"),
    "exit-process": ("fail", "ended the process with status 3 in deserialize("),
    "abort": ("fail", "ended the process by SIGABRT in deserialize("),
    "kill-itself": ("fail", "ended the process by SIGKILL in deserialize("),
    "crash": ("fail", "ended the process by SIGSEGV in deserialize("),
    "kill-the-worker": ("fail", "ended the suite's own worker process"),
    "stop-the-worker": ("fail", "ended the suite's own worker process"),
    "stop-the-loop": ("fail", "stopped or closed the event loop"),
    "close-the-loop": ("fail", "raised an exception"),
    "replace-the-loop-policy": PASS,
    "cancel-the-caller": ("fail", "cancelled the task that called it"),
    "cancel-every-task": ("fail", "cancelled the task that called it"),
    "leave-a-thread": PASS,
    "leave-a-busy-thread": PASS,
    "leave-a-task": PASS,
    "leave-a-child": PASS,
    "leave-a-daemon": PASS,
    "leave-a-program": PASS,
    "leak-memory": ("fail", "raised an exception"),
    "print-a-lot": PASS,
    "print-without-end": ("fail", "raised an exception"),
    "close-all-files": ("fail", "file descriptors"),
    "open-all-files": ("fail", "raised an exception"),
    "change-the-world": PASS,
    "patch-json": ("fail", "replaced json.dumps, json.loads"),
    "patch-time": PASS,
    "patch-socket": PASS,
    "patch-asyncio": ("fail", "replaced asyncio.timeout, asyncio.sleep"),
    "patch-os": PASS,
    "trace-everything": ("fail", "raised an exception"),
    "log-badly": ("fail", "raised an exception"),
    "forge-the-report": PASS,
    "return-an-odd-object": ("fail", "returned something"),
    "return-an-odd-text": ("fail", "returned something"),
    "return-a-lot": ("fail", "returned something"),
    "wait-for-ever": ("fail", "raised an exception"),
    "sleep-for-ever": HUNG,
    "spin": HUNG,
    "stop-itself": HUNG,
    "swallow-cancellation": HUNG,
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """One run with a check for every deed."""
    suite = miniature.build(tmp_path_factory.mktemp("suite"), tuple(DEEDS))
    host = Host(tmp_path_factory.mktemp("host"), [suite, REFERENCE, IMPLEMENTATIONS])
    return host.grade("hostile", "-rf", timeout=120)


@pytest.mark.parametrize("deed", DEEDS)
def test_each_deed_is_the_finding_of_its_own_check(hostile: Result, deed: str) -> None:
    found = hostile.check(f"deed/{deed}")
    statuses, sentence = DEEDS[deed]
    assert found["status"] in statuses.split(), found
    assert sentence in found["message"], found


def test_the_other_checks_stay_right(hostile: Result) -> None:
    others = {name: status for name, status in hostile.statuses.items() if name != "TFS-DEED-01"}
    assert set(others.values()) == {"pass"}, hostile.text


def test_the_run_ends_in_bounded_time_with_a_report_and_nothing_left_behind(hostile: Result) -> None:
    assert hostile.status == 1, hostile.text
    assert hostile.report is not None
    assert hostile.report["complete"]
    assert hostile.report["ledger"]["missing"] == []
    assert hostile.orphans == []
    assert hostile.seconds < 60


def test_the_summary_says_that_time_limits_were_lowered(hostile: Result) -> None:
    assert "note: 3 calls did not return: every later call was given 2 s" in hostile.text


def test_what_an_implementation_writes_cannot_steer_the_terminal(hostile: Result) -> None:
    assert "\x1b[31mred" not in hostile.text
    assert r"second \x1b[31mred\udc80" in hostile.check("deed/raise-an-exception")["actual"]


def test_a_report_holds_the_beginning_of_long_texts(hostile: Result) -> None:
    assert len(str(hostile.report)) < 200_000
    output = hostile.check("deed/print-without-end")["output"]
    assert output.startswith(f"(the first of {256 << 20} bytes) xxx")
    assert output.endswith("x…")
