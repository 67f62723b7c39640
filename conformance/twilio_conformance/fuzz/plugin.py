"""The pytest side of --fuzz: one item that searches, and a summary of what it found."""

from __future__ import annotations

import importlib.util
import random
import warnings
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from twilio_conformance.engine.run import parse_profiles
from twilio_conformance.errors import DataError, SuiteError, UsageError
from twilio_conformance.spec import catalogue, known_failures
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.known_failures import Baseline
from twilio_conformance.spec.verdict import Threshold

SEEDS = 1 << 32
"""The number of seeds of which one is drawn without --fuzz-seed."""

_RESULT = "conformance_fuzz"
"""The user property of a report that holds what was found."""


class DiscrepancyError(Exception):
    """The implementation differs from the reference in a requirement that decides the exit status."""


def begin(config: pytest.Config) -> None:
    """Replace the collection by the search; pytest.UsageError if an option is wrong or hypothesis is missing."""
    if importlib.util.find_spec("hypothesis") is None:
        raise pytest.UsageError("--fuzz needs hypothesis: pip install 'pipecat-twilio-conformance[fuzz]'")
    seconds, seed = config.getoption("--fuzz"), config.getoption("--fuzz-seed")
    if not 0 < seconds < float("inf"):
        raise pytest.UsageError(f"--fuzz={seconds:g}: give a number of seconds above 0")
    if config.getoption("--write-baseline") is not None:
        raise pytest.UsageError("--write-baseline writes what a graded run finds: leave --fuzz out")
    if seed is None:
        seed = random.randrange(SEEDS)
    try:
        gate = Threshold(
            parse_profiles(config.getoption("--profile")), config.getoption("--level") == "SHOULD"
        )
        plugin = FuzzPlugin(config.getoption("--impl"), config.getoption("--edition"), gate, seconds, seed)
        if (name := config.getoption("--baseline")) is not None:
            baseline = known_failures.load(config.invocation_params.dir / name)
            plugin.known = _of_requirements(baseline, plugin.requirements)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    except DataError as error:
        pytest.exit(f"{type(error).__name__}: {error}", returncode=3)
    if config.option.tbstyle == "auto":
        config.option.tbstyle = "no"
    if config.option.reportchars == "fE":
        config.option.reportchars = ""
    config.pluginmanager.register(plugin, "conformance-fuzz")


def _of_requirements(baseline: Baseline, requirements: Iterable[str]) -> Baseline:
    """Return a baseline's known failures of whole requirements; those of single checks do not apply."""
    known = replace(baseline, failures=tuple(one for one in baseline.failures if one.check is None))
    if flaws := known.problems([Entry(name, "") for name in requirements]):
        raise DataError("\n  ".join(["the baseline has to be put right", *flaws]))
    return known


class FuzzPlugin:
    """The hooks of a fuzzing run.

    Attributes:
        known: The known failures, if there is a baseline.
    """

    known: Baseline | None = None

    def __init__(self, impl: str, edition: str, gate: Threshold, seconds: float, seed: int) -> None:
        """Load the requirements of an edition; the gate says which of them decide the exit status."""
        self.impl = impl
        self.seconds = seconds
        self.seed = seed
        self.requirements = catalogue.load(edition).requirements
        self._gate = gate
        self._result: dict[str, Any] | None = None

    def reason(self, requirement: str | None) -> str | None:
        """Return the baseline's reason for a known failure; None if it is unknown."""
        return self.known.reason(Entry(requirement or "", "")) if self.known else None

    def is_gated(self, requirement: str | None) -> bool:
        """Return whether a discrepancy fails the run; one without a requirement does."""
        violated = self.requirements.get(requirement or "")
        return self.reason(requirement) is None and (violated is None or self._gate.includes(violated))

    def pytest_report_header(self) -> str:
        """Return the implementation, the time and the seed."""
        return f"fuzzing {self.impl} for {self.seconds:g} s against the reference: --fuzz-seed={self.seed}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> pytest.CollectReport | None:
        """Collect the search only."""
        if not isinstance(collector, pytest.Session):
            return None
        item = FuzzItem.from_parent(collector, name="search", nodeid="fuzz::search")
        return pytest.CollectReport("", "passed", None, [item])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what was found."""
        self._result = dict(report.user_properties).get(_RESULT, self._result)  # type: ignore[assignment]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was found, what fails the run last."""
        if self._result is None:
            return
        terminalreporter.section(f"differences of {self._result['name']} from the reference")
        blocks = sorted(self._result["blocks"], key=lambda block: bool(block["gated"]))
        for block in blocks:
            color = {"red": block["gated"], "yellow": not block["gated"]}
            terminalreporter.write_line(block["lines"][0], bold=True, **color)
            if block["known"] is not None:
                terminalreporter.write_line(f"  known: {block['known']}", blue=True)
            for line in (*block["lines"][1:], ""):
                terminalreporter.write_line(line)
        gated = sum(block["gated"] for block in blocks)
        terminalreporter.write_line(
            f"{self._result['played']} sessions, {len(blocks)} kinds of difference, {gated} of them at the gate;"
            f" again: pytest --impl={self.impl} --fuzz={self.seconds:g} --fuzz-seed={self.seed}",
            bold=True,
        )


class FuzzItem(pytest.Item):
    """The search."""

    def runtest(self) -> None:
        """Play sessions until the time is over; raise DiscrepancyError if one fails the run.

        If the implementation cannot be imported, pytest exits with 4; if the suite fails, with 3.
        """
        with warnings.catch_warnings():
            # Pipecat's deprecations are not this item's.
            warnings.simplefilter("ignore")
            from twilio_conformance.fuzz import output
            from twilio_conformance.fuzz.search import Search
            from twilio_conformance.fuzz.session_host import REFERENCE, session_hosts

        plugin = self.config.pluginmanager.getplugin("conformance-fuzz")
        assert isinstance(plugin, FuzzPlugin)
        try:
            with session_hosts(plugin.impl, REFERENCE) as hosts:
                search = Search(hosts, plugin.seed)
                search.run(plugin.seconds)
                implementation = hosts[0].name
        except UsageError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
        except SuiteError as error:
            pytest.exit(str(error), returncode=3)
        blocks: list[dict[str, Any]] = []
        for number, found in enumerate(search.found, 1):
            document = output.vector(found, plugin.seed, number, plugin.requirements)
            lines = output.block(found, document, plugin.impl, plugin.requirements)
            name = found.discrepancy.requirement
            blocks.append({"lines": lines, "known": plugin.reason(name), "gated": plugin.is_gated(name)})
        result: Any = {"name": implementation, "played": search.played, "blocks": blocks}
        self.user_properties.append((_RESULT, result))
        if gated := [block["lines"][0] for block in blocks if block["gated"]]:
            raise DiscrepancyError("; ".join(gated))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return only the message of a discrepancy: the summary shows the details."""
        if isinstance(excinfo.value, DiscrepancyError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)
