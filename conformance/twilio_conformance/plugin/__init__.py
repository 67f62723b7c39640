"""The pytest plugin and its options; without --impl it does nothing at all."""

from __future__ import annotations

import os

import pytest

from twilio_conformance import EDITION

REPORT_FORMS = (".json", ".html", ".md", ".svg")
"""The file extensions that --report accepts."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options."""
    group = parser.getgroup("conformance", "conformance of Twilio serializers")
    group.addoption(
        "--impl",
        metavar="MODULE[:NAME]",
        help="grade this implementation of TwilioFrameSerializer: a module, or a class or factory in it",
    )
    group.addoption(
        "--profile",
        metavar="NAMES",
        default="core",
        help="profiles that decide on the exit status, separated by commas, or `all` (default: core)",
    )
    group.addoption(
        "--level",
        choices=("MUST", "SHOULD"),
        default="MUST",
        help="the lowest level that decides on the exit status (default: MUST)",
    )
    group.addoption(
        "--report",
        metavar="PATH",
        action="append",
        default=[],
        help=f"write a report, its form by the ending: {', '.join(REPORT_FORMS)} (repeatable)",
    )
    group.addoption(
        "--baseline",
        metavar="FILE",
        help="let the failures through that this file names as known; see docs/gating.md",
    )
    group.addoption(
        "--write-baseline",
        metavar="FILE",
        help="write what fails at the gate into this file, keeping the reasons that it holds",
    )
    group.addoption(
        "--fuzz",
        metavar="SECONDS",
        type=float,
        help="instead of grading, play random sessions and compare with the reference; see docs/fuzzing.md",
    )
    group.addoption(
        "--fuzz-seed",
        metavar="N",
        type=int,
        help="play the same sessions as another --fuzz did",
    )
    group.addoption(
        "--edition",
        metavar="YYYY.MM",
        default=EDITION,
        help=f"grade against the requirements of an older edition (default: {EDITION})",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start a graded run or a search for differences.

    Raises:
        pytest.UsageError: The system cannot fork, or an option or the implementation is wrong.
    """
    if config.getoption("--impl") is not None:
        if not hasattr(os, "fork"):
            raise pytest.UsageError("--impl needs a system that can fork: Linux, macOS or WSL")
        if config.getoption("--fuzz") is None:
            from twilio_conformance.plugin.session import begin
        else:
            from twilio_conformance.fuzz.plugin import begin
        begin(config)
