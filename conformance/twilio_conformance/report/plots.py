"""Draws what checks measured, over the measurements of another implementation.

Families of metrics are named and described in `spec/schemas/report.schema.json`. A chart is data here; its template
`chart.svg.j2` places the panels, axes and texts, and the style sheet of the page has the colours.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, NamedTuple

from twilio_conformance.report.rendering import render

Metrics = dict[str, Any]
"""Numbers by name, or series: objects of two lists for x and y, and a third one for a mask."""

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

RATES = ("8000 Hz", "16000 Hz", "22050 Hz", "24000 Hz", "32000 Hz", "44100 Hz", "48000 Hz")
DIRECTIONS = {"{} to Twilio": "The bot's voice, to Twilio", "Twilio to {}": "The caller's voice, from Twilio"}
"""The name of a direction at a rate, and the heading of its panels."""

OWN, OVER = "graded", "compared with"
TICKS = 7
"""Most numbers along an axis."""


class Line(NamedTuple):
    """A line of a chart: CSS classes, and points in the order of x. The class `step` keeps y up to the next x."""

    style: str
    points: list[tuple[float, float]]


class Axis(NamedTuple):
    """An axis with its ends and its ticks, each with a label."""

    label: str
    low: float
    high: float
    ticks: list[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Chart:
    """A grid of panels that share their axes.

    Attributes:
        x: The axis across.
        y: The axis up.
        headings: The heading of each column.
        rows: The label of each row, and the lines of each of its panels.
        height: Height of a panel, in units of which the chart is 1000 wide.
        legend: The CSS classes and the label of what has to be explained.
        marks: Values of x with a label above them, which stands to their left or right.
    """

    x: Axis
    y: Axis
    headings: list[str]
    rows: list[tuple[str, list[list[Line]]]]
    height: float
    legend: list[tuple[str, str]]
    marks: list[tuple[float, str, str]] = field(default_factory=list)


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
            key: REDUCE[reduce]([y for _, y in points(value)]) if isinstance(value, dict) else value
            for key, value in side.items()
        }
        for side in (own, over)
    )
    worst = (min if reduce == "min" else max)(numbers, key=numbers.__getitem__)
    return Plot(
        name,
        title,
        " ".join(summary.split()).format(f"{worst}: {readable(numbers[worst])} {unit.rpartition(' ')[2]}"),
        render("chart.svg.j2", chart=CHARTS[figure](own, over, **options), title=title),
        ("", unit, OVER) if over else ("", unit),
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
        for side, suffix in ((own, ""), (over, f" ({OVER})")):
            found = side.get(row["metric"], {})
            if "member" in row:
                found = {rate: value[row["member"]] for rate, value in found.items()}
            values = [found.get(rate) for rate in rates]
            if all(value is None for value in values):
                # Nothing to compare with, or nothing to show at all.
                break
            rows.append((f"{row['label']}{suffix}", *map(readable, values)))
    chart = tracks(heard, compared, "seconds since the caller's first word", headings={"{}": ""})
    return Plot(
        "calls",
        CALLS["title"],
        " ".join(CALLS["summary"].split()),
        render("chart.svg.j2", chart=chart, title=CALLS["title"]),
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


def bars(own: Metrics, over: Metrics, unit: str, limits: Mapping[str, float], floor: float = 0) -> Chart:
    """Return a bar for each value from `floor` to it, with one of the other implementation below it."""
    shift = 0.22 if over else 0.0
    lines = [
        Line(f"bar {style}", [(floor, y), (max(values[name], floor), y)])
        for number, name in enumerate(own)
        for values, style, y in ((own, "own", shift - number), (over, "over", -shift - number))
        if name in values
    ]
    x = _axis(unit, [floor, 0.0, *limits.values(), *(x for line in lines for x, _ in line.points)])
    y = Axis("", 0.3 - len(own), 0.7, [(-number, name) for number, name in enumerate(own)])
    lines += [Line("limit", [(limit, y.low), (limit, y.high)]) for limit in limits.values()]
    # Of two limits, the lower one has its label on the left, so that the labels do not overlap.
    lowest = min(limits.values()) if floor else None
    marks = [(limit, label, "end" if limit == lowest else "start") for label, limit in limits.items()]
    return Chart(x, y, [""], [("", [lines])], 30 + 16 * len(own), _legend(over, "bar own"), marks)


def tracks(
    own: Metrics,
    over: Metrics,
    x_label: str,
    limit: float | None = None,
    headings: Mapping[str, str] = DIRECTIONS,
) -> Chart:
    """Return steps over time in a grid: a row for each rate, a column for each heading."""
    sides = ((own, "step own"), (over, "step over"))
    rates = [rate for rate in RATES if any(heading.format(rate) in own for heading in headings)]
    grid = [
        [
            [Line(style, points(side[name])) for side, style in sides if side.get(name)]
            for name in (heading.format(rate) for heading in headings)
        ]
        for rate in rates
    ]
    drawn = [point for row in grid for panel in row for line in panel for point in line.points]
    x = _axis(x_label, [x for x, _ in drawn])
    y = _axis("" if limit is None else "ms", [0.0, *(1.1 * y for _, y in drawn), limit or 0.0], most=3)
    for panel in (panel for row in grid for panel in row if limit is not None):
        panel.append(Line("limit", [(x.low, limit or 0.0), (x.high, limit or 0.0)]))
    y = y if limit is not None else y._replace(ticks=[])
    rows = list(zip(rates, grid, strict=True))
    return Chart(x, y, list(headings.values()), rows, 59 if limit else 70, _legend(over, "step own"))


def curves(own: Metrics, over: Metrics, x_label: str, y_label: str, mask: str, marker: str = "dots") -> Chart:
    """Return a line for each rate in a panel for each direction, with the limits."""
    limits = MASKS[mask](next(iter(own.values())))
    panels = [
        limits
        + [Line("over", points(over[name])) for rate in RATES if (name := way.format(rate)) in over]
        + [
            Line(f"{style} rate-{number}", points(own[name]))
            for number, rate in enumerate(RATES)
            if (name := way.format(rate)) in own
            for style in filter(None, ("line", marker))
        ]
        for way in DIRECTIONS
    ]
    drawn = [point for panel in panels for line in panel for point in line.points]
    x, y = _axis(x_label, [x for x, _ in drawn]), _axis(y_label, [y for _, y in drawn])
    if mask == "bounds":
        y = y._replace(low=RANGE[0], high=RANGE[1])
    shown = [rate for rate in RATES if any(way.format(rate) in own for way in DIRECTIONS)]
    legend = [(f"line rate-{RATES.index(rate)}", rate) for rate in shown]
    return Chart(x, y, list(DIRECTIONS.values()), [("", panels)], 250, legend + _legend(over)[-1:])


RANGE, BAND, RECOMMENDED = (-4.5, 2.0), (200.0, 3400.0), (-0.5, 0.5)
"""Of a frequency response: levels shown in dB, frequencies with limits in Hz, and recommended levels in dB."""


def _bounds(series: Metrics) -> list[Line]:
    """Return the ranges of levels that are not permitted, and the limits of those that are recommended."""
    forbidden = [
        Line("forbidden", [(start, edge), (end, edge), (end, far), (start, far)])
        for (start, end), edge, far in zip((BAND, BAND), series["mask"], RANGE, strict=True)
    ]
    return forbidden + [Line("limit", [(frequency, level) for frequency in BAND]) for level in RECOMMENDED]


def _least(series: Metrics) -> list[Line]:
    return [Line("limit", points(series, "mask"))]


def _deviation(series: Metrics) -> list[Line]:
    # The level that the others are compared with has no limit.
    permitted = [(x, limit) for x, limit in points(series, "mask") if limit]
    return [Line("step limit", [(x, sign * limit) for x, limit in permitted]) for sign in (-1, 1)]


MASKS: dict[str, Callable[[Metrics], list[Line]]] = {
    "bounds": _bounds,
    "least": _least,
    "deviation": _deviation,
}
CHARTS: dict[str, Callable[..., Chart]] = {"bars": bars, "tracks": tracks, "curves": curves}
"""The kinds of mask and chart that plots.toml names."""


def _legend(over: Metrics, own: str = "") -> list[tuple[str, str]]:
    return [(own, OWN), (f"{own.replace('own', '')} over", OVER)] if over else []


def _axis(label: str, values: Collection[float], most: int = TICKS) -> Axis:
    """Return an axis over all values, with ticks at multiples of 1, 2 or 5 times a power of ten."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    high = high if high > low else low + 1
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * most >= high - low)
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return Axis(label, low, high, [(step * number, f"{step * number:g}") for number in numbers])


def points(series: Metrics, member: str | None = None) -> list[tuple[float, float]]:
    """Return the x and y values of a series, in the order of x: a check may measure levels in another order."""
    x, y, *_ = series.values()
    return sorted(zip(x, series[member] if member else y, strict=True))


def readable(value: Any) -> str:
    """Return a number with three significant digits, or without decimals from 1000 on."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "" if value is None else str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}".replace("e+02", "00")
