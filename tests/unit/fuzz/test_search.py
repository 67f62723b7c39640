"""The search: it finds what is broken, shrinks it, and finds nothing in what is permitted."""

from __future__ import annotations

from typing import Any

import pytest

from twilio_conformance.fuzz import search
from twilio_conformance.fuzz.oracle import Discrepancy
from twilio_conformance.fuzz.search import Reproducer, Search
from twilio_conformance.fuzz.session_host import REFERENCE, session_hosts

Json = dict[str, Any]

BROKEN = "tests.serializers.broken.fuzzing"
PERMITTED = "tests.serializers.permitted.fuzzing"


class Enough(Exception):
    pass


def found(impl: str, *, seed: int = 1, seconds: float = 60) -> list[Reproducer]:
    """Search to the end of the time, or to the first reproducer under the fixture `stop_early`."""
    with session_hosts(impl, REFERENCE) as hosts:
        hunt = Search(hosts, seed)
        try:
            hunt.run(seconds)
        except Enough:
            assert len(hunt.found) == 1
    return hunt.found


@pytest.fixture
def stop_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search ends with its first reproducer, whatever its time."""
    keep = Search._keep

    def keep_and_end(self: Search, discrepancy: Discrepancy, session: Json) -> None:
        keep(self, discrepancy, session)
        raise Enough

    monkeypatch.setattr(Search, "_keep", keep_and_end)


@pytest.mark.usefixtures("stop_early")
@pytest.mark.parametrize(
    ("name", "kind", "steps"),
    [
        ("WithoutKeyOne", "TFS-DTMF-01: value", 1),
        ("RaisesForNonObjects", "TFS-INPUT-02: raises AttributeError", 1),
        ("WithoutClear", "TFS-CLEAR-01: value", 1),
        ("ExitsAtInterruption", "no requirement: ended the process in serialize(InterruptionFrame)", 1),
        ("BlocksAtInterruption", "no requirement: hung in serialize(InterruptionFrame)", 1),
        ("WithoutCredentialCheck", "TFS-CONSTRUCT-06: accepts", 1),
    ],
)
def test_what_is_broken_is_found_and_shrunk(
    name: str, kind: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SHRINKING", 60)
    [reproducer] = found(f"{BROKEN}:{name}")
    assert reproducer.discrepancy.kind == kind
    assert reproducer.is_confirmed
    assert len(reproducer.session["steps"]) == steps


@pytest.mark.usefixtures("stop_early")
def test_a_call_that_is_not_hung_up_is_found() -> None:
    [reproducer] = found(f"{BROKEN}:WithoutHangUp")
    assert reproducer.discrepancy.requirement in ("TFS-HANGUP-01", "TFS-HANGUP-02")


@pytest.mark.usefixtures("stop_early")
def test_the_same_seed_finds_the_same() -> None:
    [first], [second] = (found(f"{BROKEN}:WithoutKeyOne", seed=7) for _ in range(2))
    assert first.session == second.session


@pytest.mark.parametrize("impl", [REFERENCE, PERMITTED])
def test_what_is_permitted_is_not_found(impl: str) -> None:
    assert [reproducer.discrepancy for reproducer in found(impl, seed=3, seconds=10)] == []
