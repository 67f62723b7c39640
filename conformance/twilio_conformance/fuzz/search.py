"""The search for sessions in which an implementation differs from the reference."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import NoSuchExample

from twilio_conformance.checks._expectations import Session
from twilio_conformance.fuzz.compare import compare
from twilio_conformance.fuzz.oracle import Discrepancy, Json
from twilio_conformance.fuzz.session_host import SessionHost, play
from twilio_conformance.fuzz.strategies import SESSIONS

BATCH = 400
"""Sessions after which the search starts again, with another seed."""

SHRINKING = 200
"""Sessions for shrinking: a number, not a time, so that a seed gives the same on every machine."""


class _Stop(KeyboardInterrupt):
    """Ends Hypothesis at once; an Exception would count as a failing example."""


@dataclass(frozen=True)
class Reproducer:
    """A kind of discrepancy with the smallest session that shows it.

    Attributes:
        discrepancy: What differs.
        session: `given` and `steps` of a vector.
        actual: What was seen of the implementation.
        expected: What was seen of the reference.
        is_confirmed: Whether it showed again in new processes.
    """

    discrepancy: Discrepancy
    session: Json
    actual: Session
    expected: Session
    is_confirmed: bool


@dataclass
class Search:
    """A search for one kind of discrepancy after the other.

    Attributes:
        hosts: Processes that play sessions: of the implementation, and of the reference.
        seed: Decides which sessions are played.
        played: Number of sessions played so far.
        found: What was found so far, one entry per kind.
    """

    hosts: Sequence[SessionHost]
    seed: int
    played: int = 0
    found: list[Reproducer] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        """Search for some seconds; shrinking the last discrepancy may take a few more."""
        deadline = time.monotonic() + seconds
        known: set[str] = set()
        numbers = random.Random(self.seed)
        with tempfile.TemporaryDirectory() as folder:
            set_hypothesis_home_dir(folder)
            try:
                while time.monotonic() < deadline:
                    smallest = self._search(random.Random(numbers.getrandbits(64)), known, deadline)
                    if smallest is not None:
                        known.add(smallest[0].kind)
                        self._keep(*smallest)
            finally:
                set_hypothesis_home_dir(None)

    def _search(
        self, numbers: random.Random, known: set[str], deadline: float
    ) -> tuple[Discrepancy, Json] | None:
        """Run Hypothesis until it has found and shrunk a discrepancy of an unknown kind."""
        smallest: tuple[Discrepancy, Json] | None = None
        left = SHRINKING

        def shows_it(session: Json) -> bool:
            nonlocal smallest, left
            if left == 0 or (smallest is None and time.monotonic() > deadline):
                raise _Stop
            self.played += 1
            left -= smallest is not None
            new = [one for one in compare(session, *play(self.hosts, session)) if one.kind not in known]
            same = [one for one in new if smallest is None or one.kind == smallest[0].kind]
            if same and (smallest is None or _size(session) <= _size(smallest[1])):
                smallest = same[0], session
            return bool(same)

        settings = hypothesis.settings(
            max_examples=BATCH, database=None, deadline=None, derandomize=False,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
        )  # fmt: skip
        # Hypothesis returns nothing when it is stopped, so the smallest session is kept here.
        with contextlib.suppress(NoSuchExample, _Stop):
            hypothesis.find(SESSIONS, shows_it, settings=settings, random=numbers)
        return smallest

    def _keep(self, discrepancy: Discrepancy, session: Json) -> None:
        actual, expected = play(self.hosts, session, fresh=True)
        again = [one for one in compare(session, actual, expected) if one.kind == discrepancy.kind]
        if not again and discrepancy.is_hang:
            return  # The machine was busy: a real hang shows again.
        shown = again[0] if again else discrepancy
        self.found.append(Reproducer(shown, session, actual, expected, bool(again)))


def _size(session: Json) -> tuple[int, int]:
    return len(session["steps"]), len(str(session))
