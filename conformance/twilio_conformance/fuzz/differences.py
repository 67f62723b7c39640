"""What a comparison finds: one difference, of a kind that is reported once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the implementation does and the reference does not.

    Attributes:
        requirement: The id of what it violates; None where no requirement speaks of it.
        message: What differs, as a sentence.
        deed: What the implementation does, in a word or two; with the requirement it makes the kind.
        step: The number of the step, from 0; None where it is of the whole session.
        wanted: The expectation of a vector that would find it; None where data cannot say.
        is_construction: Whether that expectation is of construction.
    """

    requirement: str | None
    message: str
    deed: str = ""
    step: int | None = None
    wanted: Json | None = field(default=None, hash=False)
    is_construction: bool = False

    @property
    def kind(self) -> str:
        """What differences of the same cause have in common."""
        return f"{self.requirement or 'no requirement'}: {self.deed}"

    @property
    def is_hang(self) -> bool:
        """Whether a session was not over in time."""
        return self.requirement is None and "hung" in self.message

    def at(self, step: int) -> Difference:
        """The same difference, of a step."""
        return replace(self, step=step)
