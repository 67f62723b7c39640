"""Grades every release of Pipecat: `python -m docs.releases grade`; docs/history.py renders the page."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement as Dependency
from packaging.version import Version

from docs.history import HOLDS, UNGRADED, HistoryError, compress, render
from twilio_conformance import EDITION, catalogue

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
GRADES = ROOT / "docs" / "releases.json"
HISTORY = ROOT / "docs" / "history.toml"
PAGE = ROOT / "docs" / "releases.md"
ENVIRONMENTS = ROOT / ".venv-releases"

OLDEST = Version("0.0.95")
"""The last release that wrote the token into logs; the suite runs with releases as old as 0.0.87."""

PROMISED = Version("1.2.1")
"""The first release that this project promises to grade whole; older ones lack some frames."""

PACKAGES = ("soxr", "aiohttp")
"""What the audio and the requests of Pipecat's serializer depend on."""

BUSY = "after others had not returned"
"""What a report says of calls that were cut short since others had timed out; on an idle machine none do."""

NOT_NEEDED = ("pipecat-ai", "soxr")
"""Dependencies of this project that each release brings in its own version."""

SUITE = ("conformance/twilio_conformance/checks", "spec/requirements", "vectors/v1")
"""What decides on a grade besides the release: where it changes, every release is graded anew."""

UNSOLVABLE = "No solution found"
"""What uv says where a release and its dependencies do not go together."""


class GradeError(Exception):
    """A release could not be graded; the message says why."""


class UninstallableError(Exception):
    """A release cannot be installed together with what the suite needs; the message says why."""


def available() -> list[str]:
    """Every release on the package index since the oldest that is graded, oldest first; none that is yanked."""
    command = [sys.executable, "-m", "pip", "index", "versions", "pipecat-ai"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    listed = re.search(r"^Available versions: (.*)$", answer, re.MULTILINE)
    if listed is None:
        raise GradeError(f"pip lists no release of pipecat-ai: {answer[:300]}")
    versions = map(Version, listed.group(1).split(", "))
    return [str(version) for version in sorted(versions) if version >= OLDEST]


def environment(version: str) -> Path:
    """The Python of an environment with this release and all that the suite needs, made when missing.

    Raises:
        UninstallableError: The release and what the suite needs do not go together.
    """
    folder = ENVIRONMENTS / version
    python = folder / "bin" / "python"
    stamp = folder / "release.stamp"
    if not stamp.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        needed = [*project["dependencies"], *project["optional-dependencies"]["live"]]
        needed = [entry for entry in needed if Dependency(entry).name not in NOT_NEEDED]
        subprocess.run(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True
        )
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
        done = subprocess.run(
            [*install, f"pipecat-ai[websocket]=={version}", *needed], stderr=subprocess.PIPE, text=True
        )
        if UNSOLVABLE in done.stderr:
            raise UninstallableError(" ".join(done.stderr.partition(UNSOLVABLE)[2].split()))
        if done.returncode != 0:
            raise GradeError(f"pipecat-ai {version} was not installed:\n{done.stderr}")
        stamp.touch()
    return python


def grade(version: str) -> None:
    """Writes the report on one release into its environment, unless this suite has written it before.

    Raises:
        GradeError: The run was not whole.
        UninstallableError: The release cannot be installed.
    """
    python = environment(version)
    report, stamp = _report(version), _stamp(version)
    suite = _suite()
    if report.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == suite:
        return
    stamp.unlink(missing_ok=True)
    paths = os.pathsep.join(str(ROOT / part) for part in ("conformance", "reference"))
    options = ["--impl=pipecat.serializers.twilio", "--profile=all", f"--report={report}"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [str(python), "-m", "pytest", "-p", "twilio_conformance.plugin", *options],
            cwd=folder, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    accepted = (0, 1, 3) if Version(version) < PROMISED else (0, 1)
    if done.returncode not in accepted or not report.exists():
        said = f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        raise GradeError(f"pipecat-ai {version}: exit status {done.returncode}\n{said}")
    if BUSY in report.read_text(encoding="utf-8"):
        raise GradeError(f"pipecat-ai {version}: calls timed out, as on a busy machine: try again")
    stamp.write_text(suite, encoding="utf-8")
    print(f"pipecat-ai {version}: {done.stdout.strip().splitlines()[-1].strip('= ')}", flush=True)


def _report(version: str) -> Path:
    return ENVIRONMENTS / version / "report.json"


def _stamp(version: str) -> Path:
    return ENVIRONMENTS / version / "suite.stamp"


def _suite() -> str:
    """A digest of all that decides on a grade besides the release."""
    digest = hashlib.sha256()
    files = (path for part in SUITE for path in (ROOT / part).rglob("*") if path.is_file())
    for path in sorted(path for path in files if "__pycache__" not in path.parts):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def gather(listed: list[str], left_out: dict[str, str]) -> Json:
    """The grades of all releases in one small document.

    Args:
        listed: Every release on the package index, oldest first.
        left_out: Those of them that could not be installed, with the reason.

    Raises:
        GradeError: A release was graded by another suite, or not at all.
    """
    suite = _suite()
    versions = [version for version in listed if version not in left_out]
    for version in versions:
        stamp = _stamp(version)
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != suite:
            raise GradeError(f"pipecat-ai {version} was not graded by this suite")
    reports = {version: json.loads(_report(version).read_text(encoding="utf-8")) for version in versions}
    newest = reports[versions[-1]]
    names = list(newest["requirements"])
    packages = {package: [_version_of(package, version) for version in versions] for package in PACKAGES}
    return {
        "edition": newest["edition"],
        "vectors_digest": newest["vectors_digest"],
        "checks": newest["ledger"]["expected"],
        "python": newest["python"],
        "graded": max(report["finished"] for report in reports.values())[:10],
        "listed": listed,
        "left_out": left_out,
        "releases": versions,
        "packages": {package: compress(versions, found) for package, found in packages.items()},
        "unplayed": compress(versions, (len(report["ledger"]["missing"]) for report in reports.values())),
        "requirements": {
            name: compress(versions, (_status(report, name) for report in reports.values())) for name in names
        },
        "findings": {name: found for name in names if (found := _finding(reports.values(), name))},
    }


def _version_of(package: str, version: str) -> str:
    folder = ENVIRONMENTS / version / "lib"
    found = next(folder.glob(f"python*/site-packages/{package}-*.dist-info"))
    return found.name.removeprefix(f"{package}-").removesuffix(".dist-info")


def _status(report: Json, name: str) -> str:
    return str(report["requirements"].get(name, {"status": UNGRADED})["status"])


def _finding(reports: Iterable[Json], name: str) -> str:
    """What the newest release that does not meet a requirement was found to do; empty where all meet it."""
    finding = ""
    for report in reports:
        if _status(report, name) not in HOLDS:
            own = report["requirements"][name]
            finding = next(check["message"] for check in own["checks"] if check["status"] == own["status"])
    return finding


def grade_all(anew: list[str]) -> None:
    """Grades every release that can be installed, one after the other, and writes docs/releases.json.

    Args:
        anew: Releases that are graded again even where this suite has graded them.

    Raises:
        GradeError: One of them could not be graded; those before it need not be graded again.
    """
    ENVIRONMENTS.mkdir(exist_ok=True)
    for version in anew:
        _stamp(version).unlink(missing_ok=True)
    listed, left_out = available(), {}
    for version in listed:
        try:
            grade(version)
        except UninstallableError as error:
            left_out[version] = str(error)
    GRADES.write_text(json.dumps(gather(listed, left_out), indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Grades and renders, or renders alone, or with --check says whether the page is what the grades give."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    every = commands.add_parser(
        "grade", help="install and grade every release that this suite has not graded yet, then render"
    )
    every.add_argument("anew", nargs="*", metavar="VERSION", help="grade this release anew")
    again = commands.add_parser("render", help="render from docs/releases.json")
    again.add_argument("--check", action="store_true", help="write nothing; exit 1 where the page differs")
    arguments = parser.parse_args()
    try:
        if arguments.command == "grade":
            grade_all(arguments.anew)
        known = tomllib.loads(HISTORY.read_text(encoding="utf-8"))
        grades = json.loads(GRADES.read_text(encoding="utf-8"))
        page = render(grades, known, catalogue.load(EDITION).requirements, oldest_promised=str(PROMISED))
    except (GradeError, HistoryError) as error:
        print(error, file=sys.stderr)
        return 1
    if getattr(arguments, "check", False):
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
            print(
                "docs/releases.md differs from docs/releases.json: run docs/releases.py render",
                file=sys.stderr,
            )
            return 1
        return 0
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
