"""Commands of adapters, and fixtures that grade them."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host import ROOT
from twilio_conformance import EDITION
from twilio_conformance.engine.executor import Executor
from twilio_conformance.engine.messages import Result
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.catalogue import Catalogue

EXAMPLES = ROOT / "examples"

Wanted = tuple[str, str]
"""A requirement, and the vector or check that grades it."""


def command(*words: object) -> str:
    """Return a command line of these words."""
    return shlex.join(map(str, words))


def javascript(serializer: Path | None = None) -> str:
    """Return the command of the JavaScript adapter, with its own serializer or another."""
    return command("node", EXAMPLES / "javascript" / "adapter.mjs", *filter(None, [serializer]))


def python(implementation: str) -> str:
    """Return the command of the Python adapter."""
    return command(sys.executable, EXAMPLES / "adapter.py", implementation)


def javascript_with(folder: Path, file: str, before: str, after: str) -> str:
    """Return the command of a copy of the JavaScript adapter with one text in one file replaced."""
    copy = shutil.copytree(EXAMPLES / "javascript", folder / "javascript", dirs_exist_ok=True)
    text = (copy / file).read_text()
    assert text.count(before) == 1
    (copy / file).write_text(text.replace(before, after))
    return command("node", copy / "adapter.mjs")


def broken(how: str) -> str:
    """Return the command of an adapter that is broken in this way."""
    return command(sys.executable, ROOT / "tests/unit/adapter/broken_adapter.py", how)


@pytest.fixture
def launch() -> Iterator[Callable[..., tuple[Executor, list[str]]]]:
    """Return a function that starts to grade an adapter, and returns the executor and its jobs."""
    started: list[Executor] = []

    def run(line: str, *wanted: Wanted, edition: Catalogue | None = None) -> tuple[Executor, list[str]]:
        executor = Executor(f"stdio:{line}", EDITION, concurrency=1)
        started.append(executor)
        executor.start(edition or catalogue.load(EDITION))
        checks = [vector for _, vector in wanted]
        executor.submit(checks)
        return executor, checks

    yield run
    for executor in started:
        executor.close()


@pytest.fixture
def grade(launch: Any) -> Callable[..., tuple[Executor, dict[str, Result]]]:
    """Return a function that grades an adapter, and returns the executor and the results."""

    def run(line: str, *wanted: Wanted) -> tuple[Executor, dict[str, Result]]:
        executor, checks = launch(line, *wanted)
        return executor, {check: executor.result(check) for check in checks}

    return run
