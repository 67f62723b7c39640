"""What implementations may do to the process that they are in, and how the suite comes through."""

from __future__ import annotations

import pytest

from tests.suite import miniature
from tests.suite.host import IMPLEMENTATIONS, REFERENCE, Host, Result

PASS = ("pass", "")

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
    "wait-for-ever": ("fail", "raised an exception"),
    "sleep-for-ever": ("fail", "hung in deserialize("),
    "spin": ("fail", "hung in deserialize("),
    "stop-itself": ("fail", "hung in deserialize("),
    "swallow-cancellation": ("not-testable", "hung in deserialize("),
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
    "trace-everything": ("fail", "raised RuntimeError('patched')"),
    "log-badly": ("fail", "raised an exception"),
    "forge-the-report": PASS,
    "return-an-odd-object": ("fail", "returned something"),
    "return-an-odd-text": ("fail", "returned something"),
    "return-a-lot": ("fail", "returned something"),
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
    status, sentence = DEEDS[deed]
    assert (found["status"], sentence in found["message"]) == (status, True), found


def test_x(hostile: Result) -> None:
    print(hostile.text)
    print(hostile.seconds, hostile.orphans, hostile.status)
