"""Crosses cases with the situations of spec/situations.toml, by a pairwise covering array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from allpairspy import AllPairs

from twilio_conformance.spec import situations
from twilio_conformance.spec.catalogue import SEPARATOR
from twilio_conformance.spec.situations import Situations, Value

Json = dict[str, Any]

EDITION = "2026.12"
"""The first edition with crossed vectors."""

USUAL = ""
"""Stands for the usual value of a dimension."""


def crossed(vectors: dict[str, Json], found: Situations) -> Iterator[Json]:
    """Yield the crossed vectors of all chapters.

    Args:
        vectors: The vectors as the cases give them, by id.
        found: The situations, and which cases are crossed with them.
    """
    for crossing in found.crossings:
        for case, *ids in rows(found, crossing):
            if "." not in case:
                yield _vector(vectors[f"{crossing['chapter']}/{case}"], found.named(ids))


def checks_in_situations(found: Situations) -> dict[str, dict[str, list[list[str]]]]:
    """Return the situations of each check in code, as the ids of their values, by the edition that added them."""
    chosen: dict[str, list[list[str]]] = {}
    for crossing in found.crossings:
        for case, *ids in rows(found, crossing):
            if "." in case:
                chosen.setdefault(case, []).append(ids)
    return {EDITION: chosen}


def rows(found: Situations, crossing: Json) -> list[list[str]]:
    """Return rows of a case and the ids of unusual values, in which every two of cases and values meet.

    Rows without an unusual value are left out, since the case itself is there, and so are repetitions.
    """
    columns = [crossing["cases"]]
    for dimension in crossing["dimensions"]:
        columns.append(
            [USUAL, *(value.id for value in found.values.values() if value.dimension == dimension)]
        )
    combined = [[entry for entry in row if entry != USUAL] for row in AllPairs(columns)]
    return [list(row) for row in dict.fromkeys(map(tuple, combined)) if len(row) > 1]


def _vector(vector: Json, values: list[Value]) -> Json:
    ids = [value.id for value in values]
    described = f"{vector['description'].rstrip('.')}: {', '.join(value.phrase for value in values)}."
    head = {
        "id": SEPARATOR.join([vector["id"], *ids]),
        "description": described,
        "since": max(vector["since"], EDITION),
        "situation": ids,
    }
    # A twin differs in one thing, which a crossed vector does not.
    rest = {name: value for name, value in vector.items() if name not in (*head, "twin")}
    return situations.apply(head | rest, values)
