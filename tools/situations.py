"""Renders docs/situations.md: the dimensions and their values, and how much of it each chapter covers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from twilio_conformance.spec import situations
from twilio_conformance.spec.catalogue import SEPARATOR, Catalogue, Json
from twilio_conformance.spec.situations import Situations

INTRODUCTION = """# Situations

A requirement holds in every situation: the certificate is verified with an API key and a region as well as without,
and speech is encoded like any other audio. A class that is right in the usual situation alone is not conformant.
`spec/situations.toml` holds the situations as data: dimensions, and for each its values beside the usual one.

Each chapter names cases that are crossed with some dimensions. A *pairwise covering array* combines them, so that
every two values of different dimensions, and every case and value, occur together in at least one vector. Its rows
are vectors of their own in `vectors/v1`, with the values after the case's name, as in
`hangup/end-default+api-key+ie1`. They hold everything that a port needs to play them. Checks in code run in rows of
the same kind.

If such a vector fails, the suite plays it again and takes the values back one after the other. The finding names
those without which the failure disappears: *with an API key: the certificate is not verified*.
"""


def page(everything: Catalogue, checks: set[str]) -> str:
    """Return the page as Markdown.

    Args:
        everything: The catalogue.
        checks: The ids of all vectors and checks in code, in every situation.
    """
    return "\n".join(_page(everything, situations.load(), checks)).rstrip() + "\n"


def _page(everything: Catalogue, found: Situations, checks: set[str]) -> Iterator[str]:
    yield INTRODUCTION
    yield "## Dimensions\n"
    yield "| dimension | value | a finding says |"
    yield "| --- | --- | --- |"
    for value in found.values.values():
        yield f"| {found.dimensions[value.dimension].rstrip('.')} | `{value.id}` | {value.phrase} |"
    yield "\n## Coverage\n"
    yield (
        "Pairs of values that occur together, of all pairs of the dimensions and cases that a crossing names."
        " A case counts as a value; so does the usual situation.\n"
    )
    yield "| chapter | cases | dimensions | rows | pairs |"
    yield "| --- | --- | --- | --- | --- |"
    for entry in found.crossings:
        rows = _rows(entry, checks)
        met, count = _pairs(found, entry, rows)
        cases = ", ".join(f"`{case}`" for case in entry["cases"])
        yield f"| {entry['chapter']} | {cases} | {', '.join(entry['dimensions'])} | {len(rows)} | {met} of {count} |"
    yield (
        f"\n{sum(SEPARATOR in name for name in everything.vectors)} of {len(everything.vectors)} vectors are crossed, and"
        f" {sum(SEPARATOR in name and '/' not in name for name in checks)} runs of checks in code."
    )


def _rows(entry: Json, checks: set[str]) -> list[list[str]]:
    """Return the ids of case and values of each row of a crossing."""
    cases = {case if "." in case else f"{entry['chapter']}/{case}" for case in entry["cases"]}
    return [name.split(SEPARATOR) for name in sorted(checks) if name.partition(SEPARATOR)[0] in cases]


def _pairs(found: Situations, entry: Json, rows: list[list[str]]) -> tuple[int, int]:
    """Return how many pairs of values occur together in rows, and how many there are."""
    dimension = {value.id: value.dimension for value in found.values.values()}
    columns: dict[str, set[str]] = {"case": {row[0] for row in rows}}
    for name in entry["dimensions"]:
        columns[name] = {"usual", *(value for value, own in dimension.items() if own == name)}
    met: set[tuple[tuple[str, str], tuple[str, str]]] = set()
    for case, *values in rows:
        whole = {name: "usual" for name in entry["dimensions"]} | {
            dimension[value]: value for value in values
        }
        whole["case"] = case
        met |= {((one, whole[one]), (two, whole[two])) for one, two in combinations(sorted(columns), 2)}
    count = sum(len(columns[one]) * len(columns[two]) for one, two in combinations(columns, 2))
    return len(met), count
