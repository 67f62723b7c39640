"""Renders a report, or a comparison of several, as one HTML page that fetches nothing."""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.util
import json
import re
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from twilio_conformance.catalogue import LEVELS, PROFILES
from twilio_conformance.errors import UsageError
from twilio_conformance.report import comparison, reader
from twilio_conformance.verdict import NOTHING_APPLIES

if TYPE_CHECKING:
    from jinja2 import Environment

Json = dict[str, Any]

IN_FULL = 6
"""Failing checks of one requirement that are shown with everything; of more, the finding and the command."""

ROOM = 1_000_000
"""Characters of what failing checks say that a page holds in full; what comes later is shown in brief."""

LIST_LIMIT = 6
"""Values of a list that stand in one cell of a table."""

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
    "fail": ("bad", "✕", "fails", "fails"),
    "not-testable": ("bad", "✕", "not testable", "fails"),
    "pass": ("good", "✓", "holds", "holds"),
    "not-applicable": ("idle", "-", "not claimed", "not claimed"),
}
"""For each status: the tone of the page, a mark, the word to show, and what the filter calls it."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_TIME = re.compile(r"^\[?(\+?\d+\.\d+ m?s)\]?:?\s+")


def require() -> None:
    """Sees that everything a page is made with is installed.

    Raises:
        UsageError: It is not; the message says what to install.
    """
    missing = [name for name in ("jinja2", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"an HTML report needs {' and '.join(missing)}, not installed here: pip install '{EXTRA}'"
        )


def page(report: Json, over: Json | None = None) -> str:
    """A report as a page of its own.

    Args:
        report: The report's JSON.
        over: Another report, whose measurements are drawn beneath; without it, those of the reference.

    Raises:
        UsageError: The extra is not installed.
    """
    require()
    from twilio_conformance.report import plots

    if over is None and report["implementation"]["name"] != _reference()["implementation"]["name"]:
        over = _reference()
    measured = printable(plots.measured(report))
    compared = printable(plots.measured(over)) if over else {}
    drawings, rest = plots.draw(measured, compared)
    requirements = _requirements(report)
    script = _environment().get_template("report.js.j2").render()
    return _render(
        "report.html.j2",
        report=report,
        title=reader.title(report),
        cards=[_card(report, profile) for profile in PROFILES if profile in report["verdict"]],
        failing={name: requirements[name] for name in reader.failures(report)},
        chapters=reader.chapters(requirements),
        filters=_filters(requirements),
        plots=drawings,
        numbers=[(name, *_numbers(value, compared.get(name))) for name, value in rest.items()],
        over=f"{reader.title(over)}, measured {_day(over['finished'])}" if over else "",
        facts=_facts(report),
        exact=("Implementation", "--impl", "Vectors"),
        script=script,
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    )


@functools.cache
def _reference() -> Json:
    found: Json = json.loads(
        files("twilio_conformance.report").joinpath(REFERENCE).read_text(encoding="utf-8")
    )
    return found


def table(**values: Any) -> str:
    """A comparison of several reports as a page; see `matrix`.

    Raises:
        UsageError: The extra is not installed.
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
    """The value with everything in its texts visible and fit for UTF-8; an implementation wrote some."""
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


def _card(report: Json, profile: str) -> Json:
    verdict = report["verdict"][profile]
    word = reader.word(verdict)
    gated = profile in report["gate"]["profiles"]
    is_open = word in (reader.PARTLY, NOTHING_APPLIES)
    tone = "good" if verdict["conformant"] else "idle" if is_open else "bad" if gated else "warn"
    return {
        "profile": profile,
        "word": word,
        "tone": tone,
        "mark": {"good": "✓", "idle": "…"}.get(tone, "✕"),
        "meaning": MEANINGS[profile],
        "gated": gated,
        "levels": [(level, *numbers) for level in LEVELS if (numbers := reader.count(verdict, level))[1] > 0],
    }


def _requirements(report: Json) -> dict[str, Json]:
    """What the page shows of each requirement."""
    room = ROOM
    shown = {}
    for name, found in report["requirements"].items():
        tone, mark, word, kind = _STATUSES[found["status"]]
        failing = [check for check in found["checks"] if not reader.holds(check["status"])]
        full: list[Json] = []
        for check in failing[:IN_FULL]:
            room -= len(json.dumps(check))
            if room > 0:
                full.append(_check(check))
        if tone == "bad" and found["level"] != "MUST":
            tone = "warn"
        shown[name] = {
            **found,
            "tone": tone,
            "mark": mark,
            "word": word,
            "shown": kind,
            "full": full,
            "brief": failing[len(full) :],
            "held": [check["id"] for check in found["checks"] if reader.holds(check["status"])],
        }
    return shown


def _check(check: Json) -> Json:
    return {
        "id": check["id"],
        "message": check["message"] or check["status"],
        "known": check.get("known"),
        "trace": [_line(line) for line in check["trace"]],
        "output": check["output"].strip(),
        "rerun": check["rerun"],
        "reproduce": check["reproduce"],
        **comparison.of(check["expected"], check["actual"]),
    }


def _line(line: str) -> Json:
    """A line of a trace: its time where it begins with one, and whether it was on the wire."""
    time = _TIME.match(line)
    text = line[time.end() :] if time else line
    return {"time": time.group(1) if time else "", "text": text, "is_wire": text.startswith("request ")}


def _filters(requirements: Mapping[str, Json]) -> list[tuple[str, str, list[str]]]:
    """What can be filtered by; only values that occur."""
    present = requirements.values()
    kinds = {found["shown"] for found in present}
    return [
        ("status", "Status", [word for word in ("fails", "holds", "not claimed") if word in kinds]),
        ("level", "Level", [level for level in LEVELS if any(found["level"] == level for found in present)]),
        (
            "profile",
            "Profile",
            [profile for profile in PROFILES if any(found["profile"] == profile for found in present)],
        ),
    ]


def _numbers(value: Any, under: Any) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A measured value that nothing draws, as the columns and rows of a table; `under` is to compare with."""
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


def _facts(report: Json) -> list[tuple[str, str]]:
    implementation, ledger, gate = report["implementation"], report["ledger"], report["gate"]
    began, ended = (datetime.fromisoformat(report[name]) for name in ("started", "finished"))
    levels = "MUST and SHOULD" if gate["strict"] else "MUST"
    return [
        ("Implementation", implementation["name"]),
        ("Version", implementation["version"] or "none: it belongs to no installed distribution"),
        ("--impl", implementation["spec"]),
        ("Claims", ", ".join(implementation["capabilities"]) or "no optional capability"),
        ("Gate", f"{levels} of {', '.join(gate['profiles'])}"),
        ("pipecat-ai", report["pipecat"]),
        ("Python", report["python"]),
        ("Network", report["network"]),
        ("Began", _day(report["started"])),
        ("Took", f"{max((ended - began).total_seconds(), 1):.0f} s"),
        (
            "Checks",
            f"{ledger['expected']} asked for, {ledger['collected']} selected, {ledger['executed']} done",
        ),
        ("Suite", report["suite"]),
        ("Edition", report["edition"]),
        ("Vectors", f"sha256:{report['vectors_digest']}"),
    ]
