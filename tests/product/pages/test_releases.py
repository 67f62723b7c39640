"""The page of the releases says what the grades say, and the history explains every turn."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from tests.product.pages.pages import ROOT
from tools import environments, releases
from tools.history import HOLDS, HistoryError, Releases, compress, expand, render, side_by_side
from twilio_conformance.checks._core import load_checks
from twilio_conformance.engine.job import jobs_in_code
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.coverage import entries

Json = dict[str, Any]

GRADES: Json = json.loads((ROOT / "docs" / "data" / "releases.json").read_text(encoding="utf-8"))
KNOWN: Json = tomllib.loads((ROOT / "docs" / "data" / "history.toml").read_text(encoding="utf-8"))
REQUIREMENTS = catalogue.load().requirements


def test_the_page_is_what_the_grades_give() -> None:
    page = render(GRADES, KNOWN, REQUIREMENTS, oldest_promised="1.2.1")
    assert (ROOT / "docs" / "releases.md").read_text(encoding="utf-8") == page


def test_the_table_is_what_the_grades_give() -> None:
    table = side_by_side(GRADES, KNOWN, catalogue.load())
    assert (ROOT / "docs" / "releases.html").read_text(encoding="utf-8") == table


def test_requirements_that_came_later_are_counted_by_chapter() -> None:
    older = {name: found for name, found in GRADES["requirements"].items() if "-SECURE-" not in name}
    known = copy.deepcopy(KNOWN)
    page = render(GRADES | {"requirements": older}, known, REQUIREMENTS, oldest_promised="1.2.1")
    came = [line for line in page.splitlines() if "came after these grades" in line]
    assert len(came) == 1
    assert re.search(r"^\d+ requirements .*: \d+ of SECURE\.$", came[0])


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


def test_the_history_tells_that_a_message_which_is_no_object_raises_since_0_0_102() -> None:
    page = (ROOT / "docs" / "releases.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| 0.0.102 |") and "AttributeError" in line]
    assert len(rows) == 1
    assert "TFS-ABUSE-08" in rows[0]


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


def test_a_change_belongs_to_the_first_release_graded_that_has_it() -> None:
    versions = ["1.4.0", "1.13.0"]
    document = {
        **GRADES,
        "releases": versions,
        "requirements": {"TFS-HANGUP-18": {"1.4.0": "not-applicable", "1.13.0": "pass"}},
        "findings": {},
        "packages": {},
        "unplayed": {"1.4.0": 0},
    }
    change = {"version": "1.5.0", "change": "base_url comes.", "seen": ["TFS-HANGUP-18"]}
    assert "base_url comes." in render(document, {"change": [change]}, REQUIREMENTS, oldest_promised="1.2.1")


@pytest.fixture
def grading(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, list[str]]:
    """Three releases, of which one has been graded; what is graded is kept, by the way it ended."""
    seen: dict[str, list[str]] = {"tried": [], "gathered": []}

    def grade(version: str) -> str:
        seen["tried"].append(version)
        if version == "2":
            raise releases.GradeError(f"{version} fails")
        return "core 1/1"

    def gather(listed: list[str], left_out: dict[str, str]) -> Json:
        seen["gathered"] = [*listed, *left_out]
        return {}

    monkeypatch.setattr(environments, "available", lambda _: ["1", "2", "3", "4"])
    monkeypatch.setattr(environments, "make_all", lambda _: {"4": "no"})
    monkeypatch.setattr(releases, "_is_graded", lambda version: version == "1")
    monkeypatch.setattr(releases, "grade", grade)
    monkeypatch.setattr(releases, "gather", gather)
    monkeypatch.setattr(releases, "GRADES", tmp_path / "releases.json")
    return seen


def test_what_was_graded_is_not_graded_again_and_a_failure_ends_nothing(
    grading: dict[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(releases.GradeError, match="2 fails"):
        releases.grade_all([], anew=False)
    assert grading["tried"] == ["2"] * releases.ATTEMPTS + ["3"]
    assert grading["gathered"] == ["1", "2", "3", "4", "4"]
    assert "2/2  3        core 1/1" in capsys.readouterr().out


def test_a_release_can_be_chosen_and_graded_anew(grading: dict[str, list[str]]) -> None:
    releases.grade_all(["1"], anew=True)
    assert grading["tried"] == ["1"]


@pytest.mark.usefixtures("grading")
def test_a_release_that_does_not_exist_is_refused() -> None:
    with pytest.raises(releases.GradeError, match=r"no release since .*: 9"):
        releases.grade_all(["9"], anew=False)


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


def count_of_checks() -> int:
    everything = catalogue.load()
    in_code = jobs_in_code(everything, load_checks()).values()
    return len(entries(everything, {job.id: job.requirements[0] for job in in_code}))


def test_the_grades_are_of_all_checks_that_there_are() -> None:
    assert GRADES["checks"] == count_of_checks()


def test_the_readme_counts_what_there_is() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    counted = re.search(r"(\d+) requirements, each with\s+its source, and more than (\d+)\s+checks", text)
    assert counted is not None
    total = count_of_checks()
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
