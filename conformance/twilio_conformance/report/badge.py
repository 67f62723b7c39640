"""Badges: an SVG that stands alone, and the JSON that shields.io's endpoint badge reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from twilio_conformance.report import reader

LABEL = "Twilio conformance"

_GOOD, _PART, _BAD, _IDLE = "#15703a", "#7d5200", "#b3261e", "#565b69"
_NAMES = {_GOOD: "success", _PART: "yellow", _BAD: "critical", _IDLE: "inactive"}
"""The colours here, and the names that shields.io has for them."""

_NARROW, _WIDE = "fijlrtI.,:;|!'()[] ", "mwMW%@"


def svg(report: Mapping[str, Any]) -> str:
    """A badge of two fields, readable without the fonts of any machine."""
    message, colour = _message(report)
    label = f"{LABEL} {report['edition']}"
    left, right = _width(label), _width(message)
    title = escape(f"{label}: {message}", quote=True)
    middle = (left / 2, left + right / 2)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img"'
        f' aria-label="{title}">'
        f"<title>{title}</title>"
        f'<clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#3b404b"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{middle[0]:g}" y="14" textLength="{left - 12}">{escape(label)}</text>'
        f'<text x="{middle[1]:g}" y="14" textLength="{right - 12}">{escape(message)}</text></g></svg>\n'
    )


def endpoint(report: Mapping[str, Any]) -> str:
    """The JSON for shields.io's endpoint badge."""
    message, colour = _message(report)
    document = {
        "schemaVersion": 1,
        "label": f"{LABEL} {report['edition']}",
        "message": message,
        "color": _NAMES[colour],
    }
    return json.dumps(document, indent=2) + "\n"


def _message(report: Mapping[str, Any]) -> tuple[str, str]:
    """What the badge says, and its colour: the profiles that hold, and whether `core` is one of them."""
    verdicts = report["verdict"]
    holding = [profile for profile, verdict in verdicts.items() if verdict["conformant"]]
    if len(holding) == len(verdicts) and holding:
        return "all profiles", _GOOD
    if "core" in holding:
        return ", ".join(holding), _GOOD
    if any(reader.word(verdict) == "not conformant" for verdict in verdicts.values()):
        return (f"only {', '.join(holding)}", _PART) if holding else ("not conformant", _BAD)
    return "partly graded", _IDLE


def _width(text: str) -> int:
    """Pixels for a text of 11 px with 6 px on either side, about what the font takes."""
    widths = (4 if letter in _NARROW else 10 if letter in _WIDE else 7 for letter in text)
    return sum(widths) + 12
