"""The tree of exceptions, and what they carry."""

from __future__ import annotations

import re

import pytest

from twilio_conformance import errors
from twilio_conformance.errors import ConformanceError, Finding, RemoteException

CLASSES = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
CLASSES = {name: kind for name, kind in CLASSES.items() if issubclass(kind, Exception)}


def drawn() -> dict[str, str]:
    """Return the parent of each class in the tree that the module's docstring draws."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in str(errors.__doc__).splitlines():
        if found := re.match(r"([│├└─ ]*)([A-Z]\w+)(  |$)", line):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            parents[found[2]] = path[depth - 1] if depth else "Exception"
    return parents


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    assert drawn() == {name: kind.__base__.__name__ for name, kind in CLASSES.items() if kind.__base__}


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_every_exception_can_be_caught_as_one_of_the_suite(kind: type[Exception]) -> None:
    assert issubclass(kind, ConformanceError)


@pytest.mark.parametrize(
    "kind", [kind for kind in CLASSES.values() if issubclass(kind, Finding)], ids=lambda kind: kind.__name__
)
def test_a_finding_holds_both_sides_and_reads_as_its_message(kind: type[Finding]) -> None:
    finding = kind("the key differs", expected="1", actual="2", observation="setup(8000)")
    assert str(finding) == finding.message == "the key differs"
    assert (finding.expected, finding.actual, finding.observation) == ("1", "2", "setup(8000)")


def test_a_finding_may_have_no_sides() -> None:
    finding = Finding("nothing arrived")
    assert (finding.expected, finding.actual, finding.observation) == (None, None, None)


def test_a_remote_exception_keeps_its_class_and_bases() -> None:
    error = RemoteException("KeyError", frozenset({"LookupError"}), "'event'")
    assert (str(error), error.kind, error.bases) == ("'event'", "KeyError", frozenset({"LookupError"}))
