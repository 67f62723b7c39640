"""Known failures in a TOML file (a baseline): each has a reason and does not fail the run.

The file belongs to its users: an update moves whole entries with the comments above them and leaves the rest of the
text alone. (tomlkit would attach such a comment to the entry before it.)
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from twilio_conformance.errors import UsageError
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.verdict import PASS, Outcome

MEMBERS = ("requirement", "check", "reason", "expires", "tracker")
"""The keys of an entry; all but `requirement` and `reason` are optional."""

PLACEHOLDERS = frozenset({"", "todo", "tbd", "fixme"})
"""Placeholders rejected as reasons."""

_HEADER = re.compile(r"\s*\[\[\s*known\s*\]\]\s*(#.*)?")

_PREAMBLE = """\
# Failures that are known and let through by --baseline. Each needs a reason: an issue, a decision, a date.
# --write-baseline of this file adds what fails anew and takes out what passes; the rest stays as it is.
"""


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A known failure of one check of a requirement, or of all its checks if `check` is None.

    Attributes:
        requirement: The id of the requirement.
        check: The id of the check.
        reason: Why the failure is let through.
        expires: The last day on which it is; None for no end.
        tracker: The URL of its issue; None if there is none.
        location: The file and line of the entry, for messages.
        text: The entry as it stands in the file, with the comments directly above it.
    """

    requirement: str
    location: str
    text: str
    check: str | None = None
    reason: str = ""
    expires: date | None = None
    tracker: str | None = None

    @property
    def is_expired(self) -> bool:
        """Whether its last day is over."""
        return self.expires is not None and date.today() > self.expires

    @property
    def explanation(self) -> str:
        """The reason, with the issue and the last day if there are any."""
        more = [self.tracker or "", f"until {self.expires}" if self.expires else ""]
        return f"{self.reason} ({', '.join(filter(None, more))})" if any(more) else self.reason

    def covers(self, entry: Entry) -> bool:
        """Return whether a failure of this check is a known one."""
        return entry.requirement == self.requirement and self.check in (None, entry.check)

    @property
    def name(self) -> str:
        """The requirement, and the check if there is one."""
        return self.requirement if self.check is None else f"{self.requirement}[{self.check}]"


@dataclass(frozen=True)
class Baseline:
    """The known failures of a file in their order, and the text above them."""

    path: Path
    failures: tuple[KnownFailure, ...]
    preamble: str

    def reason(self, entry: Entry) -> str | None:
        """Return the reason of a known failure, or None if the failure is not known.

        An entry for the check takes precedence over one for the whole requirement. One that has expired does not count.
        """
        covering = [known for known in self.failures if known.covers(entry) and not known.is_expired]
        return min(covering, key=lambda known: known.check is None).explanation if covering else None

    def problems(self, entries: Collection[Entry]) -> list[str]:
        """Return what must be corrected before a run: unknown names and missing reasons."""
        reasons = [
            f"{known.location}: {known.name} has no reason yet; say why it is let through"
            for known in self.failures
            if known.reason.strip().rstrip(".:!…").lower() in PLACEHOLDERS
        ]
        return self.unknown_names(entries) + reasons

    def unknown_names(self, entries: Collection[Entry]) -> list[str]:
        """Return a sentence for each entry whose requirement or check does not exist, with the likely correction."""
        requirements = sorted({entry.requirement for entry in entries})
        found = []
        for known in self.failures:
            if known.requirement not in requirements:
                hint = _hint(known.requirement, requirements)
                found.append(f"{known.location}: no requirement {known.requirement} that is graded{hint}")
            elif known.check is not None and not any(map(known.covers, entries)):
                own = [entry.check for entry in entries if entry.requirement == known.requirement]
                others = [entry for entry in entries if entry.check == known.check]
                hint = f"; it is a check of {others[0].requirement}" if others else _hint(known.check, own)
                found.append(f"{known.location}: no check {known.check} of {known.requirement}{hint}")
        return found

    def expired(self) -> list[str]:
        """Return a sentence for each entry whose last day is over."""
        return [
            f"{known.location}: {known.name} expired on {known.expires}; fix the failure, or decide on it anew"
            for known in self.failures
            if known.is_expired
        ]

    def stale(self, entries: Collection[Entry], outcomes: Mapping[Entry, Outcome]) -> list[str]:
        """Return a sentence for each entry that passes now; entries that were not run completely are left out."""
        return [
            f"{known.location}: {known.name} passes now; take it out"
            for known in self.failures
            if _passes(known, entries, outcomes)
        ]


class Update(NamedTuple):
    """The new text of a file of known failures, and the changes in it."""

    text: str
    added: list[Entry]
    kept: int
    dropped: list[KnownFailure]


def load(path: Path) -> Baseline:
    """Load a baseline.

    Args:
        path: The file.

    Returns:
        Its known failures.

    Raises:
        UsageError: The file cannot be read, is not TOML, or has an invalid entry; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{path}: cannot be read: {reason}") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}") from error
    lines = text.splitlines(keepends=True)
    if strangers := document.keys() - {"known"}:
        name = min(strangers, key=lambda name: _line_of(name, lines, 0))
        raise UsageError(f"{path}:{_line_of(name, lines, 0)}: unknown key {name}{_hint(name, ['known'])}")
    tables = document.get("known", [])
    headers = [number for number, line in enumerate(lines) if _HEADER.fullmatch(line.rstrip("\r\n"))]
    if not isinstance(tables, list) or len(headers) != len(tables):
        raise UsageError(f"{path}: write each known failure as a table of its own, below a line [[known]]")
    starts = [_start(lines, header) for header in headers]
    texts = [
        "".join(lines[start:end]) for start, end in zip([0, *starts], [*starts, len(lines)], strict=True)
    ]
    seen: dict[str, KnownFailure] = {}
    for table, header, own in zip(tables, headers, texts[1:], strict=True):
        _validate(table, path, lines, header)
        known = KnownFailure(location=f"{path}:{header + 1}", text=own, **table)
        if known.name in seen:
            line = seen[known.name].location.rpartition(":")[2]
            raise UsageError(f"{known.location}: {known.name} is in line {line} already")
        seen[known.name] = known
    return Baseline(path, tuple(seen.values()), texts[0])


def _start(lines: Sequence[str], header: int) -> int:
    """Return the number of the first of the comment lines directly above a header."""
    while header and lines[header - 1].lstrip().startswith("#"):
        header -= 1
    return header


def update(
    old: Baseline | None,
    failing: Iterable[Entry],
    entries: Sequence[Entry],
    outcomes: Mapping[Entry, Outcome],
    reason: str = "",
) -> Update:
    """Add new failures to a baseline and remove entries that pass.

    Args:
        old: The present content of the file; None if there is no file.
        failing: The checks that fail at the gate.
        entries: All checks of the edition, in order.
        outcomes: The outcomes of the run; entries that were not run completely stay.
        reason: The reason to write into the entries that are added.

    Returns:
        The new text, and what changed.
    """
    before = old.failures if old else ()
    dropped = [known for known in before if _passes(known, entries, outcomes)]
    kept = [known for known in before if known not in dropped]
    added = [entry for entry in failing if not any(known.covers(entry) for known in kept)]
    order = [
        (min((number for number, entry in enumerate(entries) if known.covers(entry)), default=0), known.text)
        for known in kept
    ]
    order += [(entries.index(entry), _block(entry, reason)) for entry in added]
    texts = [old.preamble if old else _PREAMBLE, *(text for _, text in sorted(order, key=itemgetter(0)))]
    return Update(
        "\n\n".join(filter(None, (text.strip("\n") for text in texts))) + "\n", added, len(kept), dropped
    )


def _passes(known: KnownFailure, entries: Collection[Entry], outcomes: Mapping[Entry, Outcome]) -> bool:
    own = [entry for entry in entries if known.covers(entry)]
    # What is no longer applicable was not mended: it does not pass.
    return bool(own) and all(entry in outcomes and outcomes[entry].status == PASS for entry in own)


def _validate(table: Mapping[str, Any], path: Path, lines: Sequence[str], header: int) -> None:
    for name, value in table.items():
        location = f"{path}:{_line_of(name, lines, header)}"
        if name not in MEMBERS:
            raise UsageError(f"{location}: unknown key {name}{_hint(name, MEMBERS)}")
        if name == "expires":
            if type(value) is not date:
                raise UsageError(
                    f"{location}: expires is {value!r}; write a date without quotes, as 2027-01-31"
                )
            continue
        if not isinstance(value, str):
            raise UsageError(f"{location}: {name} is a {type(value).__name__}, not a text")
        if name == "tracker" and not value.startswith(("http://", "https://")):
            raise UsageError(f"{location}: tracker is {value!r}; write the URL of an issue")
        if name not in ("reason", "tracker") and re.search(r"[*?\s]", value):
            raise UsageError(f"{location}: {name} is {value!r}; name one, without * or ?")
    if "requirement" not in table:
        raise UsageError(f"{path}:{header + 1}: the entry names no requirement")


def _line_of(name: str, lines: Sequence[str], start: int) -> int:
    """Return the number of the first line from `start` on that sets a key, or that of `start`."""
    setting = re.compile(rf"\s*(\[+\s*)?[\"']?{re.escape(name)}[\"']?\s*([=.\]])")
    found = (number for number, line in enumerate(lines) if number >= start and setting.match(line))
    return next(found, start) + 1


def _block(entry: Entry, reason: str) -> str:
    members = {"requirement": entry.requirement, "check": entry.check, "reason": reason}
    return "\n".join(["[[known]]", *(f"{name} = {json.dumps(value)}" for name, value in members.items())])


def _hint(name: str, candidates: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, candidates, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""
