"""The console script `twilio-conformance`: what can be done with reports, and whether a machine or an adapter is sound.

Exit status: 0 done, and nothing against it · 1 something broke (diff), or something does not work (doctor)
· 4 a mistake in how it was started: an unknown option, a file that cannot be read or is no whole report.
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
from twilio_conformance.report import badge, diff, html, markdown, matrix, reader
from twilio_conformance.spec.catalogue import LEVELS

EXIT_OK = 0
EXIT_AGAINST = 1
EXIT_USAGE = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one subcommand and returns the exit status."""
    try:
        options = _parser().parse_args(arguments)
        status: int = options.run(options)
    except UsageError as error:
        sys.stderr.write(f"twilio-conformance: {error}\n")
        return EXIT_USAGE
    return status


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes have the suite's own exit status."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="twilio-conformance",
        description="Shows, compares and sums up reports. To grade: pytest --impl=MODULE --report=FILE.json",
        epilog="exit status: 0 done; 1 something broke (diff, doctor); 4 wrong usage, or no whole report",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    command = _adder(commands)

    page = command("html", _html, "a report as one page that fetches nothing")
    page.add_argument("report", metavar="REPORT.json")
    page.add_argument("-o", "--output", metavar="PAGE.html", required=True)
    page.add_argument("--over", metavar="OTHER.json", help="draw the measurements of this report beneath")

    table = command("matrix", _matrix, "several reports side by side, differences first")
    table.add_argument("reports", metavar="REPORT.json", nargs="+")
    table.add_argument("-o", "--output", metavar="TABLE.html|.md", required=True)

    changes = command("diff", _diff, "what changed from one report to another; 1 where something broke")
    changes.add_argument("before", metavar="OLD.json")
    changes.add_argument("after", metavar="NEW.json")
    changes.add_argument(
        "--profile",
        metavar="NAMES",
        default="all",
        help="profiles that decide on the exit status (default: all)",
    )
    changes.add_argument(
        "--level",
        choices=LEVELS,
        default="SHOULD",
        help="the lowest level that decides on the exit status (default: SHOULD)",
    )

    sign = command("badge", _badge, "a badge: .svg for a page, .json for shields.io's endpoint badge")
    sign.add_argument("report", metavar="REPORT.json")
    sign.add_argument("-o", "--output", metavar="BADGE.svg|.json", required=True)

    summary = command("summary", _summary, "a report as Markdown, for the page of a CI job")
    summary.add_argument("report", metavar="REPORT.json")
    summary.add_argument("-o", "--output", metavar="FILE.md", help="append to this file instead of printing")

    health = command(
        "doctor", _doctor, "what works on this machine, or with an adapter; 1 where something does not"
    )
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
    _expect_ending(options.output, ".html")
    over = reader.load(options.over) if options.over else None
    _write(options.output, html.page(reader.load(options.report), over))
    return EXIT_OK


def _matrix(options: argparse.Namespace) -> int:
    ending = _expect_ending(options.output, ".html", ".md")
    found = matrix.build([reader.load(path, whole=True) for path in options.reports])
    _write(options.output, matrix.as_html(found) if ending == ".html" else matrix.as_markdown(found))
    return EXIT_OK


def _diff(options: argparse.Namespace) -> int:
    profiles = parse_profiles(options.profile)
    levels = LEVELS[: LEVELS.index(options.level) + 1]
    before, after = (reader.load(path, whole=True) for path in (options.before, options.after))
    found = diff.compare(before, after)
    _print(diff.text(found))
    return EXIT_AGAINST if found.broken(profiles, levels) else EXIT_OK


def _badge(options: argparse.Namespace) -> int:
    ending = _expect_ending(options.output, ".svg", ".json")
    report = reader.load(options.report, whole=True)
    _write(options.output, badge.svg(report) if ending == ".svg" else badge.endpoint(report))
    return EXIT_OK


def _summary(options: argparse.Namespace) -> int:
    text = markdown.summary(reader.load(options.report))
    if options.output is None:
        _print(text)
        return EXIT_OK
    try:
        with Path(options.output).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{options.output}: cannot be written: {error.strerror}") from error
    return EXIT_OK


def _doctor(options: argparse.Namespace) -> int:
    if options.adapter is None:
        return doctor.report()
    # It brings the network double, which no other subcommand needs, and Pipecat, which greets in the log.
    from loguru import logger

    logger.remove()
    from twilio_conformance.adapter import selftest

    return selftest.report(options.adapter)


def _expect_ending(name: str, *known: str) -> str:
    ending = Path(name).suffix
    if ending not in known:
        raise UsageError(f"--output={name}: no form for this ending; there are {', '.join(known)}")
    return ending


def _write(name: str, content: str) -> None:
    try:
        Path(name).write_text(content, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"--output={name}: cannot be written: {error.strerror}") from error


def _print(text: str) -> None:
    """Prints whatever an implementation may have put into a report."""
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode())


if __name__ == "__main__":
    sys.exit(main())
