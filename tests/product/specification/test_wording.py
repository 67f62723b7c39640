"""The record of reworded sentences: what it calls new is what the specification says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from twilio_conformance.spec import catalogue

ROOT = Path(__file__).resolve().parents[3]
CHANGES: list[dict[str, Any]] = tomllib.loads(
    (ROOT / "docs" / "data" / "wording.toml").read_text(encoding="utf-8")
)["change"]


@pytest.fixture(scope="module")
def texts() -> dict[tuple[str, str], Any]:
    """Each text of the specification by the id of its chapter or requirement and the name of its field."""
    found: dict[tuple[str, str], Any] = {}
    for chapter in catalogue.load().chapters:
        found[chapter.id, "introduction"] = chapter.introduction
        for requirement in chapter.requirements:
            found[requirement.id, "statement"] = requirement.statement
            found[requirement.id, "rationale"] = requirement.rationale
            found[requirement.id, "source"] = list(requirement.source)
    return found


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change['id']}-{change['field']}")
def test_the_new_text_is_that_of_the_specification(
    change: dict[str, Any], texts: dict[tuple[str, str], Any]
) -> None:
    assert texts[change["id"], change["field"]] == change["new"]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change['id']}-{change['field']}")
def test_the_old_text_differs_from_the_new_one(change: dict[str, Any]) -> None:
    assert change["old"] != change["new"]


def test_each_text_is_recorded_once() -> None:
    places = [(change["id"], change["field"]) for change in CHANGES]
    assert len(set(places)) == len(places)


def test_each_flag_is_named_where_its_chapter_says_what_is_permitted() -> None:
    loaded = catalogue.load()
    introductions = " ".join(chapter.introduction for chapter in loaded.chapters)
    assert [flag for flag in loaded.flags if f"`{flag}`" not in introductions] == []
