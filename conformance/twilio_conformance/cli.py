"""The console script `twilio-conformance`: works with reports, replays a check, and examines the machine.

Exit status: 0 success; 1 something broke (diff), fails (replay) or does not work (doctor); 4 usage error, such as an
unknown option or a file that is not a whole report.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from twilio_conformance import doctor
from twilio_conformance.engine.run import parse_profiles
from twilio_conformance.errors import UsageError
from twilio_conformance.report import badge, diff, html, loading, markdown, matrix, terminal
from twilio_conformance.spec.catalogue import LEVELS
from twilio_conformance.spec.verdict import NOT_APPLICABLE, PASS

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return the exit status."""
    try:
        options = _parser().parse_args(arguments)
        status: int = options.run(options)
    except UsageError as error:
        sys.stderr.write(f"twilio-conformance: {error}\n")
        return EXIT_USAGE
    return status


class _Parser(argparse.ArgumentParser):
    """A parser that raises usage errors instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="twilio-conformance",
        description="Render and compare reports, and debug checks. To grade: pytest --impl=MODULE --report=FILE.json",
        epilog="exit status: 0 success; 1 something broke (diff), fails (replay) or does not work (doctor); 4 usage error",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    command = _adder(commands)

    page = command("html", _html, "render a report as one page that fetches nothing")
    page.add_argument("report", metavar="REPORT.json")
    page.add_argument("-o", "--output", metavar="PAGE.html", required=True)
    page.add_argument("--over", metavar="OTHER.json", help="draw the measurements of this report beneath")

    table = command("matrix", _matrix, "compare several reports side by side, differences first")
    table.add_argument("reports", metavar="REPORT.json", nargs="+")
    table.add_argument("-o", "--output", metavar="TABLE.html|.md", required=True)

    comparison = command("diff", _diff, "show what changed from one report to another; 1 if something broke")
    comparison.add_argument("before", metavar="OLD.json")
    comparison.add_argument("after", metavar="NEW.json")
    comparison.add_argument(
        "--profile",
        metavar="NAMES",
        default="all",
        help="profiles that affect the exit status (default: all)",
    )
    comparison.add_argument(
        "--level",
        choices=LEVELS,
        default="SHOULD",
        help="the lowest level that affects the exit status (default: SHOULD)",
    )

    button = command("badge", _badge, "make a badge: .svg for a page, .json for shields.io's endpoint badge")
    button.add_argument("report", metavar="REPORT.json")
    button.add_argument("-o", "--output", metavar="BADGE.svg|.json", required=True)

    summary = command("summary", _summary, "render a report as Markdown, for the page of a CI job")
    summary.add_argument("report", metavar="REPORT.json")
    summary.add_argument("-o", "--output", metavar="FILE.md", help="append to this file instead of printing")

    again = command("replay", _replay, "run one check in this process, for a debugger; 1 if it fails")
    again.add_argument("impl", metavar="IMPL", help="the implementation, as for pytest --impl")
    again.add_argument("check", metavar="'TFS-...[check]'", help="the check, as after `again:` in a run")

    health = command("doctor", _doctor, "examine this machine, or an adapter; 1 if something does not work")
    health.add_argument(
        "adapter", metavar="'COMMAND'", nargs="?", help="the command of an adapter (spec/ADAPTER.md)"
    )
    return parser


def _adder(commands: Any) -> Callable[..., argparse.ArgumentParser]:
    def add(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=f"{help}.")
        parser.set_defaults(run=run)
        return parser

    return add


def _html(options: argparse.Namespace) -> int:
    _extension(options.output, ".html")
    over = loading.load(options.over) if options.over else None
    _write(options.output, html.page(loading.load(options.report), over))
    return EXIT_OK


def _matrix(options: argparse.Namespace) -> int:
    extension = _extension(options.output, ".html", ".md")
    found = matrix.build([loading.load(path, whole=True) for path in options.reports])
    _write(options.output, matrix.as_html(found) if extension == ".html" else matrix.as_markdown(found))
    return EXIT_OK


def _diff(options: argparse.Namespace) -> int:
    profiles = parse_profiles(options.profile)
    levels = LEVELS[: LEVELS.index(options.level) + 1]
    before, after = (loading.load(path, whole=True) for path in (options.before, options.after))
    found = diff.compare(before, after)
    _print(diff.text(found))
    return EXIT_FAILED if found.broken(profiles, levels) else EXIT_OK


def _badge(options: argparse.Namespace) -> int:
    extension = _extension(options.output, ".svg", ".json")
    report = loading.load(options.report, whole=True)
    _write(options.output, badge.svg(report) if extension == ".svg" else badge.endpoint(report))
    return EXIT_OK


def _summary(options: argparse.Namespace) -> int:
    text = markdown.summary(loading.load(options.report))
    if options.output is None:
        _print(text)
        return EXIT_OK
    try:
        with Path(options.output).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{options.output}: cannot be written: {error.strerror}") from error
    return EXIT_OK


def _replay(options: argparse.Namespace) -> int:
    # It imports Pipecat, which logs a greeting.
    from loguru import logger

    logger.remove()
    from twilio_conformance.engine.replay import replay

    sys.path.insert(0, str(Path.cwd()))
    outcome = replay(options.impl, options.check)
    _print(f"{options.check}: {outcome.status}\n")
    for label, value in (
        ("found", outcome.message or None),
        ("expected", outcome.expected),
        ("actual", outcome.actual),
    ):
        if value is not None:
            _print(f"  {label + ':':<9} {terminal.show(value)}\n")
    return EXIT_OK if outcome.status in (PASS, NOT_APPLICABLE) else EXIT_FAILED


def _doctor(options: argparse.Namespace) -> int:
    if options.adapter is None:
        return doctor.report()
    # It imports Pipecat, which logs a greeting.
    from loguru import logger

    logger.remove()
    from twilio_conformance.adapter import selftest

    return selftest.report(options.adapter)


def _extension(name: str, *known: str) -> str:
    extension = Path(name).suffix
    if extension not in known:
        raise UsageError(f"--output={name}: unsupported extension; use {', '.join(known)}")
    return extension


def _write(name: str, content: str) -> None:
    try:
        Path(name).write_text(content, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"--output={name}: cannot be written: {error.strerror}") from error


def _print(text: str) -> None:
    """Print text that may hold lone surrogates."""
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode())


if __name__ == "__main__":
    sys.exit(main())
