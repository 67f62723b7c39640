"""Says in plain words what works on this machine: each part is tried, not only looked for."""

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
    "report": (("jinja2", "matplotlib"), "HTML reports"),
    "live": (("fastapi", "uvicorn", "websockets"), "the profile live"),
    "fuzz": (("hypothesis",), "fuzzing"),
}

SAMPLE = "clear/interruption-plain"
"""The vector that is graded to see that grading works."""

REFERENCE = "twilio_reference"

GOOD, LACKING, BROKEN = "works", "lacks", "BROKEN"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the machine: how it is, what that means, and what to do about it."""

    part: str
    state: str
    told: str


def report() -> int:
    """Prints what works and what does not; 1 where nothing can be graded."""
    broken = 0
    for examine in PARTS:
        for finding in examine():
            broken += finding.state == BROKEN
            sys.stdout.write(f"{finding.state:<7} {finding.part:<12} {finding.told}\n")
            sys.stdout.flush()
    if broken:
        sys.stdout.write("\nThis machine cannot grade as it is: see what is BROKEN above.\n")
        return 1
    sys.stdout.write("\nThis machine can grade. Start with: pytest --impl=pipecat.serializers.twilio\n")
    return 0


def _python() -> Iterator[Finding]:
    version = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    if sys.version_info < OLDEST_PYTHON:
        yield Finding("Python", BROKEN, f"{version}: the suite needs 3.11 or newer")
    else:
        yield Finding("Python", GOOD, version)


def _fork() -> Iterator[Finding]:
    if hasattr(os, "fork"):
        yield Finding(
            "fork", GOOD, f"each check runs in a process of its own, on {os.cpu_count()} processors"
        )
    else:
        yield Finding("fork", BROKEN, "this system has no os.fork; use Linux, macOS, or WSL on Windows")


def _pipecat() -> Iterator[Finding]:
    version = _version("pipecat-ai")
    if version is None:
        yield Finding("Pipecat", BROKEN, "pipecat-ai is not installed: pip install pipecat-ai")
        return
    tried = subprocess.run(
        [sys.executable, "-c", "import pipecat.frames.frames"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield Finding("Pipecat", BROKEN, f"pipecat-ai {version} cannot be imported: {reason}")
        return
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    if (1, 2, 1) <= numbers < (2,):
        yield Finding("Pipecat", GOOD, f"pipecat-ai {version}")
    else:
        yield Finding(
            "Pipecat", LACKING, f"pipecat-ai {version} is outside 1.2.1 to 1.x, for which the suite is made"
        )


def _specification() -> Iterator[Finding]:
    try:
        found = catalogue.load()
    except ConformanceError as error:
        yield Finding("vectors", BROKEN, f"{error}")
        return
    told = f"edition {EDITION}: {len(found.requirements)} requirements, {len(found.vectors)} vectors"
    yield Finding("vectors", GOOD, told)


def _plugin() -> Iterator[Finding]:
    names = [entry.name for entry in importlib.metadata.entry_points(group="pytest11")]
    if "twilio_conformance" in names:
        yield Finding("pytest", GOOD, f"pytest {_version('pytest')} finds the plugin")
    else:
        told = "the suite is not installed here: pytest needs `-p twilio_conformance.plugin`"
        yield Finding("pytest", LACKING, told)


def _double() -> Iterator[Finding]:
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
        yield Finding("TLS double", BROKEN, f"Twilio cannot be played on loopback: {error}")
        return
    if seen == 1 and refuses:
        yield Finding(
            "TLS double", GOOD, "a request to Twilio over TLS was answered on loopback, others are refused"
        )
    else:
        yield Finding("TLS double", BROKEN, f"{seen} of 1 requests were seen, others refused: {refuses}")


def _grading() -> Iterator[Finding]:
    executor = Executor(REFERENCE, EDITION, jobs=1)
    try:
        executor.start()
        found = executor.result(SAMPLE)
    except ConformanceError as error:
        yield Finding("grading", BROKEN, f"one vector cannot be graded: {error}")
        return
    finally:
        executor.close()
    if all(outcome.status == PASS for outcome in found.outcomes.values()):
        yield Finding("grading", GOOD, f"the reference was graded with {SAMPLE}, and passes")
    else:
        yield Finding(
            "grading", BROKEN, f"the reference was graded with {SAMPLE}, and fails: the suite is damaged"
        )


def _resamplers() -> Iterator[Finding]:
    for name, use in (
        ("soxr", "Pipecat's own"),
        ("numpy", "what the reference and the measurements count with"),
    ):
        version = _version(name)
        if version is None:
            yield Finding("resampling", BROKEN, f"{name}, {use}, is not installed: pip install {name}")
        else:
            yield Finding("resampling", GOOD, f"{name} {version}, {use}")


def _extras() -> Iterator[Finding]:
    for extra, (modules, use) in EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        install = f"pip install 'pipecat-twilio-conformance[{extra}]'"
        if missing:
            yield Finding(f"[{extra}]", LACKING, f"{', '.join(missing)}, for {use}: {install}")
        else:
            yield Finding(f"[{extra}]", GOOD, f"{', '.join(modules)}, for {use}")


def _parallel() -> Iterator[Finding]:
    version = _version("pytest-xdist")
    if version is None:
        yield Finding("-n auto", LACKING, "pytest-xdist is not installed; nothing else needs it")
    else:
        yield Finding("-n auto", GOOD, f"pytest-xdist {version}")


def _namespaces() -> Iterator[Finding]:
    """Whether a process can be given a network of its own; only implementations in other languages need it."""
    unshare = shutil.which("unshare")
    command = [unshare or "", "-rnm", "true"]
    if unshare and subprocess.run(command, capture_output=True, check=False).returncode == 0:
        yield Finding("namespaces", GOOD, "a process can be given a network of its own with Twilio's names")
    else:
        told = "no network namespaces: an implementation in another language has to take a base_url"
        yield Finding("namespaces", LACKING, told)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


PARTS: tuple[Callable[[], Iterator[Finding]], ...] = (
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
"""What is examined, in the order in which each builds on the others."""
