"""The console script `twilio-conformance`: grades, works with reports, replays a check, and examines the machine.

`grade` has pytest's exit status. Of the others: 0 success; 1 something broke (diff), fails (replay) or does not work (doctor);
4 usage error, such as an unknown option or a file that is not a whole report.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from twilio_conformance import EDITION, doctor
from twilio_conformance.engine.run import parse_profiles
from twilio_conformance.errors import UsageError
from twilio_conformance.report import badge, diff, html, loading, markdown, matrix, terminal
from twilio_conformance.report.model import DISTRIBUTION, Place, suite_version
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.catalogue import LEVELS

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
        description="Grade an implementation, render and compare reports, and debug checks.",
        epilog="exit status: 0 success; 1 something broke (diff), fails (replay) or does not work (doctor); 4 usage error",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the versions of suite and vectors")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    for run, help, arguments in _COMMANDS:
        name = run.__name__.lstrip("_")
        command = commands.add_parser(name, help=help, description=f"{help}.")
        command.set_defaults(run=run)
        for flags, options in arguments.items():
            command.add_argument(*flags.split(), **options)
    return parser


class _Version(argparse.Action):
    """Print the version of the suite, the edition and the digest of the vectors."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        digest = catalogue.load(EDITION).vectors_digest
        sys.stdout.write(f"{DISTRIBUTION} {suite_version()}, edition {EDITION}, vectors sha256:{digest}\n")
        parser.exit()


def _grade(options: argparse.Namespace) -> int:
    import pytest

    # As `python -m pytest` does; the folder of a console script comes first otherwise.
    sys.path.insert(0, str(Path.cwd()))
    return int(pytest.main([f"--impl={options.impl}", *options.options]))


def _html(options: argparse.Namespace) -> int:
    _extension(options.output, ".html")
    over = loading.load(options.over) if options.over else None
    return _write(options.output, html.page(loading.load(options.report), over))


def _matrix(options: argparse.Namespace) -> int:
    extension = _extension(options.output, ".html", ".md")
    found = matrix.build([loading.load(path, whole=True) for path in options.reports])
    return _write(
        options.output, matrix.as_html(found) if extension == ".html" else matrix.as_markdown(found)
    )


def _diff(options: argparse.Namespace) -> int:
    profiles = parse_profiles(options.profile)
    levels = LEVELS[: LEVELS.index(options.level) + 1]
    before, after = (loading.load(path, whole=True) for path in (options.before, options.after))
    found = diff.compare(before, after)
    sys.stdout.write(diff.text(found))
    return EXIT_FAILED if found.broken(profiles, levels) else EXIT_OK


def _badge(options: argparse.Namespace) -> int:
    extension = _extension(options.output, ".svg", ".json")
    report = loading.load(options.report, whole=True)
    return _write(options.output, badge.svg(report) if extension == ".svg" else badge.endpoint(report))


def _summary(options: argparse.Namespace) -> int:
    text = markdown.summary(loading.load(options.report))
    if options.output is not None:
        return _write(options.output, text, mode="a")
    sys.stdout.write(text)
    return EXIT_OK


def _annotate(options: argparse.Namespace) -> int:
    sys.stdout.write(markdown.annotate(loading.load(options.report)))
    return EXIT_OK


def _replay(options: argparse.Namespace) -> int:
    _silence_pipecat()
    from twilio_conformance.engine.replay import replay

    sys.path.insert(0, str(Path.cwd()))
    outcome = replay(options.impl, options.check)
    sys.stdout.write(f"{terminal.show(options.check)}: {outcome.status}\n")
    sides = {"found": outcome.message or None, "expected": outcome.expected, "actual": outcome.actual}
    lines = [
        line
        for label, value in sides.items()
        if value is not None
        for line in terminal.labelled(label, value)
    ]
    lines += terminal.labelled("at", *(str(Place.model_validate(place)) for place in outcome.where))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return EXIT_OK if outcome.holds else EXIT_FAILED


def _doctor(options: argparse.Namespace) -> int:
    if options.adapter is None:
        return doctor.report()
    _silence_pipecat()
    from twilio_conformance.adapter import selftest

    return selftest.report(options.adapter)


def _silence_pipecat() -> None:
    """Drop the greeting that Pipecat logs when it is imported."""
    from loguru import logger

    logger.remove()


def _extension(name: str, *known: str) -> str:
    extension = Path(name).suffix
    if extension not in known:
        raise UsageError(f"--output={name}: unsupported extension; use {', '.join(known)}")
    return extension


def _write(name: str, content: str, mode: str = "w") -> int:
    """Write or append to a file and say so."""
    try:
        with Path(name).open(mode, encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise UsageError(f"--output={name}: cannot be written: {error.strerror}") from error
    sys.stdout.write(f"{'wrote' if mode == 'w' else 'appended to'} {terminal.show(name)}\n")
    return EXIT_OK


_REPORT: dict[str, Any] = {"metavar": "REPORT.json"}

_COMMANDS: tuple[tuple[Callable[[argparse.Namespace], int], str, dict[str, dict[str, Any]]], ...] = (
    (_grade, "grade an implementation: the same as pytest --impl=IMPL", {
        "impl": {"metavar": "IMPL", "help": "a module, module:Class, path/to/file.py, or stdio:'COMMAND'"},
        "options": {"metavar": "OPTION", "nargs": argparse.REMAINDER, "help": "options of pytest, such as --profile=all"},
    }),
    (_html, "render a report as one page that fetches nothing", {
        "report": _REPORT,
        "-o --output": {"metavar": "PAGE.html", "required": True},
        "--over": {"metavar": "OTHER.json", "help": "draw the measurements of this report beneath"},
    }),
    (_matrix, "compare several reports side by side, differences first", {
        "reports": _REPORT | {"nargs": "+"},
        "-o --output": {"metavar": "TABLE.html|.md", "required": True},
    }),
    (_diff, "show what changed from one report to another; 1 if something broke", {
        "before": {"metavar": "OLD.json"},
        "after": {"metavar": "NEW.json"},
        "--profile": {"metavar": "NAMES", "default": "all",
                      "help": "profiles that affect the exit status (default: all)"},
        "--level": {"choices": LEVELS, "default": "SHOULD",
                    "help": "the lowest level that affects the exit status (default: SHOULD)"},
    }),
    (_badge, "make a badge: .svg for a page, .json for shields.io's endpoint badge", {
        "report": _REPORT,
        "-o --output": {"metavar": "BADGE.svg|.json", "required": True},
    }),
    (_summary, "render a report as Markdown, for the page of a CI job", {
        "report": _REPORT,
        "-o --output": {"metavar": "FILE.md", "help": "append to this file instead of printing"},
    }),
    (_annotate, "print a report's failures as annotations of a GitHub job", {"report": _REPORT}),
    (_replay, "run one check in this process, for a debugger; 1 if it fails", {
        "impl": {"metavar": "IMPL", "help": "the implementation, as for pytest --impl"},
        "check": {"metavar": "'TFS-...[check]'", "help": "the check, as after `again:` in a run"},
    }),
    (_doctor, "examine this machine, or an adapter; 1 if something does not work", {
        "adapter": {"metavar": "'COMMAND'", "nargs": "?",
                    "help": "the command of an adapter (spec/ADAPTER.md)"},
    }),
)  # fmt: skip
"""The commands: function, help and arguments."""


if __name__ == "__main__":
    sys.exit(main())
