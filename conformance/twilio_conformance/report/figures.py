"""Three drawings on which all measurements are shown: bars, tracks over time, and curves with a mask."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Metrics = dict[str, Any]
Line = tuple[Sequence[float], Sequence[float]]
"""The x and y values of a line."""

Tracks = dict[tuple[str, str], Line]
"""Lines by row and column of a grid of panels."""

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
DASHES = (
    "-",
    (0, (6, 1.5)),
    (0, (3, 1.5)),
    (0, (1, 1)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (9, 3)),
    (0, (3, 1, 1, 1, 1, 1)),
)
"""A line style for each rate, so that lines can be told apart without colours."""

SETTINGS: Any = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("axes.edgecolor", "grid.color"), GRID),
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "svg.fonttype": "none",
    "text.parse_math": False,
}


def draw_bars(
    own: Metrics, over: Metrics, unit: str, limits: Mapping[str, float], floor: float, height: float
) -> Figure:
    """Draw a bar for each value, from `floor`, and a grey one of the other implementation below it."""
    figure, ((axis,),) = _panels(1, 1, height)
    names = list(own)
    thickness, shift = (0.42, 0.22) if over else (0.7, 0.0)
    sides = [(own, OWN, shift, "graded")] + ([(over, OVER, -shift, "compared with")] if over else [])
    for values, colour, offset, label in sides:
        places = [len(names) - number + offset for number in range(len(names))]
        widths = [max(values.get(name, floor), floor) - floor for name in names]
        axis.barh(places, widths, thickness, left=floor, color=colour, label=label)
    if over:
        axis.legend(loc="upper left", bbox_to_anchor=(0, -0.08), ncols=2, frameon=False)
    axis.set_yticks([float(len(names) - number) for number in range(len(names))], names)
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
    own: Tracks, over: Tracks, headings: Mapping[str, str], x_label: str, limit: float | None = None
) -> Figure:
    """Draw steps over time in a grid: a row for each rate, a column for each heading."""
    rows = [rate for rate in RATES if any(row == rate for row, _ in own)]
    figure, grid = _panels(len(rows), len(headings), 0.9 + (0.62 if limit else 0.75) * len(rows))
    for axes, row in zip(grid, rows, strict=True):
        axes[0].set_ylabel(row, rotation=0, ha="right", va="center")
        for axis, column in zip(axes, headings, strict=True):
            if line := own.get((row, column)):
                axis.fill_between(*line, step="post", color=OWN, alpha=0.25, linewidth=0)
                axis.step(*line, where="post", color=OWN, linewidth=1, label="graded")
            if line := over.get((row, column)):
                axis.step(*line, where="post", color=OVER, linewidth=1.2, label="compared with")
            if limit is None:
                axis.set_yticks([])
            else:
                axis.axhline(limit, color=LIMIT, linewidth=1, linestyle=(0, (4, 3)))
                axis.set_ylim(0, 1.1 * max(limit, *(max(values) for _, values in own.values())))
    for axis, heading in zip(grid[0], headings.values(), strict=True):
        axis.set_title(heading, loc="left")
    for axis in grid[-1]:
        axis.set_xlabel(x_label)
    _add_legend(figure, grid[-1][-1], 2)
    return figure


def draw_curves(
    own: Metrics,
    over: Metrics,
    x_label: str,
    y_label: str,
    draw_mask: Callable[[Axes, Line], None],
    marker: str,
) -> Figure:
    """Draw a line for each rate in a panel for each direction, with a mask."""
    figure, (axes,) = _panels(1, len(DIRECTIONS), 3.4)
    first = next(iter(own.values()))
    for axis, (direction, heading) in zip(axes, DIRECTIONS.items(), strict=True):
        axis.set_title(heading, loc="left")
        axis.set_xlabel(x_label)
        for rate in RATES:
            if found := over.get(direction.format(rate)):
                axis.plot(*line(found), color=OVER, linewidth=2.5)
        for number, rate in enumerate(RATES):
            if found := own.get(direction.format(rate)):
                axis.plot(
                    *line(found),
                    color=RATE_COLOURS[number],
                    linewidth=1.5,
                    linestyle=DASHES[number],
                    marker=marker,
                    markersize=3,
                    label=rate,
                )
        draw_mask(axis, mask(first))
    if over:
        axes[-1].plot([], [], color=OVER, linewidth=2.5, label="compared with")
    axes[0].set_ylabel(y_label)
    _add_legend(figure, axes[-1], 8)
    return figure


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


def mask(series: Metrics) -> Line:
    """Return the x values and the mask of a series; the mask of a response is its two bounds."""
    x, _, mask = series.values()
    return line({"x": x, "mask": mask}) if len(x) == len(mask) else (x, mask)


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
