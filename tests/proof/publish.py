"""Writes docs/proof.md: what the proof found last, and the mutants, variants and survivors by name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from tests.proof.operators import SURVIVORS
from tests.serializers.broken import registry as mutants
from tests.serializers.permitted import registry as variants
from twilio_conformance import EDITION

PAGE = Path(__file__).parents[2] / "docs" / "proof.md"
PROSE = Path(__file__).parent / "prose.md"
"""What stands before the generated part."""


class Result(Protocol):
    """What a part of the proof found."""

    @property
    def sentence(self) -> str:
        """The result in a sentence."""

    @property
    def faults(self) -> list[str]:
        """What is wrong."""

    @property
    def seconds(self) -> float:
        """How long it took."""


def write(results: Sequence[Result]) -> None:
    """Writes the page."""
    parts = [PROSE.read_text().rstrip(), *_outcome(results), *_mutants(), *_variants(), *_survivors()]
    PAGE.write_text("\n\n".join(parts) + "\n")


def _outcome(results: Sequence[Result]) -> Iterator[str]:
    if not results:
        return
    yield "## What was found last"
    seconds = sum(result.seconds for result in results)
    yield f"On {datetime.now(UTC):%Y-%m-%d}, edition {EDITION}, in {seconds / 60:.1f} minutes:"
    yield "\n".join(f"- {result.sentence}" for result in results)
    faults = [fault for result in results for fault in result.faults]
    yield f"What is wrong: {'nothing.' if not faults else ''}"
    if faults:
        yield "\n".join(f"- {_cell(fault)}" for fault in faults)


def _mutants() -> Iterator[str]:
    registered = sorted(mutants.load().values(), key=lambda mutant: (mutant.violates, mutant.name))
    yield f"## The {len(registered)} mutants"
    yield _table(
        ("requirement", "mutant", "how it happens"),
        ((mutant.violates, f"`{mutant.impl}`", mutant.story) for mutant in registered),
    )


def _variants() -> Iterator[str]:
    registered = variants.load().values()
    yield f"## The {len(registered)} variants"
    yield _table(
        ("variant", "what is different", "what it foregoes, and why"),
        (
            (f"`{variant.impl}`", variant.difference, " ".join([*variant.foregoes, variant.why]).strip())
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
