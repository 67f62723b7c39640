"""Draws what checks measured as SVG for a page: its colours are the page's own, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from twilio_conformance.audio.metrics import ideal_sinad

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Metrics = dict[str, Any]
Series = dict[str, tuple[list[float], list[float]]]

RATES = ("8000 Hz", "16000 Hz", "22050 Hz", "24000 Hz", "32000 Hz", "44100 Hz", "48000 Hz")
WAYS = {"{} to Twilio": "The bot's voice, to Twilio", "Twilio to {}": "The caller's voice, from Twilio"}

WIDTH = 10.5
"""Inches, as matplotlib counts them; the page scales a drawing to its own width."""

MUST_MS, SHOULD_MS = 60, 20
MUST_DB, SHOULD_DB = -40, -50

# Colours that stand for the page's own: they are replaced by CSS variables when the drawing is done.
_INK, _LINE, _REFERENCE, _LIMIT, _OWN = "#000001", "#000002", "#000003", "#000004", "#000005"
_RATE_INKS = tuple(f"#00001{number}" for number in range(len(RATES)))
_SETTINGS: Any = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), _INK),
    **dict.fromkeys(("axes.edgecolor", "grid.color"), _LINE),
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "svg.fonttype": "none",
    "text.parse_math": False,
}
_VARIABLES = {
    _INK: "--ink",
    _LINE: "--line",
    _REFERENCE: "--reference",
    _LIMIT: "--bad",
    _OWN: "--accent",
    **{ink: f"--rate-{number}" for number, ink in enumerate(_RATE_INKS)},
}
_STYLES = (
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


def measured(report: Mapping[str, Any]) -> Metrics:
    """What the checks of a report measured, by name; of two checks that measured the same, the first."""
    found: Metrics = {}
    for metrics in report["metrics"].values():
        for name, value in metrics.items():
            found.setdefault(name, value)
    return found


def draw(metrics: Metrics, over: Metrics) -> tuple[list[Plot], Metrics]:
    """The drawings of all that is known how to draw, and what is left to show as numbers.

    Args:
        metrics: What was measured of the implementation.
        over: What was measured of another, to be drawn beneath; may be empty.
    """
    import matplotlib as mpl

    plots, drawn, rest = [], set(), {}
    with mpl.rc_context(_SETTINGS):
        for name, plot in _KNOWN.items():
            used = {key for key in metrics if key == name or key.startswith(f"{name}, ")}
            if used:
                plots.append(plot(_chosen(metrics, name), _chosen(over, name)))
                drawn |= used
        for name, value in metrics.items():
            if name in drawn:
                continue
            if _is_series(value):
                plots.append(_any_series(name, value, over.get(name)))
            else:
                rest[name] = value
    return plots, rest


def _chosen(metrics: Metrics, name: str) -> Metrics:
    """One value, or every series of a family, by what follows the family's name."""
    if isinstance(metrics.get(name), dict):
        return dict(metrics[name])
    return {
        key.removeprefix(f"{name}, "): value for key, value in metrics.items() if key.startswith(f"{name}, ")
    }


def _is_series(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 2:
        return False
    lists = list(value.values())
    return all(
        isinstance(entry, list) and entry and all(isinstance(item, int | float) for item in entry)
        for entry in lists
    ) and len(lists[0]) == len(lists[1])


def _latency(own: Metrics, over: Metrics) -> Plot:
    title = "Added latency"
    figure, axes = _figure(1, height=4.2)
    _bars(axes[0], own, over, "ms")
    for limit, word in ((SHOULD_MS, "SHOULD"), (MUST_MS, "MUST")):
        _limit(axes[0], limit, f"{word} ≤ {limit} ms", upright=True)
    worst = max(own, key=lambda way: float(own[way]))
    summary = (
        "Withheld audio and group delay together, by direction and rate."
        f" The worst is {worst}: {_number(own[worst])} ms."
    )
    return _done("latency", title, summary, figure, *_table(own, over, "ms"))


def _stop_band(own: Metrics, over: Metrics) -> Plot:
    figure, axes = _figure(1, height=0.9 + 0.17 * len(own))
    shown = {name: value + 120 for name, value in own.items()}
    _bars(axes[0], shown, {name: value + 120 for name, value in over.items()}, "dB")
    axes[0].set_xlim(0, 120)
    ticks = range(0, 121, 20)
    axes[0].set_xticks(list(ticks), [f"{tick - 120}" for tick in ticks])
    _limit(axes[0], MUST_DB + 120, f"MUST < {MUST_DB} dB", upright=True)
    _limit(axes[0], SHOULD_DB + 120, f"SHOULD < {SHOULD_DB} dB", upright=True, left=True)
    worst = max(own, key=lambda name: float(own[name]))
    summary = (
        "What comes out at frequencies that nobody sent, against the tone that was; longer bars are worse."
        f" The worst is {worst}: {_number(own[worst])} dB."
    )
    return _done("aliases", "Aliases and images", summary, figure, *_table(own, over, "dB"))


def _withheld(own: Metrics, over: Metrics) -> Plot:
    return _over_time("withheld", "Withheld audio over time", own, over, "seconds given",
                      "How many ms of audio are inside the serializer after each chunk of 20 ms, at each rate.")  # fmt: skip


def _timeline(own: Metrics, over: Metrics) -> Plot:
    return _over_time("timeline", "Latency over time", own, over, "seconds heard",
                      "How many ms each 40 ms of sound took, from the call that gave it to that which gave it back.")  # fmt: skip


def _over_time(name: str, title: str, own: Metrics, over: Metrics, label: str, told: str) -> Plot:
    """Milliseconds as they change in a passage: a row for each rate, a column for each direction."""
    series, under = _series(own), _series(over)
    rates = [rate for rate in RATES if any(pattern.format(rate) in series for pattern in WAYS)]
    peak = {way: max(values) for way, (_, values) in series.items()}
    figure, grid = _grid(len(rates), len(WAYS), height=0.9 + 0.62 * len(rates))
    for row, rate in zip(grid, rates, strict=True):
        row[0].set_ylabel(rate, rotation=0, ha="right", va="center")
        for axis, pattern in zip(row, WAYS, strict=True):
            way = pattern.format(rate)
            if way in series:
                axis.fill_between(*series[way], step="post", color=_OWN, alpha=0.25, linewidth=0)
                axis.step(*series[way], where="post", color=_OWN, linewidth=1, label="graded")
            if way in under:
                axis.step(*under[way], where="post", color=_REFERENCE, linewidth=1.2, label="compared with")
            _limit(axis, MUST_MS, "")
            axis.set_ylim(0, 1.1 * max(MUST_MS, *peak.values()))
    for axis, heading in zip(grid[0], WAYS.values(), strict=True):
        axis.set_title(heading, loc="left")
    for axis in grid[-1]:
        axis.set_xlabel(label)
    figure.supylabel("ms", fontsize=9)
    handles, labels = grid[-1][-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    worst = max(peak, key=lambda way: peak[way])
    summary = f"{told} The most is {_number(peak[worst])} ms, {worst}. The dashed line is {MUST_MS} ms."
    others = {way: max(values) for way, (_, values) in under.items()}
    return _done(name, title, summary, figure, *_table(peak, others, "most, ms"))


def _response(own: Metrics, over: Metrics) -> Plot:
    figure, axes = _figure(2, height=3.4)
    series, under = _series(own), _series(over)
    _lines(axes, series, under)
    for axis in axes:
        axis.set_xlabel("Hz")
        axis.set_ylim(-4.5, 2)
        axis.fill_between((200, 3400), -4.5, -3, color=_LIMIT, alpha=0.12, linewidth=0)
        axis.fill_between((200, 3400), 1, 2, color=_LIMIT, alpha=0.12, linewidth=0)
        for edge in (-0.5, 0.5):
            axis.axhline(edge, color=_LIMIT, linewidth=0.8, linestyle=(0, (2, 2)))
    axes[0].set_ylabel("dB against 1020 Hz")
    ripple = {way: max(map(abs, values)) for way, (_, values) in series.items()}
    worst = max(ripple, key=lambda way: ripple[way])
    summary = (
        "The level of each tone against that of 1020 Hz. Shaded is what is not permitted; between the dashed"
        f" lines is what is advised. The greatest deviation is {_number(ripple[worst])} dB, {worst}."
    )
    others = {way: max(map(abs, values)) for way, (_, values) in under.items()}
    return _done(
        "response", "Frequency response", summary, figure, *_table(ripple, others, "greatest deviation, dB")
    )


def _sinad(own: Metrics, over: Metrics) -> Plot:
    figure, axes = _figure(2, height=3.4)
    series, under = _series(own), _series(over)
    _lines(axes, series, under, marker="o")
    levels = sorted({level for own_levels, _ in series.values() for level in own_levels})
    least = [ideal_sinad(level) - 3 for level in levels]
    for axis in axes:
        axis.plot(levels, least, color=_LIMIT, linewidth=1, linestyle=(0, (2, 2)))
        axis.set_xlabel("level of the tone, dBm0")
    axes[0].set_ylabel("SINAD, dB")
    low = {way: min(values) for way, (_, values) in series.items()}
    worst = min(low, key=lambda way: low[way])
    summary = (
        "Signal to noise and distortion of a tone of 1020 Hz at several levels. The dashed line is the least"
        f" that is permitted: ideal μ-law, less 3 dB. The lowest is {_number(low[worst])} dB, {worst}."
    )
    others = {way: min(values) for way, (_, values) in under.items()}
    return _done("sinad", "SINAD over level", summary, figure, *_table(low, others, "lowest, dB"))


def _any_series(name: str, value: Metrics, under: Any) -> Plot:
    figure, axes = _figure(1, height=2.6)
    (x_name, x), (y_name, y) = value.items()
    if _is_series(under):
        axes[0].plot(*under.values(), color=_REFERENCE, linewidth=1)
    axes[0].plot(x, y, color=_OWN, linewidth=1.4)
    axes[0].set_xlabel(x_name)
    axes[0].set_ylabel(y_name)
    summary = f"From {_number(min(y))} to {_number(max(y))} {y_name}."
    rows = tuple((_number(left), _number(right)) for left, right in zip(x, y, strict=True))
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return _done(slug, name, summary, figure, (x_name, y_name), rows[:200])


_KNOWN: dict[str, Callable[[Metrics, Metrics], Plot]] = {
    "added latency, ms": _latency,
    "latency": _timeline,
    "withheld": _withheld,
    "response": _response,
    "SINAD": _sinad,
    "aliases and images, dB": _stop_band,
}


def _figure(columns: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of one row."""
    figure, grid = _grid(1, columns, height)
    return figure, grid[0]


def _grid(rows: int, columns: int, height: float) -> tuple[Figure, list[list[Axes]]]:
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


def _series(metrics: Metrics) -> Series:
    return {name: (x, y) for name, value in metrics.items() for x, y in [value.values()]}


def _lines(axes: Sequence[Axes], own: Series, over: Series, *, marker: str = "") -> None:
    """A panel for each direction, a line for each rate; another implementation's lines lie beneath."""
    for axis, (pattern, heading) in zip(axes, WAYS.items(), strict=True):
        axis.set_title(heading, loc="left")
        for rate in RATES:
            if (under := over.get(pattern.format(rate))) is not None:
                axis.plot(*under, color=_REFERENCE, linewidth=2.5)
        for number, rate in enumerate(RATES):
            if (line := own.get(pattern.format(rate))) is not None:
                axis.plot(
                    *line,
                    color=_RATE_INKS[number],
                    linewidth=1.5,
                    linestyle=_STYLES[number],
                    marker=marker,
                    markersize=3,
                    label=rate,
                )
    if over:
        axes[-1].plot([], [], color=_REFERENCE, linewidth=2.5, label="compared with")
    handles, labels = axes[-1].get_legend_handles_labels()
    if handles:
        axes[0].figure.legend(handles, labels, loc="outside lower center", ncols=8, frameon=False)


def _bars(axis: Axes, own: Metrics, over: Metrics, unit: str) -> None:
    """A bar for each value, another implementation's thin one beneath each."""
    names = list(own)
    places = [float(len(names) - number) for number in range(len(names))]
    thickness = 0.42 if over else 0.7
    shift = 0.22 if over else 0.0
    axis.barh([place + shift for place in places], list(own.values()), thickness, color=_OWN, label="graded")
    if over:
        values = [over.get(name, 0.0) for name in names]
        axis.barh(
            [place - shift for place in places], values, thickness, color=_REFERENCE, label="compared with"
        )
        axis.legend(loc="upper left", bbox_to_anchor=(0, -0.08), ncols=2, frameon=False)
    axis.set_yticks(places, names)
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    axis.set_xlabel(unit)
    axis.margins(y=0.01)


def _limit(axis: Axes, value: float, label: str, *, upright: bool = False, left: bool = False) -> None:
    line = axis.axvline if upright else axis.axhline
    line(value, color=_LIMIT, linewidth=1, linestyle=(0, (4, 3)))
    if label:
        axis.annotate(
            label,
            (value, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-3 if left else 3, 2),
            ha="right" if left else "left",
            textcoords="offset points",
            color=_LIMIT,
            fontsize=8,
        )


def _table(own: Metrics, over: Metrics, unit: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    columns = ("", unit, "compared with") if over else ("", unit)
    rows = (
        (name, _number(value), *([_number(over.get(name))] if over else [])) for name, value in own.items()
    )
    return columns, tuple(rows)


def _number(value: Any) -> str:
    """A number for reading: three significant places, and no more than one digit behind 100."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "" if value is None else str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}".replace("e+02", "00")


def _done(
    name: str,
    title: str,
    summary: str,
    figure: Figure,
    columns: tuple[str, ...],
    rows: tuple[tuple[str, ...], ...],
) -> Plot:
    return Plot(name, title, summary, _svg(figure, name, title), columns, rows)


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
