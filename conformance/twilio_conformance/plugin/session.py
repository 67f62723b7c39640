"""What pytest does in a graded run: collection, exit status, reports."""

from __future__ import annotations

from collections.abc import Generator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from twilio_conformance.checks._core import id_prefix
from twilio_conformance.engine.run import Run, default_jobs, parse_profiles
from twilio_conformance.errors import DataError, SuiteError, UsageError
from twilio_conformance.plugin import known_failures
from twilio_conformance.plugin.items import RUN, Chapter, CheckItem, Failure, Suite
from twilio_conformance.report import model, terminal, writer
from twilio_conformance.report.model import Report
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.catalogue import PROFILES
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.verdict import NOT_APPLICABLE, NOTHING_APPLIES, Gate, Outcome

EXIT_INCOMPLETE = 3
"""The ledger is incomplete, a file of the specification is damaged, or the suite itself failed."""

_FOUND = "conformance"
"""The attribute of a report that carries an outcome, through xdist too."""

_NOTES = "conformance_notes"
"""What one of xdist's workers hands to the controller in the end."""

_LISTS = (("tbstyle", "auto", "no"), ("reportchars", "fE", ""))
"""Options for lists of failures: what they are unless somebody wants something else, and in a run."""


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
            config.getoption("--impl"),
            config.getoption("--edition"),
            gate,
            jobs=1 if is_worker else default_jobs(),
        )
        reports = []
        if not is_worker and not config.option.collectonly:
            reports = writer.prepare(config.getoption("--report"), config.invocation_params.dir)
        run.start()
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    except (DataError, SuiteError) as error:
        pytest.exit(f"{type(error).__name__}: {error}", returncode=EXIT_INCOMPLETE)
    config.stash[RUN] = run
    # The summary shows what failed, by requirement; pytest's lists would repeat it, item by item.
    for option, usual, instead in _LISTS:
        if getattr(config.option, option, None) == usual:
            setattr(config.option, option, instead)
    config.pluginmanager.register(Grading(run), "conformance-grading")
    if not is_worker:
        config.pluginmanager.register(ResultRecorder(run, reports), "conformance-account")
    try:
        known_failures.begin(config, run)
    except UsageError as error:
        run.close()
        raise pytest.UsageError(str(error)) from error
    except DataError as error:
        run.close()
        pytest.exit(f"{type(error).__name__}: {error}", returncode=EXIT_INCOMPLETE)


class Grading:
    """Collects and runs the checks, in every process that pytest has."""

    def __init__(self, run: Run) -> None:
        """The hooks for this run."""
        self._run = run

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hands to xdist's controller what is to be said of the run."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_NOTES] = self._run.executor.notes

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
        elif file_path.parent == Path(__file__).parents[1] / "checks":
            prefix = id_prefix(file_path.stem)
            own = [entry for entry in everything if entry.check.startswith(f"{prefix}.")]
        else:
            return None
        return Chapter.from_parent(parent, name=file_path.stem, path=file_path, entries=own) if own else None

    @pytest.hookimpl(trylast=True)
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Puts what another plugin shuffled back into the order of the specification."""
        place = {entry: number for number, entry in enumerate(self._run.entries)}
        items.sort(key=lambda item: place[item.entry] if isinstance(item, CheckItem) else len(place))

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


class ResultRecorder:
    """Gathers the outcomes where the run is summed up: here, or in xdist's controller."""

    def __init__(self, run: Run, reports: list[Path]) -> None:
        """An account of this run, empty so far, and the places of its reports."""
        self._run = run
        self._reports = reports

    @cached_property
    def _report(self) -> Report:
        """The report of the run, built once at its end."""
        return model.build(self._run)

    def pytest_report_header(self) -> str:
        """Says what is graded, and what decides on the exit status."""
        run, found = self._run, self._run.executor.implementation
        profiles = ", ".join(profile for profile in PROFILES if profile in run.gate.profiles)
        level = "MUST and SHOULD" if run.gate.strict else "MUST"
        return (
            f"conformance: {' '.join(filter(None, (found['name'], found['version'])))}, edition {run.edition};"
            f" at the gate: {level} of {profiles}"
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Takes note of what xdist's workers collected; all of them collect the same."""
        names = {f"{entry.requirement}[{entry.check}]": entry for entry in self._run.entries}
        collected = (names.get(nodeid.rpartition("::")[2]) for nodeid in ids)
        self._run.begin([entry for entry in collected if entry is not None], ahead=False)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Takes what one of xdist's workers has to say of the run."""
        self._run.note(getattr(node, "workeroutput", {}).get(_NOTES, ()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps an outcome, or that there was none."""
        found = getattr(report, _FOUND, None)
        if found is not None:
            entry, outcome = Entry(*found["entry"]), Outcome.from_json(found["outcome"])
            self._run.keep(entry, outcome, found["output"])
            if report.failed and isinstance(report.longrepr, str):
                report.longrepr = Failure.of(outcome.message, report.longrepr.splitlines())  # type: ignore[assignment]
        elif report.failed:
            self._run.troubles.append(f"{report.nodeid}\n{report.longrepr}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Writes the reports of a run that came to its end; a run with a hole in its account fails."""
        config, run = session.config, self._run
        finished = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if config.option.collectonly or not finished:
            writer.remove(self._reports)
            return
        run.note(run.executor.notes)
        run.cut_short = bool(session.shouldstop or session.shouldfail)
        if run.ledger.missing and not run.cut_short:
            session.exitstatus = EXIT_INCOMPLETE
        if not session.exitstatus:
            for profile in sorted(run.gate.profiles & run.verdicts.keys()):
                if run.verdicts[profile].word == NOTHING_APPLIES:
                    told = (
                        f"nothing of {profile} applies to it: the profile was not graded, and is at the gate"
                    )
                    run.troubles.append(told)
                    session.exitstatus = EXIT_INCOMPLETE
        found = {outcome.status for outcome in run.outcomes.values()}
        if not session.exitstatus and found == {NOT_APPLICABLE}:
            run.troubles.append("nothing that was selected applies to it: nothing was graded")
            session.exitstatus = EXIT_INCOMPLETE
        for place in self._reports:
            try:
                writer.remove([place])
                writer.write(self._report, place)
            except UsageError as error:
                run.troubles.append(str(error))
                session.exitstatus = pytest.ExitCode.USAGE_ERROR
            except (DataError, SuiteError) as error:
                run.troubles.append(str(error))
                session.exitstatus = EXIT_INCOMPLETE

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says what was graded, the verdicts, and each failure."""
        if self._run.outcomes or self._run.troubles:
            terminal.summarize(self._report, terminalreporter, self._run.troubles)
