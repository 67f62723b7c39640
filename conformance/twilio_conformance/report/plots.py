"""Draws what checks measured: tracks over time, curves with a mask, and bars, over those of another implementation.

Families of metrics are named and described in `spec/schemas/report.schema.json`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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

MUST_MS, SHOULD_MS = 60, 20
MUST_DB, SHOULD_DB, FLOOR_DB = -40, -50, -120

WIDTH = 10.5
"""Width of a figure in matplotlib's inches; the page scales the drawing to its own width."""

# Placeholder colours, which `_svg` replaces by the CSS variables of the page.
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

ECHO = "echo call"
CALL_FIGURES: dict[str, tuple[str, str | None]] = {
    "first audio back, ms": ("first audio back", "ms"),
    "speech until then, ms": ("first audio back", "speech until then, ms"),
    "returned of 3 s of speech, s": (ECHO, "audio returned, s"),
    "missing of them by content, ms": (ECHO, "missing by content, ms"),
    "between messages, ms": (ECHO, "mean time between messages, ms"),
    "stalled in 2 s of speech, ms": ("stalled in 2 s, ms", None),
    "from barge-in to silence, ms": ("barge-in to silence, ms", None),
}
"""The figures of a call by their label: the metric, and the member of it unless it is a number."""

CALL_METRICS = frozenset(metric for metric, _ in CALL_FIGURES.values())
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
        for name, value in own.items():
            found.setdefault(name, value)
    return found


def draw(metrics: Metrics, over: Metrics) -> tuple[list[Plot], Metrics]:
    """Draw the known families of metrics, and return the rest to be shown as numbers.

    Args:
        metrics: The measurements of an implementation.
        over: Those of another, drawn beneath; may be empty.
    """
    import matplotlib as mpl

    plots, drawn = [], set()
    with mpl.rc_context(SETTINGS):
        for family, plot in FAMILIES.items():
            if used := {name for name in metrics if name == family or name.startswith(f"{family}, ")}:
                plots.append(plot(_family(metrics, family), _family(over, family)))
                drawn |= used
        if used := CALL_METRICS & metrics.keys():
            plots.append(_calls(metrics, over))
            drawn |= used
    return plots, {name: value for name, value in metrics.items() if name not in drawn}


def _family(metrics: Metrics, family: str) -> Metrics:
    """Return the members of a family, by what follows its name."""
    if isinstance(metrics.get(family), dict):
        return dict(metrics[family])
    prefix = f"{family}, "
    return {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}


# The three generic drawings.


def _draw_bars(
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


def _draw_tracks(
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


def _draw_curves(
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
                axis.plot(*_line(found), color=OVER, linewidth=2.5)
        for number, rate in enumerate(RATES):
            if found := own.get(direction.format(rate)):
                axis.plot(
                    *_line(found),
                    color=RATE_COLOURS[number],
                    linewidth=1.5,
                    linestyle=DASHES[number],
                    marker=marker,
                    markersize=3,
                    label=rate,
                )
        draw_mask(axis, _mask(first))
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


# What is drawn with them.


def _latency(own: Metrics, over: Metrics) -> Plot:
    limits = {f"SHOULD ≤ {SHOULD_MS} ms": SHOULD_MS, f"MUST ≤ {MUST_MS} ms": MUST_MS}
    figure = _draw_bars(own, over, "ms", limits, 0, 4.2)
    summary = "Withheld audio and group delay together, by direction and rate. The worst is {}."
    return _plot("latency", "Added latency", summary, figure, own, over, "ms", max)


def _stop_band(own: Metrics, over: Metrics) -> Plot:
    limits = {f"MUST < {MUST_DB} dB": MUST_DB, f"SHOULD < {SHOULD_DB} dB": SHOULD_DB}
    figure = _draw_bars(own, over, "dB", limits, FLOOR_DB, 0.9 + 0.17 * len(own))
    summary = (
        "What comes out at frequencies that nobody sent, relative to the tone that was sent; longer bars are worse,"
        " and -120 dB or less has none. The worst is {}."
    )
    return _plot("aliases", "Aliases and images", summary, figure, own, over, "dB", max)


def _over_time(name: str, title: str, x_label: str, summary: str, own: Metrics, over: Metrics) -> Plot:
    """Draw milliseconds as they change over a passage of audio."""
    figure = _draw_tracks(_by_rate(own), _by_rate(over), DIRECTIONS, x_label, MUST_MS)
    figure.supylabel("ms", fontsize=9)
    peaks, others = ({key: max(_line(value)[1]) for key, value in side.items()} for side in (own, over))
    summary += f" The most is {{}}. The dashed line is {MUST_MS} ms."
    return _plot(name, title, summary, figure, peaks, others, "most, ms", max)


def _by_rate(metrics: Metrics) -> Tracks:
    return {
        (rate, direction): _line(metrics[direction.format(rate)])
        for rate in RATES
        for direction in DIRECTIONS
        if direction.format(rate) in metrics
    }


def _response(own: Metrics, over: Metrics) -> Plot:
    def draw_mask(axis: Axes, mask: Line) -> None:
        low, high = mask[1]
        axis.set_ylim(-4.5, 2)
        for edges in ((-4.5, low), (high, 2)):
            axis.fill_between((200, 3400), *edges, color=LIMIT, alpha=0.12, linewidth=0)
        for edge in (-0.5, 0.5):
            axis.axhline(edge, color=LIMIT, linewidth=0.8, linestyle=(0, (2, 2)))

    figure = _draw_curves(own, over, "Hz", "dB against 1020 Hz", draw_mask, "")
    summary = (
        "The level of each tone against that of 1020 Hz. The shaded range is not permitted; the range between the"
        " dashed lines is recommended. The greatest deviation is {}."
    )
    deviations, others = _reduced(own, over, _greatest)
    return _plot(
        "response", "Frequency response", summary, figure, deviations, others, "greatest deviation, dB", max
    )


def _sinad(own: Metrics, over: Metrics) -> Plot:
    def draw_mask(axis: Axes, mask: Line) -> None:
        axis.plot(*mask, color=LIMIT, linewidth=1, linestyle=(0, (2, 2)))

    figure = _draw_curves(own, over, "level of the tone, dBm0", "SINAD, dB", draw_mask, "o")
    summary = (
        "Signal to noise and distortion of a tone of 1020 Hz at several levels. The dashed line is the least that"
        " is permitted: ideal μ-law, less 3 dB. The lowest is {}."
    )
    lowest, others = _reduced(own, over, min)
    return _plot("sinad", "SINAD over level", summary, figure, lowest, others, "lowest, dB", min)


def _tracking(own: Metrics, over: Metrics) -> Plot:
    def draw_mask(axis: Axes, mask: Line) -> None:
        # The level that the others are compared with has no limit.
        limits = [(level, limit) for level, limit in zip(*mask, strict=True) if limit]
        levels = [level for level, _ in limits]
        for sign in (-1, 1):
            permitted = [sign * limit for _, limit in limits]
            axis.step(levels, permitted, color=LIMIT, linewidth=1, linestyle=(0, (2, 2)), where="post")

    figure = _draw_curves(own, over, "level of the tone, dBm0", "dB against -10 dBm0", draw_mask, "o")
    summary = (
        "The gain for a tone of 1020 Hz against that at -10 dBm0. The dashed lines are the limits."
        " The greatest deviation is {}."
    )
    deviations, others = _reduced(own, over, _greatest)
    return _plot(
        "tracking", "Gain over level", summary, figure, deviations, others, "greatest deviation, dB", max
    )


def _calls(own: Metrics, over: Metrics) -> Plot:
    """Draw what the caller heard of an echo, with the figures of all calls as rows."""
    rates = sorted({rate for name in CALL_METRICS & own.keys() for rate in own[name]}, key=int)
    heard = {(f"{rate} Hz", ""): _heard(own, rate) for rate in rates}
    compared = {(f"{rate} Hz", ""): _heard(over, rate) for rate in rates}
    figure = _draw_tracks(heard, compared, {"": ""}, "seconds since the caller's first word")
    rows = []
    for label, figure_of in CALL_FIGURES.items():
        for metrics, suffix in ((own, ""), (over, " (compared with)")):
            values = [_call_figure(metrics, figure_of, rate) for rate in rates]
            if any(_call_figure(own, figure_of, rate) is not None for rate in rates) and any(
                value is not None for value in values
            ):
                rows.append((f"{label}{suffix}", *map(readable, values)))
    return Plot(
        "calls",
        "Whole calls",
        "How loud the caller hears an agent that echoes 3 s of speech, every 20 ms, at each rate of the pipeline,"
        " with the figures of all calls below. They were measured in real time: a busy machine makes them worse.",
        _svg(figure, "calls", "Whole calls"),
        ("", *(f"{rate} Hz" for rate in rates)),
        tuple(rows),
        unfolded=True,
    )


def _heard(metrics: Metrics, rate: str) -> Line:
    """Return seconds since the first message was sent, and the level heard then."""
    call = metrics.get(ECHO, {}).get(rate)
    if call is None:
        return (), ()
    levels, first = call["level heard every 20 ms"], call["first message sent, ms"] / 1000
    return [number * LEVEL_SECONDS - first for number in range(len(levels))], levels


def _call_figure(metrics: Metrics, figure: tuple[str, str | None], rate: str) -> float | None:
    metric, member = figure
    value = metrics.get(metric, {}).get(rate)
    found: float | None = value if member is None or value is None else value[member]
    return found


# Numbers and SVG.


def _line(series: Metrics) -> Line:
    """Return the x and y values of a series, in the order of x: a check may measure levels in another order."""
    x, y, *_ = series.values()
    order = sorted(range(len(x)), key=x.__getitem__)
    return [x[place] for place in order], [y[place] for place in order]


def _mask(series: Metrics) -> Line:
    """Return the x values and the mask of a series; the mask of a response is its two bounds."""
    x, _, mask = series.values()
    return _line({"x": x, "mask": mask}) if len(x) == len(mask) else (x, mask)


def _greatest(values: Iterable[float]) -> float:
    return max(map(abs, values))


def _reduced(
    own: Metrics, over: Metrics, reduce: Callable[[Sequence[float]], float]
) -> tuple[Metrics, Metrics]:
    """Return one number for each series."""
    mine, theirs = ({key: reduce(_line(value)[1]) for key, value in side.items()} for side in (own, over))
    return mine, theirs


def readable(value: Any) -> str:
    """Return a number with three significant digits, or without decimals from 1000 on."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "" if value is None else str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}".replace("e+02", "00")


def _plot(
    name: str,
    title: str,
    summary: str,
    figure: Figure,
    own: Metrics,
    over: Metrics,
    unit: str,
    worst_of: Callable[..., Any],
) -> Plot:
    """Return a drawing with one number for each direction and rate; the summary names the worst in place of {}."""
    worst = worst_of(own, key=lambda key: float(own[key]))
    rows = tuple(
        (key, readable(value), *([readable(over.get(key))] if over else [])) for key, value in own.items()
    )
    return Plot(
        name,
        title,
        summary.format(f"{worst}: {readable(own[worst])} {unit.rpartition(' ')[2]}"),
        _svg(figure, name, title),
        ("", unit, "compared with") if over else ("", unit),
        rows,
    )


def _svg(figure: Figure, name: str, title: str) -> str:
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


FAMILIES: dict[str, Callable[[Metrics, Metrics], Plot]] = {
    "added latency, ms": _latency,
    "latency": partial(
        _over_time,
        "timeline",
        "Latency over time",
        "seconds heard",
        "How many ms each 40 ms of sound took, from the call that gave it to the call that returned it. Calls are"
        " 20 ms apart, so that sound returned one call late shows as 20 ms, be it 2 ms or 19.",
    ),
    "withheld": partial(
        _over_time,
        "withheld",
        "Withheld audio over time",
        "seconds given",
        "How many ms of audio are inside the serializer after each chunk of 20 ms, at each rate.",
    ),
    "response": _response,
    "SINAD": _sinad,
    "gain tracking": _tracking,
    "aliases and images, dB": _stop_band,
}
"""How each family of metrics is drawn, in the order of the page."""

DRAWN = frozenset(FAMILIES) | CALL_METRICS
"""Families and metrics that are drawn."""
