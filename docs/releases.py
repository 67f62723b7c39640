"""Grades every release of Pipecat, and renders docs/releases.md from the grades and docs/history.toml."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement as Dependency
from packaging.version import Version

from twilio_conformance import EDITION, catalogue
from twilio_conformance.catalogue import PROFILES, Requirement

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
GRADES = ROOT / "docs" / "releases.json"
HISTORY = ROOT / "docs" / "history.toml"
PAGE = ROOT / "docs" / "releases.md"
ENVIRONMENTS = ROOT / ".venv-releases"

OLDEST = Version("0.0.95")
"""The last release that wrote the token into logs; the suite runs with releases as old as 0.0.87."""

PROMISED = Version("1.2.1")
"""The first release that this project promises to grade whole; older ones lack some of the frames that vectors send."""

AT_ONCE = 2
"""Releases that are graded at once; each run has several processes of its own."""

PACKAGES = ("soxr", "aiohttp")
"""What the audio and the requests of Pipecat's serializer depend on."""

NOT_NEEDED = ("pipecat-ai", "soxr")
"""Dependencies of this project that each release brings in its own version."""

UNGRADED = "ungraded"
"""The status of a requirement all of whose checks need what a release does not have."""

HOLDS = ("pass", "not-applicable", UNGRADED)

WORDS = {
    "pass": "pass",
    "fail": "**fail**",
    "not-applicable": "n/a",
    "not-testable": "**untestable**",
    UNGRADED: "–",
}

GENERATED = "<!-- Rendered by docs/releases.py: run `make releases`. -->\n"


class GradeError(Exception):
    """A release could not be graded; the message says why."""


class HistoryError(Exception):
    """The grades and docs/history.toml contradict each other; the message says where."""


class Releases:
    """The grades of all releases, oldest first."""

    def __init__(
        self, document: Json, requirements: dict[str, Requirement], unsteady: Iterable[str] = ()
    ) -> None:
        """The grades that `gather` wrote, of requirements that the edition still holds.

        Args:
            document: What docs/releases.json holds.
            requirements: The requirements of the edition.
            unsteady: Requirements whose status is not the same in every run; they make no turn.
        """
        self.unsteady = frozenset(unsteady)
        self.document = document
        self.versions: list[str] = document["releases"]
        self.requirements = {
            name: requirements[name] for name in document["requirements"] if name in requirements
        }

    @cached_property
    def statuses(self) -> dict[str, list[str]]:
        """The status of each requirement, a release after the other."""
        return {
            name: expand(self.versions, self.document["requirements"][name]) for name in self.requirements
        }

    def turns(self) -> dict[str, dict[str, tuple[str, str]]]:
        """What changed with a release: of each requirement the status before and the status since."""
        found: dict[str, dict[str, tuple[str, str]]] = {}
        for name, statuses in self.statuses.items():
            if name in self.unsteady:
                continue
            for version, (before, since) in zip(self.versions[1:], pairwise(statuses), strict=True):
                if before != since:
                    found.setdefault(version, {})[name] = (before, since)
        return {version: found[version] for version in self.versions if version in found}

    def groups(self) -> list[list[str]]:
        """Successive releases that grade the same in everything."""
        turns, found = self.turns(), [[self.versions[0]]]
        for version in self.versions[1:]:
            if version in turns:
                found.append([])
            found[-1].append(version)
        return found

    def status(self, name: str, version: str) -> str:
        """The status of one requirement in one release."""
        return self.statuses[name][self.versions.index(version)]


def expand(versions: list[str], stretches: dict[str, str]) -> list[str]:
    """The status in each version, from the status since some of them."""
    found: list[str] = []
    for version in versions:
        found.append(stretches.get(version) or found[-1])
    return found


def compress(versions: list[str], values: Iterable[Any]) -> dict[str, Any]:
    """The values by the version that each stretch of equal ones begins with."""
    stretches = groupby(zip(versions, values, strict=True), key=lambda pair: pair[1])
    return {next(members)[0]: value for value, members in stretches}


def available() -> list[str]:
    """Every release that can be installed and graded, oldest first."""
    command = [sys.executable, "-m", "pip", "index", "versions", "--json", "pipecat-ai"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    versions = map(Version, json.loads(answer.stdout)["versions"])
    return [str(version) for version in sorted(versions) if version >= OLDEST]


def environment(version: str) -> Path:
    """The Python of an environment with this release and all that the suite needs, made when it is missing."""
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
        subprocess.run([*install, f"pipecat-ai[websocket]=={version}", *needed], check=True)
        stamp.touch()
    return python


def grade(version: str) -> None:
    """Writes the report on one release into its environment.

    Raises:
        GradeError: The run was not whole.
    """
    python = environment(version)
    report = _report(version)
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
    print(f"pipecat-ai {version}: {done.stdout.strip().splitlines()[-1].strip('= ')}", flush=True)


def _report(version: str) -> Path:
    return ENVIRONMENTS / version / "report.json"


def gather(versions: list[str]) -> Json:
    """The grades of these releases in one small document.

    Raises:
        GradeError: They were not graded by the same suite.
    """
    reports = {version: json.loads(_report(version).read_text(encoding="utf-8")) for version in versions}
    newest = reports[versions[-1]]
    names = list(newest["requirements"])
    for version, report in reports.items():
        same = all(report[part] == newest[part] for part in ("suite", "edition", "vectors_digest"))
        if not same or report["ledger"]["expected"] != newest["ledger"]["expected"]:
            raise GradeError(f"pipecat-ai {version} was graded by another suite: grade it again")
    packages = {package: [_version_of(package, version) for version in versions] for package in PACKAGES}
    return {
        "edition": newest["edition"],
        "vectors_digest": newest["vectors_digest"],
        "checks": newest["ledger"]["expected"],
        "python": newest["python"],
        "graded": max(report["finished"] for report in reports.values())[:10],
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


def render(releases: Releases, history: list[Json]) -> str:
    """The page, after a look whether history and grades agree.

    Raises:
        HistoryError: They do not.
    """
    _expect_agreement(releases, history)
    return GENERATED + "\n".join(_page(releases, history)).rstrip() + "\n"


def _expect_agreement(releases: Releases, history: list[Json]) -> None:
    turns = releases.turns()
    explained: dict[str, set[str]] = {}
    for entry in history:
        explained.setdefault(entry["version"], set()).update(entry.get("seen", ()))
    problems = [
        f"{version}: {name} turned from {before} to {since}, which docs/history.toml does not explain"
        for version, found in turns.items()
        for name, (before, since) in found.items()
        if name not in explained.get(version, ())
    ]
    problems += [
        f"{version}: docs/history.toml says that {name} turned; it did not"
        for version, names in explained.items()
        for name in sorted(names)
        if name not in turns.get(version, {})
    ]
    if problems:
        raise HistoryError("\n".join(problems))


def _page(releases: Releases, history: list[Json]) -> Iterator[str]:
    document, versions = releases.document, releases.versions
    yield "# Every Pipecat release, graded\n"
    yield (
        f"The {len(versions)} releases of pipecat-ai from {versions[0]} to {versions[-1]}, each installed in an"
        f" environment of its own and graded on {document['graded']} with Python {document['python']}: edition"
        f" {document['edition']}, {document['checks']} checks of {len(document['requirements'])} requirements,"
        f" vectors `{document['vectors_digest'][:12]}`. `make releases` does it again and writes this page.\n"
    )
    yield (
        f"The suite promises to grade {PROMISED} and newer. It runs with older releases back to 0.0.87, which brought"
        " `OutputTransportMessageFrame`; what needs a frame that such a release does not have is left out there"
        f" ({_unplayed(document)}).\n"
    )
    yield _packages(document)
    yield "## In short\n"
    yield "Releases that grade the same in every requirement stand together. Numbers count the MUST that hold.\n"
    yield from _verdicts(releases)
    yield "\n## What changed, release by release\n"
    yield from _turns(releases, history)
    yield "## The known history, and what the suite sees of it\n"
    yield "What the changelog, the tags and the issues tell of the class since the oldest release graded here.\n"
    yield "| release | change | seen by the suite |"
    yield "| --- | --- | --- |"
    for entry in history:
        seen = ", ".join(map(_link, entry.get("seen", ())))
        verdict = "; ".join(filter(None, (seen, entry.get("unseen"))))
        yield f"| {entry['version']} | {entry['change']} | {verdict} |"
    yield "\n## Requirements that some release does not meet\n"
    yield from _findings(releases)
    always = [name for name, found in releases.statuses.items() if set(found) <= set(HOLDS)]
    yield "## Requirements that every release meets\n"
    yield f"{len(always)}, counting those that do not apply to some: {', '.join(map(_link, always))}.\n"


def _unplayed(document: Json) -> str:
    stretches = document["unplayed"].items()
    return ", ".join(f"{count} checks from {version}" for version, count in stretches if count) or "nothing"


def _packages(document: Json) -> str:
    said = []
    for package, stretches in document["packages"].items():
        since = ", ".join(f"{value} from {version}" for version, value in stretches.items())
        said.append(f"{package} {since if len(stretches) > 1 else next(iter(stretches.values()))}")
    return f"Each release brings the newest dependencies that it allows: {'; '.join(said)}.\n"


def _verdicts(releases: Releases) -> Iterator[str]:
    profiles = [
        name for name in PROFILES if any(entry.profile == name for entry in releases.requirements.values())
    ]
    yield f"| releases | {' | '.join(profiles)} |"
    yield f"| --- |{' --- |' * len(profiles)}"
    for group in releases.groups():
        yield f"| {_span(group)} | {' | '.join(_verdict(releases, profile, group[0]) for profile in profiles)} |"


def _verdict(releases: Releases, profile: str, version: str) -> str:
    must = [
        entry for entry in releases.requirements.values() if (entry.profile, entry.level) == (profile, "MUST")
    ]
    found = [releases.status(entry.id, version) for entry in must]
    applicable = len(found) - found.count("not-applicable") - found.count(UNGRADED)
    held = found.count("pass")
    return f"{'conformant' if held == applicable else 'not conformant'}, {held} of {applicable}"


def _turns(releases: Releases, history: list[Json]) -> Iterator[str]:
    for version, found in reversed(releases.turns().items()):
        yield f"### {version}\n"
        for entry in history:
            if entry["version"] == version and entry.get("seen"):
                yield f"{entry['change']}\n"
        for name, (before, since) in found.items():
            statement = releases.requirements[name].statement
            yield f"- {_link(name)} {WORDS[before]} → {WORDS[since]}: {statement}"
        yield ""


def _findings(releases: Releases) -> Iterator[str]:
    groups = releases.groups()
    yield (
        "A column holds the releases from the one named to the next column. Broken and fixed name the first release"
        " that fails and the first after it that does not; ≤ says that the oldest release graded fails already.\n"
    )
    for profile in PROFILES:
        own = [
            entry
            for entry in releases.requirements.values()
            if entry.profile == profile and not set(releases.statuses[entry.id]) <= set(HOLDS)
        ]
        if not own:
            continue
        yield f"### {profile.capitalize()}\n"
        yield f"| requirement | level | {' | '.join(group[0] for group in groups)} | broken | fixed | finding |"
        yield f"| --- | --- |{' --- |' * (len(groups) + 3)}"
        for entry in own:
            cells = [WORDS[releases.status(entry.id, group[0])] for group in groups]
            broken, fixed = _broken_and_fixed(releases, entry.id)
            finding = releases.document["findings"][entry.id]
            line = [_link(entry.id), entry.level, *cells, broken, fixed, _cell(finding)]
            yield f"| {' | '.join(line)} |"
        yield ""


def _broken_and_fixed(releases: Releases, name: str) -> tuple[str, str]:
    bad = [status not in HOLDS for status in releases.statuses[name]]
    first = bad.index(True)
    broken = f"≤ {releases.versions[0]}" if first == 0 else releases.versions[first]
    later = [
        version for version, is_bad in zip(releases.versions[first:], bad[first:], strict=True) if not is_bad
    ]
    return broken, later[0] if later else "–"


def _span(group: list[str]) -> str:
    return group[0] if len(group) == 1 else f"{group[0]} – {group[-1]}"


def _link(requirement: str) -> str:
    return f"[{requirement}](../spec/SPECIFICATION.md#{requirement.lower()})"


def _cell(text: str) -> str:
    text = text if len(text) <= 160 else f"{text[:160]}…"
    return "".join(f"&#{ord(character)};" if character in "|<>{}*_`[]" else character for character in text)


def grade_all(versions: list[str]) -> None:
    """Grades these releases, or every one there is, and writes docs/releases.json.

    Raises:
        GradeError: One of them could not be graded, or was graded by another suite before.
    """
    ENVIRONMENTS.mkdir(exist_ok=True)
    every = available()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(grade, versions or every):
            pass
    GRADES.write_text(json.dumps(gather(every), indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Grades and renders, or renders alone, or with --check says whether the page is what the grades give."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    anew = commands.add_parser(
        "grade", help="install and grade every release, or some of them anew, then render"
    )
    anew.add_argument("versions", nargs="*", metavar="VERSION")
    again = commands.add_parser("render", help="render from docs/releases.json")
    again.add_argument("--check", action="store_true", help="write nothing; exit 1 where the page differs")
    arguments = parser.parse_args()
    try:
        if arguments.command == "grade":
            grade_all(arguments.versions)
        releases = Releases(
            json.loads(GRADES.read_text(encoding="utf-8")), catalogue.load(EDITION).requirements
        )
        page = render(releases, tomllib.loads(HISTORY.read_text(encoding="utf-8"))["change"])
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
