"""What pytest collects: a chapter of the specification holds an item for each requirement and check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from twilio_conformance.engine.run import Run
from twilio_conformance.errors import SuiteError
from twilio_conformance.report import terminal
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.verdict import Outcome

RUN = pytest.StashKey[Run]()
"""The run in a configuration's stash; absent without --impl."""


class Unmet(Exception):
    """A requirement at the gate does not hold."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The one line of a failure that pytest puts behind the name of the item."""

    message: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What pytest shows of an item that failed."""

    reprcrash: Crash
    text: str

    @classmethod
    def of(cls, message: str, lines: Iterable[str]) -> Failure:
        """A failure with this message and these lines."""
        return cls(Crash(terminal.show(message)), "\n".join(lines))

    def __str__(self) -> str:
        """All of it."""
        return self.text

    def toterminal(self, writer: Any) -> None:
        """Writes all of it where pytest shows failures."""
        writer.line(self.text)


class Suite(pytest.Collector):
    """All that the edition asks for."""

    def collect(self) -> Iterator[pytest.Collector]:
        """A chapter after the other."""
        run = self.config.stash[RUN]
        titles = {chapter.id: chapter.id.lower() for chapter in run.catalogue.chapters}
        for chapter, own in groupby(run.entries, key=lambda entry: run.requirement(entry).chapter):
            name = titles[chapter]
            yield Chapter.from_parent(self, name=name, nodeid=name, path=self.path, entries=own)


class Chapter(pytest.Collector):
    """Some lines of the account."""

    def __init__(self, *, entries: Iterable[Entry], **arguments: Any) -> None:
        """Keeps the lines to collect; the rest is pytest's."""
        super().__init__(**arguments)
        self._entries = list(entries)

    def collect(self) -> Iterator[pytest.Item]:
        """An item a line."""
        for entry in self._entries:
            name = f"{entry.requirement}[{entry.check}]"
            # Said in full, pytest reads it as it reads the one that --lf has kept, brackets and all.
            yield CheckItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}", entry=entry)


class CheckItem(pytest.Item):
    """One line of the account: a requirement and what grades it."""

    def __init__(self, *, entry: Entry, **arguments: Any) -> None:
        """Keeps the line; the rest is pytest's."""
        super().__init__(**arguments)
        self.entry = entry
        self.outcome: Outcome | None = None
        requirement = self.run.requirement(entry)
        self.is_gated = self.run.gate.includes(requirement)
        self.user_properties.append(("requirement", requirement.id))
        self.user_properties.append(("level", requirement.level))
        self.user_properties.append(("profile", requirement.profile))

    @property
    def run(self) -> Run:
        """The run that the item is part of."""
        return self.config.stash[RUN]

    def runtest(self) -> None:
        """Grades the line.

        Raises:
            Unmet: The requirement does not hold, counts at the gate, and is not known to fail.
        """
        self.outcome = self.run.grade(self.entry)
        self.user_properties.append(("status", self.outcome.status))
        if self.is_gated and not self.outcome.holds and self.run.known(self.entry) is None:
            raise Unmet(self.outcome.message)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the summary shows, for --tb and for JUnit; pytest's own lines get the finding alone."""
        if isinstance(excinfo.value, Unmet) and self.outcome is not None:
            return Failure.of(self.outcome.message, terminal.block(self.run, self.entry, self.outcome))
        if isinstance(excinfo.value, SuiteError):
            return Failure.of(str(excinfo.value).partition("\n")[0], str(excinfo.value).splitlines())
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the item comes from: the specification."""
        return self.path, None, self.name
