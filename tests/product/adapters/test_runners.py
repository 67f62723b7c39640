"""The runners that stand alone: they agree with the suite, vector for vector, on what is right and on what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.adapters import EXAMPLES, javascript_with
from tests.host import ROOT
from twilio_conformance import EDITION
from twilio_conformance.engine.executor import Executor
from twilio_conformance.spec import catalogue

CHAPTERS = ("abuse", "clear", "media-in", "media-out", "setup")
"""Chapters that the suite plays in a few seconds, and in which something is wrong with each of the broken serializers."""

LIMIT = 200
"""Lines of a runner."""

JAVASCRIPT = ["node", EXAMPLES / "run_vectors.mjs", ROOT / "vectors" / "v1"]
PYTHON = [sys.executable, EXAMPLES / "run_vectors.py", ROOT / "vectors" / "v1"]
SOUND: dict[str, list[str | Path]] = {
    "JavaScript": [*JAVASCRIPT, EXAMPLES / "javascript" / "serializer.mjs"],
    "Python": [*PYTHON, "twilio_reference:TwilioFrameSerializer"],
}

NETWORK_ORDER = (
    "serializer.mjs",
    "const audio = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);",
    "const audio = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength).swap16();",
)


@pytest.mark.parametrize("path", [JAVASCRIPT[1], PYTHON[1]])
def test_a_runner_is_short(path):
    assert len(path.read_text().splitlines()) <= LIMIT


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["no/such/folder", "serializer"],
        [ROOT / "vectors" / "v1"],
        [ROOT / "vectors" / "v1", "one", "two"],
    ],
    ids=str,
)
@pytest.mark.parametrize("runner", [JAVASCRIPT[:2], PYTHON[:2]], ids=["JavaScript", "Python"])
def test_a_runner_that_cannot_play_says_how_it_is_used(runner, given):
    said = _refusal([*runner, *given])
    assert "usage: " in said
    assert "VECTORS is the folder vectors/v1" in said


@pytest.mark.parametrize(
    "words",
    [[*PYTHON, given] for given in ("nosuch:Class", "json", "json:Nope", ":", ".a:b", "os:sep")]
    + [
        [*JAVASCRIPT, given]
        for given in ("no/such.mjs", ROOT / "README.md", EXAMPLES / "javascript" / "g711.mjs")
    ],
    ids=lambda words: f"{words[1].suffix} {words[-1]}",
)
def test_a_runner_says_what_serializer_it_cannot_use(words):
    assert f"{words[-1]}, which should " in _refusal(words)


@pytest.mark.parametrize("language", SOUND)
def test_a_sound_serializer_passes_each_vector_that_is_played(language):
    told, status = _run(SOUND[language])
    assert told.keys() == {f"{name} {vector.id}" for vector in _vectors() for name in vector.requirements}
    counts = Counter(told.values())
    assert counts.keys() == {"pass", "not-played"}
    assert counts["pass"] > 1000
    assert status == 0


def test_a_runner_in_python_agrees_with_the_suite_on_a_serializer_with_defects():
    told, status = _run([*PYTHON, "pipecat.serializers.twilio:TwilioFrameSerializer"])
    _expect_agreement(told, status, "pipecat.serializers.twilio")


def test_a_runner_in_javascript_agrees_with_the_suite_on_a_serializer_with_a_defect(tmp_path):
    line = javascript_with(tmp_path, *NETWORK_ORDER)
    told, status = _run([*JAVASCRIPT, tmp_path / "javascript" / "serializer.mjs"])
    _expect_agreement(told, status, f"stdio:{line}")


def _expect_agreement(told: dict[str, str], status: int, impl: str) -> None:
    compared = {key: outcome for key, outcome in told.items() if key.split()[1].split("/")[0] in CHAPTERS}
    compared = {key: outcome for key, outcome in compared.items() if outcome != "not-played"}
    graded = _graded(impl)
    compared = {key: outcome for key, outcome in compared.items() if graded[key] != "not-applicable"}
    assert compared == {key: graded[key] for key in compared}
    assert len(compared) > 180
    assert "fail" in compared.values()
    assert status == 1


def _refusal(words: list[str | Path]) -> str:
    """What a runner says that plays nothing."""
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Traceback" not in ran.stderr
    return ran.stderr


def _run(words: list[str | Path]) -> tuple[dict[str, str], int]:
    path = os.pathsep.join([str(ROOT / "reference"), *filter(None, sys.path)])
    ran = subprocess.run(
        words, capture_output=True, text=True, timeout=240, env=os.environ | {"PYTHONPATH": path}, check=False
    )
    assert ran.returncode in (0, 1), ran.stderr
    told = [line.partition(" ") for line in ran.stdout.splitlines()]
    return {key: outcome for outcome, _, key in told}, ran.returncode


def _vectors() -> list[catalogue.Vector]:
    return list(catalogue.load(EDITION).vectors.values())


def _graded(impl: str) -> dict[str, str]:
    executor = Executor(impl, EDITION, concurrency=2)
    try:
        executor.start(catalogue.load(EDITION))
        vectors = [vector for vector in _vectors() if vector.id.split("/")[0] in CHAPTERS]
        executor.submit(vector.id for vector in vectors)
        found = {vector.id: executor.result(vector.id).outcomes for vector in vectors}
    finally:
        executor.close()
    return {
        f"{requirement} {vector}": outcome.status
        for vector, outcomes in found.items()
        for requirement, outcome in outcomes.items()
    }
