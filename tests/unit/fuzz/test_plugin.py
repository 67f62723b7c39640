"""The pytest side of --fuzz: exit statuses, the header, the summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.host import REFERENCE, ROOT, Host

PERMITTED = "tests.serializers.permitted.fuzzing"
WITHOUT_CLEAR = "tests.serializers.broken.fuzzing:WithoutClear"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A project of somebody who has the suite installed."""
    return Host(tmp_path, [ROOT / "conformance", REFERENCE, ROOT])


def test_what_is_permitted_passes(host: Host) -> None:
    result = host.run(f"--impl={PERMITTED}", "--fuzz=3", "--fuzz-seed=5", "--profile=all", "--level=SHOULD")
    assert result.status == 0, result.text
    assert f"fuzzing {PERMITTED} for 3 s against the reference: --fuzz-seed=5" in result.text
    assert (
        f"0 kinds of difference, 0 of them at the gate; again: pytest --impl={PERMITTED} --fuzz=3"
        in result.text
    )
    assert result.orphans == []


@pytest.mark.parametrize(("profile", "status"), [("core", 1), ("robust", 0)])
def test_what_is_found_fails_the_run_where_it_counts_at_the_gate(
    host: Host, profile: str, status: int
) -> None:
    result = host.run(
        f"--impl={WITHOUT_CLEAR}", "--fuzz=20", "--fuzz-seed=1", f"--profile={profile}", timeout=180
    )
    assert result.status == status, result.text
    assert "TFS-CLEAR-01  MUST of core: serialize(InterruptionFrame) returned None" in result.text
    [line] = [line for line in result.text.splitlines() if line.startswith('    {"id": "fuzz/1-')]
    assert json.loads(line)["steps"][0]["serialize"] == {"frame": "InterruptionFrame"}
    assert result.orphans == []


KNOWN = '[[known]]\nrequirement = "TFS-CLEAR-01"\nreason = "tracker 7"\n'


def test_what_the_baseline_says_of_a_requirement_is_let_through(host: Host) -> None:
    host.write({"known.toml": KNOWN})
    options = (f"--impl={WITHOUT_CLEAR}", "--fuzz=10", "--fuzz-seed=1", "--baseline=known.toml")
    result = host.run(*options, timeout=180)
    assert result.status == 0, result.text
    assert "TFS-CLEAR-01  MUST of core: serialize(InterruptionFrame) returned None" in result.text
    assert "  known: tracker 7" in result.text


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        (
            KNOWN.replace("CLEAR", "CLAER"),
            3,
            "no requirement TFS-CLAER-01 that is graded; did you mean TFS-CLEAR-01?",
        ),
        (KNOWN.replace("tracker 7", ""), 3, "TFS-CLEAR-01 has no reason yet"),
        ("known = 5", 4, "write each known failure as a table of its own"),
    ],
)
def test_a_baseline_that_is_wrong_is_refused(host: Host, text: str, status: int, words: str) -> None:
    host.write({"known.toml": text})
    result = host.run(f"--impl={WITHOUT_CLEAR}", "--fuzz=10", "--baseline=known.toml")
    assert result.status == status, result.text
    assert words in result.text


def test_without_hypothesis_it_says_what_to_install(host: Host) -> None:
    host.write({"without.py": "import sys\nsys.modules['hypothesis'] = None\n"})
    result = host.run("-p", "without", f"--impl={PERMITTED}", "--fuzz=3")
    assert result.status == 4, result.text
    assert "pip install 'pipecat-twilio-conformance[fuzz]'" in result.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--impl=nowhere_at_all", "--fuzz=3"), "there is no module nowhere_at_all"),
        ((f"--impl={PERMITTED}", "--fuzz=0"), "give a number of seconds above 0"),
        ((f"--impl={PERMITTED}", "--fuzz=inf"), "give a number of seconds above 0"),
        ((f"--impl={PERMITTED}", "--fuzz=3", "--write-baseline=x.toml"), "leave --fuzz out"),
        ((f"--impl={PERMITTED}", "--fuzz=3", "--baseline=none.toml"), "none.toml: cannot be read"),
        ((f"--impl={PERMITTED}", "--fuzz=soon"), "invalid float value"),
        ((f"--impl={PERMITTED}", "--fuzz=3", "--profile=none"), "no such profile"),
    ],
)
def test_a_mistake_of_usage_is_said(host: Host, options: tuple[str, ...], words: str) -> None:
    result = host.run(*options)
    assert result.status == 4, result.text
    assert words in result.text
    assert result.orphans == []
