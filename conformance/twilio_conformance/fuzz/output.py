"""Writes a finding down: what both did, the vector as a case and as JSON, a script that shows it again."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from twilio_conformance import EDITION
from twilio_conformance.fuzz.search import Finding
from twilio_conformance.fuzz.session_host import REFERENCE, narrate
from twilio_conformance.spec.catalogue import Requirement

Json = dict[str, Any]

UNNAMED = "TFS-NEW-00"
"""Stands where a vector needs a requirement and the edition has none."""

_OF_SESSION = frozenset({"requests", "request", "log", "messages", "payloads", "audio"})


def vector(finding: Finding, seed: int, number: int, requirements: Mapping[str, Requirement]) -> Json:
    """The finding as a vector, with the expectation that the implementation fails, where data can say it."""
    difference, wanted = finding.difference, finding.difference.wanted
    requirement = difference.requirement if difference.requirement in requirements else UNNAMED
    expectation = None if wanted is None else {"requirement": requirement, **wanted}
    steps = [dict(step) for step in finding.session["steps"]]
    if expectation and difference.step is not None and not wanted_of_session(wanted):
        steps[difference.step]["expect"] = [expectation]
    document: Json = {
        "id": f"fuzz/{seed}-{number}",
        "description": f"Found by fuzzing: {_plain(difference.message)}.",
        "since": EDITION,
        "result": "valid",
        "flags": [],
        "source": f"--fuzz-seed={seed}",
        "given": finding.session["given"],
    }
    if expectation and difference.is_construction:
        document["construction"] = [expectation]
    ends = [expectation] if expectation and wanted_of_session(wanted) else []
    return document | {"steps": steps, "expect": ends}


def wanted_of_session(wanted: Json | None) -> bool:
    """Whether an expectation speaks of the whole session."""
    return wanted is not None and not _OF_SESSION.isdisjoint(wanted)


def case(document: Json) -> str:
    """A vector as the text of a Case of vectors/twilio_vectors/case.py."""
    given = document["given"]
    setup = given["setup"]
    fields = {
        "name": document["id"].partition("/")[2],
        "text": document["description"],
        "arguments": given["arguments"],
        "rate": None if setup is None else setup["audio_in_sample_rate"],
        "answers": given["answers"],
        "construction": document.get("construction", []),
        "steps": document["steps"],
        "expect": document["expect"],
        "source": document["source"],
    }
    lines = [f"    {name}={value!r}," for name, value in fields.items() if name != "steps" and value != []]
    steps = ["    steps=[", *(f"        {step!r}," for step in document["steps"]), "    ],"]
    return "\n".join(["Case(", *lines, *steps, ")"])


def script(impl: str, session: Json) -> str:
    """Five lines of Python that play the session on the implementation and on the reference."""
    text = json.dumps({"given": session["given"], "steps": session["steps"]})
    return "\n".join([
        "import json",
        "from twilio_conformance.fuzz.session_host import replay",
        f"session = json.loads({text!r})",
        f"for line in replay(session, {impl!r}, {REFERENCE!r}):",
        "    print(line)",
    ])  # fmt: skip


def block(
    finding: Finding, document: Json, impl: str, requirements: Mapping[str, Requirement]
) -> Iterator[str]:
    """All that is to be said of a finding, line by line."""
    difference = finding.difference
    requirement = requirements.get(difference.requirement or "")
    if requirement is None:
        yield f"NEW  {_plain(difference.message)}"
        yield f"  no requirement of edition {EDITION} speaks of it"
    else:
        yield f"{requirement.id}  {requirement.level} of {requirement.profile}: {_plain(difference.message)}"
        yield from textwrap.wrap(requirement.statement, 100, initial_indent="  ", subsequent_indent="  ")
    if not finding.is_reproduced:
        yield "  note: it did not show again in a process of its own; something is kept from call to call"
    count = len(finding.session["steps"])
    yield f"  {count} {'step' if count == 1 else 'steps'}; the implementation:"
    yield from (f"    {_plain(line)}" for line in narrate(finding.actual))
    yield "  the reference:"
    yield from (f"    {_plain(line)}" for line in narrate(finding.expected))
    yield "  as a case:"
    yield from (f"    {line}" for line in case(document).splitlines())
    if difference.wanted is None:
        yield "    # What is expected here is measured: only a check in code can say it."
    yield "  as JSON:"
    yield f"    {json.dumps(document)}"
    yield "  to see it again:"
    yield from (f"    {line}" for line in script(impl, finding.session).splitlines())


def _plain(text: str) -> str:
    """A text on one line, with nothing that a terminal would obey."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
