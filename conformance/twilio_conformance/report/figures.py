"""Three drawings on which all measurements are shown: bars, tracks over time, and curves with a mask."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Metrics = dict[str, Any]
"""Numbers by name, or series: objects of two lists for x and y, and a third one for a mask."""

Line = tuple[Sequence[float], Sequence[float]]
"""The x and y values of a line."""

RATES = ("8000 Hz", "16000 Hz", "22050 Hz", "24000 Hz", "32000 Hz", "44100 Hz", "48000 Hz")
DIRECTIONS = {"{} to Twilio": "The bot's voice, to Twilio", "Twilio to {}": "The caller's voice, from Twilio"}
"""The name of a direction at a rate, and the heading of its panels."""

WIDTH = 10.5
"""Width of a figure in matplotlib's inches; the page scales the drawing to its own width."""

# Placeholder colours, which `as_svg` replaces by the CSS variables of the page.
INK, GRID, OVER, LIMIT, OWN = "#000001", "#000002", "#000003", "#000004", "#000005"
RATE_COLOURS = tuple(f"#00001{number}" for number in range(len(RATES)))
_VARIABLES = {INK: "--ink", GRID: "--line", OVER: "--reference", LIMIT: "--bad", OWN: "--accent"} | {
    colour: f"--rate-{number}" for number, colour in enumerate(RATE_COLOURS)
}
DASHES: Any = ("-", *((0, on_off) for on_off in (
    (6, 1.5), (3, 1.5), (1, 1), (6, 1.5, 1, 1.5), (9, 3), (3, 1, 1, 1, 1, 1))))  # fmt: skip
"""A line style for each rate, so that lines can be told apart without colours."""

DASHED: Any = (0, (2, 2))
"""The line style of a limit."""

SETTINGS: Any = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("axes.edgecolor", "grid.color"), GRID),
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "svg.fonttype": "none",
    "text.parse_math": False,
}


def draw_bars(
    own: Metrics, over: Metrics, unit: str, limits: Mapping[str, float], floor: float = 0
) -> Figure:
    """Draw a bar for each value from `floor` to it, or to 0, with a grey one of the other implementation below it."""
    names = list(own)
    figure, ((axis,),) = _panels(1, 1, 1.3 + 0.17 * len(names))
    thickness, shift = (0.42, 0.22) if over else (0.7, 0.0)
    sides = [(own, OWN, shift, "graded")] + ([(over, OVER, -shift, "compared with")] if over else [])
    for values, colour, offset, label in sides:
        places = [len(names) - number + offset for number in range(len(names))]
        widths = [max(values.get(name, floor), floor) - floor for name in names]
        axis.barh(places, widths, thickness, left=floor, color=colour, label=label)
    if over:
        axis.legend(loc="upper left", bbox_to_anchor=(0, -0.08), ncols=2, frameon=False)
    axis.set_yticks(range(len(names), 0, -1), names)
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    axis.set_xlabel(unit)
    axis.margins(y=0.01)
    if floor:
        axis.set_xlim(floor, 0)
    for label, limit in limits.items():
        axis.axvline(limit, color=LIMIT, linewidth=1, linestyle=(0, (4, 3)))
        # Of two limits, the lower one has its label on the left, so that the labels do not overlap.
        is_left = bool(floor) and limit == min(limits.values())
        axis.annotate(
            label,
            (limit, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-3 if is_left else 3, 2),
            ha="right" if is_left else "left",
            textcoords="offset points",
            color=LIMIT,
        )
    return figure


def draw_tracks(
    own: Metrics,
    over: Metrics,
    x_label: str,
    headings: Mapping[str, str] = DIRECTIONS,
    limit: float | None = None,
) -> Figure:
    """Draw steps over time in a grid: a row for each rate, a column for each heading."""
    rows = [rate for rate in RATES if any(column.format(rate) in own for column in headings)]
    figure, grid = _panels(len(rows), len(headings), 0.9 + (0.62 if limit else 0.75) * len(rows))
    for axes, row in zip(grid, rows, strict=True):
        axes[0].set_ylabel(row, rotation=0, ha="right", va="center")
        for axis, column in zip(axes, headings, strict=True):
            if series := own.get(column.format(row)):
                axis.fill_between(*line(series), step="post", color=OWN, alpha=0.25, linewidth=0)
                axis.step(*line(series), where="post", color=OWN, linewidth=1, label="graded")
            if series := over.get(column.format(row)):
                axis.step(*line(series), where="post", color=OVER, linewidth=1.2, label="compared with")
            if limit is None:
                axis.set_yticks([])
            else:
                axis.axhline(limit, color=LIMIT, linewidth=1, linestyle=(0, (4, 3)))
    if limit is not None:
        # All panels share their axes.
        grid[0][0].set_ylim(0, 1.1 * max(limit, *(max(line(series)[1]) for series in own.values())))
        figure.supylabel("ms", fontsize=9)
    for axis, heading in zip(grid[0], headings.values(), strict=True):
        axis.set_title(heading, loc="left")
    for axis in grid[-1]:
        axis.set_xlabel(x_label)
    _add_legend(figure, grid[-1][-1], 2)
    return figure


def draw_curves(
    own: Metrics, over: Metrics, x_label: str, y_label: str, mask: str, marker: str = "o"
) -> Figure:
    """Draw a line for each rate in a panel for each direction, with the limits."""
    figure, (axes,) = _panels(1, len(DIRECTIONS), 3.4)
    for axis, (direction, heading) in zip(axes, DIRECTIONS.items(), strict=True):
        axis.set_title(heading, loc="left")
        axis.set_xlabel(x_label)
        for rate in RATES:
            if series := over.get(direction.format(rate)):
                axis.plot(*line(series), color=OVER, linewidth=2.5)
        for rate, colour, dashes in zip(RATES, RATE_COLOURS, DASHES, strict=True):
            if series := own.get(direction.format(rate)):
                style = {"color": colour, "linestyle": dashes, "linewidth": 1.5}
                axis.plot(*line(series), **style, marker=marker, markersize=3, label=rate)
        _draw_mask(axis, mask, next(iter(own.values())))
    if over:
        axes[-1].plot([], [], color=OVER, linewidth=2.5, label="compared with")
    axes[0].set_ylabel(y_label)
    _add_legend(figure, axes[-1], 8)
    return figure


def _draw_mask(axis: Axes, kind: str, series: Metrics) -> None:
    x, _, mask = series.values()
    if kind == "bounds":
        axis.set_ylim(-4.5, 2)
        for edges in ((-4.5, mask[0]), (mask[1], 2)):
            axis.fill_between((200, 3400), *edges, color=LIMIT, alpha=0.12, linewidth=0)
        for edge in (-0.5, 0.5):
            axis.axhline(edge, color=LIMIT, linewidth=0.8, linestyle=DASHED)
        return
    levels, limits = line({"x": x, "mask": mask})
    if kind == "least":
        axis.plot(levels, limits, color=LIMIT, linewidth=1, linestyle=DASHED)
        return
    # The level that the others are compared with has no limit.
    permitted = [(level, limit) for level, limit in zip(levels, limits, strict=True) if limit]
    for sign in (-1, 1):
        places = [level for level, _ in permitted]
        heights = [sign * limit for _, limit in permitted]
        axis.step(places, heights, color=LIMIT, linewidth=1, linestyle=DASHED, where="post")


def _panels(rows: int, columns: int, height: float) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure with a grid of panels that share their axes; it needs no window system."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    grid: list[list[Axes]] = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).tolist()
    for axis in (axis for row in grid for axis in row):
        axis.grid(visible=True, linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.patch.set_alpha(0)
    figure.patch.set_alpha(0)
    return figure, grid


def _add_legend(figure: Figure, axis: Axes, columns: int) -> None:
    handles, labels = axis.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def line(series: Metrics) -> Line:
    """Return the x and y values of a series, in the order of x: a check may measure levels in another order."""
    x, y, *_ = series.values()
    order = sorted(range(len(x)), key=x.__getitem__)
    return [x[place] for place in order], [y[place] for place in order]


def as_svg(figure: Figure, name: str, title: str) -> str:
    """Return a figure as inline SVG: texts stay texts, ids are unique, colours are those of the page."""
    import matplotlib as mpl

    target = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(target, format="svg", metadata=nothing)
    drawing = target.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    for pattern, replacement in (
        (r"<metadata>.*?</metadata>|<style.*?</style>", ""),
        (r" font-family: [^;]*;", ""),
        (r"(\d\.\d\d)\d+", r"\1"),
        (r'(\bid=")', rf"\1{name}-"),
        (r'(url\(#|href="#)', rf"\1{name}-"),
    ):
        drawing = re.sub(pattern, replacement, drawing, flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        drawing = drawing.replace(colour, f"var({variable})")
    width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', drawing)[:2]
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" class="plot">'
    lines = drawing[drawing.index(">") + 1 :].splitlines()
    return head + "".join(f"{line.strip()}\n" for line in lines)
