"""What was measured is drawn in the page's own colours, with its numbers beside it."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.reports import environment, grading_command
from twilio_conformance.report import plots
from twilio_conformance.report.html import REFERENCE
from twilio_conformance.report.rendering import render

WAYS = ("8000 Hz to Twilio", "24000 Hz to Twilio", "Twilio to 24000 Hz")
RATES = ("8000", "24000")
METRICS: dict[str, Any] = {
    "added latency, ms": {way: 10.0 * number for number, way in enumerate(WAYS)},
    "aliases and images, dB": {f"{way}, 4600 Hz": -55.5 for way in WAYS[1:]},
    "gain at 1020 Hz, dB": {way: 0.01 for way in WAYS},
    "remark": "nothing to draw",
    **{f"withheld, {way}": {"seconds": [0.02, 0.04], "milliseconds": [20.0, 0.0]} for way in WAYS},
    **{f"latency, {way}": {"seconds": [0.02, 0.06], "milliseconds": [0.0, 40.0]} for way in WAYS},
    **{
        f"response, {way}": {"Hz": [200.0, 1020.0, 3400.0], "dB": [-0.1, 0.0, -4.0], "mask": [-3.0, 1.0]}
        for way in WAYS
    },
    **{
        f"gain tracking, {way}": {
            "dBm0": [-10.0, 3.0, -50.0],
            "dB": [0.0, 0.1, -0.6],
            "mask": [0.5, 0.5, 1.0],
        }
        for way in WAYS
    },
    "first audio back": {
        rate: {"ms": 25.0, "of": [24, 25, 26], "speech until then, ms": 40} for rate in RATES
    },
    "echo call": {
        rate: {
            "first message sent, ms": 40.0,
            "audio returned, s": 2.842,
            "missing by content, ms": 158.0,
            "mean time between messages, ms": None,
            "level heard every 20 ms": [0, 0, 4000, 4100],
        }
        for rate in RATES
    },
    "barge-in to silence, ms": {"8000": 2.7},
    **{f"SINAD, {way}": {"dBm0": [0.0, -40.0], "dB": [37.0, 30.0], "mask": [34.3, 30.5]} for way in WAYS},
}


@pytest.mark.parametrize("over", [{}, METRICS])
def test_every_series_is_drawn_and_every_other_value_is_left_as_numbers(over: dict[str, Any]) -> None:
    drawn, rest = plots.draw(METRICS, over)
    assert [plot.name for plot in drawn] == [
        "latency",
        "timeline",
        "withheld",
        "response",
        "sinad",
        "tracking",
        "aliases",
        "calls",
    ]
    assert list(rest) == ["gain at 1020 Hz, dB", "remark"]


def test_a_drawing_is_well_formed_and_names_itself() -> None:
    for plot in plots.draw(METRICS, METRICS)[0]:
        root = ElementTree.fromstring(plot.svg)
        assert root.get("role") == "img"
        assert root.get("aria-label") == plot.title
        assert not any(element.get("id") for element in root.iter()), "ids of a page have to be unique"


def test_a_drawing_has_no_colour_and_no_style_of_its_own() -> None:
    for plot in plots.draw(METRICS, METRICS)[0]:
        assert set(re.findall(r"#[0-9a-f]{6}\b", plot.svg)) == set(), plot.name
        assert "<style" not in plot.svg
        assert "font-family" not in plot.svg
        assert "http" not in plot.svg


def test_the_same_numbers_give_the_same_drawing() -> None:
    assert plots.draw(METRICS, METRICS) == plots.draw(METRICS, METRICS)


def test_the_numbers_of_a_drawing_are_those_that_were_measured() -> None:
    latency = plots.draw(METRICS, METRICS)[0][0]
    assert latency.rows == tuple(
        (way, f"{value:g}", f"{value:g}") for way, value in METRICS["added latency, ms"].items()
    )
    assert "The worst is Twilio to 24000 Hz: 20 ms." in latency.summary


def test_levels_are_drawn_in_their_order() -> None:
    tracking = next(plot for plot in plots.draw(METRICS, {})[0] if plot.name == "tracking")
    path = next(path for path in re.findall(r'd="(M[^"]+)"', tracking.svg) if path.count("L") == 2)
    across = [float(place) for place in re.findall(r"[ML] (-?[\d.]+) ", path)]
    assert across == [-50, -10, 3]


def test_bars_name_their_values_and_limits_in_the_colours_of_the_page() -> None:
    chart = plots.bars({"slow": 30.0}, {"slow": 10.0}, "ms", {"at most 20 ms": 20})
    svg = render("chart.svg.j2", chart=chart, title="Bars")
    for text in ("slow", "at most 20 ms", "compared with", 'class="bar own"', 'aria-label="Bars"'):
        assert text in svg


@pytest.mark.parametrize(
    ("mask", "limits", "lines"),
    [("bounds", [-3.0, 1.0], 2), ("least", [1.0, 2.0, 3.0], 1), ("deviation", [0.5, 0.0, 1.0], 2)],
)
def test_the_limits_of_curves_are_lines_in_each_panel(mask: str, limits: list[float], lines: int) -> None:
    series = {"x": [1000, 300, 2000], "y": [0.0, 0.1, 0.2], "mask": limits}
    chart = plots.curves({"8000 Hz to Twilio": series}, {}, "x", "y", mask)
    [(_, panels)] = chart.rows
    assert [sum("limit" in line.style for line in panel) for panel in panels] == [lines, lines]


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        ([0.0, 100.0], ["0", "20", "40", "60", "80", "100"]),
        ([-0.31, 0.3], ["-0.3", "-0.2", "-0.1", "0", "0.1", "0.2", "0.3"]),
        ([5.0], ["5", "5.2", "5.4", "5.6", "5.8", "6"]),
        ([], ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
    ],
)
def test_an_axis_has_round_numbers(values: list[float], numbers: list[str]) -> None:
    assert [label for _, label in plots._axis("", values).ticks] == numbers


def test_the_figures_of_calls_stand_in_one_table_with_a_column_for_each_rate() -> None:
    called = next(plot for plot in plots.draw(METRICS, {})[0] if plot.name == "calls")
    assert called.unfolded
    assert called.columns == ("", "8000 Hz", "24000 Hz")
    assert called.rows == (
        ("first audio back, ms", "25", "25"),
        ("speech until then, ms", "40", "40"),
        ("returned of 3 s of speech, s", "2.84", "2.84"),
        ("missing of them by content, ms", "158", "158"),
        ("from barge-in to silence, ms", "2.7", ""),
    )


def test_the_figures_of_another_stand_beneath_each() -> None:
    called = next(plot for plot in plots.draw(METRICS, METRICS)[0] if plot.name == "calls")
    assert called.rows[1] == ("first audio back, ms (compared with)", "25", "25")


def test_of_a_run_in_part_the_calls_that_there_are_are_shown() -> None:
    (called,), _ = plots.draw({"barge-in to silence, ms": {"8000": 2.7}}, METRICS)
    assert called.rows == (
        ("from barge-in to silence, ms", "2.7"),
        ("from barge-in to silence, ms (compared with)", "2.7"),
    )


def test_of_two_checks_that_measured_the_same_one_is_shown() -> None:
    assert plots.measured({"a": {"x": 1}, "b": {"x": 2, "y": 3}}) == {"x": 1, "y": 3}


def test_the_reference_measures_what_is_drawn_of_it(tmp_path: Path) -> None:
    """Of what `make measurements` wrote, the quickest parts are measured anew."""
    command = grading_command(
        "--impl=twilio_reference", "-k", "LATENCY-01 or FIDELITY-03", "--report=report.json"
    )
    subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, timeout=300, check=True)
    anew = plots.measured(json.loads((tmp_path / "report.json").read_text())["metrics"])
    drawn = plots.measured(
        json.loads(files("twilio_conformance.report").joinpath(REFERENCE).read_text())["metrics"]
    )
    for name in ("added latency, ms", "SINAD, 24000 Hz to Twilio"):
        assert list(anew[name]) == list(drawn[name])
        for key, value in anew[name].items():
            assert value == pytest.approx(drawn[name][key], abs=0.1), (name, key, "run `make measurements`")


@pytest.mark.parametrize("family", ["response", "gain tracking", "SINAD"])
def test_the_limits_drawn_are_those_of_the_report(family: str) -> None:
    metrics = {name: value for name, value in METRICS.items() if name.startswith(family)}
    wider = {
        name: value | {"mask": [limit - 1 for limit in value["mask"]]} for name, value in metrics.items()
    }
    assert plots.draw(metrics, {})[0][0].svg != plots.draw(wider, {})[0][0].svg


def test_a_real_report_is_drawn(real: Path) -> None:
    report = json.loads((real / "report.json").read_text())
    drawn, _ = plots.draw(plots.measured(report["metrics"]), {})
    assert {"latency", "withheld", "sinad"} <= {plot.name for plot in drawn}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (20.0, "20"),
        (0.12345, "0.123"),
        (123.4, "123"),
        (500.0, "500"),
        (1234.5, "1234"),
        (None, ""),
        ("a", "a"),
    ],
)
def test_a_number_has_three_significant_digits(value: Any, shown: str) -> None:
    assert plots.readable(value) == shown
