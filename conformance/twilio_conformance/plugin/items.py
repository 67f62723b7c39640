"""What pytest collects: an item for each requirement and check, grouped by chapter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from twilio_conformance.engine.messages import Result
from twilio_conformance.engine.run import Run
from twilio_conformance.errors import SuiteError
from twilio_conformance.report import terminal
from twilio_conformance.spec.catalogue import Json
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.verdict import Outcome

RUN = pytest.StashKey[Run]()
"""The run in a configuration's stash; absent without --impl."""

REPORT_ATTRIBUTE = "conformance"
"""The attribute of a pytest report that holds a `Graded`, as JSON for plugins that serialize reports."""


class Unmet(Exception):
    """A requirement at the gate does not hold."""


@dataclass(frozen=True, slots=True)
class Graded:
    """An entry with the result of its check."""

    entry: Entry
    result: Result

    @property
    def outcome(self) -> Outcome:
        """The outcome of the entry."""
        return self.result.outcomes[self.entry.requirement]

    def as_json(self) -> Json:
        """Return it as JSON."""
        return {"entry": list(self.entry), "result": self.result.as_json()}

    @classmethod
    def of(cls, report: pytest.TestReport) -> Graded | None:
        """Return what a report holds; None if it is not about a check of the suite."""
        document = getattr(report, REPORT_ATTRIBUTE, None)
        return document and cls(Entry(*document["entry"]), Result.parse(document["result"]))


@dataclass(frozen=True, slots=True)
class Crash:
    """The line of a failure that pytest shows next to the name of the item."""

    message: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What pytest shows for an item that failed."""

    reprcrash: Crash
    text: str

    @classmethod
    def of(cls, message: str, lines: Iterable[str]) -> Failure:
        """Return a failure with this message and these lines."""
        return cls(Crash(terminal.show(message)), "\n".join(lines))

    def __str__(self) -> str:
        """Return the text."""
        return self.text

    def toterminal(self, writer: Any) -> None:
        """Write the text where pytest shows failures."""
        writer.line(self.text)


class Suite(pytest.Collector):
    """All chapters of the edition."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Return the chapters."""
        run = self.config.stash[RUN]
        titles = {chapter.id: chapter.id.lower() for chapter in run.catalogue.chapters}
        for chapter, own in groupby(run.entries, key=lambda entry: run.requirement(entry).chapter):
            name = titles[chapter]
            yield Chapter.from_parent(self, name=name, nodeid=name, path=self.path, entries=own)


class Chapter(pytest.Collector):
    """The entries of a chapter, a vector or a file of checks."""

    def __init__(self, *, entries: Iterable[Entry], **arguments: Any) -> None:
        """Keep the entries to collect; the other arguments are pytest's."""
        super().__init__(**arguments)
        self._entries = list(entries)

    def collect(self) -> Iterator[pytest.Item]:
        """Return an item for each entry."""
        for entry in self._entries:
            name = f"{entry.requirement}[{entry.check}]"
            # pytest must not parse the brackets: the id has to equal the one that --lf has stored.
            yield CheckItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}", entry=entry)


class CheckItem(pytest.Item):
    """A requirement and a check that grades it.

    Attributes:
        entry: The requirement and the check.
        graded: The result; None before the check has run.
        is_gated: Whether a failure counts for the exit status.
    """

    def __init__(self, *, entry: Entry, **arguments: Any) -> None:
        """Keep the entry; the other arguments are pytest's."""
        super().__init__(**arguments)
        self.entry = entry
        self.graded: Graded | None = None
        requirement = self.run.requirement(entry)
        self.is_gated = self.run.gate.includes(requirement)
        self.user_properties.append(("requirement", requirement.id))
        self.user_properties.append(("level", requirement.level))
        self.user_properties.append(("profile", requirement.profile))

    @property
    def run(self) -> Run:
        """The run that the item belongs to."""
        return self.config.stash[RUN]

    @property
    def excuse(self) -> str:
        """Why a failure does not count, with the requirement's sentence."""
        requirement = self.run.requirement(self.entry)
        known = self.run.known(self.entry)
        reason = (
            f"known failure: {known}"
            if known
            else f"{requirement.level} of {requirement.profile}, not at the gate"
        )
        return f"{reason}: {requirement.statement}"

    @property
    def function(self) -> Callable[[], None]:
        """What runs the item; hooks in other people's conftest.py read this of every item."""
        return self.runtest

    def runtest(self) -> None:
        """Grade the entry.

        Raises:
            Unmet: The requirement does not hold, counts at the gate, and is not known to fail.
        """
        self.graded = Graded(self.entry, self.run.executor.result(self.entry.check))
        outcome = self.graded.outcome
        self.user_properties.append(("status", outcome.status))
        if self.is_gated and not outcome.holds and self.run.known(self.entry) is None:
            raise Unmet(outcome.message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the text for --tb and JUnit; pytest's own lines get the finding alone."""
        if isinstance(excinfo.value, Unmet) and self.graded is not None:
            outcome = self.graded.outcome
            return Failure.of(outcome.message, terminal.block(self.run, self.entry, outcome))
        if isinstance(excinfo.value, SuiteError):
            return Failure.of(str(excinfo.value).partition("\n")[0], str(excinfo.value).splitlines())
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the item comes from, which is the specification."""
        return self.path, None, self.name
