"""What implementations may do to the process that they are in, and how the suite comes through."""

from __future__ import annotations

import re
from pathlib import Path

from tests import miniature
from tests.host import IMPLEMENTATIONS, REFERENCE, Host

PASS = ("pass", "")

#: The suite guards other checks against it, not this one.
ANY = ("pass fail", "")

HUNG = ("fail", "hung in deserialize(")

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
    "kill-every-thread": ANY,
    "leak-memory": ("fail", "raised an exception"),
    "print-a-lot": PASS,
    "print-without-end": ("fail not-testable", ""),
    "close-all-files": ("fail", "file descriptors"),
    "open-all-files": ("fail", "raised an exception"),
    "change-the-world": PASS,
    "patch-json": ANY,
    "patch-time": ANY,
    "patch-socket": ANY,
    "patch-os": ANY,
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

#: What passes, for no source forbids it, and is told all the same, with the first check in which it was done.
TOLD = {
    "changed the working directory": "change-the-world",
    "changed the environment": "change-the-world",
    "changed the locale": "change-the-world",
    "changed the search path of modules": "change-the-world",
    "changed the standard streams": "change-the-world",
    "changed the policy of event loops": "replace-the-loop-policy",
    "left a process behind": "leave-a-child",
    "wrote report.json": "forge-the-report",
}


def test_every_deed_is_the_finding_of_its_own_check_and_harms_nothing_else(
    tmp_path: Path,
) -> None:
    suite = miniature.build(tmp_path / "suite", tuple(DEEDS))
    host = Host(tmp_path, [suite, REFERENCE, IMPLEMENTATIONS])
    result = host.grade("hostile", "-rf", timeout=120)

    found = {deed: result.check(f"deed/{deed}") for deed in DEEDS}
    unexpected = {
        deed: (found[deed]["status"], found[deed]["message"])
        for deed, (statuses, sentence) in DEEDS.items()
        if found[deed]["status"] not in statuses.split() or sentence not in found[deed]["message"]
    }
    assert unexpected == {}
    others = {status for name, status in result.statuses.items() if name != "TFS-DEED-01"}
    assert others == {"pass"}, result.text

    assert result.status == 1, result.text
    assert result.report is not None
    assert result.report["complete"]
    assert result.report["ledger"]["missing"] == []
    assert result.orphans == []
    assert result.seconds < 100, "the run ends in bounded time"
    told = {f"the implementation {deed}, first in deed/{check}" for deed, check in TOLD.items()}
    assert {re.sub("leave-a-program$", "leave-a-child", note) for note in result.report["notes"]} == told

    steering = found["raise-an-exception"]["actual"]
    assert steering == "raised LookupError('first\\nsecond \\x1b[31mred\\udc80')"
    assert "\x1b[31mred" not in result.text, "nothing steers the terminal"
    assert len(str(result.report)) < 200_000, "no text fills the report"
    output = found["print-without-end"]["output"]
    assert re.fullmatch(r"\(the first of \d{8,} bytes\) x+…", output)


def test_a_check_that_replaces_what_the_suite_needs_changes_no_other_verdict(tmp_path: Path) -> None:
    suite = miniature.build(tmp_path / "suite", ("nothing", "patch-asyncio"))
    result = Host(tmp_path, [suite, REFERENCE, IMPLEMENTATIONS]).grade("hostile")
    assert result.report is not None, result.text
    assert (result.status, result.report["ledger"]["missing"]) == (3, ["TFS-DEED-01[deed/patch-asyncio]"])
    assert set(result.statuses.values()) == {"pass"}
    assert result.check("deed/nothing")["status"] == "pass"


def test_what_an_import_does_is_told(host: Host) -> None:
    deeds = "import os\nos.chdir('/')\n"
    host.write({"mine.py": deeds + "from twilio_reference import TwilioFrameSerializer\n"})
    result = host.grade("mine:TwilioFrameSerializer")
    assert result.report is not None, result.text
    assert result.report["notes"] == [
        "importing the implementation changed the working directory",
    ]
