"""The report as one JSON document; spec/schemas/report.schema.json says what each field means."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import jsonschema

from twilio_conformance.errors import SuiteError
from twilio_conformance.report import reproduce
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.subject.target import NETWORKS

if TYPE_CHECKING:
    from twilio_conformance.engine.run import Run
    from twilio_conformance.spec.verdict import Outcome

Json = dict[str, Any]

DISTRIBUTION = "pipecat-twilio-conformance"


def build(run: Run) -> Json:
    """The report of a run, checked against its schema; `complete` comes last.

    Raises:
        SuiteError: The document is not what the schema says.
    """
    implementation = run.executor.implementation
    statuses = run.statuses
    report: Json = {
        "suite": _suite_version(),
        "edition": run.edition,
        "vectors_digest": run.catalogue.vectors_digest,
        "implementation": {
            "spec": run.impl,
            "name": implementation["name"],
            "version": implementation["version"],
            "capabilities": implementation["capabilities"],
        },
        "pipecat": implementation["pipecat"],
        "python": implementation["python"],
        "network": NETWORKS[implementation["network"]],
        "started": run.started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "gate": {"profiles": sorted(run.gate.profiles), "strict": run.gate.strict},
        "requirements": {
            name: {
                **_sentence(run, name),
                "status": statuses[name],
                "checks": [_check(run, Entry(name, check), outcome) for check, outcome in outcomes.items()],
            }
            for name, outcomes in run.by_requirement().items()
        },
        "verdict": {profile: asdict(verdict) for profile, verdict in run.verdicts.items()},
        "metrics": _metrics(run),
        "notes": run.notes,
        "ledger": run.ledger.as_json(),
        "complete": True,
    }
    for error in jsonschema.Draft202012Validator(catalogue.load_schema("report")).iter_errors(report):
        raise SuiteError(f"the report is not what its schema says: {error.json_path}: {error.message[:300]}")
    return report


def _sentence(run: Run, name: str) -> Json:
    """What the specification says of a requirement: a report can be read without the specification."""
    requirement = run.catalogue.requirements[name]
    titles = {chapter.id: chapter.title for chapter in run.catalogue.chapters}
    return {
        "chapter": titles[requirement.chapter],
        "level": requirement.level,
        "profile": requirement.profile,
        "statement": requirement.statement,
        "rationale": requirement.rationale,
        "source": list(requirement.source),
    }


def _check(run: Run, entry: Entry, outcome: Outcome) -> Json:
    reason = run.known(entry)
    return {
        "id": entry.check,
        "status": outcome.status,
        "expected": outcome.expected,
        "actual": outcome.actual,
        "message": outcome.message,
        "trace": list(outcome.trace),
        "output": run.outputs.get(entry.check, "") if not outcome.holds else "",
        "rerun": shlex.join(run.rerun(entry)),
        "reproduce": "" if outcome.holds else reproduce.script(run.impl, entry, run.catalogue),
        "seconds": outcome.seconds,
    } | ({} if outcome.holds or reason is None else {"known": reason})


def _metrics(run: Run) -> Json:
    """What checks measured, by check; the same for every requirement of one check."""
    return {entry.check: dict(outcome.metrics) for entry, outcome in run.outcomes.items() if outcome.metrics}


def _suite_version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "uninstalled"
