"""Draws what checks measured, over the measurements of another implementation.

Families of metrics are named and described in `spec/schemas/report.schema.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from twilio_conformance.report.figures import (
    DIRECTIONS,
    LIMIT,
    RATES,
    SETTINGS,
    Line,
    Metrics,
    Tracks,
    as_svg,
    draw_bars,
    draw_curves,
    draw_tracks,
    line,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MUST_MS, SHOULD_MS = 60, 20
MUST_DB, SHOULD_DB, FLOOR_DB = -40, -50, -120

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
        if used := set(CALL_METRICS & metrics.keys()):
            plots.append(_calls(metrics, over))
            drawn |= used
    return plots, {name: value for name, value in metrics.items() if name not in drawn}


def _family(metrics: Metrics, family: str) -> Metrics:
    """Return the members of a family, by what follows its name."""
    if isinstance(metrics.get(family), dict):
        return dict(metrics[family])
    prefix = f"{family}, "
    return {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}


def _latency(own: Metrics, over: Metrics) -> Plot:
    limits = {f"SHOULD ≤ {SHOULD_MS} ms": SHOULD_MS, f"MUST ≤ {MUST_MS} ms": MUST_MS}
    figure = draw_bars(own, over, "ms", limits, 0, 4.2)
    summary = "Withheld audio and group delay together, by direction and rate. The worst is {}."
    return _plot("latency", "Added latency", summary, figure, own, over, "ms", max)


def _stop_band(own: Metrics, over: Metrics) -> Plot:
    limits = {f"MUST < {MUST_DB} dB": MUST_DB, f"SHOULD < {SHOULD_DB} dB": SHOULD_DB}
    figure = draw_bars(own, over, "dB", limits, FLOOR_DB, 0.9 + 0.17 * len(own))
    summary = (
        "What comes out at frequencies that nobody sent, relative to the tone that was sent; longer bars are worse,"
        " and -120 dB or less has none. The worst is {}."
    )
    return _plot("aliases", "Aliases and images", summary, figure, own, over, "dB", max)


def _over_time(name: str, title: str, x_label: str, summary: str, own: Metrics, over: Metrics) -> Plot:
    """Draw milliseconds as they change over a passage of audio."""
    figure = draw_tracks(_by_rate(own), _by_rate(over), DIRECTIONS, x_label, MUST_MS)
    figure.supylabel("ms", fontsize=9)
    peaks, others = ({key: max(line(value)[1]) for key, value in side.items()} for side in (own, over))
    summary += f" The most is {{}}. The dashed line is {MUST_MS} ms."
    return _plot(name, title, summary, figure, peaks, others, "most, ms", max)


def _by_rate(metrics: Metrics) -> Tracks:
    return {
        (rate, direction): line(metrics[direction.format(rate)])
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

    figure = draw_curves(own, over, "Hz", "dB against 1020 Hz", draw_mask, "")
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

    figure = draw_curves(own, over, "level of the tone, dBm0", "SINAD, dB", draw_mask, "o")
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

    figure = draw_curves(own, over, "level of the tone, dBm0", "dB against -10 dBm0", draw_mask, "o")
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
    figure = draw_tracks(heard, compared, {"": ""}, "seconds since the caller's first word")
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
        as_svg(figure, "calls", "Whole calls"),
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


def _greatest(values: Iterable[float]) -> float:
    return max(map(abs, values))


def _reduced(
    own: Metrics, over: Metrics, reduce: Callable[[Sequence[float]], float]
) -> tuple[Metrics, Metrics]:
    """Return one number for each series."""
    mine, theirs = ({key: reduce(line(value)[1]) for key, value in side.items()} for side in (own, over))
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
        as_svg(figure, name, title),
        ("", unit, "compared with") if over else ("", unit),
        rows,
    )


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
