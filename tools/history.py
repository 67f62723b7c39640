"""Renders docs/releases.md and .html from the grades in docs/data/releases.json and what docs/data/history.toml knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

from packaging.version import Version

from twilio_conformance.report import matrix
from twilio_conformance.report.model import Check, Implementation, Ledger, Report, requirement
from twilio_conformance.spec.catalogue import PROFILES, Catalogue, Requirement
from twilio_conformance.spec.verdict import Threshold, judge

Json = dict[str, Any]

UNGRADED = "ungraded"
"""The status of a requirement all of whose checks need what a release does not have."""

HOLDS = ("pass", "not-applicable", UNGRADED)

WORDS = {
    "pass": "pass",
    "fail": "**fail**",
    "not-applicable": "n/a",
    "not-testable": "**untestable**",
    UNGRADED: "none",
}

LONGEST_FINDING = 100
"""Characters of a finding in a table."""

LONGEST_REASON = 300
"""Characters of the reason why a release cannot be installed."""

GENERATED = "<!-- Rendered by tools/releases.py: run `make releases`. -->\n"


class HistoryError(Exception):
    """The grades and docs/data/history.toml contradict each other; the message says where."""


class Releases:
    """The grades of all releases, oldest first."""

    def __init__(
        self, document: Json, requirements: dict[str, Requirement], unsteady: Mapping[str, str]
    ) -> None:
        """The grades that `gather` wrote, of requirements that the edition still holds.

        Args:
            document: What docs/data/releases.json holds.
            requirements: The requirements of the edition.
            unsteady: Requirements whose status differs from run to run, with the reason; they make no turn.
        """
        self.unsteady = dict(unsteady)
        self.later = [
            name
            for name, entry in requirements.items()
            if entry.excluded is None and name not in document["requirements"]
        ]
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


def render(grades: Json, known: Json, requirements: dict[str, Requirement], *, oldest_promised: str) -> str:
    """The page, after a look whether history and grades agree.

    Args:
        grades: What docs/data/releases.json holds.
        known: What docs/data/history.toml holds.
        requirements: The requirements of the edition.
        oldest_promised: The first release that has to be graded whole.

    Raises:
        HistoryError: They do not.
    """
    releases = Releases(grades, requirements, _unsteady(known))
    history = list(_since_the_oldest(releases, known["change"]))
    _expect_agreement(releases, history)
    return GENERATED + "\n".join(_page(releases, history, oldest_promised)).rstrip() + "\n"


def _since_the_oldest(releases: Releases, changes: list[Json]) -> Iterator[Json]:
    """The changes after the oldest release graded, each with the first release graded that has it."""
    for entry in changes:
        change = Version(entry["version"])
        first = next((version for version in releases.versions if Version(version) >= change), None)
        if first is not None and change > Version(releases.versions[0]):
            yield entry | {"first": first}


def _unsteady(known: Json) -> dict[str, str]:
    return {entry["requirement"]: entry["reason"] for entry in known.get("unsteady", ())}


def side_by_side(grades: Json, known: Json, catalogue: Catalogue) -> str:
    """The same grades as `twilio-conformance matrix` shows several reports, a column for each group of releases."""
    releases = Releases(grades, catalogue.requirements, _unsteady(known))
    reports = [_as_report(releases, group, catalogue) for group in releases.groups()]
    turns = {name: _broken_and_fixed(releases, name) for name in releases.requirements}
    remarks = {
        "first broken": {name: broken for name, (broken, _) in turns.items()},
        "first fixed": {name: fixed for name, (_, fixed) in turns.items()},
    }
    heading = f"Pipecat's releases, {_span(releases.versions)}"
    return matrix.as_html(matrix.build(reports), heading, remarks)


def _as_report(releases: Releases, group: list[str], catalogue: Catalogue) -> Report:
    """A report on the first of some releases that grade the same, with what a matrix shows."""
    document, own = releases.document, releases.requirements
    found = {name: releases.status(name, group[0]) for name in own}
    graded = {name: status for name, status in found.items() if status != UNGRADED}
    return Report(
        suite=document["edition"],
        edition=document["edition"],
        vectors_digest=document["vectors_digest"],
        implementation=Implementation(spec="", name="pipecat-ai", version=_span(group), capabilities=[]),
        pipecat="",  # it is the implementation
        python="",
        network="",
        started="",
        finished="",
        gate=Threshold(frozenset()),
        requirements={
            name: requirement(catalogue, own[name], [Check(id=name, status=status)])
            for name, status in graded.items()
        },
        verdict=judge(own.values(), graded, partial=len(graded) < len(found)),
        metrics={},
        notes=[],
        ledger=Ledger(expected=0, collected=0, executed=0, missing=[], excluded={}),
    )


def _expect_agreement(releases: Releases, history: list[Json]) -> None:
    turns = releases.turns()
    explained: dict[str, set[str]] = {}
    for entry in history:
        seen = releases.requirements.keys() & set(entry.get("seen", ()))
        explained.setdefault(entry["first"], set()).update(seen)
    problems = [
        f"{version}: {name} turned from {before} to {since}, which docs/data/history.toml does not explain"
        for version, found in turns.items()
        for name, (before, since) in found.items()
        if name not in explained.get(version, ())
    ]
    problems += [
        f"{version}: docs/data/history.toml says that {name} turned; it did not"
        for version, names in explained.items()
        for name in sorted(names)
        if name not in turns.get(version, {})
    ]
    if problems:
        raise HistoryError("\n".join(problems))


def _page(releases: Releases, history: list[Json], oldest_promised: str) -> Iterator[str]:
    document, versions = releases.document, releases.versions
    yield "# Pipecat's releases, graded\n"
    grades = f"{document['checks']} checks of {len(document['requirements'])} requirements"
    yield (
        f"{_which(document)} of pipecat-ai from {versions[0]} to {versions[-1]}, each installed in"
        f" an environment of its own and graded on {document['graded']} with Python {document['python']}:"
        f" edition {document['edition']}, {grades}, vectors `{document['vectors_digest'][:12]}`."
        " `make releases` does it again and writes this page.\n"
    )
    yield (
        f"The suite promises to grade {oldest_promised} and newer. It runs with older releases back to"
        " 0.0.87, which brought `OutputTransportMessageFrame`. What needs a frame, or a part of the base class, that"
        f" such a release does not have is left out there ({_unplayed(document)}).\n"
    )
    for version, reason in document["left_out"].items():
        yield f"{version} cannot be installed with what the suite needs: {_escaped(reason[:LONGEST_REASON])}\n"
    yield _packages(document)
    if releases.later:
        chapters = _by_chapter(releases.later)
        counted = ", ".join(f"{len(names)} of {chapter}" for chapter, names in chapters.items())
        yield f"{len(releases.later)} requirements came after these grades and are in none of the tables: {counted}.\n"
    yield "[All requirements, side by side](releases.html), the differences first.\n"
    yield "## In short\n"
    yield "Releases that grade the same in every requirement stand together. Numbers count MUSTs that hold.\n"
    yield from _verdicts(releases)
    yield "\n## What changed, release by release\n"
    yield from _turns(releases, history)
    yield "## The known history, and what the suite sees of it\n"
    yield "What the changelog, the tags and the issues tell of the class since the oldest release above.\n"
    yield "| release | change | seen by the suite |"
    yield "| --- | --- | --- |"
    for entry in history:
        own = [name for name in entry.get("seen", ()) if name in releases.requirements]
        seen = ", ".join(map(_link, own))
        verdict = "; ".join(filter(None, (seen, entry.get("unseen"))))
        yield f"| {entry['version']} | {entry['change']} | {verdict} |"
    if releases.unsteady:
        yield "\n## Not the same in every run\n"
        yield "These do not count as turns of a release, and their column holds what one run found.\n"
        for name, reason in releases.unsteady.items():
            yield f"- {_link(name)}: {reason}"
    yield "\n## Requirements that some release does not meet\n"
    yield from _findings(releases)
    met = [name for name, found in releases.statuses.items() if set(found) <= set(HOLDS)]
    partly = [name for name in met if UNGRADED in releases.statuses[name]]
    always = [name for name in met if name not in partly]
    yield "## Requirements that every release meets\n"
    yield f"{len(always)}, counting those that do not apply to some.\n"
    if partly:
        yield f"Met by every release that can be graded on them, and not graded on all: {', '.join(map(_link, partly))}.\n"
    yield "| chapter | requirements |"
    yield "| --- | --- |"
    for chapter, names in _by_chapter(always).items():
        yield f"| {chapter} | {' '.join(_link(name, name.rpartition('-')[2]) for name in names)} |"


def _by_chapter(names: Iterable[str]) -> dict[str, list[str]]:
    """Ids of requirements by the chapter that they name."""
    return {chapter: list(own) for chapter, own in groupby(names, key=lambda name: name.split("-")[1])}


def _which(document: Json) -> str:
    """Which releases were graded: all that the package index listed and that can be installed, or some."""
    graded, listed = len(document["releases"]), len(document["listed"]) - len(document["left_out"])
    return f"All {graded} releases" if graded == listed else f"{graded} of the {listed} releases"


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
        verdicts = [_verdict(releases, profile, group[0]) for profile in profiles]
        yield f"| {_span(group)} | {' | '.join(verdicts)} |"


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
            if entry["first"] == version and entry.get("seen"):
                yield f"{entry['change']}\n"
        for name, (before, since) in found.items():
            statement = releases.requirements[name].statement
            yield f"- {_link(name)} {WORDS[before]} → {WORDS[since]}: {statement}"
        yield ""


def _findings(releases: Releases) -> Iterator[str]:
    groups = releases.groups()
    yield (
        "A column holds the releases from the one named to the next column. Broken and fixed name the first"
        " release that fails or cannot be tested and the first after it that does not; ≤ says that the oldest"
        " release graded is so already.\n"
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
        columns = " | ".join(group[0] for group in groups)
        yield f"| requirement | level | {columns} | broken | fixed | finding |"
        yield f"| --- | --- |{' --- |' * (len(groups) + 3)}"
        for entry in own:
            cells = [WORDS[releases.status(entry.id, group[0])] for group in groups]
            broken, fixed = _broken_and_fixed(releases, entry.id)
            finding = releases.document["findings"][entry.id]
            line = [_link(entry.id), entry.level, *cells, broken, fixed, _cell(finding)]
            yield f"| {' | '.join(line)} |"
        yield ""


def _broken_and_fixed(releases: Releases, name: str) -> tuple[str, str]:
    """The first release that fails or cannot be tested, and the first after it that does not."""
    versions, statuses = releases.versions, releases.statuses[name]
    bad = [status not in HOLDS for status in statuses]
    # Of what no release before could be graded on, nobody knows.
    known = next(place for place, status in enumerate(statuses) if status != UNGRADED)
    if True not in bad:
        return f"not since {versions[known]}" if known else "never", "-"
    first = bad.index(True)
    broken = f"≤ {versions[first]}" if first == known else versions[first]
    later = [version for version, is_bad in zip(versions[first:], bad[first:], strict=True) if not is_bad]
    return broken, later[0] if later else "not yet"


def _span(group: list[str]) -> str:
    return group[0] if len(group) == 1 else f"{group[0]} to {group[-1]}"


def _link(requirement: str, text: str = "") -> str:
    return f"[{text or requirement}](../spec/SPECIFICATION.md#{requirement.lower()})"


def _cell(text: str) -> str:
    """A finding in the cell of a table: without the argument, which is long and says less than the requirement."""
    text = re.sub(r"(\b(?:de)?serialize)\(.*\): ", r"\1(…): ", text, flags=re.DOTALL)
    text = text if len(text) <= LONGEST_FINDING else f"{text[:LONGEST_FINDING]}…"
    return _escaped(text)


def _escaped(text: str) -> str:
    return "".join(f"&#{ord(character)};" if character in "|<>{}*_`[]" else character for character in text)
