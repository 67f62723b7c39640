"""Renders a report, or a comparison of several, as one HTML page that fetches nothing."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.util
import json
import re
import shlex
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from twilio_conformance.errors import UsageError
from twilio_conformance.report import finding, model
from twilio_conformance.report.model import Check, Json, Report, Requirement
from twilio_conformance.spec.catalogue import LEVELS, PROFILES
from twilio_conformance.spec.verdict import NOT_TESTABLE, NOTHING_APPLIES, PARTIAL

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

CHECKS_IN_FULL = 6
"""Failing checks of one requirement that are shown in full; the others are named."""

CHECKS_NAMED = 200
"""Failing checks of one requirement that are named; any others are counted."""

FULL_LIMIT = 1_000_000
"""Bytes of all checks shown in full: what fails after that is named. It keeps any page below 2 MB."""

TEXT_LIMIT = 500
"""Characters of a note, a version or a name; the rest is cut."""

LIST_LIMIT = 6
"""Values of a list that are shown in one cell of a table."""

REFERENCE = "reference.json"
"""The measurements of the reference, in this package: drawn beneath those of any other implementation."""

EXTRA = "pipecat-twilio-conformance[report]"

MEANINGS = {
    "core": "What Pipecat documents and Twilio demands of the wire.",
    "robust": "Hostile input and faults of the network.",
    "secure": "Secrets, certificates and what enters a URL.",
    "audio": "Fidelity and latency of the audio.",
    "live": "A whole call through Pipecat's own transport.",
}

_STATUSES = {
    "fail": ("bad", "✕", "fails"),
    "not-testable": ("bad", "?", "not testable"),
    "pass": ("good", "✓", "holds"),
    "not-applicable": ("idle", "-", "not claimed"),
}
"""The colour class, the mark and the label of each status."""

_TIME = re.compile(r"^\[?(\+?\d+\.\d+ m?s)\]?:?\s+")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def require() -> None:
    """Check that the packages that pages are rendered with are installed.

    Raises:
        UsageError: One of them is missing; the message says what to install.
    """
    missing = [name for name in ("jinja2", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"an HTML report needs {' and '.join(missing)}, not installed here: pip install '{EXTRA}'"
        )


def page(report: Report, over: Report | None = None) -> str:
    """Render a report as a page.

    Args:
        report: The report.
        over: Another report whose measurements are drawn beneath; by default those of the reference.

    Raises:
        UsageError: The extra `report` is not installed.
    """
    require()
    from twilio_conformance.report import plots

    measured = printable(plots.measured(report.metrics))
    compared, caption = _comparison(report, over)
    drawings, rest = plots.draw(measured, compared)
    requirements = _requirements(report)
    script = _environment().get_template("report.js.j2").render()
    untestable = {name: found for name, found in report.failures.items() if found.status == NOT_TESTABLE}
    return _render(
        "report.html.j2",
        plots=drawings,
        report=report,
        notes=[_short(note) for note in report.notes[:TEXT_LIMIT]],
        title=_short(report.title),
        graded=len(requirements),
        cards=[_card(report, profile) for profile in PROFILES if profile in report.verdict],
        failing={name: requirements[name] for name in report.failures},
        causes=[(_short(_cause(cause)), cause.requirements) for cause in model.causes(untestable)],
        chapters=_by_chapter(report, requirements),
        filters=_filters(requirements),
        numbers=[(name, *_numbers(value, compared.get(name))) for name, value in rest.items()],
        over=caption,
        facts=_facts(report),
        exact=("Implementation", "--impl", "Vectors"),
        script=script,
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    )


def _comparison(report: Report, over: Report | None) -> tuple[Json, str]:
    """Return the measurements to draw beneath, and the caption that says whose they are."""
    from twilio_conformance.report import plots

    if over is not None:
        metrics, title, finished = over.metrics, over.title, over.finished
    elif report.implementation.name != (reference := _reference())["implementation"]["name"]:
        metrics, title, finished = (
            reference["metrics"],
            reference["implementation"]["name"],
            reference["finished"],
        )
    else:
        return {}, ""
    return printable(plots.measured(metrics)), f"{_short(title)}, measured {_day(finished)}"


def _short(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}…"


def _cause(cause: model.Cause) -> str:
    return cause.finding if cause.actual is None else f"{cause.finding}: {_cell(cause.actual)}"


@functools.cache
def _reference() -> Json:
    found: Json = json.loads(
        files("twilio_conformance.report").joinpath(REFERENCE).read_text(encoding="utf-8")
    )
    return found


def table(**values: Any) -> str:
    """Render a comparison of several reports as a page; see `matrix`.

    Raises:
        UsageError: The extra `report` is not installed.
    """
    require()
    return _render("matrix.html.j2", **values)


def _environment() -> Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("twilio_conformance.report"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = _day
    return environment


def _render(name: str, script: str = "", **values: Any) -> str:
    from markupsafe import Markup

    environment = _environment()
    style = environment.get_template("style.css.j2").render()
    return environment.get_template(name).render(
        style=Markup(style), script=Markup(script), **{key: printable(value) for key, value in values.items()}
    )


def printable(value: Any) -> Any:
    """Return the value with control characters and lone surrogates in its texts escaped."""
    if type(value) is str:
        text = value.encode("utf-8", "backslashreplace").decode()
        return _UNPRINTABLE.sub(lambda match: f"\\x{ord(match.group()):02x}", text)
    if isinstance(value, Mapping):
        return {printable(key): printable(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(printable(item) for item in value)
    return value


def _day(moment: str) -> str:
    when = datetime.fromisoformat(moment)
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


def _card(report: Report, profile: str) -> Json:
    verdict = report.verdict[profile]
    is_gated = profile in report.gate.profiles
    is_open = verdict.word in (PARTIAL, NOTHING_APPLIES)
    tone = "good" if verdict.conformant else "idle" if is_open else "bad" if is_gated else "warn"
    return {
        "profile": profile,
        "verdict": verdict.word,
        "tone": tone,
        "mark": {"good": "✓", "idle": "…"}.get(tone, "✕"),
        "meaning": MEANINGS[profile],
        "is_gated": is_gated,
        "levels": [
            (level, *numbers) for level in LEVELS if (numbers := model.tally(verdict.counts, level))[1] > 0
        ],
    }


def _requirements(report: Report) -> dict[str, Json]:
    """Return what the page shows of each requirement; checks are shown in full until `FULL_LIMIT` is reached."""
    room = FULL_LIMIT
    full: dict[str, list[Markup]] = {}
    for name, found in report.failures.items():
        full[name] = []
        for check in _distinct(found.failing)[:CHECKS_IN_FULL]:
            text = _check(report.implementation.spec, name, check)
            if len(text.encode()) > room:
                break
            room -= len(text.encode())
            full[name].append(text)
    return {name: _requirement(found, full.get(name, [])) for name, found in report.requirements.items()}


def _distinct(checks: list[Check]) -> list[Check]:
    """Return the checks in an order that puts those last that repeat why an earlier one could not be made."""
    seen: set[str] = set()
    repeated = []
    for check in checks:
        if check.status == NOT_TESTABLE and check.message in seen:
            repeated.append(check)
        seen.add(check.message)
    return [check for check in checks if check not in repeated]


def _requirement(found: Requirement, full: list[Markup]) -> Json:
    tone, mark, label = _STATUSES[found.status]
    shown = _distinct(found.failing)[: len(full)]
    rest = [check.id for check in found.failing if check not in shown]
    return {
        **{name: getattr(found, name) for name in ("level", "profile", "statement", "rationale", "source")},
        "tone": "warn" if tone == "bad" and found.level != "MUST" else tone,
        "mark": mark,
        "label": label,
        "full": full,
        "rest": rest[:CHECKS_NAMED],
        "unnamed": len(rest[CHECKS_NAMED:]),
        "passing": [check.id for check in found.checks if not check.is_failing],
    }


def _check(spec: str, name: str, check: Check) -> Markup:
    """Render a failing check with both sides, trace, output and the command that runs it again."""
    layout = finding.lay_out(printable(check.expected), printable(check.actual))
    found: Markup = _parts().check(
        printable(
            {
                "id": check.id,
                "finding": check.finding,
                "is_testable": check.status != NOT_TESTABLE,
                "known": check.known,
                "trace": [_line(line) for line in check.trace],
                "output": check.output.strip(),
                "rerun": check.rerun,
                "replay": shlex.join(["twilio-conformance", "replay", spec, f"{name}[{check.id}]"]),
            }
        ),
        layout,
    )
    return found


@functools.cache
def _parts() -> Any:
    return _environment().get_template("parts.html.j2").module


def _line(line: str) -> Json:
    """Return a line of a trace with its time, if it begins with one, and whether it was on the wire."""
    time = _TIME.match(line)
    text = line[time.end() :] if time else line
    return {"time": time.group(1) if time else "", "text": text, "is_wire": text.startswith("request ")}


def _by_chapter(report: Report, requirements: Mapping[str, Json]) -> dict[str, dict[str, Json]]:
    return {
        chapter: {name: requirements[name] for name in found}
        for chapter, found in model.by_chapter(report.requirements).items()
    }


def _filters(requirements: Mapping[str, Json]) -> list[tuple[str, str, list[str]]]:
    """Return the filters of the page: name, legend and the values that occur."""
    present = requirements.values()
    kinds = {found["label"] for found in present}
    return [
        (
            "status",
            "Status",
            [label for _, _, label in _STATUSES.values() if label in kinds],
        ),
        ("level", "Level", [level for level in LEVELS if any(found["level"] == level for found in present)]),
        (
            "profile",
            "Profile",
            [profile for profile in PROFILES if any(found["profile"] == profile for found in present)],
        ),
    ]


def _numbers(value: Any, under: Any) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and rows of a measured value that is not drawn; `under` is compared with it."""
    values = value if isinstance(value, Mapping) else {"value": value}
    others = under if isinstance(under, Mapping) else {"value": under} if under is not None else {}
    if values and all(isinstance(item, Mapping) for item in values.values()):
        figures = dict.fromkeys(figure for item in values.values() for figure in item)
        rows = []
        for figure in figures:
            rows.append((figure, *(_cell(item.get(figure)) for item in values.values())))
            compared = [others.get(key, {}).get(figure) for key in values]
            if any(item is not None for item in compared):
                rows.append((f"{figure} (compared with)", *map(_cell, compared)))
        return ("", *map(str, values)), rows
    columns = ("", "value", "compared with") if others else ("", "value")
    return columns, [
        (str(key), _cell(item), *([_cell(others.get(key))] if others else [])) for key, item in values.items()
    ]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        shown = ", ".join(map(_cell, value[:LIST_LIMIT]))
        return shown if len(value) <= LIST_LIMIT else f"{shown}, … ({len(value)} values)"
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _facts(report: Report) -> list[tuple[str, str]]:
    implementation, ledger = report.implementation, report.ledger
    began, ended = (datetime.fromisoformat(moment) for moment in (report.started, report.finished))
    levels = "MUST and SHOULD" if report.gate.strict else "MUST"
    return [
        ("Implementation", _short(implementation.name)),
        ("Version", _short(implementation.version or "none: it belongs to no installed distribution")),
        ("--impl", _short(implementation.spec)),
        ("Claims", ", ".join(implementation.capabilities) or "no optional capability"),
        ("Gate", f"{levels} of {', '.join(sorted(report.gate.profiles))}"),
        ("pipecat-ai", report.pipecat),
        ("Python", report.python),
        ("Network", report.network),
        ("Began", _day(report.started)),
        ("Took", f"{max((ended - began).total_seconds(), 1):.0f} s"),
        (
            "Checks",
            f"{ledger.expected} asked for, {ledger.collected} selected, {ledger.executed} done",
        ),
        ("Suite", report.suite),
        ("Edition", report.edition),
        ("Vectors", f"sha256:{report.vectors_digest}"),
    ]
