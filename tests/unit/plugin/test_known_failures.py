"""Known failures in a graded run: they are excused, must be up to date, and can be recorded."""

from __future__ import annotations

import tomllib

import pytest

from tests.host import Host
from tests.unit.spec.test_known_failures import known

DEAF = """
import json
from twilio_reference import TwilioFrameSerializer as Reference

class TwilioFrameSerializer(Reference):
    deaf_to = {deaf_to!r}

    async def deserialize(self, data):
        digit = json.loads(data).get("dtmf", {{}}).get("digit")
        return None if digit in self.deaf_to else await super().deserialize(data)
"""


def counts(text: str) -> str:
    """What pytest's last line counts."""
    return text.rstrip().splitlines()[-1].strip("= ").partition(" in ")[0]


@pytest.fixture
def deaf(host: Host) -> Host:
    """A project with an implementation that fails key/2 and key/3."""
    host.write({"deaf.py": DEAF.format(deaf_to=["2", "3"])})
    host.has_other_plugins = True
    return host


def test_a_known_failure_is_shown_and_let_through(deaf: Host) -> None:
    deaf.write({"known.toml": known(reason="issue 12")})
    result = deaf.grade("deaf", "--baseline=known.toml", "-v")
    assert result.status == 0, result.text
    assert counts(result.text) == "8 passed, 2 known"
    assert "KNOWN" in result.text
    assert "TFS-KEY-01  2 checks    issue 12" in result.text
    assert "core    not conformant" in result.text
    check = result.check("key/2")
    assert (check["status"], check["known"]) == ("fail", "issue 12")
    assert "known" not in result.check("key/1")
    assert result.report is not None
    assert result.report["verdict"]["core"]["conformant"] is False


def test_a_failure_that_is_not_known_fails_the_run(deaf: Host) -> None:
    deaf.write({"known.toml": known(check="key/2")})
    result = deaf.grade("deaf", "--baseline=known.toml")
    assert (result.status, counts(result.text)) == (1, "1 failed, 8 passed, 1 known"), result.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (known(check="key/2", reason="TODO"), "known.toml:1: TFS-KEY-01[key/2] has no reason yet"),
        (known(check="kee/2"), "did you mean key/2?"),
    ],
)
def test_a_baseline_with_a_problem_ends_the_run_before_it_begins(deaf: Host, text: str, words: str) -> None:
    deaf.write({"known.toml": text})
    result = deaf.grade("deaf", "--baseline=known.toml")
    assert result.status == 3, result.text
    assert words in result.text
    assert result.orphans == []


def test_a_stale_entry_fails_the_run(deaf: Host) -> None:
    deaf.write({"known.toml": known(reason="#12") + known("TFS-CALL-01", reason="#13")})
    result = deaf.grade("deaf", "--baseline=known.toml")
    assert result.status == 3, result.text
    assert "known.toml:4: TFS-CALL-01 passes now; take it out" in result.text


def test_a_partial_run_judges_nothing_beyond_its_selection(deaf: Host) -> None:
    deaf.write({"known.toml": known(check="key/2") + known("TFS-CALL-01") + known("TFS-CALL-02")})
    result = deaf.grade("deaf", "--baseline=known.toml", "-k", "key/1 or key/2")
    assert (result.status, counts(result.text)) == (0, "1 passed, 8 deselected, 1 known"), result.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--baseline=nowhere.toml",), "cannot be read"),
        (("--baseline=broken.toml",), "not TOML"),
        (("--write-baseline=broken.toml",), "not TOML"),
        (("--write-baseline=nowhere/known.toml",), "a folder that exists"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_mistake_of_usage(
    deaf: Host, options: tuple[str, ...], words: str
) -> None:
    deaf.write({"broken.toml": "[["})
    result = deaf.run("--impl=deaf", *options)
    assert result.status == 4, result.text
    assert words in result.text


def test_what_is_written_has_no_reasons_and_once_they_are_given_the_run_passes(deaf: Host) -> None:
    place = deaf.folder / "known.toml"
    result = deaf.grade("deaf", "--write-baseline=known.toml")
    assert result.status == 1, result.text
    assert "known.toml: 2 added (each needs a reason), 0 kept, 0 taken out" in result.text
    assert deaf.grade("deaf", "--baseline=known.toml").status == 3
    place.write_text(place.read_text().replace('reason = ""', 'reason = "nobody presses these"'))
    assert deaf.grade("deaf", "--baseline=known.toml").status == 0
    deaf.write({"deaf.py": DEAF.format(deaf_to=["2"])})
    assert deaf.grade("deaf", "--baseline=known.toml").status == 3
    result = deaf.grade("deaf", "--write-baseline=known.toml")
    assert "known.toml: 0 added (each needs a reason), 1 kept, 1 taken out" in result.text
    assert [(one["check"], one["reason"]) for one in tomllib.loads(place.read_text())["known"]] == [
        ("key/2", "nobody presses these")
    ]


def test_only_what_counts_at_the_gate_is_written(host: Host) -> None:
    host.write({"polite.py": DEAF.format(deaf_to=[]) + POLITE})
    host.grade("polite", "--write-baseline=must.toml")
    host.grade("polite", "--write-baseline=should.toml", "--level=SHOULD")
    written = [tomllib.loads((host.folder / name).read_text()) for name in ("must.toml", "should.toml")]
    assert [len(document.get("known", ())) for document in written] == [0, 1]


POLITE = """
    async def deserialize(self, data):
        if json.loads(data).get("dtmf", {}).get("digit") == "A":
            from pipecat.frames.frames import TextFrame
            return TextFrame("A")
        return await super().deserialize(data)
"""
