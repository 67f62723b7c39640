"""The report of one run as typed objects: built from a run, or loaded from a JSON file.

Every rendering (terminal, HTML, Markdown, badge, matrix, diff) reads these objects. The status of a requirement is
derived from its checks here and nowhere else. `spec/schemas/report.schema.json` documents the JSON.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SkipValidation,
    ValidationError,
    computed_field,
    field_serializer,
    model_serializer,
)

from twilio_conformance.errors import SuiteError
from twilio_conformance.spec.catalogue import LEVELS, Catalogue
from twilio_conformance.spec.catalogue import Requirement as Specified
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE, Outcome, ProfileVerdict, Threshold, worst
from twilio_conformance.subject.target import NETWORKS

if TYPE_CHECKING:
    from twilio_conformance.engine.run import Run

Json = dict[str, Any]

DISTRIBUTION = "pipecat-twilio-conformance"

FAILING = (FAIL, NOT_TESTABLE)
"""Statuses that count against an implementation."""


Text = SkipValidation[str]
"""Any string: pydantic's own validation rejects the lone surrogates that implementations print."""


class _Model(BaseModel):
    """Base of all parts of a report. Unknown members are left to the JSON Schema, which rejects them on loading."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Implementation(_Model):
    """The implementation that was graded."""

    spec: Text
    name: Text
    version: Text | None
    capabilities: list[Text]


class Place(_Model):
    """A place in an implementation's source, where it raised."""

    file: Text
    line: int
    function: Text
    source: Text
    library: Text | None = None

    def __str__(self) -> str:
        """Return it on one line, with the library that raised if the line only called one."""
        called = f" (raised in {self.library})" if self.library else ""
        return f"{self.file}:{self.line} in {self.function}: {self.source}{called}"


class Check(_Model):
    """The result of one check for one requirement."""

    id: Text
    status: Text
    expected: Any = None
    actual: Any = None
    message: Text = ""
    trace: list[Text] = []
    where: list[Place] = []
    call: Text = ""
    output: Text = ""
    rerun: Text = ""
    seconds: float = 0.0
    known: Text | None = None

    @property
    def is_failing(self) -> bool:
        """Whether the check failed or could not be made."""
        return self.status in FAILING

    @property
    def finding(self) -> str:
        """The finding as a sentence, or the status if there is none."""
        return self.message or self.status

    @model_serializer(mode="wrap")
    def _without_unset_members(self, serialize: Any) -> Json:
        document: Json = serialize(self)
        for name in ("known", "where", "call"):
            if document[name] in (None, [], ""):
                del document[name]
        for place in document.get("where", ()):
            if place["library"] is None:
                del place["library"]
        return document


class Requirement(_Model):
    """A graded requirement with its checks."""

    chapter: Text
    level: Text
    profile: Text
    statement: Text
    rationale: Text = ""
    source: list[Text] = []
    checks: list[Check]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> str:
        """The worst status of the checks."""
        return worst(check.status for check in self.checks)

    @property
    def is_failing(self) -> bool:
        """Whether some check failed or could not be made."""
        return self.status in FAILING

    @property
    def failing(self) -> list[Check]:
        """The checks that failed or could not be made."""
        return [check for check in self.checks if check.is_failing]

    @property
    def unexpected(self) -> list[Check]:
        """The failing checks that are not known failures."""
        return [check for check in self.failing if check.known is None]


class Ledger(_Model):
    """How many checks the edition has, and how many were run."""

    expected: int
    collected: int
    executed: int
    missing: list[Text]
    excluded: dict[Text, Text]


class Cause(_Model):
    """A reason why requirements could not be tested, with the ids of those requirements."""

    finding: Text
    actual: Any
    check: Text
    where: list[Place] = []
    requirements: list[str] = []


class Report(_Model):
    """The result of one run."""

    suite: Text
    edition: Text
    vectors_digest: Text
    implementation: Implementation
    pipecat: Text
    python: Text
    network: Text
    started: Text
    finished: Text
    gate: Threshold
    requirements: dict[Text, Requirement]
    verdict: dict[Text, ProfileVerdict]
    metrics: dict[Text, Any]
    notes: list[Text]
    ledger: Ledger
    complete: bool = True
    asked: int = Field(default=0, exclude=True)
    """Requirements that the edition asks for; known at the end of a run only, and not written."""

    @field_serializer("gate")
    def _gate(self, gate: Threshold) -> Json:
        return {"profiles": sorted(gate.profiles), "strict": gate.strict}

    @property
    def title(self) -> str:
        """The name of the implementation, followed by its version if there is one."""
        return " ".join(filter(None, (self.implementation.name, self.implementation.version)))

    def is_gated(self, requirement: Requirement) -> bool:
        """Return whether a failure of the requirement fails the run."""
        return self.gate.includes(requirement)

    @property
    def failures(self) -> dict[str, Requirement]:
        """The failing requirements: those at the gate first, then MUST before SHOULD before MAY."""
        failing = [(name, found) for name, found in self.requirements.items() if found.is_failing]
        failing.sort(key=lambda item: (not self.is_gated(item[1]), LEVELS.index(item[1].level)))
        return dict(failing)

    @property
    def causes(self) -> list[Cause]:
        """The reasons why requirements could not be tested."""
        return causes({name: found for name, found in self.failures.items() if found.status == NOT_TESTABLE})

    @property
    def chapters(self) -> dict[str, dict[str, Requirement]]:
        """The requirements by the title of their chapter, in the order of the specification."""
        grouped: dict[str, dict[str, Requirement]] = {}
        for name, found in self.requirements.items():
            grouped.setdefault(found.chapter, {})[name] = found
        return grouped

    @property
    def seconds(self) -> float:
        """How long the run took, in seconds."""
        began, ended = map(datetime.fromisoformat, (self.started, self.finished))
        return (ended - began).total_seconds()

    def as_json(self) -> Json:
        """Return the JSON object that `--report=NAME.json` writes."""
        return self.model_dump()


def causes(untestable: Mapping[str, Requirement]) -> list[Cause]:
    """Group requirements that could not be tested by the reason: one broken constructor is one finding."""
    found: dict[tuple[str, str], Cause] = {}
    for name, requirement in untestable.items():
        check = next(check for check in requirement.checks if check.status == NOT_TESTABLE)
        key = (check.message, json.dumps(check.actual))
        cause = found.setdefault(
            key, Cause(finding=check.finding, actual=check.actual, check=check.id, where=check.where)
        )
        cause.requirements.append(name)
    return list(found.values())


def tally(counts: Mapping[str, Mapping[str, int]], level: str) -> tuple[int, int]:
    """Return how many requirements of a level pass, and how many apply, by the counts of a verdict."""
    own = counts.get(level, {})
    return own.get("pass", 0), sum(own.values()) - own.get("not-applicable", 0)


_ORIGIN = {"suite": "suite", "edition": "edition", "vectors_digest": "vectors"}


def mixed_origins(reports: Iterable[Report], labels: Iterable[str]) -> str:
    """Return a sentence that says which report has which suite, edition and vectors; empty if all have the same."""
    reports = list(reports)
    differing = [name for name in _ORIGIN if len({getattr(report, name) for report in reports}) > 1]
    if not differing:
        return ""
    parts = [
        f"{label} is of {', '.join(f'{_ORIGIN[name]} {getattr(report, name)[:12]}' for name in differing)}"
        for label, report in zip(labels, reports, strict=True)
    ]
    return f"Not all of one suite, so not everything can be compared: {'; '.join(parts)}."


def build(run: Run) -> Report:
    """Build the report at the end of a run.

    Args:
        run: The run, with its outcomes.

    Returns:
        The report.

    Raises:
        SuiteError: The run holds something that a report cannot.
    """
    implementation = run.executor.implementation
    try:
        return Report(
            suite=suite_version(),
            edition=run.edition,
            vectors_digest=run.catalogue.vectors_digest,
            implementation=Implementation.model_validate({**implementation, "spec": run.impl}),
            pipecat=implementation["pipecat"],
            python=implementation["python"],
            network=NETWORKS[implementation["network"]],
            started=run.started.isoformat(timespec="seconds"),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            gate=run.gate,
            requirements={
                name: requirement(
                    run.catalogue,
                    run.catalogue.requirements[name],
                    [check(run, Entry(name, own), outcome) for own, outcome in outcomes.items()],
                )
                for name, outcomes in run.by_requirement().items()
            },
            verdict=run.verdicts,
            metrics={
                entry.check: dict(found.metrics) for entry, found in run.outcomes.items() if found.metrics
            },
            notes=run.notes,
            ledger=Ledger.model_validate(run.ledger.as_json()),
            asked=len(run.catalogue.requirements) - len(run.ledger.excluded),
        )
    except ValidationError as error:
        first = error.errors()[0]
        member = ".".join(map(str, first["loc"]))
        raise SuiteError(f"the report is not what its schema says: {member}: {first['msg']}") from error


def requirement(catalogue: Catalogue, specified: Specified, checks: list[Check]) -> Requirement:
    """Return a requirement of the specification with the results of its checks."""
    titles = {chapter.id: chapter.title for chapter in catalogue.chapters}
    copied = ("level", "profile", "statement", "rationale", "source")
    return Requirement(
        chapter=titles[specified.chapter],
        checks=checks,
        **{name: getattr(specified, name) for name in copied},
    )


def check(run: Run, entry: Entry, outcome: Outcome) -> Check:
    """Return the result of a check as a report holds it."""
    is_failing = not outcome.holds
    return Check(
        id=entry.check,
        status=outcome.status,
        expected=outcome.expected,
        actual=outcome.actual,
        message=outcome.message,
        trace=outcome.trace,
        where=[Place.model_validate(place) for place in outcome.where],
        call=outcome.call,
        output=run.outputs.get(entry.check, "") if is_failing else "",
        rerun=shlex.join(run.rerun(entry)),
        seconds=outcome.seconds,
        known=run.known(entry) if is_failing else None,
    )


def suite_version() -> str:
    """Return the version of the installed suite."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "uninstalled"
