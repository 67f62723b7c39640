"""The chapter Live: its checks catch what each is made for, and pass what is permitted."""

from __future__ import annotations

import pytest

from tests.unit.checks.conftest import run_program
from tests.unit.checks.implementations.live import SPECIMENS
from twilio_conformance.spec import catalogue


@pytest.fixture(scope="module")
def statuses() -> dict[str, dict[str, str]]:
    """By class, the status of every requirement that the class names."""
    found: dict[str, dict[str, str]] = run_program("tests.unit.checks.implementations.live")
    return found


@pytest.mark.parametrize("name", SPECIMENS)
def test_a_call_that_is_broken_in_one_way_is_caught_and_a_permitted_one_is_not(
    name: str, statuses: dict[str, dict[str, str]]
) -> None:
    kind = SPECIMENS[name]
    expected = dict.fromkeys(kind.violates.split(), "fail") | dict.fromkeys(kind.keeps.split(), "pass")
    assert statuses[name] == expected


def test_every_requirement_is_broken_by_some_serializer() -> None:
    broken = {f"TFS-LIVE-{number}" for kind in SPECIMENS.values() for number in kind.violates.split()}
    assert broken == {name for name in catalogue.load().requirements if name.startswith("TFS-LIVE-")}
