"""Examines whether this machine can grade, by trying each part rather than looking for it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from twilio_conformance import EDITION
from twilio_conformance.engine.executor import Executor
from twilio_conformance.errors import ConformanceError
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.verdict import PASS
from twilio_conformance.twilio.network import Network

OLDEST_PYTHON = (3, 11)

EXTRAS = {
    "report": (("matplotlib",), "HTML reports"),
    "live": (("fastapi", "uvicorn", "websockets"), "the profile live"),
    "fuzz": (("hypothesis",), "fuzzing"),
}

SAMPLE = "clear/interruption-plain"
"""The vector that is graded to try grading."""

REFERENCE = "twilio_reference"

GOOD, LACKING, BROKEN = "works", "lacks", "BROKEN"


@dataclass(frozen=True, slots=True)
class Examination:
    """The state of one part of the machine, with what it means and what to do about it."""

    part: str
    state: str
    explanation: str


def report() -> int:
    """Print what works and what does not.

    Returns:
        The exit status: 0, or 1 if nothing can be graded.
    """
    broken = 0
    for examine in PARTS:
        for found in examine():
            broken += found.state == BROKEN
            sys.stdout.write(f"{found.state:<7} {found.part:<12} {found.explanation}\n")
            sys.stdout.flush()
    if broken:
        sys.stdout.write("\nThis machine cannot grade as it is: see what is BROKEN above.\n")
        return 1
    sys.stdout.write("\nThis machine can grade. Start with: pytest --impl=pipecat.serializers.twilio\n")
    return 0


def _python() -> Iterator[Examination]:
    version = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    if sys.version_info < OLDEST_PYTHON:
        yield Examination("Python", BROKEN, f"{version}: the suite needs 3.11 or newer")
    else:
        yield Examination("Python", GOOD, version)


def _fork() -> Iterator[Examination]:
    if hasattr(os, "fork"):
        yield Examination(
            "fork", GOOD, f"each check runs in a process of its own, on {os.cpu_count()} processors"
        )
    else:
        yield Examination("fork", BROKEN, "this system has no os.fork; use Linux, macOS, or WSL on Windows")


def _pipecat() -> Iterator[Examination]:
    version = _version("pipecat-ai")
    if version is None:
        yield Examination("Pipecat", BROKEN, "pipecat-ai is not installed: pip install pipecat-ai")
        return
    tried = subprocess.run(
        [sys.executable, "-c", "import pipecat.frames.frames"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield Examination("Pipecat", BROKEN, f"pipecat-ai {version} cannot be imported: {reason}")
        return
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    if (1, 2, 1) <= numbers < (2,):
        yield Examination("Pipecat", GOOD, f"pipecat-ai {version}")
    else:
        yield Examination(
            "Pipecat", LACKING, f"pipecat-ai {version} is outside 1.2.1 to 1.x, for which the suite is made"
        )


def _specification() -> Iterator[Examination]:
    try:
        found = catalogue.load()
    except ConformanceError as error:
        yield Examination("vectors", BROKEN, f"{error}")
        return
    explanation = f"edition {EDITION}: {len(found.requirements)} requirements, {len(found.vectors)} vectors"
    yield Examination("vectors", GOOD, explanation)


def _plugin() -> Iterator[Examination]:
    names = [entry.name for entry in importlib.metadata.entry_points(group="pytest11")]
    if "twilio_conformance" in names:
        yield Examination("pytest", GOOD, f"pytest {_version('pytest')} finds the plugin")
    else:
        explanation = "the suite is not installed here: pytest needs `-p twilio_conformance.plugin`"
        yield Examination("pytest", LACKING, explanation)


def _double() -> Iterator[Examination]:
    try:
        with Network([{"status": 200, "json": {"status": "completed"}}]) as twilio:
            urllib.request.urlopen("https://api.twilio.com/", data=b"Status=completed", timeout=10).close()
            seen = len(twilio.exchanges)
            try:
                urllib.request.urlopen("https://conformance.invalid/", timeout=10).close()
                refuses = False
            except (urllib.error.URLError, OSError):
                refuses = True
    except Exception as error:
        yield Examination("TLS double", BROKEN, f"Twilio cannot be played on loopback: {error}")
        return
    if seen == 1 and refuses:
        yield Examination(
            "TLS double", GOOD, "a request to Twilio over TLS was answered on loopback, others are refused"
        )
    else:
        yield Examination("TLS double", BROKEN, f"{seen} of 1 requests were seen, others refused: {refuses}")


def _grading() -> Iterator[Examination]:
    executor = Executor(REFERENCE, EDITION, jobs=1)
    try:
        executor.start()
        found = executor.result(SAMPLE)
    except ConformanceError as error:
        yield Examination("grading", BROKEN, f"one vector cannot be graded: {error}")
        return
    finally:
        executor.close()
    if all(outcome.status == PASS for outcome in found.outcomes.values()):
        yield Examination("grading", GOOD, f"the reference was graded with {SAMPLE}, and passes")
    else:
        yield Examination(
            "grading", BROKEN, f"the reference was graded with {SAMPLE}, and fails: the suite is damaged"
        )


def _resamplers() -> Iterator[Examination]:
    for name, use in (
        ("soxr", "Pipecat's own"),
        ("numpy", "what the reference and the measurements count with"),
    ):
        version = _version(name)
        if version is None:
            yield Examination("resampling", BROKEN, f"{name}, {use}, is not installed: pip install {name}")
        else:
            yield Examination("resampling", GOOD, f"{name} {version}, {use}")


def _extras() -> Iterator[Examination]:
    for extra, (modules, use) in EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        install = f"pip install 'pipecat-twilio-conformance[{extra}]'"
        if missing:
            yield Examination(f"[{extra}]", LACKING, f"{', '.join(missing)}, for {use}: {install}")
        else:
            yield Examination(f"[{extra}]", GOOD, f"{', '.join(modules)}, for {use}")


def _parallel() -> Iterator[Examination]:
    version = _version("pytest-xdist")
    if version is None:
        yield Examination("-n auto", LACKING, "pytest-xdist is not installed; nothing else needs it")
    else:
        yield Examination("-n auto", GOOD, f"pytest-xdist {version}")


def _namespaces() -> Iterator[Examination]:
    """Try to give a process its own network, which only implementations in other languages need."""
    unshare = shutil.which("unshare")
    command = [unshare or "", "-rnm", "true"]
    if unshare and subprocess.run(command, capture_output=True, check=False).returncode == 0:
        yield Examination(
            "namespaces", GOOD, "a process can be given a network of its own with Twilio's names"
        )
    else:
        explanation = "no network namespaces: an implementation in another language has to take a base_url"
        yield Examination("namespaces", LACKING, explanation)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


PARTS: tuple[Callable[[], Iterator[Examination]], ...] = (
    _python,
    _fork,
    _pipecat,
    _specification,
    _plugin,
    _double,
    _grading,
    _resamplers,
    _extras,
    _parallel,
    _namespaces,
)
"""The parts to examine; each builds on those before it."""
