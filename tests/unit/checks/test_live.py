"""Checks of whole calls: the reference passes, and a broken serializer fails."""

from __future__ import annotations

import pytest

from tests.unit.checks.chapters import LIVE
from tests.unit.checks.conftest import run_program
from twilio_conformance.checks._core import load_checks


@pytest.fixture(scope="module")
def statuses() -> dict[str, dict[str, str]]:
    """By check, its status for the reference and for a serializer that is broken in its respect."""
    found: dict[str, dict[str, str]] = run_program("live")
    return found


@pytest.mark.parametrize("check", LIVE)
def test_the_reference_passes_and_a_broken_serializer_fails(
    check: str, statuses: dict[str, dict[str, str]]
) -> None:
    assert statuses[check] == {"reference": "pass", "broken": "fail"}


def test_every_check_of_calls_has_a_broken_serializer() -> None:
    assert {name for name in load_checks() if name.startswith("live.")} == set(LIVE)
