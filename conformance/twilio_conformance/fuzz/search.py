"""Searches for sessions in which an implementation differs from the reference, and makes them small."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import NoSuchExample

from twilio_conformance.fuzz.compare import compare
from twilio_conformance.fuzz.differences import Difference
from twilio_conformance.fuzz.names import NAMES
from twilio_conformance.fuzz.session_host import SessionHost, play
from twilio_conformance.fuzz.strategies import SESSIONS

Json = dict[str, Any]

BATCH = 400
"""Sessions after which the search begins anew, with another seed."""

SHRINKING = 200
"""Sessions for making one small: a number, not a time, so that a seed gives the same on every machine."""


class _Over(KeyboardInterrupt):
    """Ends Hypothesis at once, which takes an Exception for a finding."""


@dataclass(frozen=True)
class Finding:
    """A kind of difference, the smallest session that shows it, and what was seen of it."""

    difference: Difference
    session: Json
    actual: Json
    expected: Json
    is_reproduced: bool


@dataclass
class Search:
    """Looks for one kind of difference after the other until the time is over."""

    stages: Sequence[SessionHost]
    seed: int
    played: int = 0
    findings: list[Finding] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        """Searches for so many seconds; a session that is being made small may take a few more."""
        until = time.monotonic() + seconds
        excluded: set[str] = set()
        numbers = random.Random(self.seed)
        with tempfile.TemporaryDirectory() as folder:
            set_hypothesis_home_dir(folder)
            try:
                while time.monotonic() < until:
                    hunt = _Hunt(self, excluded, until)
                    self.played += hunt.run(random.Random(numbers.getrandbits(64)))
                    if hunt.best is not None:
                        excluded.add(hunt.kind)
                        self._keep(hunt)
            finally:
                set_hypothesis_home_dir(None)

    def differences(self, session: Json, *, fresh: bool = False) -> tuple[list[Difference], Json, Json]:
        """Plays a session and compares."""
        actual, expected = play(self.stages, session, fresh=fresh)
        return compare(session, actual, expected, NAMES), actual, expected

    def _keep(self, hunt: _Hunt) -> None:
        assert hunt.best is not None
        found, actual, expected = self.differences(hunt.best, fresh=True)
        again = [difference for difference in found if difference.kind == hunt.kind]
        if not again and hunt.difference.is_hang:
            return  # The machine was busy: whoever hangs hangs again.
        difference = again[0] if again else hunt.difference
        self.findings.append(Finding(difference, hunt.best, actual, expected, bool(again)))


class _Hunt:
    """One run of Hypothesis: it meets a kind of difference that is new, and makes that one small."""

    def __init__(self, search: Search, excluded: set[str], until: float) -> None:
        self._search = search
        self._excluded = excluded
        self._until = until
        self._played = 0
        self._left = SHRINKING
        self.kind = ""
        self.best: Json | None = None

    def run(self, numbers: random.Random) -> int:
        """Sessions played."""
        settings = hypothesis.settings(
            max_examples=BATCH, database=None, deadline=None, derandomize=False,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
        )  # fmt: skip
        with contextlib.suppress(NoSuchExample, _Over):
            hypothesis.find(SESSIONS, self._differs, settings=settings, random=numbers)
        return self._played

    def _differs(self, session: Json) -> bool:
        if self._left == 0 or (not self.kind and time.monotonic() > self._until):
            raise _Over
        self._played += 1
        self._left -= bool(self.kind)
        found, _, _ = self._search.differences(session)
        new = [difference for difference in found if difference.kind not in self._excluded]
        if not self.kind and new:
            self.kind = new[0].kind
        for difference in new:
            if difference.kind == self.kind:
                if self.best is None or _size(session) <= _size(self.best):
                    self.best, self.difference = session, difference
                return True
        return False


def _size(session: Json) -> tuple[int, int]:
    return len(session["steps"]), len(str(session))
