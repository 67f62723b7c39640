"""Statuses of many implementations, each graded once in a program of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

Verdicts = dict[str, dict[str, str]]


def run_program(*arguments: str) -> Any:
    """Run the program that grades serializers, and return the JSON that it prints."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "LOGURU_AUTOINIT": "0"}
    program = subprocess.run(
        [sys.executable, "-m", "tests.unit.checks.chapters", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert program.returncode == 0, program.stderr[-4000:]
    return json.loads(program.stdout)


@pytest.fixture(scope="session")
def chapters() -> Verdicts:
    """By check, its status for the reference and for a serializer that is broken in its respect."""
    chapters: Verdicts = run_program()
    return chapters
