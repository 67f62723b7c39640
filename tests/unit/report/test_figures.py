"""The generic drawings: order and colours."""

from __future__ import annotations

from twilio_conformance.report import figures


def test_a_line_is_in_the_order_of_x() -> None:
    assert figures.line({"dBm0": [-10, 3, -50], "dB": [0.0, 0.1, -0.6]}) == ([-50, -10, 3], [-0.6, 0.0, 0.1])


def test_the_mask_of_levels_is_sorted_and_that_of_a_response_is_its_bounds() -> None:
    assert figures.mask({"dBm0": [0, -40], "dB": [1, 2], "mask": [3, 4]}) == ([-40, 0], [4, 3])
    assert figures.mask({"Hz": [1, 2, 3], "dB": [0, 0, 0], "mask": [-3, 1]}) == ([1, 2, 3], [-3, 1])


def test_bars_name_their_values_and_limits_in_the_colours_of_the_page() -> None:
    figure = figures.draw_bars({"slow": 30.0}, {"slow": 10.0}, "ms", {"at most 20 ms": 20}, 0, 2.0)
    svg = figures.as_svg(figure, "bars", "Bars")
    for text in ("slow", "at most 20 ms", "compared with", "var(--accent)", 'aria-label="Bars"'):
        assert text in svg
