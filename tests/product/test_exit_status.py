"""The exit status of a run, and the one message that says what is wrong and where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import miniature
from tests.host import Host, Result

USAGE, INCOMPLETE = 4, 3

REFERENCE = "from twilio_reference import TwilioFrameSerializer\n"

#: A module mine.py, what --impl names, and what the message has to say.
IMPLEMENTATIONS = {
    "no such module": ("", "nowhere.twilio", ["there is no module nowhere"]),
    "not a module's name": ("", "my-module", ["expected `package.module`"]),
    "a file that is not there": ("", "./other.py", ["there is no file other.py"]),
    "only an import": (
        REFERENCE,
        "mine",
        ["it only imports TwilioFrameSerializer", "--impl=mine:TwilioFrameSerializer"],
    ),
    "a module that raises": ("raise LookupError('no table')", "mine", ["LookupError: no table", "mine.py:1"]),
    "a module that is no Python": ("def (", "mine", ["SyntaxError: invalid syntax (mine.py, line 1)"]),
    "a module that exits": ("import sys; sys.exit(3)", "mine", ["SystemExit: 3", "mine.py:1"]),
    "a module that ends the process": ("import os; os._exit(3)", "mine", ["importing it ended the process"]),
    "a module that closes all files": (
        "import os; os.closerange(0, 4096)" + "\n" + REFERENCE,
        "mine",
        ["importing it ended the process"],
    ),
    "a module with several": (
        REFERENCE + "class A(TwilioFrameSerializer): ...\nclass B(A): ...\ndel TwilioFrameSerializer",
        "mine",
        ["several serializers (A, B)", "--impl=mine:A"],
    ),
    "no such class": (REFERENCE, "mine:Other", ["has no Other", "It has TwilioFrameSerializer"]),
    "a factory of a text": (
        "def make(**_): return 'text'",
        "mine:make",
        ["the factory gave a value of type str"],
    ),
    "a factory of the class": (
        REFERENCE + "def make(**_): return TwilioFrameSerializer",
        "mine:make",
        ["the factory gave a value of type type, the class TwilioFrameSerializer itself"],
    ),
    "a class of something else": (
        "class Frame: ...",
        "mine:Frame",
        ["the class Frame has no setup, serialize, deserialize"],
    ),
    "an unknown capability": (
        REFERENCE + "TwilioFrameSerializer.conformance_capabilities = ['flight']",
        "mine:TwilioFrameSerializer",
        ["flight", "known are base_url"],
    ),
}

#: Options, and what the message has to say.
OPTIONS = {
    "unknown profile": (["--profile=core,cor"], ["--profile=core,cor", "no such profile: cor;", "secure"]),
    "unknown level": (["--level=MAY"], ["--level", "MAY"]),
    "unknown edition": (["--edition=1999.01"], ["--edition=1999.01", "no such edition"]),
    "report without a known ending": (["--report=report.pdf"], ["--report=report.pdf", ".json"]),
    "report in no folder": (["--report=no/where/r.json"], ["--report=no/where/r.json", "there is no folder"]),
    "report that is a folder": (["--report=folder.json"], ["--report=folder.json", "is a folder"]),
    "report to compare with that is missing": (
        ["--against=none.json"],
        ["--against=", "none.json: cannot be read"],
    ),
    "report to compare with that is none": (
        ["--against=no_report.json"],
        ["--against=", "no_report.json: foreign: this is no report"],
    ),
    "report where nobody can write": (
        ["--report=/proc/r.json"],
        ["--report=/proc/r.json", "cannot be written"],
    ),
}


def _expect(result: Result, status: int, *sentences: str) -> None:
    assert result.status == status, result.text
    assert "Traceback" not in result.text
    for sentence in sentences:
        assert sentence in result.text.replace("\n", " ")
    assert result.report is None
    assert result.orphans == []


@pytest.mark.parametrize("case", IMPLEMENTATIONS)
def test_an_implementation_that_cannot_be_had_is_a_mistake_of_usage(host: Host, case: str) -> None:
    module, impl, sentences = IMPLEMENTATIONS[case]
    host.write({"mine.py": module})
    _expect(host.grade(impl), USAGE, *sentences)


def test_an_import_that_never_ends_is_given_up(host: Host, own_suite: Callable[[Host], Path]) -> None:
    miniature.set_limit(own_suite(host) / "engine/executor.py", "IMPORT_LIMIT", "1.0")
    host.write({"mine.py": "import time; time.sleep(1_000_000)"})
    _expect(host.grade("mine"), USAGE, "importing it did not finish within 1 s")


def test_what_an_import_prints_is_not_shown(host: Host) -> None:
    host.write({"mine.py": REFERENCE + "print('noise ' * 100_000)"})
    result = host.grade("mine:TwilioFrameSerializer", "-k", "TFS-KEY-01")
    assert result.status == 0, result.text
    assert "noise" not in result.text


def test_a_factory_is_graded_as_a_class_is(host: Host) -> None:
    host.write({"mine.py": REFERENCE + "def make(**arguments): return TwilioFrameSerializer(**arguments)"})
    result = host.grade("mine:make")
    assert result.status == 0, result.text
    assert result.report is not None
    assert result.report["implementation"]["name"] == "mine:make"
    assert result.statuses["TFS-CALL-03"] == "not-applicable"


@pytest.mark.parametrize("case", OPTIONS)
def test_a_wrong_option_is_a_mistake_of_usage(host: Host, case: str) -> None:
    options, sentences = OPTIONS[case]
    (host.folder / "folder.json").mkdir()
    (host.folder / "no_report.json").write_text("{}")
    _expect(host.run("--impl=twilio_reference", *options), USAGE, *sentences)


def _change(name: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda package: miniature.replace(package / name, old, new)


#: What is damaged in the suite's own files, and what the message has to say.
DAMAGE = {
    "vector": (_change("data/vectors/key/1.json", "1", "2"), ["key/1.json", "differs from its digest"]),
    "manifest": (_change("data/vectors/manifest.json", "{", ""), ["manifest.json", "not JSON"]),
    "requirement without TOML": (
        _change("data/spec/requirements/keys.toml", "level =", "level"),
        ["keys.toml: not TOML", "line 10"],
    ),
    "requirement twice": (
        _change("data/spec/requirements/keys.toml", "TFS-KEY-02", "TFS-CALL-01"),
        ["keys.toml", "TFS-CALL-01 is in calls.toml already"],
    ),
    "requirement without a check": (
        _change("data/spec/requirements/keys.toml", '["letter/*"]', '["letter/*", "other/*"]'),
        ["TFS-KEY-02 names other/*, which matches no vector or check of it"],
    ),
    "check without a requirement": (
        _change("checks/deeds.py", '@check("TFS-DEED-02", limit=5)', '@check("TFS-DEED-09")'),
        ["deeds.an_interruption_gives_a_text names TFS-DEED-09, which the specification does not hold"],
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_data_is_named_and_ends_the_run(
    host: Host, own_suite: Callable[[Host], Path], case: str
) -> None:
    damage, sentences = DAMAGE[case]
    damage(own_suite(host))
    _expect(host.grade("twilio_reference"), INCOMPLETE, "DataError", *sentences)


def test_a_failure_of_the_suite_itself_is_not_the_implementations(
    host: Host, own_suite: Callable[[Host], Path]
) -> None:
    package = own_suite(host)
    miniature.replace(package / "checks/deeds.py", "probe.record", "nobody.record")
    result = host.grade("twilio_reference")
    assert result.status == INCOMPLETE, result.text
    assert "deeds.an_interruption_gives_a_text failed inside the suite" in result.text
    assert "NameError: name 'nobody' is not defined" in result.text
    assert "no result: TFS-DEED-02[deeds.an_interruption_gives_a_text]" in result.text
    assert result.report is not None
    assert result.report["ledger"]["missing"] == ["TFS-DEED-02[deeds.an_interruption_gives_a_text]"]
    assert not result.report["verdict"]["core"]["conformant"]


def test_a_place_that_is_lost_during_the_run_is_a_mistake_of_usage(host: Host) -> None:
    host.write({"mine.py": REFERENCE + "import pathlib; pathlib.Path('report.json').mkdir()"})
    result = host.grade("mine:TwilioFrameSerializer")
    assert (result.status, result.report) == (USAGE, None), result.text
    assert "report.json: cannot be written: Is a directory" in result.text
    assert "core    conformant" in result.text


def test_a_conformant_implementation_ends_with_0(host: Host) -> None:
    assert host.grade("twilio_reference").status == 0


def test_a_violated_requirement_ends_with_1(host: Host) -> None:
    assert host.grade("broken").status == 1


def test_nothing_selected_ends_with_5(host: Host) -> None:
    result = host.grade("twilio_reference", "-k", "nothing-like-it")
    assert (result.status, result.report) == (5, None), result.text
