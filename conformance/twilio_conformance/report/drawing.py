"""Figures as SVG for a page: lines and bars of one implementation over another's, in the page's own colours."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Metrics = dict[str, Any]
Series = dict[str, tuple[list[float], list[float]]]

RATES = ("8000 Hz", "16000 Hz", "22050 Hz", "24000 Hz", "32000 Hz", "44100 Hz", "48000 Hz")
WAYS = {"{} to Twilio": "The bot's voice, to Twilio", "Twilio to {}": "The caller's voice, from Twilio"}

WIDTH = 10.5
"""Inches, as matplotlib counts them; the page scales a drawing to its own width."""

# Colours that stand for the page's own: they are replaced by CSS variables when the drawing is done.
INK, LINE, REFERENCE, LIMIT, OWN = "#000001", "#000002", "#000003", "#000004", "#000005"
RATE_INKS = tuple(f"#00001{number}" for number in range(len(RATES)))
SETTINGS: Any = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("axes.edgecolor", "grid.color"), LINE),
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "svg.fonttype": "none",
    "text.parse_math": False,
}
_VARIABLES = {
    INK: "--ink",
    LINE: "--line",
    REFERENCE: "--reference",
    LIMIT: "--bad",
    OWN: "--accent",
    **{ink: f"--rate-{number}" for number, ink in enumerate(RATE_INKS)},
}
STYLES = (
    "-",
    (0, (6, 1.5)),
    (0, (3, 1.5)),
    (0, (1, 1)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (9, 3)),
    (0, (3, 1, 1, 1, 1, 1)),
)
"""Dashes, so that lines can be told apart without their colours."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One drawing: what it shows in a sentence, and the numbers for those who cannot see it."""

    name: str
    title: str
    summary: str
    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    unfolded: bool = False


def one_row(columns: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of one row."""
    figure, grid = panels(1, columns, height)
    return figure, grid[0]


def panels(rows: int, columns: int, height: float) -> tuple[Figure, list[list[Axes]]]:
    """A figure of some rows and columns with common axes; no window system is asked for."""
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


def as_series(metrics: Metrics) -> Series:
    """Metrics of two lists each, as pairs of x and y; a third list is the mask that they were held to."""
    return {name: (x, y) for name, value in metrics.items() for x, y, *_ in [value.values()]}


def masks(metrics: Metrics) -> Series:
    """The x and the mask of each series."""
    return {name: (x, mask) for name, value in metrics.items() for x, _, mask in [value.values()]}


def draw_lines(axes: Sequence[Axes], own: Series, over: Series, *, marker: str = "") -> None:
    """A panel for each direction, a line for each rate; another implementation's lines lie beneath."""
    for axis, (pattern, heading) in zip(axes, WAYS.items(), strict=True):
        axis.set_title(heading, loc="left")
        for rate in RATES:
            if (under := over.get(pattern.format(rate))) is not None:
                axis.plot(*under, color=REFERENCE, linewidth=2.5)
        for number, rate in enumerate(RATES):
            if (line := own.get(pattern.format(rate))) is not None:
                axis.plot(
                    *line,
                    color=RATE_INKS[number],
                    linewidth=1.5,
                    linestyle=STYLES[number],
                    marker=marker,
                    markersize=3,
                    label=rate,
                )
    if over:
        axes[-1].plot([], [], color=REFERENCE, linewidth=2.5, label="compared with")
    handles, labels = axes[-1].get_legend_handles_labels()
    if handles:
        axes[0].figure.legend(handles, labels, loc="outside lower center", ncols=8, frameon=False)


def draw_bars(axis: Axes, own: Metrics, over: Metrics, unit: str) -> None:
    """A bar for each value, another implementation's thin one beneath each."""
    names = list(own)
    places = [float(len(names) - number) for number in range(len(names))]
    thickness = 0.42 if over else 0.7
    shift = 0.22 if over else 0.0
    axis.barh([place + shift for place in places], list(own.values()), thickness, color=OWN, label="graded")
    if over:
        values = [over.get(name, 0.0) for name in names]
        axis.barh(
            [place - shift for place in places], values, thickness, color=REFERENCE, label="compared with"
        )
        axis.legend(loc="upper left", bbox_to_anchor=(0, -0.08), ncols=2, frameon=False)
    axis.set_yticks(places, names)
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    axis.set_xlabel(unit)
    axis.margins(y=0.01)


def draw_limit(axis: Axes, value: float, label: str, *, upright: bool = False, left: bool = False) -> None:
    """A dashed line across the panel, or from top to bottom, with a word at its end."""
    line = axis.axvline if upright else axis.axhline
    line(value, color=LIMIT, linewidth=1, linestyle=(0, (4, 3)))
    if label:
        axis.annotate(
            label,
            (value, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-3 if left else 3, 2),
            ha="right" if left else "left",
            textcoords="offset points",
            color=LIMIT,
        )


def tabulate(own: Metrics, over: Metrics, unit: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The columns and rows that say a drawing in numbers."""
    columns = ("", unit, "compared with") if over else ("", unit)
    rows = (
        (name, readable(value), *([readable(over.get(name))] if over else [])) for name, value in own.items()
    )
    return columns, tuple(rows)


def readable(value: Any) -> str:
    """A number for reading: three significant places, and no more than one digit behind 100."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "" if value is None else str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}".replace("e+02", "00")


def finish(
    name: str,
    title: str,
    summary: str,
    figure: Figure,
    columns: tuple[str, ...],
    rows: tuple[tuple[str, ...], ...],
    *,
    unfolded: bool = False,
) -> Plot:
    """The figure as a drawing of a page."""
    return Plot(name, title, summary, _svg(figure, name, title), columns, rows, unfolded)


def _svg(figure: Figure, name: str, title: str) -> str:
    """The figure for use inside a page: text stays text, ids are its own, colours are the page's."""
    import matplotlib as mpl

    target = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(
            target, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    drawing = target.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r" font-family: [^;]*;", "", drawing)
    drawing = re.sub(r"(\d\.\d\d)\d+", r"\1", drawing)
    drawing = re.sub(r'(\bid=")', rf"\1{name}-", drawing)
    drawing = re.sub(r'(url\(#|href="#)', rf"\1{name}-", drawing)
    for colour, variable in _VARIABLES.items():
        drawing = drawing.replace(colour, f"var({variable})")
    width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', drawing)[:2]
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" class="plot">'
    return head + "".join(_body(drawing))


def _body(drawing: str) -> Iterator[str]:
    """The drawing without its own head and without the white space that only lines it up."""
    inside = drawing[drawing.index(">") + 1 :]
    for line in inside.splitlines():
        yield f"{line.strip()}\n"
