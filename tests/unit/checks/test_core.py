"""The registry of checks, and what ends a check."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from twilio_conformance.checks._core import check, expect, expect_attempt, id_prefix, load_checks
from twilio_conformance.errors import NotTestable, Violation
from twilio_conformance.spec import catalogue


@pytest.mark.parametrize(
    ("module", "prefix"), [("abuse", "abuse"), ("fidelity_continuity", "continuity"), ("media_in", "media")]
)
def test_an_id_begins_with_its_module_or_the_prefix_it_was_frozen_with(module: str, prefix: str) -> None:
    assert id_prefix(module) == prefix


def test_every_registered_check_belongs_to_a_requirement_that_lists_it() -> None:
    requirements = catalogue.load().requirements
    checks = load_checks()
    assert checks
    for name, entry in checks.items():
        assert entry.id == name
        assert any(name == pattern for pattern in requirements[entry.requirement].checks), name


def test_a_check_is_registered_under_its_module_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    registry: dict[str, Any] = {}
    monkeypatch.setattr("twilio_conformance.checks._core._REGISTRY", registry)

    async def holds(_: Any) -> None:
        """Pass."""

    check("TFS-SETUP-04", limit=3)(holds)
    (entry,) = registry.values()
    assert (entry.id, entry.requirement, entry.limit) == ("test_core.holds", "TFS-SETUP-04", 3)


def test_expect_raises_a_violation_with_both_sides_unless_it_holds() -> None:
    expect(True, "holds")
    with pytest.raises(Violation, match="differs") as caught:
        expect(False, "differs", expected=1, actual=2)
    assert (caught.value.expected, caught.value.actual) == (1, 2)


def test_without_a_connection_what_follows_cannot_be_tested() -> None:
    probe: Any = SimpleNamespace(network=SimpleNamespace(connections=["one"]))
    expect_attempt(probe)
    probe.network.connections = []
    with pytest.raises(NotTestable, match="nothing tried"):
        expect_attempt(probe)
