"""Makes environments of Pipecat's releases, in the user's cache, where every clone of this project finds them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.requirements import Requirement as Dependency
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent

CACHE = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    / "pipecat-twilio-conformance"
    / "releases"
)

AT_ONCE = 3
"""Environments that are made at once: most of their time is waiting for the package index and the disk."""

NOT_NEEDED = ("pipecat-ai", "soxr")
"""Dependencies of this project that each release brings in its own version."""

UNSOLVABLE = "No solution found"
"""What uv says where a release and its dependencies do not go together."""


class InstallationError(Exception):
    """An environment could not be made; the message says why."""


def available(oldest: Version) -> list[str]:
    """Every release of Pipecat on the package index, oldest first; none that is yanked.

    Raises:
        InstallationError: The index does not answer.
    """
    command = [sys.executable, "-m", "pip", "index", "versions", "pipecat-ai"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    listed = re.search(r"^Available versions: (.*)$", done.stdout, re.MULTILINE)
    if listed is None:
        raise InstallationError(f"pip lists no release of pipecat-ai: {(done.stdout + done.stderr)[:600]}")
    versions = map(Version, listed.group(1).split(", "))
    return [str(version) for version in sorted(versions) if version >= oldest]


def folder(version: str) -> Path:
    """Where a release's environment is, and what was found of it."""
    return CACHE / version


def python(version: str) -> Path:
    """The Python of a release's environment."""
    return folder(version) / "bin" / "python"


def make_all(versions: Iterable[str]) -> dict[str, str]:
    """Makes the environments that are missing or hold something else than what is needed today.

    Returns:
        The releases that cannot be installed together with what the suite needs, with the reason.

    Raises:
        InstallationError: One was not installed for another reason; the others are made.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    needed = _needed()
    missing = [version for version in versions if _made_of(version) != _key([_release(version), *needed])]
    left_out, problems = {}, []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = pool.map(lambda each: _make(each, [_release(each)], needed), missing)
        for version, said in zip(missing, made, strict=True):
            if UNSOLVABLE in said:
                left_out[version] = " ".join(said.partition(UNSOLVABLE)[2].split())
            elif said:
                problems.append(f"pipecat-ai {version} was not installed:\n{said[-1500:]}")
    if problems:
        raise InstallationError("\n".join(problems))
    return left_out


def make_one(name: str, packages: list[str]) -> None:
    """Makes one environment of a name of its own, with some packages and what the suite needs.

    Raises:
        InstallationError: It could not be made.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    needed = _needed()
    if _made_of(name) != _key([*packages, *needed]) and (said := _make(name, packages, needed)):
        raise InstallationError(f"{' '.join(packages)} was not installed:\n{said[-1500:]}")


def _needed() -> list[str]:
    """What the suite needs besides the release."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["live"]]
    return [entry for entry in needed if Dependency(entry).name not in NOT_NEEDED]


def _release(version: str) -> str:
    return f"pipecat-ai[websocket]=={version}"


def _key(needed: list[str]) -> str:
    """What an environment was made of, so that one of something else is made anew."""
    made_of = [needed, platform.python_version(), platform.machine(), sys.base_prefix]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def _made_of(version: str) -> str:
    stamp = folder(version) / "made_of"
    return stamp.read_text(encoding="utf-8") if stamp.exists() and python(version).exists() else ""


def _make(version: str, packages: list[str], needed: list[str]) -> str:
    """Makes one environment; returns what went wrong, or nothing."""
    uv = str(Path(sys.executable).with_name("uv"))
    place = folder(version)
    shutil.rmtree(place, ignore_errors=True)
    for command in (
        [uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(place)],
        [uv, "pip", "install", "--quiet", "--python", str(python(version)), *packages, *needed],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode != 0:
            shutil.rmtree(place, ignore_errors=True)
            return done.stderr or f"{command[:3]}: exit status {done.returncode}"
    (place / "made_of").write_text(_key([*packages, *needed]), encoding="utf-8")
    print(f"{' '.join(packages)}: installed", flush=True)
    return ""
