"""The pytest plugin and its options; without --impl it does nothing at all."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest

from twilio_conformance import EDITION

REPORT_FORMS = (".json", ".html", ".md", ".svg")
"""The file extensions that --report accepts."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "--profile": {"metavar": "NAMES", "default": "core",
        "help": "profiles that affect the exit status, separated by commas, or `all` (default: core)"},
    "--level": {"choices": ("MUST", "SHOULD"), "default": "MUST",
        "help": "the lowest level that affects the exit status (default: MUST)"},
    "--report": {"metavar": "PATH", "action": "append", "default": [],
        "help": f"write a report; the extension selects the format: {', '.join(REPORT_FORMS)} (repeatable)"},
    "--against": {"metavar": "REPORT.json",
        "help": "show only what differs from this report of an earlier run or of another implementation"},
    "--baseline": {"metavar": "FILE",
        "help": "excuse the known failures that this file lists; see docs/gating.md"},
    "--write-baseline": {"metavar": "FILE",
        "help": "write what fails at the gate into this file, and keep the reasons that it holds"},
    "--reason": {"metavar": "TEXT",
        "help": "with --write-baseline: the reason to write into the entries that are added"},
    "--fuzz": {"metavar": "SECONDS", "type": float,
        "help": "instead of grading, play random sessions and compare with the reference; see docs/fuzzing.md"},
    "--fuzz-seed": {"metavar": "N", "type": int,
        "help": "play the same sessions as an earlier --fuzz"},
    "--edition": {"metavar": "YYYY.MM", "default": EDITION,
        "help": f"grade against the requirements of an older edition (default: {EDITION})"},
}  # fmt: skip
"""The options that need --impl."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options."""
    group = parser.getgroup("conformance", "conformance of Twilio serializers")
    group.addoption(
        "--impl",
        metavar="MODULE[:NAME]",
        help="grade this implementation of TwilioFrameSerializer: a module, or a class or factory in it",
    )
    for name, options in _OPTIONS.items():
        group.addoption(name, **options)


def pytest_configure(config: pytest.Config) -> None:
    """Start a graded run or a search for differences.

    Args:
        config: Pytest's configuration.

    Raises:
        pytest.UsageError: The system cannot fork, or an option or the implementation is wrong.
    """
    given = Counter(str(argument).partition("=")[0] for argument in config.invocation_params.args)
    if given["--impl"] > 1:
        raise pytest.UsageError("--impl was given twice; a run grades one implementation")
    if config.getoption("--impl") is None:
        # Only what was typed counts: addopts may hold options for runs that grade.
        if without := [option for option in _OPTIONS if given[option]]:
            raise pytest.UsageError(f"{', '.join(without)}: name what to grade with --impl=MODULE")
        return
    if config.getoption("--fuzz") is not None:
        for option, does in (("--report", "writes"), ("--against", "compares")):
            if config.getoption(option):
                raise pytest.UsageError(f"{option} {does} what a graded run finds: leave --fuzz out")
    if not hasattr(os, "fork"):
        raise pytest.UsageError("--impl needs a system that can fork: Linux, macOS or WSL")
    if getattr(config.option, "tx", None):
        # Checks have processes already. Those of pytest-xdist would each import the implementation anew.
        config.option.dist, config.option.tx = "no", []
    if config.getoption("--fuzz") is None:
        from twilio_conformance.plugin.session import begin
    else:
        from twilio_conformance.fuzz.plugin import begin
    begin(config)
