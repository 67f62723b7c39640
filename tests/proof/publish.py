"""Write docs/proof.md: the latest results, all broken serializers, permitted variants and survivors."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from tests.proof.operators import SURVIVORS
from tests.serializers.broken import registry as broken
from tests.serializers.permitted import registry as permitted
from twilio_conformance import EDITION

PAGE = Path(__file__).parents[2] / "docs" / "proof.md"
PROSE = Path(__file__).parent / "prose.md"
"""The text before the generated part."""


class Result(Protocol):
    """The result of one part of the proof."""

    @property
    def sentence(self) -> str:
        """The result as one sentence."""

    @property
    def faults(self) -> list[str]:
        """The faults of the suite."""

    @property
    def seconds(self) -> float:
        """The time it took, in seconds."""


def write(results: Sequence[Result]) -> None:
    """Write the page."""
    parts = [PROSE.read_text().rstrip(), *_outcome(results), *_broken(), *_permitted(), *_survivors()]
    PAGE.write_text("\n\n".join(parts) + "\n")


def _outcome(results: Sequence[Result]) -> Iterator[str]:
    if not results:
        return
    yield "## Latest results"
    seconds = sum(result.seconds for result in results)
    yield f"On {datetime.now(UTC):%Y-%m-%d}, edition {EDITION}, in {seconds / 60:.1f} minutes:"
    yield "\n".join(f"- {result.sentence}" for result in results)
    faults = [fault for result in results for fault in result.faults]
    yield "Faults:" if faults else "No faults."
    if faults:
        yield "\n".join(f"- {_cell(fault)}" for fault in faults)


def _broken() -> Iterator[str]:
    registered = sorted(broken.load().values(), key=lambda serializer: (serializer.violates, serializer.name))
    yield f"## The {len(registered)} broken serializers"
    yield _table(
        ("requirement", "serializer", "how such a bug happens"),
        ((serializer.violates, f"`{serializer.impl}`", serializer.story) for serializer in registered),
    )


def _permitted() -> Iterator[str]:
    registered = permitted.load().values()
    yield f"## The {len(registered)} permitted variants"
    yield _table(
        ("variant", "difference from the reference", "unmet, and why"),
        (
            (f"`{variant.impl}`", variant.difference, " ".join([*variant.unmet, variant.reason]).strip())
            for variant in registered
        ),
    )


def _survivors() -> Iterator[str]:
    known = tomllib.loads(SURVIVORS.read_text())
    for title, kind in (("Equivalent mutations", "equivalent"), ("Permitted mutations", "permitted")):
        found = known.get(kind, {})
        yield f"## {title}: {len(found)}"
        yield _table(("mutation", "reason"), ((f"`{name}`", reason) for name, reason in found.items()))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
