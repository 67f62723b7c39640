"""What pytest does in a graded run: collection, exit status, reports."""

from __future__ import annotations

from collections.abc import Generator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from twilio_conformance.engine.run import Run, default_concurrency, parse_profiles
from twilio_conformance.errors import EXIT_INCOMPLETE, DataError, SuiteError, UsageError
from twilio_conformance.plugin import known_failures
from twilio_conformance.plugin.items import REPORT_ATTRIBUTE, RUN, Chapter, CheckItem, Failure, Graded, Suite
from twilio_conformance.plugin.progress import Progress
from twilio_conformance.report import diff, model, terminal, writer
from twilio_conformance.report.model import Report
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.catalogue import PROFILES
from twilio_conformance.spec.verdict import NOT_APPLICABLE, NOTHING_APPLIES, Threshold

_LISTS = (("tbstyle", "auto", "no"), ("reportchars", "fE", ""))
"""Options for lists of failures: name, pytest's default, and the value in a graded run."""


def begin(config: pytest.Config) -> None:
    """Start the worker with the implementation and take over the collection.

    Args:
        config: Pytest's configuration.

    Raises:
        pytest.UsageError: An option is wrong, or the implementation cannot be imported: exit status 4.
        pytest.exit.Exception: The specification or the vectors are damaged: exit status 3.
    """
    run = None
    try:
        run, reports, earlier = _start(config)
        config.stash[RUN] = run
        config.pluginmanager.register(Grading(run), "conformance-grading")
        config.pluginmanager.register(Progress(run, config), "conformance-progress")
        config.pluginmanager.register(ResultRecorder(run, reports, earlier), "conformance-account")
        known_failures.begin(config, run)
    except (UsageError, DataError, SuiteError) as error:
        if run is not None:
            run.close()
        if isinstance(error, UsageError):
            raise pytest.UsageError(str(error)) from error
        pytest.exit(f"{type(error).__name__}: {error}", returncode=EXIT_INCOMPLETE)
    # The summary lists failures by requirement; pytest's own lists would repeat them item by item.
    for option, usual, instead in _LISTS:
        if getattr(config.option, option, None) == usual:
            setattr(config.option, option, instead)


def _start(config: pytest.Config) -> tuple[Run, list[Path], Report | None]:
    """Return the run, started, the paths of its reports, and the report to compare with, if any."""
    gate = Threshold(parse_profiles(config.getoption("--profile")), config.getoption("--level") == "SHOULD")
    concurrency = getattr(config.option, "numprocesses", None) or default_concurrency()
    run = Run(config.getoption("--impl"), config.getoption("--edition"), gate, concurrency=concurrency)
    reports, earlier = [], None
    if not config.option.collectonly:
        # First, since it may be the file that the new report replaces.
        if config.getoption("--against") is not None:
            path = config.invocation_params.dir / config.getoption("--against")
            earlier = diff.load_earlier(str(path), run.edition)
        reports = writer.prepare(config.getoption("--report"), config.invocation_params.dir)
    run.start()
    return run, reports, earlier


class Grading:
    """Collects and runs the checks."""

    def __init__(self, run: Run) -> None:
        """Keep the run."""
        self._run = run

    def pytest_unconfigure(self) -> None:
        """End the worker."""
        self._run.close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> pytest.CollectReport | None:
        """Collect the suite's own checks when no path is given."""
        has_paths = collector.config.args_source is pytest.Config.ArgsSource.ARGS
        if not isinstance(collector, pytest.Session) or has_paths:
            return None
        suite = Suite.from_parent(collector, name="conformance", path=catalogue.specification_folder())
        return pytest.CollectReport("", "passed", None, [suite])

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Collect what a vector or a file of checks contains when its path is given."""
        everything = self._run.entries
        if file_path.suffix == ".json" and file_path.is_relative_to(catalogue.vectors_folder()):
            vector = str(file_path.relative_to(catalogue.vectors_folder()).with_suffix(""))
            own = [entry for entry in everything if entry.check == vector]
        elif file_path.parent == Path(__file__).parents[1] / "checks":
            defined = self._run.in_module(file_path.stem)
            own = [entry for entry in everything if entry.check in defined]
        else:
            return None
        return Chapter.from_parent(parent, name=file_path.stem, path=file_path, entries=own) if own else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Restore the order of the specification after other plugins have shuffled the items."""
        position = {entry: number for number, entry in enumerate(self._run.entries)}
        items.sort(key=lambda item: position[item.entry] if isinstance(item, CheckItem) else len(position))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Let the worker start on everything that was selected."""
        if not session.config.option.collectonly:
            self._run.select(item.entry for item in session.items if isinstance(item, CheckItem))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the result of the check to the report, in terms that every other reporter understands.

        A failure that does not count, known or outside the gate, is an expected failure with its reason; what does not
        apply is a skip. The duration is that of the check itself, which ran while pytest showed others.
        """
        report = yield
        if isinstance(item, CheckItem) and call.when == "call" and item.graded is not None:
            setattr(report, REPORT_ATTRIBUTE, item.graded.as_json())
            outcome = item.graded.outcome
            report.duration = outcome.seconds
            if outcome.status == NOT_APPLICABLE:
                report.outcome = "skipped"
                report.longrepr = str(item.path), 0, f"Skipped: not applicable: {outcome.message}"
            elif not outcome.holds and report.passed:
                report.outcome = "skipped"
                report.wasxfail = item.excuse
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, Any] | None:
        """Show what does not fail the run, but did not pass either, with a letter and a color of its own."""
        graded = Graded.of(report)
        if graded is None or report.failed:
            return None
        if graded.outcome.status == NOT_APPLICABLE:
            return "not applicable", "n", ("NOT APPLICABLE", {"cyan": True})
        if graded.outcome.holds:
            return None
        if self._run.known(graded.entry) is not None:
            return "known", "k", ("KNOWN", {"blue": True})
        return "warned", "w", ("WARNED", {"yellow": True})


class ResultRecorder:
    """Gathers the results, and writes the reports and the summary."""

    def __init__(self, run: Run, reports: list[Path], earlier: Report | None = None) -> None:
        """Keep the run, the paths of its reports, and the report to compare it with."""
        self._run = run
        self._reports = reports
        self._earlier = earlier

    @cached_property
    def _report(self) -> Report:
        """The report of the run, built once at its end."""
        return model.build(self._run)

    def pytest_report_header(self) -> str:
        """Return a line that names the implementation and what decides on the exit status."""
        run, found = self._run, self._run.executor.implementation
        profiles = ", ".join(profile for profile in PROFILES if profile in run.gate.profiles)
        level = "MUST and SHOULD" if run.gate.strict else "MUST"
        return (
            f"conformance: {' '.join(filter(None, (found['name'], found['version'])))}"
            f"{' in ' + found['file'] if found['file'] else ''}\n"
            f"edition {run.edition}; at the gate: {level} of {profiles}"
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the result of a check, or that there is none."""
        graded = Graded.of(report)
        if graded is not None:
            self._run.record(graded.entry, graded.result)
            if report.failed and isinstance(report.longrepr, str):
                lines = report.longrepr.splitlines()
                report.longrepr = Failure.of(graded.outcome.message, lines)  # type: ignore[assignment]
        elif report.failed:
            self._run.troubles.append(f"{report.nodeid}\n{report.longrepr}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Set the exit status and write the reports of a run that was not interrupted."""
        config, run = session.config, self._run
        finished = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if config.option.collectonly or not finished:
            writer.remove(self._reports)
            return
        run.note(run.executor.notes)
        run.cut_short = bool(session.shouldstop or session.shouldfail)
        if run.ledger.missing and not run.cut_short:
            session.exitstatus = EXIT_INCOMPLETE
        if not run.collected:
            run.troubles.append(
                "nothing was graded: the paths that were given hold none of the suite's checks"
            )
            session.exitstatus = EXIT_INCOMPLETE
        if not session.exitstatus and (reasons := self._ungraded()):
            run.troubles += reasons
            session.exitstatus = EXIT_INCOMPLETE
        for path in self._reports:
            try:
                writer.remove([path])
                writer.write(self._report, path)
            except (UsageError, DataError, SuiteError) as error:
                run.troubles.append(str(error))
                is_usage = isinstance(error, UsageError)
                session.exitstatus = pytest.ExitCode.USAGE_ERROR if is_usage else EXIT_INCOMPLETE

    def _ungraded(self) -> list[str]:
        """Return why a run without failures has graded less than it was asked to."""
        run = self._run
        reasons = [
            f"nothing of {profile} applies to it: the profile was not graded, and is at the gate"
            for profile in sorted(run.gate.profiles & run.verdicts.keys())
            if run.verdicts[profile].word == NOTHING_APPLIES
        ]
        if not reasons and {outcome.status for outcome in run.outcomes.values()} == {NOT_APPLICABLE}:
            reasons = ["nothing that was selected applies to it: nothing was graded"]
        return reasons

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the summary: what was graded, the verdicts, and each failure."""
        if self._run.outcomes or self._run.troubles:
            report, earlier = self._report, self._earlier
            terminal.summarize(
                report,
                terminalreporter,
                self._run.troubles,
                is_cut_short=self._run.cut_short,
                against=None if earlier is None else diff.compare(earlier, report),
            )
