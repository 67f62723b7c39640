"""Editions are frozen: spec/editions lists what each closed one grades, and today's suite selects exactly that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from twilio_conformance import EDITION, FIRST_EDITION
from twilio_conformance.checks._core import load_checks
from twilio_conformance.engine.job import jobs_in_code
from twilio_conformance.spec import catalogue, coverage

FROZEN = sorted((Path(__file__).resolve().parents[3] / "spec" / "editions").glob("*.json"))


def selected(edition: str) -> dict[str, dict[str, Any]]:
    """Return what a run with --edition grades: by requirement its level, its profile and its checks."""
    loaded = catalogue.load(edition)
    in_code = {job.id: job.requirements[0] for job in jobs_in_code(loaded, load_checks()).values()}
    listed: dict[str, dict[str, Any]] = {
        requirement.id: {"level": requirement.level, "profile": requirement.profile, "checks": []}
        for requirement in loaded.requirements.values()
    }
    for entry in sorted(coverage.entries(loaded, in_code)):
        listed[entry.requirement]["checks"].append(entry.check)
    return listed


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda path: path.stem)
def test_a_closed_edition_grades_what_it_always_did(frozen: Path) -> None:
    assert selected(frozen.stem) == json.loads(frozen.read_text())


def test_every_closed_edition_is_frozen() -> None:
    assert FIRST_EDITION in [path.stem for path in FROZEN]
    assert EDITION not in [path.stem for path in FROZEN]


def test_the_open_edition_grades_more_than_the_last_closed_one() -> None:
    """If it did not, an edition that is ignored would pass the comparison above."""
    frozen = json.loads(FROZEN[-1].read_text())
    assert frozen.keys() < selected(EDITION).keys()
