"""Renders spec/SPECIFICATION.md and what docs/ shows of it from their data; --check compares only."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loguru import logger

from tools import situations
from twilio_conformance import EDITION
from twilio_conformance.errors import DataError
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.catalogue import Catalogue, Requirement
from twilio_conformance.spec.coverage import Entry, entries

ROOT = Path(__file__).resolve().parent.parent
SPECIFICATION = ROOT / "spec" / "SPECIFICATION.md"
SITUATIONS = ROOT / "docs" / "situations.md"
TRACEABILITY = ROOT / "docs" / "traceability.md"
RULES = ROOT / "docs" / "rules.md"

KEYWORD = re.compile(r"\b(MUST|SHOULD|MAY|REQUIRED|SHALL|RECOMMENDED|OPTIONAL)\b")
IDENTIFIER = re.compile(r"\bTFS-[A-Z]+-[0-9]{2}\b")
FENCED = re.compile(r"^( *)(`{3,}|~{3,}).*?^\1\2", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"""([`"])(?:(?!\1|\n *\n).)+\1|^ *>[^\n]*""", re.MULTILINE | re.DOTALL)

GENERATED = "<!-- Rendered by tools/render.py: run `make spec`. -->\n"


class RenderError(Exception):
    """The specification contradicts itself; the message says where."""


def specification(everything: Catalogue) -> str:
    """The specification as one Markdown document."""
    return GENERATED + "\n".join(_specification(everything)).rstrip() + "\n"


def _specification(everything: Catalogue) -> Iterator[str]:
    preface = (ROOT / "spec" / "PREFACE.md").read_text(encoding="utf-8")
    yield preface.replace("{edition}", EDITION).rstrip() + "\n"
    yield "## Contents\n"
    for number, chapter in enumerate(everything.chapters, start=1):
        yield f"{number}. [{chapter.title}](#{_anchor(f'{number}. {chapter.title}')})"
    yield ""
    for number, chapter in enumerate(everything.chapters, start=1):
        _expect_no_keyword(f"title of {chapter.id}", chapter.title)
        _expect_no_keyword(f"introduction of {chapter.title}", chapter.introduction)
        yield f"## {number}. {chapter.title}\n"
        yield chapter.introduction.strip() + "\n"
        for requirement in chapter.requirements:
            yield from _requirement(requirement)


def _requirement(requirement: Requirement) -> Iterator[str]:
    words = KEYWORD.findall(requirement.statement)
    if set(words) != {requirement.level}:
        raise RenderError(f"{requirement.id}: the level is {requirement.level}, the statement says {words}")
    for member, text in (
        ("rationale", requirement.rationale),
        ("source", "\n".join(requirement.source)),
        ("excluded", requirement.excluded or ""),
    ):
        _expect_no_keyword(f"{requirement.id}, {member}", text)
    statement = re.sub(r"\b(MUST NOT|SHOULD NOT|MUST|SHOULD|MAY)\b", r"**\1**", requirement.statement)
    yield f'<a id="{requirement.id.lower()}"></a>\n'
    yield f"### {requirement.id}\n"
    yield f"{_prose(statement)}\n"
    yield f"{_prose(requirement.rationale)}\n"
    facts = [f"*{requirement.level}, profile {requirement.profile}, since {requirement.since}*"]
    if requirement.capability:
        facts.append(f"only where `{requirement.capability}` is claimed")
    if requirement.excluded:
        facts.append(f"not graded: {requirement.excluded}")
    yield f"{'; '.join(facts)}. Source: {'; '.join(map(_prose, requirement.source))}.\n"


def _prose(text: str) -> str:
    """Text with angle brackets and identifiers made safe for Markdown."""
    text = re.sub(r"(?<![`\w/.])(__[a-z]+__|[a-z]+(?:_[a-z]+)+|pipecat(?:\.\w+)+)(?![`\w/])", r"`\1`", text)
    return text.replace("{", "&#123;").replace("<", "&lt;")


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def expect_keywords_in_requirements(root: Path) -> None:
    """No text beside the requirements uses a keyword; SPECIFICATION.md is rendered from what is checked elsewhere.

    Raises:
        RenderError: One does; the message says where, and what to do.
    """
    for path in sorted((root / "spec").rglob("*.md")):
        if path.name != SPECIFICATION.name:
            _expect_no_keyword(str(path.relative_to(root)), path.read_text(encoding="utf-8"))
    for path in sorted((root / "docs").glob("*.md")):
        # A table that shows requirements repeats their levels.
        text = path.read_text(encoding="utf-8")
        lines = ["" if IDENTIFIER.search(line) else line for line in text.split("\n")]
        _expect_no_keyword(str(path.relative_to(root)), "\n".join(lines))
    for path in sorted((root / "spec" / "schemas").rglob("*.json")):
        for place, description in _descriptions(json.loads(path.read_text(encoding="utf-8"))):
            _expect_no_keyword(f"{path.relative_to(root)}: {place}", description)
    asyncapi = root / "spec" / "asyncapi.yaml"
    # In YAML, quotation marks quote nothing.
    _expect_no_keyword("spec/asyncapi.yaml", asyncapi.read_text(encoding="utf-8").replace('"', " "))


def _expect_no_keyword(place: str, text: str) -> None:
    """Keywords that code or a quotation only names are none.

    Raises:
        RenderError: There is one.
    """
    unnamed = NAMED.sub(_blank, FENCED.sub(_blank, text))
    if found := KEYWORD.search(unnamed):
        line = unnamed.count("\n", 0, found.start()) + 1
        raise RenderError(
            f"{place}: line {line}: {found.group()} outside a requirement: make it a requirement, say it without the "
            "keyword, or put the keyword in backticks where it is only named"
        )


def _blank(found: re.Match[str]) -> str:
    """As many lines as were found, with nothing in them."""
    return "\n" * found.group().count("\n")


def _descriptions(schema: object, place: str = "$") -> Iterator[tuple[str, str]]:
    """Each title, description and comment of a schema, with its place."""
    members: list[tuple[Any, object]] = []
    if isinstance(schema, dict):
        members = list(schema.items())
    elif isinstance(schema, list):
        members = list(enumerate(schema))
    for name, member in members:
        if name in ("title", "description", "$comment") and isinstance(member, str):
            yield f"{place}.{name}", member
        elif name != "examples":
            yield from _descriptions(member, f"{place}.{name}")


def traceability(everything: Catalogue, lines: list[Entry]) -> str:
    """The way from each sentence of api.txt over requirements to what grades them, as Markdown."""
    sentences = _sentences()
    _expect_whole([sentence["text"] for sentence in sentences])
    graded: dict[str, list[str]] = {}
    for entry in lines:
        graded.setdefault(entry.requirement, []).append(entry.check)
    return GENERATED + "\n".join(_traceability(everything, sentences, graded)).rstrip() + "\n"


def _sentences() -> list[dict[str, Any]]:
    """The sentences of spec/api.toml.

    Raises:
        RenderError: The file is no TOML, or a sentence has neither or both of requirements and a reason to have none.
    """
    try:
        document = tomllib.loads((ROOT / "spec" / "api.toml").read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise RenderError(f"spec/api.toml: not TOML: {error}") from error
    sentences: list[dict[str, Any]] = document.get("sentence", [])
    for number, sentence in enumerate(sentences, start=1):
        _expect_origin(number, sentence)
    return sentences


def _expect_origin(number: int, sentence: dict[str, Any]) -> None:
    """A sentence of api.txt has become requirements, or says why it has not.

    Raises:
        RenderError: Neither, both, or one that is empty.
    """
    text = sentence.get("text", "")
    given = [name for name in ("requirements", "excluded") if name in sentence]
    if not text or len(given) != 1 or not sentence[given[0]]:
        raise RenderError(
            f"spec/api.toml: sentence {number}, {text[:60]!r}: needs a text and exactly one of requirements and "
            "excluded, which may not be empty"
        )


def _expect_whole(sentences: list[str]) -> None:
    """Every sentence of api.txt is there, in order, and nothing else.

    Raises:
        RenderError: Something of api.txt is in no sentence, or a sentence is not in api.txt.
    """
    rest = " ".join((ROOT / "spec" / "api.txt").read_text(encoding="utf-8").replace("•", " ").split())
    for sentence in sentences:
        rest = rest.lstrip()
        if not rest.startswith(sentence):
            raise RenderError(f"spec/api.toml: expected {rest[:80]!r}, found {sentence[:80]!r}")
        rest = rest[len(sentence) :]
    if rest.strip():
        raise RenderError(f"spec/api.toml lacks {rest.strip()[:80]!r}")


def _traceability(
    everything: Catalogue, sentences: list[dict[str, Any]], graded: dict[str, list[str]]
) -> Iterator[str]:
    yield "# Traceability\n"
    yield "Each sentence of `api.txt`, the requirements that it became, and what grades them.\n"
    yield "| # | sentence | requirements |"
    yield "| --- | --- | --- |"
    for number, sentence in enumerate(sentences, start=1):
        text = sentence["text"].replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")
        unknown = [name for name in sentence.get("requirements", ()) if name not in everything.requirements]
        if unknown:
            raise RenderError(f"spec/api.toml: sentence {number} names {', '.join(unknown)}")
        if "excluded" in sentence:
            became = f"none: {sentence['excluded']}"
        else:
            became = ", ".join(_link(name) for name in sentence["requirements"])
        note = f" {sentence['note']}" if "note" in sentence else ""
        yield f"| {number} | {text} | {became}.{note} |"
    yield "\n## Requirements\n"
    yield "| requirement | level | profile | graded by |"
    yield "| --- | --- | --- | --- |"
    for requirement in everything.requirements.values():
        by = requirement.excluded or ", ".join(_grouped(requirement, graded[requirement.id]))
        yield f"| {_link(requirement.id)} | {requirement.level} | {requirement.profile} | {by} |"


def _link(requirement: str) -> str:
    return f"[{requirement}](../spec/SPECIFICATION.md#{requirement.lower()})"


def _grouped(requirement: Requirement, checks: list[str]) -> Iterator[str]:
    """What grades a requirement: each of its patterns, with the number of vectors behind it."""
    for pattern in requirement.checks:
        found = [check for check in checks if catalogue.matches(check, pattern)]
        yield f"`{pattern}` ({len(found)})" if found != [pattern] else f"`{pattern}`"


def rules(everything: Catalogue, gathered: dict[str, Any]) -> str:
    """What became of each rule of docs/data/rules.toml, as Markdown."""
    return GENERATED + "\n".join(_rules(everything, gathered)).rstrip() + "\n"


def _rules(everything: Catalogue, gathered: dict[str, Any]) -> Iterator[str]:
    failed = set(_full(gathered["failed"]))
    yield "# Rules from the field\n"
    yield (
        "Rules gathered from Pipecat's issues and releases before there was a specification, the requirements that they became, "
        "and how pipecat-ai 1.14.0 fares: as *seen* in the notes then, and as the suite *finds* it, "
        f"graded on {gathered['graded']}. *Partly* says that some of the requirements hold; those that do not are in bold.\n"
    )
    yield "| rule | what it asks | requirements | seen | found | cause of a difference, or a note |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for rule in gathered["rule"]:
        names = _full(rule.get("requirements", ""))
        if unknown := [name for name in names if name not in everything.requirements]:
            raise RenderError(f"docs/data/rules.toml: {rule['id']} names {', '.join(unknown)}")
        if bool(names) == ("excluded" in rule):
            raise RenderError(f"docs/data/rules.toml: {rule['id']} needs either requirements or excluded")
        found = _found(names, failed)
        if names and (found != rule["seen"]) != ("cause" in rule):
            raise RenderError(
                f"docs/data/rules.toml: {rule['id']} seen {rule['seen']}, found {found}: cause?"
            )
        became = ", ".join(f"**{_link(name)}**" if name in failed else _link(name) for name in names)
        left_out = f"Left out: {rule['excluded']}." if "excluded" in rule else ""
        said = rule.get("cause") or rule.get("note") or left_out
        yield f"| {rule['id']} | {rule['rule']} | {became or 'none'} | {rule['seen']} | {found} | {said} |"


def _full(names: str) -> list[str]:
    return [f"TFS-{name}" for name in names.split()]


def _found(names: list[str], failed: set[str]) -> str:
    """What the suite finds of a rule, from the requirements that it became and those that failed."""
    if not names:
        return "-"
    wrong = len(failed.intersection(names))
    return "pass" if not wrong else "fail" if wrong == len(names) else "partly"


def main() -> int:
    """Writes the documents, or with --check says which differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a document differs")
    check = parser.parse_args().check
    from twilio_conformance.checks._core import load_checks
    from twilio_conformance.engine.job import jobs_in_code

    try:
        expect_keywords_in_requirements(ROOT)
        everything = catalogue.load()
        found = jobs_in_code(everything, load_checks())
        lines = entries(everything, {each.id: each.requirements[0] for each in found.values()})
        documents = {
            SPECIFICATION: specification(everything),
            SITUATIONS: GENERATED + situations.page(everything, {*everything.vectors, *found}),
            TRACEABILITY: traceability(everything, lines),
            RULES: rules(
                everything, tomllib.loads((ROOT / "docs" / "data" / "rules.toml").read_text(encoding="utf-8"))
            ),
        }
    except (RenderError, DataError) as error:
        print(f"tools/render.py: {error}", file=sys.stderr)
        return 1
    differing = [
        path
        for path, text in documents.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in differing:
        if check:
            print(f"{path.relative_to(ROOT)} differs from its source: run `make spec`", file=sys.stderr)
        else:
            path.write_text(documents[path], encoding="utf-8")
    return 1 if check and differing else 0


if __name__ == "__main__":
    # Pipecat, which main imports with the checks, greets at INFO.
    logger.configure(handlers=[{"sink": sys.stderr, "level": "WARNING"}])
    sys.exit(main())
