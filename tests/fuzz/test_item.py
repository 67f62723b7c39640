"""--fuzz in pytest: exit statuses, the header, the summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.suite.host import REFERENCE, ROOT, Host

HERE = Path(__file__).parent


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A project of somebody who has the suite installed."""
    return Host(tmp_path, [ROOT / "conformance", REFERENCE, HERE])


def test_what_is_permitted_passes(host: Host) -> None:
    result = host.run("--impl=permitted", "--fuzz=3", "--fuzz-seed=5", "--profile=all", "--level=SHOULD")
    assert result.status == 0, result.text
    assert "fuzzing permitted for 3 s against the reference: --fuzz-seed=5" in result.text
    assert (
        "0 kinds of difference, 0 of them at the gate; again: pytest --impl=permitted --fuzz=3" in result.text
    )
    assert result.orphans == []


@pytest.mark.parametrize(("profile", "status"), [("core", 1), ("robust", 0)])
def test_what_is_found_fails_the_run_where_it_counts_at_the_gate(
    host: Host, profile: str, status: int
) -> None:
    result = host.run("--impl=broken:Mute", "--fuzz=20", "--fuzz-seed=1", f"--profile={profile}", timeout=180)
    assert result.status == status, result.text
    assert "TFS-CLEAR-01  MUST of core: serialize(InterruptionFrame) gave null" in result.text
    [line] = [line for line in result.text.splitlines() if line.startswith('    {"id": "fuzz/1-')]
    assert json.loads(line)["steps"][0]["serialize"] == {"frame": "InterruptionFrame"}
    assert result.orphans == []


def test_without_hypothesis_it_says_what_to_install(host: Host) -> None:
    host.write({"without.py": "import sys\nsys.modules['hypothesis'] = None\n"})
    result = host.run("-p", "without", "--impl=permitted", "--fuzz=3")
    assert result.status == 4, result.text
    assert "pip install 'pipecat-twilio-conformance[fuzz]'" in result.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--impl=nowhere_at_all", "--fuzz=3"), "there is no module nowhere_at_all"),
        (("--impl=permitted", "--fuzz=0"), "give a number of seconds above 0"),
        (("--impl=permitted", "--fuzz=inf"), "give a number of seconds above 0"),
        (("--impl=permitted", "--fuzz=soon"), "invalid float value"),
        (("--impl=permitted", "--fuzz=3", "--profile=none"), "no such profile"),
    ],
)
def test_a_mistake_of_usage_is_said(host: Host, options: tuple[str, ...], words: str) -> None:
    result = host.run(*options)
    assert result.status == 4, result.text
    assert words in result.text
    assert result.orphans == []
