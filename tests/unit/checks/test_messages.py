"""Checks of the chapter Messages: the reference passes, and a serializer that is broken in that respect fails."""

from __future__ import annotations

import pytest

from tests.unit.checks.chapters import checks_of


@pytest.mark.parametrize("check", checks_of("messages"))
def test_the_reference_passes_and_a_broken_serializer_fails(
    check: str, chapters: dict[str, dict[str, str]]
) -> None:
    assert chapters[check] == {"reference": "pass", "broken": "fail"}
