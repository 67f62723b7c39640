"""What pytest does in a graded run: collection, exit status, reports."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from twilio_conformance import catalogue
from twilio_conformance.errors import DataError, SuiteError, UsageError
from twilio_conformance.items import RUN, Chapter, CheckItem, Suite
from twilio_conformance.ledger import Entry
from twilio_conformance.report import terminal, writer
from twilio_conformance.run import Run, crew, parse_profiles
from twilio_conformance.verdict import NOT_APPLICABLE, Gate, Outcome

EXIT_INCOMPLETE = 3
"""The ledger is incomplete, a file of the specification is damaged, or the suite itself failed."""

_FOUND = "conformance"
"""The attribute of a report that carries an outcome, through xdist too."""


def begin(config: pytest.Config) -> None:
    """Finds the implementation, starts its worker and takes over the collection.

    Raises:
        pytest.UsageError: An option is wrong, or the implementation cannot be had: exit status 4.
        pytest.exit.Exception: The specification or the vectors are damaged: exit status 3.
    """
    is_worker = hasattr(config, "workerinput")
    try:
        gate = Gate(parse_profiles(config.getoption("--profile")), config.getoption("--level") == "SHOULD")
        run = Run(
            config.getoption("--impl"), config.getoption("--edition"), gate, jobs=1 if is_worker else crew()
        )
        if not is_worker:
            writer.prepare(config.getoption("--report"))
        run.start()
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    except (DataError, SuiteError) as error:
        pytest.exit(f"{type(error).__name__}: {error}", returncode=EXIT_INCOMPLETE)
    config.stash[RUN] = run
    if config.option.tbstyle == "auto":
        config.option.tbstyle = "no"
    config.pluginmanager.register(Grading(run), "conformance-grading")
    if not is_worker:
        config.pluginmanager.register(Account(run), "conformance-account")


class Grading:
    """Collects and runs the checks, in every process that pytest has."""

    def __init__(self, run: Run) -> None:
        """The hooks for this run."""
        self._run = run

    def pytest_unconfigure(self) -> None:
        """Ends the worker."""
        self._run.close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> pytest.CollectReport | None:
        """With --impl and no path, the suite's own checks are what is collected."""
        has_paths = collector.config.args_source is pytest.Config.ArgsSource.ARGS
        if not isinstance(collector, pytest.Session) or has_paths:
            return None
        suite = Suite.from_parent(collector, name="conformance", path=catalogue.specification_folder())
        return pytest.CollectReport("", "passed", None, [suite])

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """With --impl and the path of a vector or of a file of checks, what it holds is collected."""
        everything = self._run.entries
        if file_path.suffix == ".json" and file_path.is_relative_to(catalogue.vectors_folder()):
            vector = str(file_path.relative_to(catalogue.vectors_folder()).with_suffix(""))
            own = [entry for entry in everything if entry.check == vector]
        elif file_path.parent == Path(__file__).parent / "checks":
            own = [entry for entry in everything if entry.check.startswith(f"{file_path.stem}.")]
        else:
            return None
        return Chapter.from_parent(parent, name=file_path.stem, path=file_path, entries=own) if own else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Lets the worker begin on everything that was selected; under xdist it is handed over one by one."""
        if not session.config.option.collectonly:
            collected = [item.entry for item in session.items if isinstance(item, CheckItem)]
            self._run.begin(collected, ahead=not hasattr(session.config, "workerinput"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Puts the outcome on the report, in a form that xdist carries."""
        report = yield
        if isinstance(item, CheckItem) and call.when == "call" and item.outcome is not None:
            output = item.run.outputs.get(item.entry.check, "")
            setattr(
                report,
                _FOUND,
                {"entry": list(item.entry), "outcome": item.outcome.as_json(), "output": output},
            )
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, Any] | None:
        """A failure outside the gate is a warning, with a letter and a colour of its own."""
        found = getattr(report, _FOUND, None)
        if found is None or report.failed:
            return None
        outcome = Outcome.from_json(found["outcome"])
        if outcome.status == NOT_APPLICABLE:
            return "not applicable", "n", ("NOT APPLICABLE", {"cyan": True})
        return None if outcome.holds else ("warned", "w", ("WARNED", {"yellow": True}))


class Account:
    """Gathers the outcomes where the run is summed up: here, or in xdist's controller."""

    def __init__(self, run: Run) -> None:
        """An account of this run, empty so far."""
        self._run = run

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Takes note of what xdist's workers collected; all of them collect the same."""
        names = {f"{entry.requirement}[{entry.check}]": entry for entry in self._run.entries}
        collected = (names.get(nodeid.rpartition("::")[2]) for nodeid in ids)
        self._run.begin([entry for entry in collected if entry is not None], ahead=False)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps an outcome."""
        found = getattr(report, _FOUND, None)
        if found is not None:
            self._run.keep(Entry(*found["entry"]), Outcome.from_json(found["outcome"]), found["output"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Writes the reports of a run that came to its end; a run with a hole in its account fails."""
        config = session.config
        finished = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if config.option.collectonly or not finished:
            return
        self._run.cut_short = bool(session.shouldstop or session.shouldfail)
        if self._run.ledger.missing and not self._run.cut_short:
            session.exitstatus = EXIT_INCOMPLETE
        for path in config.getoption("--report"):
            writer.write(self._run, Path(path))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Says what was graded, the verdicts, and each failure."""
        if self._run.outcomes:
            terminal.summarize(self._run, terminalreporter, exitstatus)
