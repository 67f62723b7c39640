"""Draws what checks measured, over the measurements of another implementation.

Families of metrics are named and described in `spec/schemas/report.schema.json`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from twilio_conformance.report import figures
from twilio_conformance.report.figures import Metrics, line

DRAWINGS: dict[str, Any] = tomllib.loads(
    files(__package__).joinpath("plots.toml").read_text(encoding="utf-8")
)
FAMILIES: dict[str, Any] = DRAWINGS["family"]
"""How each family of metrics is drawn, in the order of the page."""

CALLS: dict[str, Any] = DRAWINGS["calls"]
"""The title, summary and rows of the drawing of whole calls."""

REDUCE: dict[str, Callable[[Sequence[float]], float]] = {
    "max": max,
    "min": min,
    "deviation": lambda values: max(map(abs, values)),
}
"""What makes one number of the values of a series."""

ECHO = "echo call"
CALL_METRICS = frozenset(row["metric"] for row in CALLS["rows"])
DRAWN = FAMILIES.keys() | CALL_METRICS
"""Families and metrics that are drawn."""

LEVEL_SECONDS = 0.020
"""Seconds between two levels of a call."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing with a summary, and its numbers as a table for those who cannot see it."""

    name: str
    title: str
    summary: str
    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    unfolded: bool = False


def measured(metrics: Mapping[str, Any]) -> Metrics:
    """Return the measurements of all checks by name; of two with one name, the first."""
    found: Metrics = {}
    for own in metrics.values():
        found = {**own, **found}
    return found


def draw(metrics: Metrics, over: Metrics) -> tuple[list[Plot], Metrics]:
    """Draw the known families of metrics, and return the rest to be shown as numbers."""
    import matplotlib as mpl

    with mpl.rc_context(figures.SETTINGS):
        plots = [
            _family(own, _members(over, family), **drawing)
            for family, drawing in FAMILIES.items()
            if (own := _members(metrics, family))
        ]
        if CALL_METRICS & metrics.keys():
            plots.append(_calls(metrics, over))
    return plots, {
        name: value
        for name, value in metrics.items()
        if name not in DRAWN and name.partition(", ")[0] not in DRAWN
    }


def _members(metrics: Metrics, family: str) -> Metrics:
    """Return the members of a family, by what follows its name."""
    if family in metrics:
        return dict(metrics[family])
    prefix = f"{family}, "
    return {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}


def _family(
    own: Metrics,
    over: Metrics,
    *,
    name: str,
    title: str,
    summary: str,
    unit: str,
    figure: str,
    options: Mapping[str, Any],
    reduce: str = "max",
) -> Plot:
    """Return a drawing as plots.toml describes it, with one number for each series."""
    numbers, others = (
        {
            key: REDUCE[reduce](line(value)[1]) if isinstance(value, dict) else value
            for key, value in side.items()
        }
        for side in (own, over)
    )
    draw_figure = getattr(figures, f"draw_{figure}")
    worst = (min if reduce == "min" else max)(numbers, key=numbers.__getitem__)
    return Plot(
        name,
        title,
        " ".join(summary.split()).format(f"{worst}: {readable(numbers[worst])} {unit.rpartition(' ')[2]}"),
        figures.as_svg(draw_figure(own, over, **options), name, title),
        ("", unit, "compared with") if over else ("", unit),
        tuple(
            (key, readable(value), *([readable(others.get(key))] if over else []))
            for key, value in numbers.items()
        ),
    )


def _calls(own: Metrics, over: Metrics) -> Plot:
    """Draw what the caller heard of an echo, with the figures of all calls as rows."""
    rates = sorted({rate for name in CALL_METRICS & own.keys() for rate in own[name]}, key=int)
    heard, compared = ({f"{rate} Hz": _heard(side, rate) for rate in rates} for side in (own, over))
    rows = []
    for row in CALLS["rows"]:
        for side, suffix in ((own, ""), (over, " (compared with)")):
            found = side.get(row["metric"], {})
            if "member" in row:
                found = {rate: value[row["member"]] for rate, value in found.items()}
            values = [found.get(rate) for rate in rates]
            if all(value is None for value in values):
                # Nothing to compare with, or nothing to show at all.
                break
            rows.append((f"{row['label']}{suffix}", *map(readable, values)))
    figure = figures.draw_tracks(heard, compared, "seconds since the caller's first word", {"{}": ""})
    return Plot(
        "calls",
        CALLS["title"],
        " ".join(CALLS["summary"].split()),
        figures.as_svg(figure, "calls", CALLS["title"]),
        ("", *heard),
        tuple(rows),
        unfolded=True,
    )


def _heard(metrics: Metrics, rate: str) -> Metrics:
    """Return seconds since the first message was sent, and the level heard then."""
    call = metrics.get(ECHO, {}).get(rate)
    if call is None:
        return {"seconds": [], "level": []}
    levels, first = call["level heard every 20 ms"], call["first message sent, ms"] / 1000
    return {"seconds": [number * LEVEL_SECONDS - first for number in range(len(levels))], "level": levels}


def readable(value: Any) -> str:
    """Return a number with three significant digits, or without decimals from 1000 on."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "" if value is None else str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}".replace("e+02", "00")
