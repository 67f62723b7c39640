"""What the chapters about faults and secrets find in implementations that differ in one way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

Verdicts = dict[str, dict[str, str]]


@pytest.fixture(scope="session")
def verdicts() -> Verdicts:
    """By class, the status of every requirement that was graded."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "LOGURU_AUTOINIT": "0"}
    program = subprocess.run(
        [sys.executable, "-m", "tests.unit.checks.bench"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert program.returncode == 0, program.stderr[-4000:]
    verdicts: Verdicts = json.loads(program.stdout)
    return verdicts
