"""Draws what checks measured of audio, and leaves what it does not know to tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from twilio_conformance.report import calls
from twilio_conformance.report.drawing import (
    LIMIT,
    OWN,
    RATES,
    REFERENCE,
    SETTINGS,
    WAYS,
    Metrics,
    Plot,
    Series,
    as_series,
    draw_bars,
    draw_limit,
    draw_lines,
    finish,
    masks,
    one_row,
    panels,
    readable,
    tabulate,
)

MUST_MS, SHOULD_MS = 60, 20
MUST_DB, SHOULD_DB = -40, -50


def measured(metrics: Mapping[str, Any]) -> Metrics:
    """Return the measurements of all checks by name; the first of two checks wins."""
    found: Metrics = {}
    for own in metrics.values():
        for name, value in own.items():
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
    with mpl.rc_context(SETTINGS):
        for name, plot in KNOWN.items():
            used = {key for key in metrics if key == name or key.startswith(f"{name}, ")}
            if used:
                plots.append(plot(_chosen(metrics, name), _chosen(over, name)))
                drawn |= used
        if called := calls.METRICS & metrics.keys():
            plots.append(calls.draw(metrics, over))
            drawn |= called
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
    figure, axes = one_row(1, height=4.2)
    draw_bars(axes[0], own, over, "ms")
    for limit, word in ((SHOULD_MS, "SHOULD"), (MUST_MS, "MUST")):
        draw_limit(axes[0], limit, f"{word} ≤ {limit} ms", upright=True)
    worst = max(own, key=lambda way: float(own[way]))
    summary = (
        "Withheld audio and group delay together, by direction and rate."
        f" The worst is {worst}: {readable(own[worst])} ms."
    )
    return finish("latency", title, summary, figure, *tabulate(own, over, "ms"))


def _stop_band(own: Metrics, over: Metrics) -> Plot:
    figure, axes = one_row(1, height=0.9 + 0.17 * len(own))
    shown = {name: value + 120 for name, value in own.items()}
    draw_bars(axes[0], shown, {name: value + 120 for name, value in over.items()}, "dB")
    axes[0].set_xlim(0, 120)
    ticks = range(0, 121, 20)
    axes[0].set_xticks(list(ticks), [f"{tick - 120}" for tick in ticks])
    draw_limit(axes[0], MUST_DB + 120, f"MUST < {MUST_DB} dB", upright=True)
    draw_limit(axes[0], SHOULD_DB + 120, f"SHOULD < {SHOULD_DB} dB", upright=True, left=True)
    worst = max(own, key=lambda name: float(own[name]))
    summary = (
        "What comes out at frequencies that nobody sent, against the tone that was; longer bars are worse,"
        " and -120 dB or less has none."
        f" The worst is {worst}: {readable(own[worst])} dB."
    )
    return finish("aliases", "Aliases and images", summary, figure, *tabulate(own, over, "dB"))


def _withheld(own: Metrics, over: Metrics) -> Plot:
    return _over_time("withheld", "Withheld audio over time", own, over, "seconds given",
                      "How many ms of audio are inside the serializer after each chunk of 20 ms, at each rate.")  # fmt: skip


def _timeline(own: Metrics, over: Metrics) -> Plot:
    return _over_time("timeline", "Latency over time", own, over, "seconds heard",
                      "How many ms each 40 ms of sound took, from the call that gave it to that which gave it back;"
                      " calls are 20 ms apart, so that what is one call late shows as 20 ms, be it 2 ms or 19.")  # fmt: skip


def _over_time(name: str, title: str, own: Metrics, over: Metrics, label: str, told: str) -> Plot:
    """Milliseconds as they change in a passage: a row for each rate, a column for each direction."""
    series, under = as_series(own), as_series(over)
    rates = [rate for rate in RATES if any(pattern.format(rate) in series for pattern in WAYS)]
    peak = {way: max(values) for way, (_, values) in series.items()}
    figure, grid = panels(len(rates), len(WAYS), height=0.9 + 0.62 * len(rates))
    for row, rate in zip(grid, rates, strict=True):
        row[0].set_ylabel(rate, rotation=0, ha="right", va="center")
        for axis, pattern in zip(row, WAYS, strict=True):
            way = pattern.format(rate)
            if way in series:
                axis.fill_between(*series[way], step="post", color=OWN, alpha=0.25, linewidth=0)
                axis.step(*series[way], where="post", color=OWN, linewidth=1, label="graded")
            if way in under:
                axis.step(*under[way], where="post", color=REFERENCE, linewidth=1.2, label="compared with")
            draw_limit(axis, MUST_MS, "")
            axis.set_ylim(0, 1.1 * max(MUST_MS, *peak.values()))
    for axis, heading in zip(grid[0], WAYS.values(), strict=True):
        axis.set_title(heading, loc="left")
    for axis in grid[-1]:
        axis.set_xlabel(label)
    figure.supylabel("ms", fontsize=9)
    handles, labels = grid[-1][-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    worst = max(peak, key=lambda way: peak[way])
    summary = f"{told} The most is {readable(peak[worst])} ms, {worst}. The dashed line is {MUST_MS} ms."
    others = {way: max(values) for way, (_, values) in under.items()}
    return finish(name, title, summary, figure, *tabulate(peak, others, "most, ms"))


def _response(own: Metrics, over: Metrics) -> Plot:
    figure, axes = one_row(2, height=3.4)
    series, under = as_series(own), as_series(over)
    draw_lines(axes, series, under)
    _, (low, high) = _first(masks(own))
    for axis in axes:
        axis.set_xlabel("Hz")
        axis.set_ylim(-4.5, 2)
        axis.fill_between((200, 3400), -4.5, low, color=LIMIT, alpha=0.12, linewidth=0)
        axis.fill_between((200, 3400), high, 2, color=LIMIT, alpha=0.12, linewidth=0)
        for edge in (-0.5, 0.5):
            axis.axhline(edge, color=LIMIT, linewidth=0.8, linestyle=(0, (2, 2)))
    axes[0].set_ylabel("dB against 1020 Hz")
    ripple = {way: max(map(abs, values)) for way, (_, values) in series.items()}
    worst = max(ripple, key=lambda way: ripple[way])
    summary = (
        "The level of each tone against that of 1020 Hz. Shaded is what is not permitted; between the dashed"
        f" lines is what is advised. The greatest deviation is {readable(ripple[worst])} dB, {worst}."
    )
    others = {way: max(map(abs, values)) for way, (_, values) in under.items()}
    return finish(
        "response", "Frequency response", summary, figure, *tabulate(ripple, others, "greatest deviation, dB")
    )


def _sinad(own: Metrics, over: Metrics) -> Plot:
    figure, axes = one_row(2, height=3.4)
    series, under = as_series(own), as_series(over)
    draw_lines(axes, series, under, marker="o")
    # What is permitted follows the level that comes out, which is about the same everywhere.
    levels, least = _first(_by_level(masks(own)))
    for axis in axes:
        axis.plot(levels, least, color=LIMIT, linewidth=1, linestyle=(0, (2, 2)))
        axis.set_xlabel("level of the tone, dBm0")
    axes[0].set_ylabel("SINAD, dB")
    low = {way: min(values) for way, (_, values) in series.items()}
    worst = min(low, key=lambda way: low[way])
    summary = (
        "Signal to noise and distortion of a tone of 1020 Hz at several levels. The dashed line is the least"
        f" that is permitted: ideal μ-law, less 3 dB. The lowest is {readable(low[worst])} dB, {worst}."
    )
    others = {way: min(values) for way, (_, values) in under.items()}
    return finish("sinad", "SINAD over level", summary, figure, *tabulate(low, others, "lowest, dB"))


def _tracking(own: Metrics, over: Metrics) -> Plot:
    figure, axes = one_row(2, height=3.4)
    series, under = _by_level(as_series(own)), _by_level(as_series(over))
    draw_lines(axes, series, under, marker="o")
    # The level that others are held against has no limit.
    bounds = [(level, limit) for level, limit in zip(*_first(_by_level(masks(own))), strict=True) if limit]
    levels = [level for level, _ in bounds]
    for axis in axes:
        for sign in (-1, 1):
            permitted = [sign * limit for _, limit in bounds]
            axis.step(levels, permitted, color=LIMIT, linewidth=1, linestyle=(0, (2, 2)), where="post")
        axis.set_xlabel("level of the tone, dBm0")
    axes[0].set_ylabel("dB against -10 dBm0")
    most = {way: max(map(abs, values)) for way, (_, values) in series.items()}
    worst = max(most, key=lambda way: most[way])
    summary = (
        "The gain for a tone of 1020 Hz against that at -10 dBm0. The dashed lines are the limits."
        f" The greatest deviation is {readable(most[worst])} dB, {worst}."
    )
    others = {way: max(map(abs, values)) for way, (_, values) in under.items()}
    return finish(
        "tracking", "Gain over level", summary, figure, *tabulate(most, others, "greatest deviation, dB")
    )


def _by_level(series: Series) -> Series:
    """Series in the order of their levels: a check may have measured them in another."""
    found: Series = {}
    for way, (levels, values) in series.items():
        order = sorted(range(len(levels)), key=levels.__getitem__)
        found[way] = ([levels[at] for at in order], [values[at] for at in order])
    return found


def _first(series: Series) -> tuple[list[float], list[float]]:
    """The series of the first way, where all are alike."""
    return next(iter(series.values()))


def _any_series(name: str, value: Metrics, under: Any) -> Plot:
    figure, axes = one_row(1, height=2.6)
    (x_name, x), (y_name, y) = value.items()
    if _is_series(under):
        axes[0].plot(*under.values(), color=REFERENCE, linewidth=1)
    axes[0].plot(x, y, color=OWN, linewidth=1.4)
    axes[0].set_xlabel(x_name)
    axes[0].set_ylabel(y_name)
    summary = f"From {readable(min(y))} to {readable(max(y))} {y_name}."
    rows = tuple((readable(left), readable(right)) for left, right in zip(x, y, strict=True))
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return finish(slug, name, summary, figure, (x_name, y_name), rows[:200])


KNOWN: dict[str, Callable[[Metrics, Metrics], Plot]] = {
    "added latency, ms": _latency,
    "latency": _timeline,
    "withheld": _withheld,
    "response": _response,
    "SINAD": _sinad,
    "gain tracking": _tracking,
    "aliases and images, dB": _stop_band,
}
"""How each family of metrics is drawn; spec/schemas/report.schema.json says what they are made of."""
