"""Examines whether this machine can grade, by trying each part rather than looking for it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from functools import partial

from twilio_conformance import EDITION
from twilio_conformance.engine.executor import Executor
from twilio_conformance.errors import ConformanceError
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.verdict import PASS
from twilio_conformance.twilio.network import Network

OLDEST_PYTHON = (3, 11)

SAMPLE = "clear/interruption-plain"
"""The vector that is graded to try grading."""

REFERENCE = "twilio_reference"


class Lacking(Exception):
    """Something optional that does not work, with what it means and what to do about it."""


class Broken(Exception):
    """Something without which nothing can be graded, with what to do about it."""


def report() -> int:
    """Print what works and what does not.

    Returns:
        The exit status: 0, or 1 if nothing can be graded.
    """
    broken = 0
    for part, examine in PARTS:
        try:
            state, explanation = "works", examine()
        except Lacking as error:
            state, explanation = "lacks", str(error)
        except (Broken, ConformanceError) as error:
            state, explanation = "BROKEN", str(error)
            broken += 1
        sys.stdout.write(f"{state:<7} {part:<12} {explanation}\n")
        sys.stdout.flush()
    if broken:
        sys.stdout.write("\nThis machine cannot grade as it is: see what is BROKEN above.\n")
        return 1
    sys.stdout.write("\nThis machine can grade. Start with: pytest --impl=pipecat.serializers.twilio\n")
    return 0


def _python() -> str:
    version = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    if sys.version_info < OLDEST_PYTHON:
        raise Broken(f"{version}: the suite needs 3.11 or newer")
    return version


def _fork() -> str:
    if not hasattr(os, "fork"):
        raise Broken("this system has no os.fork; use Linux, macOS, or WSL on Windows")
    return f"each check runs in a process of its own, on {os.cpu_count()} processors"


def _pipecat() -> str:
    version = _installed("pipecat-ai")
    tried = subprocess.run(
        [sys.executable, "-c", "import pipecat.frames.frames"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Broken(f"{version} cannot be imported: {reason}")
    numbers = tuple(int(part) for part in version.split()[1].split(".")[:3] if part.isdigit())
    if not (1, 2, 1) <= numbers < (2,):
        raise Lacking(f"{version} is outside 1.2.1 to 1.x, for which the suite is made")
    return version


def _specification() -> str:
    found = catalogue.load()
    return f"edition {EDITION}: {len(found.requirements)} requirements, {len(found.vectors)} vectors"


def _plugin() -> str:
    if "twilio_conformance" not in importlib.metadata.entry_points(group="pytest11").names:
        raise Lacking("the suite is not installed here: pytest needs `-p twilio_conformance.plugin`")
    return f"{_installed('pytest')} finds the plugin"


def _double() -> str:
    try:
        with Network([{"status": 200, "json": {"status": "completed"}}]) as twilio:
            urllib.request.urlopen("https://api.twilio.com/", data=b"Status=completed", timeout=10).close()
            seen = len(twilio.exchanges)
            try:
                urllib.request.urlopen("https://conformance.invalid/", timeout=10).close()
                refuses = False
            except OSError:
                refuses = True
    except Exception as error:
        raise Broken(f"Twilio cannot be played on loopback: {error}") from error
    if seen != 1 or not refuses:
        raise Broken(f"{seen} of 1 requests were seen, others refused: {refuses}")
    return "a request to Twilio over TLS was answered on loopback, others are refused"


def _grading() -> str:
    executor = Executor(REFERENCE, EDITION, concurrency=1)
    try:
        executor.start(catalogue.load(EDITION))
        found = executor.result(SAMPLE)
    except ConformanceError as error:
        raise Broken(f"one vector cannot be graded: {error}") from error
    finally:
        executor.close()
    if any(outcome.status != PASS for outcome in found.outcomes.values()):
        raise Broken(f"the reference was graded with {SAMPLE}, and fails: the suite is damaged")
    return f"the reference was graded with {SAMPLE}, and passes"


def _extra(name: str, modules: tuple[str, ...], use: str) -> str:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise Lacking(f"{', '.join(missing)}, for {use}: pip install 'pipecat-twilio-conformance[{name}]'")
    return f"{', '.join(modules)}, for {use}"


def _parallel() -> str:
    try:
        return _installed("pytest-xdist")
    except Broken:
        raise Lacking("pytest-xdist is not installed; nothing else needs it") from None


def _namespaces() -> str:
    """Try to give a process its own network, which only implementations in other languages need."""
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "-rnm", "true"], capture_output=True, check=False).returncode:
        raise Lacking("no network namespaces: an implementation in another language has to take a base_url")
    return "a process can be given a network of its own with Twilio's names"


def _installed(distribution: str, use: str = "") -> str:
    """Return the name and version of a distribution, and what it is for."""
    purpose = f", {use}" if use else ""
    try:
        return f"{distribution} {importlib.metadata.version(distribution)}{purpose}"
    except importlib.metadata.PackageNotFoundError as error:
        label = f"{distribution}{purpose}," if use else distribution
        raise Broken(f"{label} is not installed: pip install {distribution}") from error


PARTS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("Python", _python),
    ("fork", _fork),
    ("Pipecat", _pipecat),
    ("vectors", _specification),
    ("pytest", _plugin),
    ("TLS double", _double),
    ("grading", _grading),
    ("resampling", partial(_installed, "soxr", "Pipecat's own")),
    ("resampling", partial(_installed, "numpy", "what the reference and the measurements count with")),
    ("[live]", partial(_extra, "live", ("fastapi", "uvicorn", "websockets"), "the profile live")),
    ("[fuzz]", partial(_extra, "fuzz", ("hypothesis",), "fuzzing")),
    ("-n auto", _parallel),
    ("namespaces", _namespaces),
)
"""The parts to examine; each builds on those before it."""
