"""The page of the releases says what the grades say, and the history explains every turn."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from typing import Any

import pytest
from packaging.version import Version

from docs.history import HOLDS, HistoryError, Releases, compress, expand, render
from tests.docs.pages import ROOT
from twilio_conformance import catalogue
from twilio_conformance.checks import load_checks
from twilio_conformance.ledger import entries

Json = dict[str, Any]

GRADES: Json = json.loads((ROOT / "docs" / "releases.json").read_text(encoding="utf-8"))
KNOWN: Json = tomllib.loads((ROOT / "docs" / "history.toml").read_text(encoding="utf-8"))
REQUIREMENTS = catalogue.load().requirements


def test_the_page_is_what_the_grades_give() -> None:
    page = render(GRADES, KNOWN, REQUIREMENTS, oldest_promised="1.2.1")
    assert (ROOT / "docs" / "releases.md").read_text(encoding="utf-8") == page


def test_a_page_of_some_releases_says_that_it_holds_no_more() -> None:
    releases = GRADES["releases"]
    assert set(releases) | set(GRADES["left_out"]) <= set(GRADES["listed"])
    for listed, said in ((releases, f"All {len(releases)} releases"),
                         ([*releases, "9.9.9"], f"{len(releases)} of the {len(releases) + 1} releases")):  # fmt: skip
        grades = GRADES | {"listed": listed, "left_out": {}}
        assert said in render(grades, KNOWN, REQUIREMENTS, oldest_promised="1.2.1")


def test_a_release_that_cannot_be_installed_is_told_with_its_reason() -> None:
    grades = GRADES | {"left_out": {"9.9.9": "it needs another Python"}}
    page = render(grades, KNOWN, REQUIREMENTS, oldest_promised="1.2.1")
    assert "9.9.9 cannot be installed with what the suite needs: it needs another Python" in page


def test_a_turn_that_the_history_does_not_explain_is_refused() -> None:
    known = copy.deepcopy(KNOWN) | {"change": []}
    with pytest.raises(
        HistoryError, match=r"TFS-INPUT-01 turned from fail to pass, which .* does not explain"
    ):
        render(GRADES, known, REQUIREMENTS, oldest_promised="1.2.1")


def test_a_turn_that_did_not_happen_is_refused() -> None:
    invented = {"version": "1.14.0", "change": "Nothing.", "seen": ["TFS-CLEAR-01"]}
    known = KNOWN | {"change": [*KNOWN["change"], invented]}
    with pytest.raises(HistoryError, match=r"TFS-CLEAR-01 turned; it did not"):
        render(GRADES, known, REQUIREMENTS, oldest_promised="1.2.1")


def test_statuses_survive_being_compressed() -> None:
    versions, statuses = ["1", "2", "3", "4"], ["fail", "fail", "pass", "fail"]
    assert compress(versions, statuses) == {"1": "fail", "3": "pass", "4": "fail"}
    assert expand(versions, compress(versions, statuses)) == statuses


TURNS = [
    ("0.0.102", "TFS-MESSAGE-03", "fail", "pass"),
    ("1.5.0", "TFS-HANGUP-18", "not-applicable", "pass"),
    ("1.13.0", "TFS-INPUT-01", "fail", "pass"),
    ("1.14.0", "TFS-HANGUP-17", "not-applicable", "pass"),
]
"""What is known of the history from elsewhere."""


@pytest.mark.parametrize(
    ("version", "requirement", "before", "since"),
    [turn for turn in TURNS if turn[0] in GRADES["releases"][1:]],
)
def test_the_known_turns_of_the_history_are_seen(
    version: str, requirement: str, before: str, since: str
) -> None:
    assert Releases(GRADES, REQUIREMENTS, {}).turns()[version][requirement] == (before, since)


@pytest.mark.parametrize(
    "version", [name for name in GRADES["releases"] if Version(name) >= Version("1.2.1")]
)
def test_every_must_of_core_holds_in_the_supported_releases(version: str) -> None:
    releases = Releases(GRADES, REQUIREMENTS, {})
    failed = [
        name
        for name, entry in releases.requirements.items()
        if (entry.profile, entry.level) == ("core", "MUST") and releases.status(name, version) not in HOLDS
    ]
    assert failed == []


def test_the_readme_counts_what_there_is() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    counted = re.search(r"(\d+) requirements, each with\s+its source, and some (\d+)\s+checks", text)
    assert counted is not None
    checks = {name: check.requirement for name, check in load_checks().items()}
    total = len(entries(catalogue.load(), checks))
    assert [int(number) for number in counted.groups()] == [len(REQUIREMENTS), total // 100 * 100]
    graded = [name for name, entry in REQUIREMENTS.items() if entry.excluded is None]
    assert f": {total} of {total} checks, {len(graded)} of {len(graded)} requirements" in text


def test_the_readme_shows_the_verdicts_of_the_newest_release() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    releases = Releases(GRADES, REQUIREMENTS, {})
    newest = releases.versions[-1]
    assert f"TwilioFrameSerializer {newest} ====" in text
    shown = re.findall(r"^(\w+) +(?:not )?conformant +MUST (\d+)/(\d+)", text, re.MULTILINE)
    assert "core" in [profile for profile, *_ in shown]
    for profile, *numbers in shown:
        must = [
            name for name, entry in REQUIREMENTS.items() if (entry.profile, entry.level) == (profile, "MUST")
        ]
        if not releases.requirements.keys() >= set(must):
            continue  # a chapter came after the grades
        own = [releases.status(name, newest) for name in must]
        found = [own.count("pass"), len(own) - own.count("not-applicable")]
        assert [int(number) for number in numbers] == found, profile
