"""Grades every release of Pipecat: `python -m tools.releases grade`; tools/history.py renders the page."""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from packaging.version import Version

from tools import environments
from tools.history import HOLDS, UNGRADED, HistoryError, compress, render, side_by_side
from twilio_conformance import EDITION
from twilio_conformance.report import model
from twilio_conformance.spec import catalogue

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
GRADES = ROOT / "docs" / "data" / "releases.json"
HISTORY = ROOT / "docs" / "data" / "history.toml"
PAGE = ROOT / "docs" / "releases.md"
TABLE = ROOT / "docs" / "releases.html"

OLDEST = Version("0.0.95")
"""The last release that wrote the token into logs; the suite runs with releases as old as 0.0.87."""

PROMISED = Version("1.2.1")
"""The first release that this project promises to grade whole; older ones lack some frames."""

PACKAGES = ("soxr", "aiohttp")
"""What the audio and the requests of Pipecat's serializer depend on."""

BUSY = "after others had not returned"
"""What a report says of calls that were cut short since others had timed out; on an idle machine none do."""

ATTEMPTS = 2
"""Runs of one release before it counts as not gradable: the first may have met a busy machine."""

LIMIT = 300.0
"""Seconds for one run, which takes some 40 on two processors."""

SUITE = ("conformance/twilio_conformance", "spec/requirements", "vectors/v1")
"""What decides on a grade besides the release: where it changes, every release is graded anew."""

NO_GRADER = ("__pycache__", "report", "fuzz")
"""Parts of the suite that no grade depends on."""


class GradeError(Exception):
    """A release could not be graded; the message says why."""


def grade(version: str) -> str:
    """Writes the report on one release into its environment, and returns what it says in brief.

    One release after the other: a run has a child at work for each processor, and calls in real time want them idle.

    Raises:
        GradeError: The run was not whole.
    """
    report, suite = _report(version), _suite()
    _stamp(version).unlink(missing_ok=True)
    report.unlink(missing_ok=True)
    paths = os.pathsep.join(str(ROOT / part) for part in ("conformance", "reference"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    options = ["--impl=pipecat.serializers.twilio", "--profile=all", f"--report={report}"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [str(environments.python(version)), "-m", "pytest", "-p", "twilio_conformance.plugin", *options],
                cwd=folder, env=environment | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False,
                timeout=LIMIT,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise GradeError(f"pipecat-ai {version}: not at its end after {LIMIT:.0f} s") from error
    accepted = (0, 1, 3) if Version(version) < PROMISED else (0, 1)
    if done.returncode not in accepted or not report.exists():
        said = f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        raise GradeError(f"pipecat-ai {version}: exit status {done.returncode}\n{said}")
    text = report.read_text(encoding="utf-8")
    if BUSY in text:
        raise GradeError(f"pipecat-ai {version}: calls timed out, as on a busy machine")
    _stamp(version).write_text(suite, encoding="utf-8")
    return ", ".join(_brief(json.loads(text)))


def _brief(report: Json) -> Iterator[str]:
    for profile, verdict in report["verdict"].items():
        held, applicable = model.tally(verdict["counts"], "MUST")
        yield f"{profile} {held}/{applicable}"


def _report(version: str) -> Path:
    return environments.folder(version) / "report.json"


def _stamp(version: str) -> Path:
    return environments.folder(version) / "graded_by"


def _is_graded(version: str) -> bool:
    stamp = _stamp(version)
    return stamp.exists() and stamp.read_text(encoding="utf-8") == _suite()


@functools.cache
def _suite() -> str:
    """A digest of all that decides on a grade besides the release."""
    digest = hashlib.sha256()
    files = (path for part in SUITE for path in (ROOT / part).rglob("*") if path.is_file())
    for path in sorted(path for path in files if not {*path.relative_to(ROOT).parts} & {*NO_GRADER}):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def gather(listed: list[str], left_out: dict[str, str]) -> Json:
    """The grades of all releases in one small document.

    Args:
        listed: Every release on the package index, oldest first.
        left_out: Those of them that could not be installed, with the reason.

    Raises:
        GradeError: None of them was graded by this suite.
    """
    versions = [version for version in listed if version not in left_out and _is_graded(version)]
    if not versions:
        raise GradeError("no release was graded by this suite")
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
    libraries = environments.folder(version) / "lib"
    found = next(libraries.glob(f"python*/site-packages/{package}-*.dist-info"))
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


def grade_all(chosen: list[str], *, anew: bool) -> None:
    """Grades what this suite has not graded yet, one release after the other, and writes docs/data/releases.json.

    It may be stopped at any time: what was graded is kept beside the environments, and is not graded again.

    Args:
        chosen: The releases to grade; every one that can be installed, where it is empty.
        anew: Whether to grade them again even where this suite has graded them.

    Raises:
        GradeError: Some could not be graded; the others are.
        InstallationError: Some could not be installed, for no reason of their own.
    """
    listed = environments.available(OLDEST)
    if unknown := [version for version in chosen if version not in listed]:
        raise GradeError(f"no release since {OLDEST}: {', '.join(unknown)}")
    wanted = chosen or listed
    left_out = environments.make_all(wanted)
    due = [version for version in wanted if version not in left_out and (anew or not _is_graded(version))]
    print(f"{len(wanted) - len(left_out)} releases, {len(due)} of them to be graded", flush=True)
    problems, start = [], time.monotonic()
    for number, version in enumerate(due, start=1):
        try:
            said = _persistently(version)
        except GradeError as error:
            problems.append(str(error))
            said = "not graded, see below"
        spent = time.monotonic() - start
        left = spent / number * (len(due) - number) / 60
        print(f"{number:3}/{len(due)}  {version:8} {said}  ({spent:.0f} s; {left:.0f} min left)", flush=True)
    GRADES.write_text(json.dumps(gather(listed, left_out), indent=1) + "\n", encoding="utf-8")
    if problems:
        raise GradeError("\n".join(problems))


def _persistently(version: str) -> str:
    """Grades a release, and again where the run was not whole."""
    for _ in range(ATTEMPTS - 1):
        try:
            return grade(version)
        except GradeError as error:
            print(f"{str(error).splitlines()[0]}: once more", flush=True)
    return grade(version)


def main() -> int:
    """Grades and renders, or renders alone, or with --check says whether the pages are what the grades give."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    every = commands.add_parser(
        "grade", help="install and grade every release that this suite has not graded yet, then render"
    )
    every.add_argument("versions", nargs="*", metavar="VERSION", help="grade these releases alone")
    every.add_argument("--anew", action="store_true", help="grade even what this suite has graded")
    again = commands.add_parser("render", help="render from docs/data/releases.json")
    again.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page differs")
    arguments = parser.parse_args()
    problem = ""
    try:
        if arguments.command == "grade":
            grade_all(arguments.versions, anew=arguments.anew)
    except environments.InstallationError as error:
        print(error, file=sys.stderr)
        return 1
    except GradeError as error:
        problem = str(error)
    try:
        pages = _pages()
    except HistoryError as error:
        print(f"{error}\nWith that explained, run: python -m tools.releases render", file=sys.stderr)
        return 1
    for page, text in pages.items():
        if not getattr(arguments, "check", False):
            page.write_text(text, encoding="utf-8")
        elif not page.exists() or page.read_text(encoding="utf-8") != text:
            problem = f"{page.relative_to(ROOT)} is not what docs/data/releases.json gives: python -m tools.releases render"
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


def _pages() -> dict[Path, str]:
    known = tomllib.loads(HISTORY.read_text(encoding="utf-8"))
    grades = json.loads(GRADES.read_text(encoding="utf-8"))
    requirements = catalogue.load(EDITION)
    return {
        PAGE: render(grades, known, requirements.requirements, oldest_promised=str(PROMISED)),
        TABLE: side_by_side(grades, known, requirements),
    }


if __name__ == "__main__":
    sys.exit(main())
