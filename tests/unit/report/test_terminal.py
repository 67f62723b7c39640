"""The summary in the terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reports import FAILED, PASSED, graded_run, sample_requirements
from twilio_conformance import EDITION
from twilio_conformance.engine.run import Run
from twilio_conformance.report import diff, model, terminal
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE, Outcome


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The width of the terminal."""
    monkeypatch.setenv("COLUMNS", "120")


class Reporter:
    """Takes what is written to the terminal."""

    def __init__(self, verbose: int = 0) -> None:
        self.lines: list[str] = []
        self.config = SimpleNamespace(option=SimpleNamespace(verbose=verbose))

    def write_line(self, line: str, **markup: bool) -> None:
        colour = "".join(name[0] for name in ("red", "yellow", "green") if markup.get(name))
        self.lines.append(f"{colour}|{line}" if colour else line)

    def write_sep(self, character: str, title: str) -> None:
        self.lines.append(f"{character} {title}")


def _summary(run: Run, verbose: int = 0) -> list[str]:
    reporter = Reporter(verbose)
    terminal.summarize(model.build(run), cast(Any, reporter), run.troubles, is_cut_short=run.cut_short)
    return reporter.lines


@pytest.mark.parametrize(
    ("changes", "gate"),
    [
        ({}, []),
        ({"level": "MAY"}, []),
        ({"level": "SHOULD"}, ["--level=SHOULD"]),
        ({"profile": "audio"}, ["--profile=audio"]),
        ({"profile": "live", "level": "SHOULD"}, ["--profile=live", "--level=SHOULD"]),
    ],
)
def test_the_command_that_runs_a_check_again_has_it_at_the_gate(
    changes: dict[str, str], gate: list[str]
) -> None:
    run = graded_run({"1": [FAILED]}, sample_requirements(1, **changes))
    (entry,) = run.entries
    assert run.rerun(entry) == ["pytest", "--impl=mine", *gate, "-k", "TFS-A-00[a/0-0]"]


def test_the_summary_of_a_conformant_run_is_its_verdicts() -> None:
    assert _summary(graded_run({"1": [PASSED], "2": [PASSED]})) == [
        "= conformance of mine:Serializer 1.2.3",
        f"edition {EDITION}, pipecat-ai 1.14.0, Python 3.11.7: 2 of 2 checks, 2 of 2 requirements",
        "g|core    conformant      MUST 2/2",
    ]


def test_the_summary_says_of_a_failure_what_why_and_what_next() -> None:
    lines = _summary(graded_run({"1": [PASSED, FAILED, FAILED]}))
    assert lines[1:-2] == [
        "r|TFS-A-00  MUST of core, fails in 2 of 3 checks",
        "  It MUST.",
        "  check:    a/0-1",
        "  found:    the key differs",
        '  expected: {"key": "1"}',
        "  trace:    setup(8000): returned None",
        "  too:      a/0-2",
        "  source:   here",
        "  again:    pytest --impl=mine -k 'TFS-A-00[a/0-1]'",
        "",
    ]
    assert lines[-1] == "r|core    not conformant  MUST 0/1"


def test_the_summary_puts_what_counts_at_the_gate_last() -> None:
    must, should = sample_requirements(1)[0], replace(sample_requirements(2)[1], level="SHOULD")
    lines = _summary(graded_run({"must": [FAILED], "should": [FAILED]}, [must, should]))
    heads = [line for line in lines if "fails in" in line]
    assert heads == [
        "y|TFS-A-01  SHOULD of core, fails in its check",
        "r|TFS-A-00  MUST of core, fails in its check",
    ]
    assert lines[-1] == "r|core    not conformant  MUST 0/1        SHOULD 0/1"


def test_the_summary_tells_what_could_not_be_tested_by_its_cause() -> None:
    cause = Outcome(NOT_TESTABLE, "setup did not succeed", actual="raised ValueError(no)")
    lines = _summary(graded_run({str(number): [cause] for number in range(12)}))
    assert lines[1:6] == [
        "r|12 requirements could not be tested",
        "  found:    setup did not succeed",
        "  actual:   raised ValueError(no)",
        "  check:    a/0-0 and others",
        "  these:    TFS-A-00, TFS-A-01, TFS-A-02, TFS-A-03, TFS-A-04, TFS-A-05, TFS-A-06, TFS-A-07,",
    ]


def test_the_summary_tells_one_cause_once_for_all_levels_and_among_many_failures() -> None:
    cause = Outcome(NOT_TESTABLE, "fastapi not installed: pip install it")
    many = sample_requirements(terminal.BLOCKS + 4)
    live = [replace(many[0], profile="core"), *(replace(each, profile="live") for each in many[1:3])]
    run = graded_run(
        {str(number): [cause if number < 3 else FAILED] for number in range(len(many))},
        [*live, *many[3:]],
    )
    lines = _summary(run)
    assert [line for line in lines if "could not be tested" in line] == [
        "r|3 requirements could not be tested"
    ]
    assert len([line for line in lines if "pip install it" in line]) == 1
    assert "  these:    TFS-A-01, TFS-A-02, TFS-A-00" in lines
    assert not [line for line in lines if "fails" in line and line.startswith(("y|TFS-A-01", "r|TFS-A-00"))]


def test_the_summary_counts_what_could_not_be_tested_apart_from_what_fails() -> None:
    lines = _summary(graded_run({"1": [PASSED, Outcome(NOT_TESTABLE, "no request"), FAILED, FAILED]}))
    assert "r|TFS-A-00  MUST of core, fails in 2 of 4 checks, 1 not testable" in lines


def test_the_summary_shows_a_failed_check_rather_than_one_that_could_not_be_made() -> None:
    lines = _summary(graded_run({"1": [Outcome(NOT_TESTABLE, "no request"), FAILED]}))
    assert "  check:    a/0-1" in lines


def test_the_summary_of_many_failures_shows_the_first_at_the_gate_in_full() -> None:
    count = terminal.BLOCKS + 2
    requirements = [
        *sample_requirements(count),
        replace(sample_requirements(count + 1)[-1], profile="robust"),
    ]
    run = graded_run({str(number): [PASSED, FAILED] for number in range(count + 1)}, requirements)
    lines = _summary(run)
    assert lines[1:5] == [
        f"y|TFS-A-{count}         MUST   robust fails 1/2     It MUST.",
        f"r|TFS-A-{count - 2}         MUST   core   fails 1/2     It MUST.",
        f"r|TFS-A-{count - 1}         MUST   core   fails 1/2     It MUST.",
        "In full: all of them with -v, one with -k and its id.\n",
    ]
    heads = [line for line in lines if line.endswith("of core, fails in 1 of 2 checks")]
    assert heads[0].startswith("r|TFS-A-00")
    assert len(heads) == terminal.BLOCKS
    full = _summary(run, verbose=1)
    assert len([line for line in full if line.startswith("  again:")]) == count + 1


def test_the_summary_shows_few_failures_in_full_wherever_they_count() -> None:
    lines = _summary(graded_run({"1": [FAILED]}, sample_requirements(1, profile="robust")))
    assert lines[1] == "y|TFS-A-00  MUST of robust, fails in its check"


def test_the_summary_cuts_what_is_long() -> None:
    trace = [f"{number} {'t' * 1000}" for number in range(50)]
    lines = _summary(graded_run({"1": [Outcome(FAIL, "m" * 1000, "e" * 1000, ["a" * 1000], trace)]}))
    traced = [line for line in lines if re.match(r"(  trace:   |           ) 4\d ", line)]
    assert len(traced) == terminal.TRACE_LINES
    assert "".join(lines).count("t" * 20) < 20 * terminal.TRACE_LINES
    assert [line for line in lines if line.endswith("ttt (1003 characters)")]


def test_against_an_earlier_report_only_what_differs_is_shown() -> None:
    before = model.build(graded_run({"1": [FAILED], "2": [PASSED], "3": [FAILED], "4": [PASSED]}))
    run = graded_run({"1": [FAILED], "2": [FAILED], "3": [PASSED], "4": [PASSED]})
    after, reporter = model.build(run), Reporter()
    terminal.summarize(after, cast(Any, reporter), against=diff.compare(before, after))
    lines = reporter.lines
    assert [line for line in lines if "fails in its check" in line] == [
        "r|TFS-A-01  MUST of core, fails in its check"
    ]
    assert lines[lines.index("Broken: passed before and fails now (1)") + 2] == "      a/1-0: pass, now fail"
    assert lines[lines.index("Fixed: failed before and passes now (1)") + 2] == "      a/2-0: fail, now pass"
    assert lines[-4:-2] == ["Fails in both, not shown: 1 requirement.", ""]
    assert lines[-1] == "r|core    not conformant  MUST 2/4"


@pytest.mark.parametrize(
    ("line", "begin", "end"),
    [
        (
            f"+0.001 s  request POST https://{'h' * 100} -> answer 404; {'b' * 99}",
            "answer 404",
            "b… (246 characters)",
        ),
        (
            f"+0.001 s  deserialize('{'d' * 200}5'): returned None",
            "dddd…",
            "5'): returned None (241 characters)",
        ),
    ],
)
def test_of_a_request_the_beginning_is_shown_and_of_a_call_both_ends(
    line: str, begin: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    shown = "".join(_summary(graded_run({"1": [replace(FAILED, trace=[line])]})))
    assert begin in shown
    assert end in shown


def _long() -> Run:
    """A run with everything that may be long in a summary."""
    sentence = "One sentence of a requirement that is a good deal longer than the terminal is wide. " * 2
    place = {
        "file": "a/folder/of/mine/bot.py",
        "line": 14,
        "function": "deserialize",
        "source": "x = " + "y" * 90,
    }
    found = Outcome(
        FAIL,
        "a finding " * 30,
        {"key": "e" * 200},
        ["a" * 1000],
        [f"+0.00{number} s  deserialize({'t' * 200})" for number in range(9)],
        [place, place],
    )
    obstacle = Outcome(
        NOT_TESTABLE, "an obstacle " * 20, actual="raised " + "ValueError " * 30, where=[place]
    )
    many = sample_requirements(
        terminal.BLOCKS + 8, statement=sentence, source=("https://example.com/" + "s" * 90,)
    )
    levels = [
        replace(each, level=("MUST", "SHOULD", "MAY")[number % 3]) for number, each in enumerate(many[2:])
    ]
    run = graded_run(
        {str(number): [obstacle if number < 2 else found] * 5 for number in range(len(many))},
        [*many[:2], *levels],
    )
    run.note(["this was " + "noted " * 40])
    run.troubles.append("trouble " * 40)
    return run


@pytest.mark.parametrize("verbose", [0, 1])
@pytest.mark.parametrize("columns", [80, 100, 140])
def test_every_line_fits_the_terminal_but_commands(
    columns: int, verbose: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = [line.partition("|")[2] or line for line in _summary(_long(), verbose)]
    wide = [line for line in lines[1:] if len(line.rstrip("\n")) > columns and "again:" not in line]
    assert wide == []


def test_code_to_copy_is_not_wrapped() -> None:
    run = graded_run({"1": [PASSED]})
    code = f"    def make({', '.join('argument' for _ in range(20))}):"
    run.note([f"write a factory:\n\n{code}"])
    assert _summary(run)[1:4] == ["y|note: write a factory:", "y|", f"y|{code}"]


def test_the_summary_says_where_the_implementation_raised() -> None:
    places = [
        {"file": "bot.py", "line": 3, "function": "serialize", "source": "return self._inner(frame)"},
        {"file": "bot.py", "line": 9, "function": "_inner", "source": "json.loads('{')", "library": "json"},
    ]
    lines = _summary(graded_run({"1": [replace(FAILED, where=places)]}))
    at = lines.index("  at:       bot.py:3 in serialize: return self._inner(frame)")
    assert lines[at + 1] == "            bot.py:9 in _inner: json.loads('{') (raised in json)"
    assert lines[at + 2].startswith("  trace:")


def test_the_summary_never_calls_a_selection_conformant() -> None:
    run = graded_run({"1": [PASSED], "2": [PASSED]})
    run.collected.pop()
    run.outcomes.popitem()
    assert _summary(run)[-1] == "y|core    partial run     MUST 1/1"


def test_the_summary_says_what_has_no_result() -> None:
    run = graded_run({"1": [PASSED], "2": [PASSED]})
    run.outcomes.popitem()
    assert "r|no result: TFS-A-01[a/1-0]" in _summary(run)


def test_a_run_that_was_cut_short_says_in_one_line_how_much_was_not_graded() -> None:
    run = graded_run({"0": [PASSED] * 4, "1": [FAILED]})
    for entry in list(run.outcomes)[:3]:
        del run.outcomes[entry]
    run.cut_short = True
    lines = _summary(run)
    assert "y|stopped early: 3 selected checks were not graded" in lines
    assert not [line for line in lines if "no result" in line]


def test_the_summary_counts_those_without_a_result_when_there_are_many() -> None:
    run = graded_run({str(number): [PASSED] for number in range(terminal.BLOCKS + 3)})
    run.outcomes.clear()
    lines = [line for line in _summary(run) if "no result" in line]
    assert len(lines) == terminal.BLOCKS + 1
    assert lines[-1] == "r|no result: 3 more"


def test_the_summary_says_what_was_done_otherwise_than_planned() -> None:
    run = graded_run({"1": [PASSED]})
    run.note(["time was short", "time was short"])
    run.troubles.append("the suite\nfailed")
    lines = _summary(run)
    assert lines[1:5] == ["r|the suite", "failed", "", "y|note: time was short"]


def test_the_summary_is_silent_on_profiles_of_which_nothing_was_graded() -> None:
    core, robust = sample_requirements(1)[0], replace(sample_requirements(2)[1], profile="robust")
    run = graded_run({"core": [PASSED], "robust": [PASSED]}, [core, robust])
    assert _summary(run)[-1] == "g|robust  conformant      MUST 1/1                        (not at the gate)"
    run.collected.pop()
    run.outcomes.popitem()
    assert not [line for line in _summary(run) if "robust" in line]


@settings(deadline=None)
@given(st.text(), st.integers(1, 50))
def test_a_shown_value_is_one_printable_line_of_bounded_length(text: str, limit: int) -> None:
    shown = terminal.show(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit + len("… (1000000 characters)")
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "text"),
        ({"a": [1, None, True]}, '{"a": [1, null, true]}'),
        ("été", "été"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("\udc80", r"\udc80"),
        ("x" * 301, "x" * 200 + "…" + "x" * 100 + " (301 characters)"),
    ],
)
def test_a_value_is_shown_as_text_or_json(value: Any, shown: str) -> None:
    assert terminal.show(value) == shown
