"""What pytest does with --fuzz: one item that searches, and a summary of what it found."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from twilio_conformance.engine.run import parse_profiles
from twilio_conformance.errors import DataError, SuiteError, UsageError
from twilio_conformance.spec import catalogue, known_failures
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.known_failures import Baseline
from twilio_conformance.spec.verdict import Threshold

LARGEST_SEED = 1 << 32

_FOUND = "conformance_fuzz"
"""The attribute of a report that carries what was found, through xdist too."""


class Differs(Exception):
    """The implementation differs in what counts at the gate."""


def begin(config: pytest.Config) -> None:
    """Takes over the collection: the search is the only item.

    Raises:
        pytest.UsageError: An option is wrong, or hypothesis is not installed: exit status 4.
    """
    if importlib.util.find_spec("hypothesis") is None:
        raise pytest.UsageError("--fuzz needs hypothesis: pip install 'pipecat-twilio-conformance[fuzz]'")
    seconds, seed = config.getoption("--fuzz"), config.getoption("--fuzz-seed")
    if not 0 < seconds < float("inf"):
        raise pytest.UsageError(f"--fuzz={seconds:g}: give a number of seconds above 0")
    if config.getoption("--write-baseline") is not None:
        raise pytest.UsageError("--write-baseline writes what a graded run finds: leave --fuzz out")
    if seed is None:
        seed = random.randrange(LARGEST_SEED)
    try:
        gate = Threshold(
            parse_profiles(config.getoption("--profile")), config.getoption("--level") == "SHOULD"
        )
        plugin = Fuzzing(config.getoption("--impl"), config.getoption("--edition"), gate, seconds, seed)
        if (name := config.getoption("--baseline")) is not None:
            plugin.known = _known(
                known_failures.load(config.invocation_params.dir / name), plugin.requirements
            )
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    except DataError as error:
        pytest.exit(f"{type(error).__name__}: {error}", returncode=3)
    if config.option.tbstyle == "auto":
        config.option.tbstyle = "no"
    if config.option.reportchars == "fE":
        config.option.reportchars = ""
    config.pluginmanager.register(plugin, "conformance-fuzzing")


def _known(read: Baseline, requirements: Iterable[str]) -> Baseline:
    """What a baseline says of whole requirements; what it says of one check is about no session.

    Raises:
        DataError: It names an unknown requirement, or lacks a reason.
    """
    known = replace(read, known=tuple(one for one in read.known if one.check is None))
    if flaws := known.flaws([Entry(name, "") for name in requirements]):
        raise DataError("\n  ".join(["the baseline has to be put right", *flaws]))
    return known


class Fuzzing:
    """Collects the search and shows what it found; `known` lets findings through."""

    known: Baseline | None = None

    def __init__(self, impl: str, edition: str, gate: Threshold, seconds: float, seed: int) -> None:
        """The hooks for a search.

        Raises:
            DataError: The specification is damaged.
        """
        self.impl = impl
        self.seconds = seconds
        self.seed = seed
        self.requirements = catalogue.load(edition).requirements
        self._gate = gate
        self._found: dict[str, Any] | None = None

    def reason(self, requirement: str | None) -> str | None:
        """Why the baseline lets a difference through; None where it does not."""
        return self.known.reason(Entry(requirement or "", "")) if self.known else None

    def counts(self, requirement: str | None) -> bool:
        """Whether a difference fails the run; one that no requirement speaks of does."""
        violated = self.requirements.get(requirement or "")
        return self.reason(requirement) is None and (violated is None or self._gate.includes(violated))

    def pytest_report_header(self) -> str:
        """Says what is compared, and how to do it again."""
        return f"fuzzing {self.impl} for {self.seconds:g} s against the reference: --fuzz-seed={self.seed}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> pytest.CollectReport | None:
        """Nothing else is collected."""
        if not isinstance(collector, pytest.Session):
            return None
        folder = catalogue.specification_folder()
        source = Source.from_parent(collector, name="fuzz", nodeid="fuzz", path=folder)
        return pytest.CollectReport("", "passed", None, [source])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Puts what was found on the report, in a form that xdist carries."""
        report = yield
        if isinstance(item, FuzzItem) and report.when == "call" and item.found is not None:
            setattr(report, _FOUND, item.found)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps what was found."""
        self._found = getattr(report, _FOUND, self._found)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says what was found, what counts at the gate last."""
        if self._found is None:
            return
        terminalreporter.section(f"differences of {self._found['name']} from the reference")
        for found in sorted(self._found["blocks"], key=lambda found: found["counts"]):
            color = {"red": found["counts"], "yellow": not found["counts"]}
            terminalreporter.write_line(found["lines"][0], bold=True, **color)
            if found["known"] is not None:
                terminalreporter.write_line(f"  known: {found['known']}", blue=True)
            for line in found["lines"][1:]:
                terminalreporter.write_line(line)
            terminalreporter.write_line("")
        count = len(self._found["blocks"])
        gated = sum(found["counts"] for found in self._found["blocks"])
        terminalreporter.write_line(
            f"{self._found['played']} sessions, {count} kinds of difference, {gated} of them at the gate;"
            f" again: pytest --impl={self.impl} --fuzz={self.seconds:g} --fuzz-seed={self.seed}",
            bold=True,
        )


class Source(pytest.Collector):
    """Where the search comes from."""

    def collect(self) -> Iterator[pytest.Item]:
        """The search."""
        yield FuzzItem.from_parent(self, name="search")


class FuzzItem(pytest.Item):
    """The search."""

    found: dict[str, Any] | None = None

    def runtest(self) -> None:
        """Plays sessions until the time is over.

        Raises:
            Differs: Something was found that counts at the gate.
            pytest.exit.Exception: The implementation cannot be had (4), or the suite failed (3).
        """
        from twilio_conformance.fuzz import output
        from twilio_conformance.fuzz.search import Search
        from twilio_conformance.fuzz.session_host import REFERENCE, session_hosts

        plugin = self.config.pluginmanager.getplugin("conformance-fuzzing")
        assert isinstance(plugin, Fuzzing)
        try:
            with session_hosts(plugin.impl, REFERENCE) as stages:
                search = Search(stages, plugin.seed)
                search.run(plugin.seconds)
                name = stages[0].about["name"]
        except UsageError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
        except SuiteError as error:
            pytest.exit(str(error), returncode=3)
        blocks: list[dict[str, Any]] = []
        for number, finding in enumerate(search.findings, 1):
            document = output.vector(finding, plugin.seed, number, plugin.requirements)
            lines = list(output.block(finding, document, plugin.impl, plugin.requirements))
            violated = finding.difference.requirement
            known, counts = plugin.reason(violated), plugin.counts(violated)
            blocks.append({"lines": lines, "known": known, "counts": counts, "vector": document})
        self.found = {"name": name, "played": search.played, "blocks": blocks}
        gated = [found["lines"][0] for found in blocks if found["counts"]]
        if gated:
            raise Differs("; ".join(gated))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The summary says it all."""
        if isinstance(excinfo.value, Differs):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the item comes from: the specification."""
        return self.path, None, "fuzz"
