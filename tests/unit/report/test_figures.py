"""The generic drawings: order, limits and colours."""

from __future__ import annotations

import re

import pytest

from twilio_conformance.report import figures


def test_a_line_is_in_the_order_of_x() -> None:
    assert figures.line({"dBm0": [-10, 3, -50], "dB": [0.0, 0.1, -0.6]}) == ([-50, -10, 3], [-0.6, 0.0, 0.1])


def test_bars_name_their_values_and_limits_in_the_colours_of_the_page() -> None:
    figure = figures.draw_bars({"slow": 30.0}, {"slow": 10.0}, "ms", {"at most 20 ms": 20})
    svg = figures.as_svg(figure, "bars", "Bars")
    for text in ("slow", "at most 20 ms", "compared with", "var(--accent)", 'aria-label="Bars"'):
        assert text in svg


@pytest.mark.parametrize(
    ("mask", "limits", "lines"),
    [("bounds", [-3.0, 1.0], 2), ("least", [1.0, 2.0, 3.0], 1), ("deviation", [0.5, 0.0, 1.0], 2)],
)
def test_the_limits_of_curves_are_lines_in_each_panel(mask: str, limits: list[float], lines: int) -> None:
    series = {"x": [1000, 300, 2000], "y": [0.0, 0.1, 0.2], "mask": limits}
    figure = figures.draw_curves({"8000 Hz to Twilio": series}, {}, "x", "y", mask)
    svg = figures.as_svg(figure, "curves", "Curves")
    dashed = re.findall(r"stroke-dasharray[^>]*stroke: var\(--bad\)", svg)
    assert len(dashed) == lines * len(figures.DIRECTIONS)
