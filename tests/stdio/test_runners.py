"""The runners that stand alone agree with the suite, vector for vector."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stdio.conftest import EXAMPLES, ROOT, javascript
from twilio_conformance import EDITION, catalogue
from twilio_conformance.isolation import Executor, Job

CHAPTERS = ("clear", "dtmf", "mark", "messages", "setup", "media-in")
"""Chapters that the suite plays in a few seconds."""

RUNNERS = {
    "JavaScript": (["node", EXAMPLES / "run_vectors.mjs", "--json"], [EXAMPLES / "javascript" / "serializer.mjs"],
                   f"stdio:{javascript()}"),
    "Python": ([sys.executable, EXAMPLES / "run_vectors.py", "--json"], ["twilio_reference:TwilioFrameSerializer"],
               "twilio_reference"),
}  # fmt: skip


@pytest.mark.parametrize("language", RUNNERS)
def test_a_runner_agrees_with_the_suite(language):
    runner, subject, impl = RUNNERS[language]
    told = _run([*runner, ROOT / "vectors" / "v1", *subject])
    own = {key: outcome for key, outcome in told.items() if key.split()[1].split("/")[0] in CHAPTERS}
    assert len(own) > 300
    assert own == _graded(impl)


def _run(words: list[str | Path]) -> dict[str, str]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "reference"), *filter(None, sys.path)])
    }
    ran = subprocess.run(words, capture_output=True, text=True, timeout=240, env=environment, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    told: dict[str, str] = json.loads(ran.stdout)
    return told


def _graded(impl: str) -> dict[str, str]:
    executor = Executor(impl, EDITION, jobs=2)
    try:
        executor.start()
        vectors = catalogue.load(EDITION).vectors.values()
        jobs = [
            Job(vector.id, vector.requirements, 20.0)
            for vector in vectors
            if vector.id.split("/")[0] in CHAPTERS
        ]
        executor.submit(jobs)
        found = {job.id: executor.result(job).outcomes for job in jobs}
    finally:
        executor.close()
    return {
        f"{requirement} {vector}": outcome.status
        for vector, outcomes in found.items()
        for requirement, outcome in outcomes.items()
    }
