"""Draws whole calls: what the caller heard of an echo, with the figures of all calls in one table."""

from __future__ import annotations

from twilio_conformance.report.drawing import (
    OWN,
    REFERENCE,
    Metrics,
    Plot,
    finish,
    panels,
    readable,
)

ECHO = "echo call"
FIGURES: dict[str, tuple[str, str | None]] = {
    "first audio back, ms": ("first audio back", "ms"),
    "speech until then, ms": ("first audio back", "speech until then, ms"),
    "returned of 3 s of speech, s": (ECHO, "audio returned, s"),
    "missing of them by content, ms": (ECHO, "missing by content, ms"),
    "between messages, ms": (ECHO, "mean time between messages, ms"),
    "stalled in 2 s of speech, ms": ("stalled in 2 s, ms", None),
    "from barge-in to silence, ms": ("barge-in to silence, ms", None),
}
"""The figures of a call as a page names them: the metric, and the name in it if it has several."""

METRICS = frozenset(metric for metric, _ in FIGURES.values())
"""What this module shows, whole."""

FRAME = 0.020
"""Seconds between two levels."""


def draw(own: Metrics, over: Metrics) -> Plot:
    """The calls of an implementation, and beneath them those of another.

    Args:
        own: What was measured; at least one of `METRICS` is in it.
        over: What was measured of the other; may be empty.
    """
    rates = sorted({rate for name in METRICS & own.keys() for rate in own[name]}, key=int)
    figure, grid = panels(len(rates), 1, height=0.9 + 0.75 * len(rates))
    for (axis,), rate in zip(grid, rates, strict=True):
        axis.set_ylabel(_hertz(rate), rotation=0, ha="right", va="center")
        axis.set_yticks([])
        if heard := _heard(own, rate):
            axis.fill_between(*heard, step="post", color=OWN, alpha=0.25, linewidth=0)
            axis.step(*heard, where="post", color=OWN, linewidth=1, label="graded")
        if heard := _heard(over, rate):
            axis.step(*heard, where="post", color=REFERENCE, linewidth=1.2, label="compared with")
    grid[-1][0].set_xlabel("seconds since the caller's first word")
    handles, labels = grid[-1][0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    rows = []
    for title, place in FIGURES.items():
        rows += _rows(title, place, own, over, rates)
    return finish(
        "calls",
        "Whole calls",
        "How loud the caller hears an agent that echoes 3 s of speech, every 20 ms, at each rate of the pipeline,"
        " with the figures of all calls below. They were taken in real time: a busy machine makes them worse.",
        figure,
        ("", *map(_hertz, rates)),
        tuple(rows),
        unfolded=True,
    )


def _hertz(rate: str) -> str:
    return f"{rate} Hz"


def _heard(metrics: Metrics, rate: str) -> tuple[list[float], list[float]] | None:
    """Seconds since the first message was sent, and the level heard from then on."""
    call = metrics.get(ECHO, {}).get(rate)
    if call is None:
        return None
    levels = call["level heard every 20 ms"]
    began = call["first message sent, ms"] / 1000
    return [number * FRAME - began for number in range(len(levels))], levels


def _rows(
    title: str, place: tuple[str, str | None], own: Metrics, over: Metrics, rates: list[str]
) -> list[tuple[str, ...]]:
    """A figure at each rate, and that of the other; none where it was not measured."""
    values = [_value(own, place, rate) for rate in rates]
    if all(value is None for value in values):
        return []
    compared = [_value(over, place, rate) for rate in rates]
    rows = [(title, *map(readable, values))]
    if any(value is not None for value in compared):
        rows.append((f"{title} (compared with)", *map(readable, compared)))
    return rows


def _value(metrics: Metrics, place: tuple[str, str | None], rate: str) -> float | None:
    metric, figure = place
    value = metrics.get(metric, {}).get(rate)
    found: float | None = value if figure is None or value is None else value[figure]
    return found
