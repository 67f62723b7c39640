"""The page of the rules lists them all, names requirements that exist, and explains every difference."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from tests.product.pages.pages import ROOT
from tools.history import expand
from tools.render import RenderError, rules
from twilio_conformance.spec import catalogue

Json = dict[str, Any]

GATHERED: Json = tomllib.loads((ROOT / "docs" / "data" / "rules.toml").read_text(encoding="utf-8"))
EVERYTHING = catalogue.load()
FAILED = {f"TFS-{name}" for name in GATHERED["failed"].split()}


def test_every_rule_that_was_gathered_is_listed_once_and_in_order() -> None:
    numbers = [*range(1, 17), *range(20, 45)]
    assert [rule["id"] for rule in GATHERED["rule"]] == [f"R{number:02}" for number in numbers]


def test_every_requirement_that_failed_exists() -> None:
    assert set(EVERYTHING.requirements) >= FAILED


def test_what_failed_is_what_the_grades_of_the_releases_say() -> None:
    grades = json.loads((ROOT / "docs" / "data" / "releases.json").read_text(encoding="utf-8"))
    versions = grades["releases"]
    statuses = {
        name: dict(zip(versions, expand(versions, since), strict=True))["1.14.0"]
        for name, since in grades["requirements"].items()
    }
    assert {name for name, status in statuses.items() if status in ("fail", "not-testable")} == (
        FAILED & set(statuses)
    )


def test_the_page_is_what_the_rules_give() -> None:
    assert (ROOT / "docs" / "rules.md").read_text(encoding="utf-8") == rules(EVERYTHING, GATHERED)


def unexplained(rule: Json) -> None:
    del rule["cause"]


def explained_without_need(rule: Json) -> None:
    rule["seen"] = "partly"


def invented(rule: Json) -> None:
    rule["requirements"] += " CLEAR-99"


def neither(rule: Json) -> None:
    del rule["requirements"]


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (unexplained, "R37 seen pass, found partly: cause"),
        (explained_without_need, "R37 seen partly, found partly: cause"),
        (invented, "R37 names TFS-CLEAR-99"),
        (neither, "R37 needs either requirements or excluded"),
    ],
)
def test_a_rule_that_does_not_hold_together_is_refused(break_it: Callable[[Json], None], said: str) -> None:
    gathered = copy.deepcopy(GATHERED)
    break_it(next(rule for rule in gathered["rule"] if rule["id"] == "R37"))
    with pytest.raises(RenderError, match=said):
        rules(EVERYTHING, gathered)
