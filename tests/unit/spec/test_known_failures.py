"""Baselines: what they let through, what makes them fail, and what is written into them."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest

from twilio_conformance.errors import UsageError
from twilio_conformance.spec import known_failures
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.verdict import FAIL, NOT_APPLICABLE, NOT_TESTABLE, PASS, Outcome

KEYS = [Entry("TFS-KEY-01", f"key/{key}") for key in "123"]
ENTRIES = [*KEYS, Entry("TFS-CALL-01", "call/end")]


def known(requirement: str = "TFS-KEY-01", check: str | None = None, reason: str | None = "#12") -> str:
    """An entry of a baseline."""
    members = {"requirement": requirement, "check": check, "reason": reason}
    lines = [f'{name} = "{value}"' for name, value in members.items() if value is not None]
    return "\n".join(["[[known]]", *lines, ""])


def load(folder: Path, text: str) -> known_failures.Baseline:
    place = folder / "known.toml"
    place.write_text(text)
    return known_failures.load(place)


def outcomes(*statuses: str) -> dict[Entry, Outcome]:
    return {entry: Outcome(status) for entry, status in zip(ENTRIES, statuses, strict=False)}


# What a file says


def test_what_is_said_of_a_check_counts_before_what_is_said_of_its_requirement(tmp_path: Path) -> None:
    loaded = load(tmp_path, known(reason="all") + known(check="key/2", reason="this one"))
    assert [loaded.reason(entry) for entry in ENTRIES] == ["all", "this one", "all", None]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[[known]\n", 1, "not TOML"),
        (known() + "\n[[known]]\nrequirement = 5\n", 6, "requirement is a int, not a text"),
        (
            '[[known]]\nrequirement = "TFS-KEY-01"\nreasn = "x"\n',
            3,
            "unknown key reasn; did you mean reason?",
        ),
        ('# note\nknwon = "x"\n', 2, "unknown key knwon; did you mean known?"),
        ('[[known]]\nreason = "x"\n', 1, "names no requirement"),
        (known(check="key/*"), 3, "without * or ?"),
        (known() + known(), 4, "in line 1 already"),
        (known() + 'expires = "2027-01-31"\n', 4, "write a date without quotes, as 2027-01-31"),
        (known() + "expires = 2027-01-31T10:00:00\n", 4, "write a date without quotes"),
        (known() + 'tracker = "#12"\n', 4, "write the URL of an issue"),
        ("[[known]]\nrequirement = 'TFS-KEY-01'\nrequirement = 'TFS-KEY-02'\n", 3, "not TOML"),
    ],
)
def test_a_file_that_is_no_baseline_is_refused_with_the_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        load(tmp_path, text)
    message = str(refusal.value)
    assert words in message
    assert f"known.toml:{line}:" in message or f"at line {line}" in message


@pytest.mark.parametrize(("day", "is_known"), [(-1, False), (0, True), (1, True)])
def test_an_entry_lets_through_to_the_end_of_the_day_on_which_it_expires(
    tmp_path: Path, day: int, is_known: bool
) -> None:
    expires = date.today() + timedelta(days=day)
    loaded = load(tmp_path, known() + f"expires = {expires}\n")
    assert (loaded.reason(KEYS[0]) is not None) == is_known
    assert bool(loaded.expired()) == (not is_known)
    if not is_known:
        assert f"known.toml:1: TFS-KEY-01 expired on {expires}" in loaded.expired()[0]


def test_an_expired_entry_for_a_check_leaves_it_to_the_one_for_the_requirement(tmp_path: Path) -> None:
    text = known(reason="all") + known(check="key/2", reason="this one") + "expires = 2001-01-01\n"
    assert load(tmp_path, text).reason(KEYS[1]) == "all"


def test_a_reason_is_shown_with_its_issue_and_its_last_day(tmp_path: Path) -> None:
    text = known() + 'tracker = "https://issues.example/12"\nexpires = 2999-12-31\n'
    assert load(tmp_path, text).reason(KEYS[0]) == "#12 (https://issues.example/12, until 2999-12-31)"


def test_a_known_failure_that_is_not_applicable_any_more_does_not_pass(tmp_path: Path) -> None:
    loaded = load(tmp_path, known(check="key/1"))
    assert loaded.stale(ENTRIES, outcomes(NOT_APPLICABLE)) == []
    assert loaded.stale(ENTRIES, outcomes(PASS)) != []


def test_one_reason_may_be_written_for_all_that_is_added() -> None:
    new = known_failures.update(None, KEYS[:2], ENTRIES, outcomes(FAIL, FAIL), "migration, #7")
    assert [entry["reason"] for entry in tomllib.loads(new.text)["known"]] == ["migration, #7"] * 2


@pytest.mark.parametrize("text", ["known = [{requirement = 'TFS-KEY-01'}]\n", "known = 3\n"])
def test_entries_in_another_form_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"below a line \[\[known\]\]"):
        load(tmp_path, text)


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        known_failures.load(tmp_path / "nowhere.toml")


def test_an_empty_file_lets_nothing_through(tmp_path: Path) -> None:
    loaded = load(tmp_path, "")
    assert (loaded.failures, loaded.problems(ENTRIES)) == ((), [])


@pytest.mark.parametrize("reason", [None, "", " ", "TODO", "todo:", "tbd", "FIXME!"])
def test_a_reason_that_is_none_is_a_problem_with_file_and_line(tmp_path: Path, reason: str | None) -> None:
    [problem] = load(tmp_path, "# why\n" + known(check="key/1", reason=reason)).problems(ENTRIES)
    assert problem.startswith(f"{tmp_path / 'known.toml'}:2: TFS-KEY-01[key/1] has no reason yet")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (known("TFS-KEY-11"), "no requirement TFS-KEY-11 that is graded; did you mean TFS-KEY-01?"),
        (known(check="kye/2"), "no check kye/2 of TFS-KEY-01; did you mean key/2?"),
        (known(check="call/end"), "no check call/end of TFS-KEY-01; it is a check of TFS-CALL-01"),
        (known("QQQ"), "no requirement QQQ that is graded"),
    ],
)
def test_a_name_that_nothing_has_is_a_problem_with_the_likely_typo(
    tmp_path: Path, entry: str, words: str
) -> None:
    [problem] = load(tmp_path, entry).problems(ENTRIES)
    assert problem == f"{tmp_path / 'known.toml'}:1: {words}"


@pytest.mark.parametrize(
    ("text", "found", "stale"),
    [
        (known(check="key/1"), outcomes(PASS), True),
        (known(check="key/1"), outcomes(FAIL), False),
        (known(check="key/1"), outcomes(NOT_TESTABLE), False),
        (known(check="key/1"), {}, False),
        (known(), outcomes(PASS, PASS, PASS), True),
        (known(), outcomes(PASS, PASS, FAIL), False),
        (known(), outcomes(PASS, PASS), False),
    ],
)
def test_what_passes_in_full_is_stale(
    tmp_path: Path, text: str, found: dict[Entry, Outcome], stale: bool
) -> None:
    assert bool(load(tmp_path, text).stale(ENTRIES, found)) == stale


# What is written


def test_an_update_keeps_reasons_and_comments_drops_what_passes_and_adds_what_fails(tmp_path: Path) -> None:
    text = "# ours\n\n# about 1\n" + known(check="key/1", reason="kept") + known(check="key/2", reason="gone")
    found = outcomes(FAIL, PASS, FAIL, FAIL)
    new = known_failures.update(load(tmp_path, text), [ENTRIES[0], ENTRIES[2], ENTRIES[3]], ENTRIES, found)
    assert new.text.startswith("# ours\n\n# about 1\n[[known]]")
    entries = tomllib.loads(new.text)["known"]
    assert [(entry["check"], entry["reason"]) for entry in entries] == [
        ("key/1", "kept"),
        ("key/3", ""),
        ("call/end", ""),
    ]
    assert ([entry.check for entry in new.added], new.kept, [one.check for one in new.dropped]) == (
        ["key/3", "call/end"],
        1,
        ["key/2"],
    )


def test_an_update_of_a_partial_run_keeps_what_was_not_run(tmp_path: Path) -> None:
    old = load(tmp_path, known(check="key/1") + known("TFS-CALL-01"))
    new = known_failures.update(old, [KEYS[1]], ENTRIES, {KEYS[1]: Outcome(FAIL)})
    assert [one["requirement"] for one in tomllib.loads(new.text)["known"]] == [
        "TFS-KEY-01",
        "TFS-KEY-01",
        "TFS-CALL-01",
    ]


def test_an_entry_of_a_whole_requirement_covers_its_checks_in_an_update(tmp_path: Path) -> None:
    new = known_failures.update(load(tmp_path, known()), KEYS, ENTRIES, outcomes(FAIL, FAIL, FAIL))
    assert (new.added, new.kept) == ([], 1)


def test_a_first_update_can_be_loaded_again(tmp_path: Path) -> None:
    new = known_failures.update(None, KEYS, ENTRIES, outcomes(FAIL, FAIL, FAIL))
    again = load(tmp_path, new.text)
    assert [Entry(one.requirement, str(one.check)) for one in again.failures] == KEYS
    assert len(again.problems(ENTRIES)) == len(KEYS)
