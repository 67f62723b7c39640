"""The Jinja environment that renders pages, tables, summaries and badges."""

from __future__ import annotations

import functools
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from twilio_conformance.report.model import causes, tally
from twilio_conformance.spec.catalogue import LEVELS, PROFILES
from twilio_conformance.spec.verdict import CONFORMANT, NOT_CONFORMANT, NOTHING_APPLIES, PARTIAL

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEXT_LIMIT = 500
"""Characters of a note, a version or a name; the rest is cut."""

SYMBOLS = {
    "fail": ("✕", "fails", "bad"),
    "not-testable": ("?", "not testable", "bad"),
    "pass": ("✓", "passes", "good"),
    "not-applicable": ("-", "not applicable", "idle"),
    "": ("·", "not graded", "idle"),
}
"""The mark, the label and the colour class of each status; "" stands for a requirement that was not graded."""

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def render(template: str, **values: Any) -> str:
    """Render a template of this package; text is escaped as its format requires, and control characters always."""
    return environment().get_template(template).render(values)


@functools.cache
def environment() -> Environment:
    """Return the environment with all filters and globals."""
    # Runs that write no such report start faster without it.
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("twilio_conformance.report"),
        autoescape=lambda name: name is not None and name.endswith((".html.j2", ".svg.j2")),
        finalize=printable,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "breakable": _breakable,
        "day": _day,
        "escaped": _escaped,
        "fenced": _fenced,
        "short": _short,
    }
    made.globals |= {"LEVELS": LEVELS, "PROFILES": PROFILES, "SYMBOLS": SYMBOLS, "NOTHING_APPLIES": NOTHING_APPLIES,
                     "NOT_CONFORMANT": NOT_CONFORMANT, "CONFORMANT": CONFORMANT, "PARTIAL": PARTIAL,
                     "causes": causes, "symbol": symbol, "tally": tally}  # fmt: skip
    return made


def printable(value: Any) -> Any:
    """Return text with control characters and lone surrogates escaped, and anything else as it is."""
    if type(value) is not str:
        return value
    text = value.encode("utf-8", "backslashreplace").decode()
    return _UNPRINTABLE.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def symbol(status: str, level: str) -> tuple[str, str, str]:
    """Return the mark, the label and the colour class of a requirement: below MUST, a failure is a warning."""
    mark, label, tone = SYMBOLS[status]
    return mark, label, "warn" if tone == "bad" and level != "MUST" else tone


def _breakable(text: str) -> Markup:
    """Allow a line break after each colon."""
    from markupsafe import Markup

    return Markup(":<wbr>").join(printable(text).split(":"))


def _day(moment: str) -> str:
    when = datetime.fromisoformat(moment)
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


def _escaped(text: str) -> str:
    """Escape text so that Markdown does not interpret it, in tables either."""
    return re.sub(r"[&<>|`*_\[\]]", lambda match: f"&#{ord(match.group())};", text)


def _fenced(text: str) -> str:
    """Return a Markdown block of code whose fence the text cannot close."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _short(text: str, limit: int = TEXT_LIMIT) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"
