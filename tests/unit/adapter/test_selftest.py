"""The test of an adapter itself: sound adapters pass it, and each defect is named in one sentence."""

from __future__ import annotations

import pytest

from tests.adapters import broken, command, javascript, javascript_with, python
from tests.host import ROOT
from twilio_conformance.cli import main


@pytest.mark.parametrize("line", [javascript(), python("twilio_reference")])
def test_the_doctor_finds_a_sound_adapter_in_order(capsys, line):
    assert main(["doctor", line]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "It can be graded."
    assert "\n".join(told) in (ROOT / "docs" / "adapters.md").read_text()
    assert not [sentence for sentence in told if sentence.startswith("BROKEN")]


HANDSHAKE, FRAMING = "it answers hello, and again at once", "a line feed ends a line, and nothing else does"
ERRORS, LIMITS = "it refuses unknown operations, members and serializers", "it takes long lines"
CHANGES = {
    "it speaks another version": ("protocol: 1, name", "protocol: 2, name", HANDSHAKE, "answers hello with"),
    "it splits at U+2028": (
        "answer(line);\n  }", "line.split(/[\\n\\u2028]/).forEach(answer);\n  }", FRAMING, ""),
    "it takes unknown members": ("if (unknown)", "if (false)", ERRORS, "'error' is wanted"),
    "it calls a mistake in a request an exception": (
        "if (error instanceof AdapterError || id === null)", "if (id === null)", ERRORS, "'error' is wanted"),
    "it forgets nothing": ("    serializers.delete(serializer);\n", "",
                           "it keeps serializers apart, and forgets closed ones", "'error' is wanted"),
    "it ends at a long line": (
        "answer(line);\n  }", "if (line.length > 1e6) process.exit(3);\n    answer(line);\n  }", LIMITS, "ended with status 3"),
    "it talks": ("answer(line);\n  }", 'console.log("a line");\n    answer(line);\n  }', HANDSHAKE, "is not JSON"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_the_doctor_says_what_is_broken(capsys, tmp_path, change):
    before, after, part, trouble = CHANGES[change]
    assert main(["doctor", javascript_with(tmp_path, "adapter.mjs", before, after)]) == 1
    (found,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith(f"BROKEN  {part}: "))
    assert trouble in found


@pytest.mark.parametrize(
    ("line", "trouble"),
    [(command("sh", "-c", "echo hello; sleep 5"), "is not JSON"), (command("true"), "ended with status 0"),
     (command("cat", "/dev/zero"), "writes a line of more than 64 MiB"),
     (command("sh", "-c", "printf '%100000s\\n' | tr ' ' '['"), "is not JSON"),
     (broken("boastful"), "answers hello with")],
)  # fmt: skip
def test_the_doctor_looks_no_further_than_a_handshake_that_fails(capsys, line, trouble):
    assert main(["doctor", line]) == 1
    (found,) = (
        line for line in capsys.readouterr().out.splitlines() if line.startswith(("BROKEN", "works "))
    )
    assert found.startswith(f"BROKEN  {HANDSHAKE}: ") and trouble in found


def test_the_doctor_needs_a_command_that_starts(capsys):
    assert main(["doctor", "no-such-program"]) == 4
    assert "no-such-program cannot be started" in capsys.readouterr().err
