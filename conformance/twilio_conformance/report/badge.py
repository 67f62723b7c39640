"""Renders badges: a self-contained SVG, and the JSON for shields.io's endpoint badge."""

from __future__ import annotations

import json

from twilio_conformance.report.model import Report
from twilio_conformance.report.rendering import render
from twilio_conformance.spec.verdict import NOT_CONFORMANT, PARTIAL

LABEL = "Twilio conformance"

_GOOD, _PART, _BAD, _IDLE = "#15703a", "#7d5200", "#b3261e", "#565b69"
_NAMES = {_GOOD: "success", _PART: "yellow", _BAD: "critical", _IDLE: "inactive"}
"""The name that shields.io has for each colour."""

_NARROW, _WIDE = "fijlrtI.,:;|!'()[] ", "mwMW%@"


def svg(report: Report) -> str:
    """Return a badge of two fields whose width does not depend on installed fonts."""
    message, colour = _message(report)
    label = f"{LABEL} {report.edition}"
    widths = {"left": _width(label), "right": _width(message)}
    return render("badge.svg.j2", label=label, message=message, colour=colour, **widths)


def endpoint(report: Report) -> str:
    """Return the JSON for shields.io's endpoint badge."""
    message, colour = _message(report)
    document = {
        "schemaVersion": 1,
        "label": f"{LABEL} {report.edition}",
        "message": message,
        "color": _NAMES[colour],
    }
    return json.dumps(document, indent=2) + "\n"


def _message(report: Report) -> tuple[str, str]:
    """Return the text and the colour: the conformant profiles, and whether `core` is one of them."""
    verdicts = report.verdict
    conformant = [profile for profile, verdict in verdicts.items() if verdict.conformant]
    if len(conformant) == len(verdicts) and conformant:
        return "all profiles", _GOOD
    if "core" in conformant:
        return ", ".join(conformant), _GOOD
    if any(verdict.word == NOT_CONFORMANT for verdict in verdicts.values()):
        return (f"only {', '.join(conformant)}", _PART) if conformant else (NOT_CONFORMANT, _BAD)
    return PARTIAL, _IDLE


def _width(text: str) -> int:
    """Return the approximate width in pixels of a text in 11 px Verdana, with 6 px on either side."""
    widths = (4 if letter in _NARROW else 10 if letter in _WIDE else 7 for letter in text)
    return sum(widths) + 12
