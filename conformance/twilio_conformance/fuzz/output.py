"""The printed form of a reproducer: what both did, a vector as a case and as JSON, a script to play it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping

from twilio_conformance import EDITION
from twilio_conformance.checks._expectations import Session, aspect_of
from twilio_conformance.fuzz.oracle import NAMES, Json
from twilio_conformance.fuzz.search import Reproducer
from twilio_conformance.fuzz.session_host import REFERENCE
from twilio_conformance.spec.catalogue import Requirement

UNNAMED = "TFS-NEW-00"
"""The id in a vector if the edition has no requirement for a discrepancy."""

_OF_SESSION = frozenset({"requests", "request", "log"})


def vector(found: Reproducer, seed: int, number: int, requirements: Mapping[str, Requirement]) -> Json:
    """Return the vector of a reproducer, with the expectation that is not met, if data can express it.

    The search had this seed, and the reproducer this number in it, from 1.
    """
    discrepancy, content = found.discrepancy, found.discrepancy.expectation
    requirement = discrepancy.requirement if discrepancy.requirement in requirements else UNNAMED
    expectations = [] if content is None else [{"requirement": requirement, **content}]
    is_of_session = content is not None and not _OF_SESSION.isdisjoint(content)
    steps = [dict(step) for step in found.session["steps"]]
    if expectations and discrepancy.step is not None and not is_of_session:
        steps[discrepancy.step]["expect"] = expectations
    document: Json = {
        "id": f"fuzz/{seed}-{number}",
        "description": f"Found by fuzzing: {_printable(discrepancy.message)}.",
        "since": EDITION,
        "result": "valid",
        "flags": [],
        "source": f"--fuzz-seed={seed}",
        "given": found.session["given"],
    }
    if content is not None and discrepancy.step is None and not is_of_session:
        document["construction"] = expectations
    return document | {"steps": steps, "expect": expectations if is_of_session else []}


def narrate(session: Session) -> list[str]:
    """Return what was seen of a session, with a line for each call, request and log record."""
    if session.obstacle is not None:
        return [session.obstacle]
    lines = [f"{step.call[:100]}: {step.outcome}" for step in session.steps]
    lines += [
        f"request {exchange.method} {aspect_of(exchange, 'url')}{exchange.target} {aspect_of(exchange, 'form')}"
        f" -> {exchange.answer_status or 'no answer'}"
        for exchange in session.exchanges
    ]
    logs = ((log.level, " ".join(log.text.split())[:160]) for log in session.logs if log.level >= 30)
    return [_printable(line) for line in (*lines, *(f"logged {level}: {text}" for level, text in logs))]


def case(document: Json) -> str:
    """Return the source text of a vector as a Case of vectors/twilio_vectors/case.py."""
    given = document["given"]
    fields = {
        "name": document["id"].partition("/")[2],
        "text": document["description"],
        "arguments": given["arguments"],
        "rate": given["setup"] and given["setup"]["audio_in_sample_rate"],
        "answers": given["answers"],
        "construction": document.get("construction", []),
        "expect": document["expect"],
        "source": document["source"],
        "since": document["since"],
    }
    lines = [f"    {name}={value!r}," for name, value in fields.items() if value != []]
    steps = [f"        {step!r}," for step in document["steps"]]
    return "\n".join(["Case(", *lines, "    steps=[", *steps, "    ],", ")"])


def script(impl: str, session: Json) -> str:
    """Return five lines of Python that play a session on the implementation and on the reference."""
    text = json.dumps({"given": session["given"], "steps": session["steps"]})
    return "\n".join([
        "import json",
        "from twilio_conformance.fuzz.session_host import replay",
        f"session = json.loads({text!r})",
        f"for line in replay(session, {impl!r}, {REFERENCE!r}):",
        "    print(line)",
    ])  # fmt: skip


def block(found: Reproducer, document: Json, impl: str, requirements: Mapping[str, Requirement]) -> list[str]:
    """Return the lines that describe a reproducer and its vector."""
    message = _printable(found.discrepancy.message)
    requirement = requirements.get(found.discrepancy.requirement or "")
    if requirement is None:
        lines = [f"NEW  {message}", f"  no requirement of edition {EDITION} covers it"]
    else:
        lines = [f"{requirement.id}  {requirement.level} of {requirement.profile}: {message}"]
        lines += textwrap.wrap(requirement.statement, 100, initial_indent="  ", subsequent_indent="  ")
    if not found.is_confirmed:
        lines.append(
            "  note: it did not show again in a process of its own; something is kept from call to call"
        )
    count = len(found.session["steps"])
    lines += [f"  {count} {'step' if count == 1 else 'steps'}; the implementation:"]
    lines += [f"    {line}" for line in narrate(found.actual)]
    lines += ["  the reference:", *(f"    {line}" for line in narrate(found.expected))]
    lines += ["  as a case:", *(f"    {line}" for line in case(document).splitlines())]
    if found.discrepancy.expectation is None:
        lines += ["    # What is expected here is measured: only a check in code can say it."]
    lines += ["  as JSON:", f"    {json.dumps(document)}", "  to see it again:"]
    return lines + [f"    {line}" for line in script(impl, found.session).splitlines()]


def _printable(text: str) -> str:
    """Return a text on one line, with names in place of secrets and control characters escaped."""
    text = NAMES.redact(text)
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
