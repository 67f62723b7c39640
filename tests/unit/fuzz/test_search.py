"""The search: it finds what is broken, makes it small, and has nothing against what is permitted."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from twilio_conformance.fuzz import output, search
from twilio_conformance.fuzz.search import Finding, Search
from twilio_conformance.fuzz.session_host import REFERENCE, session_hosts
from twilio_conformance.spec import catalogue

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATH = [str(HERE), str(ROOT / "reference"), str(ROOT / "conformance")]


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The implementations of this folder can be imported by players."""
    monkeypatch.setattr(sys, "path", [*PATH, *sys.path])


@pytest.fixture
def stop_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search ends with its first finding, whatever its time."""

    class Enough(Exception):
        pass

    keep = Search._keep

    def keep_and_end(self: Search, hunt: Any) -> None:
        keep(self, hunt)
        raise Enough

    run = Search.run

    def run_and_end(self: Search, seconds: float) -> None:
        try:
            run(self, seconds)
        except Enough:
            return

    monkeypatch.setattr(Search, "_keep", keep_and_end)
    monkeypatch.setattr(Search, "run", run_and_end)


def found(impl: str, *, seed: int = 1, seconds: float = 60) -> list[Finding]:
    with session_hosts(impl, REFERENCE) as stages:
        hunt = Search(stages, seed)
        hunt.run(seconds)
    return hunt.findings


@pytest.mark.usefixtures("stop_early")
@pytest.mark.parametrize(
    ("name", "kind", "steps"),
    [
        ("Deaf", "TFS-DTMF-01: key", 1),
        ("Brittle", "TFS-INPUT-02: raises AttributeError", 1),
        ("Mute", "TFS-CLEAR-01: text", 1),
        ("Quitter", "no requirement: ended the process in serialize(InterruptionFrame)", 1),
        ("Sleeper", "no requirement: hung in serialize(InterruptionFrame)", 1),
        ("Careless", "TFS-CONSTRUCT-06: accepts", 1),
    ],
)
def test_what_is_broken_is_found_and_made_small(
    name: str, kind: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SHRINKING", 60)
    [finding] = found(f"broken:{name}")
    assert finding.difference.kind == kind
    assert finding.is_reproduced
    assert len(finding.session["steps"]) == steps


@pytest.mark.usefixtures("stop_early")
def test_a_call_that_is_not_hung_up_is_found() -> None:
    [finding] = found("broken:Lingering")
    assert finding.difference.requirement in ("TFS-HANGUP-01", "TFS-HANGUP-02")


@pytest.mark.usefixtures("stop_early")
def test_the_same_seed_finds_the_same() -> None:
    [first], [second] = found("broken:Deaf", seed=7), found("broken:Deaf", seed=7)
    assert first.session == second.session


@pytest.mark.parametrize("impl", [REFERENCE, "permitted"])
def test_what_is_permitted_is_no_finding(impl: str) -> None:
    assert [finding.difference for finding in found(impl, seed=3, seconds=10)] == []


@pytest.mark.usefixtures("stop_early")
def test_a_finding_is_a_vector_a_case_and_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = catalogue.load().requirements
    [finding] = found("broken:Brittle")
    document = output.vector(finding, 1, 1, requirements)
    jsonschema.Draft202012Validator(catalogue.load_schema("vector")).validate(document)
    assert document["steps"][-1]["expect"] == [{"requirement": "TFS-INPUT-02", "returns": "nothing"}]

    monkeypatch.setattr(sys, "path", [str(ROOT / "vectors"), *sys.path])
    from twilio_vectors.case import Case

    text = output.case(document)
    ast.parse(text)
    compiled = eval(text, {"Case": Case}).compiled("fuzz")
    assert compiled == document

    script = output.script("broken:Brittle", finding.session)
    assert len(script.splitlines()) == 5
    shown = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(PATH)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert "broken:Brittle:\n" in shown
    assert "raised AttributeError" in shown
    assert "twilio_reference:\n  deserialize('[]'): returned None\n" in shown

    lines = list(output.block(finding, document, "broken:Brittle", requirements))
    assert lines[0].startswith("TFS-INPUT-02  MUST of robust: ")
    assert f"    {json.dumps(document)}" in lines
