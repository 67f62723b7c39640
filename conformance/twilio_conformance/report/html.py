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

from twilio_conformance.errors import UsageError
from twilio_conformance.report import reader, room
from twilio_conformance.spec.catalogue import LEVELS, PROFILES
from twilio_conformance.spec.verdict import NOTHING_APPLIES

if TYPE_CHECKING:
    from jinja2 import Environment

Json = dict[str, Any]

DRAWN = 1_000_000
"""Bytes of a page without what fails; of more, the largest drawings are left out."""

TOLD = 500
"""Characters of a note, of a version or of a name."""

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
    "not-testable": ("bad", "?", "not testable", "not testable"),
    "pass": ("good", "✓", "holds", "holds"),
    "not-applicable": ("idle", "-", "not claimed", "not claimed"),
}
"""For each status: the tone of the page, a mark, the word to show, and what the filter calls it."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


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
    from markupsafe import Markup

    from twilio_conformance.report import plots

    if over is None and report["implementation"]["name"] != _reference()["implementation"]["name"]:
        over = _reference()
    measured = printable(plots.measured(report))
    compared = printable(plots.measured(over)) if over else {}
    drawings, rest = plots.draw(measured, compared)
    requirements = _requirements(report)
    script = _environment().get_template("report.js.j2").render()
    short = _shortened(report)
    values: Json = {
        "report": {name: value for name, value in short.items() if name != "requirements"},
        "title": reader.title(short),
        "graded": len(requirements),
        "cards": [_card(report, profile) for profile in PROFILES if profile in report["verdict"]],
        "failing": {name: requirements[name] for name in reader.failures(report)},
        "causes": [(_short(cause), names) for cause, names in reader.causes(report).items()],
        "chapters": reader.chapters(requirements),
        "filters": _filters(requirements),
        "numbers": [(name, *_numbers(value, compared.get(name))) for name, value in rest.items()],
        "over": f"{reader.title(over)}, measured {_day(over['finished'])}" if over else "",
        "facts": _facts(short),
        "exact": ("Implementation", "--impl", "Vectors"),
        "script": script,
        "script_hash": f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    }
    bare = _render("report.html.j2", plots=drawings, **values)
    while drawings and len(bare.encode()) > DRAWN:
        drawings.remove(max(drawings, key=lambda drawing: len(drawing.svg)))
        bare = _render("report.html.j2", plots=drawings, **values)
    for name, entry in room.fill(report, room.LIMIT - len(bare.encode()), _part).items():
        requirements[name] |= {
            "full": [Markup(text) for _, text in sorted(entry.full.items())],
            "rest": [Markup(text) for _, text in sorted(entry.rest.items())],
            "unnamed": entry.unnamed,
        }
    return _render("report.html.j2", plots=drawings, **values)


def _part(form: str, name: str, check: Json) -> str:
    """A check of a requirement as HTML, in one of the forms of `room`."""
    found: str = getattr(_parts(), form)(name, printable(check))
    return found


@functools.cache
def _parts() -> Any:
    return _environment().get_template("parts.html.j2").module


def _shortened(report: Json) -> Json:
    """The report with only the beginning of what it says of itself at length: an implementation names itself."""
    told = {
        name: _short(value) if isinstance(value, str) else value
        for name, value in report["implementation"].items()
    }
    return report | {"implementation": told, "notes": [_short(note) for note in report["notes"][:TOLD]]}


def _short(text: str) -> str:
    return text if len(text) <= TOLD else f"{text[:TOLD]}…"


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
    """What the page shows of each requirement, but for the checks that do not hold: they share what room is left."""
    shown = {}
    for name, found in report["requirements"].items():
        tone, mark, word, kind = _STATUSES[found["status"]]
        if tone == "bad" and found["level"] != "MUST":
            tone = "warn"
        against = len(room.against(found))
        shown[name] = {
            **{key: value for key, value in found.items() if key != "checks"},
            "tone": tone,
            "mark": mark,
            "word": word,
            "shown": kind,
            "against": against,
            "full": [],
            "rest": [],
            "unnamed": against,
            "held": [check["id"] for check in found["checks"] if reader.holds(check["status"])],
        }
    return shown


def _filters(requirements: Mapping[str, Json]) -> list[tuple[str, str, list[str]]]:
    """What can be filtered by; only values that occur."""
    present = requirements.values()
    kinds = {found["shown"] for found in present}
    return [
        (
            "status",
            "Status",
            [word for word in ("fails", "not testable", "holds", "not claimed") if word in kinds],
        ),
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
