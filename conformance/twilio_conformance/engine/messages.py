"""The messages between pytest's process, the worker and its children; each travels as one JSON line."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from twilio_conformance.spec.catalogue import Catalogue, Json
from twilio_conformance.spec.verdict import Outcome

VECTOR_LIMIT = 60.0
"""Seconds of real time for one vector: a client in a thread waits on the real clock, for up to 30 s."""


@dataclass(frozen=True, slots=True)
class Job:
    """A vector or a check in code that the worker can run.

    Attributes:
        id: The id of the vector or check.
        requirements: The requirements that it grades.
        limit: Seconds of real time after which it is ended.
        module: Name of the file in `checks/` without its extension; empty for a vector.
        in_real_time: Whether it waits on the real clock and takes almost no processor time.
    """

    id: str
    requirements: list[str]
    limit: float
    module: str = ""
    in_real_time: bool = False


def vector_jobs(catalogue: Catalogue) -> dict[str, Job]:
    """Return every vector of an edition as a job, by id."""
    known = catalogue.requirements
    return {
        vector.id: Job(vector.id, [name for name in vector.requirements if name in known], VECTOR_LIMIT)
        for vector in catalogue.vectors.values()
    }


@dataclass(frozen=True, slots=True)
class ChildReport:
    """What a forked child tells the worker about its job.

    Attributes:
        outcomes: The outcome of each requirement, as JSON.
        held: Of several jobs, the outcomes of those that hold, by job.
        trouble: The traceback of a failure of the suite itself; empty otherwise.
        state_changes: What the implementation did to the process, each as the end of a sentence.
        adapter_fault: What the adapter did wrong, if anything.
        is_adapter_clean: Whether the adapter can go on to another job.
    """

    outcomes: dict[str, Json] = field(default_factory=dict)
    held: dict[str, dict[str, Json]] = field(default_factory=dict)
    trouble: str = ""
    state_changes: list[str] = field(default_factory=list)
    adapter_fault: str | None = None
    is_adapter_clean: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What one job found.

    Attributes:
        check: The id of the vector or check.
        outcomes: The outcome of each requirement.
        output: What the implementation printed, and what it did to its process.
        trouble: The traceback of a failure of the suite itself; empty otherwise.
    """

    check: str
    outcomes: dict[str, Outcome]
    output: str = ""
    trouble: str = ""

    def as_json(self) -> Json:
        """Return the message as JSON."""
        return asdict(self)

    @classmethod
    def parse(cls, document: Json) -> Result:
        """Return the message that JSON stands for."""
        outcomes: dict[str, Any] = document["outcomes"]
        return cls(**document | {"outcomes": {name: Outcome(**value) for name, value in outcomes.items()}})
