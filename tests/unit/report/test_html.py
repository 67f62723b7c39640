"""The page of a report, as text; test_browser.py looks at it as people do."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.reports import ROOT, Json, Make, check, parse
from twilio_conformance.report import html

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\x00\x1b[31m\ud800\u202e&"

REFERENCE = ROOT / "conformance" / "twilio_conformance" / "report" / html.REFERENCE

VOID = {"meta", "link", "input", "br", "wbr", "img", "hr"}


def page_of(report: Json) -> str:
    return html.page(parse(report))


class _Nesting(HTMLParser):
    """Notes tags that do not close in the order in which they open, ids, and what is fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "src" or (name == "href" and tag == "link"):
                self.fetched.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def _parsed(page: str) -> _Nesting:
    parser = _Nesting()
    parser.feed(page)
    return parser


def test_a_real_page_is_well_formed_fetches_nothing_and_is_small(real: Path) -> None:
    page = (real / "report.html").read_text(encoding="utf-8")
    found = _parsed(page)
    assert found.wrong == []
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert found.fetched == ["data:,"]
    assert len(page.encode()) < 2_000_000


def test_nothing_that_an_implementation_wrote_becomes_markup(make: Make) -> None:
    report = make()
    report["implementation"]["name"] = report["notes"] = HOSTILE
    report["notes"] = [HOSTILE]
    report["metrics"] = {"mark/one": {HOSTILE: HOSTILE, f"{HOSTILE} series": {HOSTILE: [1, 2], "y": [3, 4]}}}
    report["requirements"]["TFS-MARK-01"] |= {
        "status": "fail",
        "checks": [
            check("mark/one", "fail", message=HOSTILE, expected={HOSTILE: 1}, actual={HOSTILE: 2},
                  trace=[HOSTILE], output=HOSTILE, rerun=HOSTILE),
            check("mark/two", "fail", expected=HOSTILE, actual={HOSTILE: HOSTILE}),
        ],
    }  # fmt: skip
    page = page_of(report)
    page.encode()
    assert page.count("<script") == 1
    assert "<img" not in page
    assert _parsed(page).wrong == []
    assert "\x00" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_bytes_are_laid_out_on_lines_of_sixteen(make: Make) -> None:
    report = make()
    sides = {"expected": {"hex": bytes(range(40)).hex()}, "actual": {"hex": bytes(40).hex()}}
    report["requirements"]["TFS-MARK-01"] |= {
        "status": "fail",
        "checks": [check("mark/one", "fail", **sides)],
    }
    (view,) = re.findall(r'<pre class="diff hex"[^>]*>(.*?)</pre>', page_of(report), re.DOTALL)
    places = re.findall(r'<span class="(gone|come)">. (\w{6})  ((?:\w\w ?)+)</span>', view)
    assert [place for _, place, _ in places] == ["000000", "000010", "000020"] * 2
    assert places[1][2] == bytes(range(16, 32)).hex(" ")


def test_a_page_shows_where_the_implementation_raised_and_the_whole_call(make: Make) -> None:
    report = make()
    place = {"file": "bot.py", "line": 14, "function": "<lambda>", "source": "raise ValueError"}
    failing = check("mark/one", "fail", where=[place, {**place, "line": 20}], call="deserialize('<a>')")
    report["requirements"]["TFS-MARK-01"] |= {"status": "fail", "checks": [failing]}
    page = page_of(report)
    assert (
        "bot.py:14 in &lt;lambda&gt;: raise ValueError\nbot.py:20 in &lt;lambda&gt;: raise ValueError</pre>"
        in page
    )
    assert ">deserialize(&#39;&lt;a&gt;&#39;)</pre>" in page
    assert "Raised at" not in page_of(make())


def test_the_measurements_of_the_reference_lie_beneath_those_of_all_others(make: Make) -> None:
    report = make(metrics={"latency": {"added latency, ms": {"24000 Hz to Twilio": 150.0}}})
    assert "In grey beneath, for comparison: twilio_reference.serializer:TwilioFrameSerializer" in page_of(
        report
    )
    report["implementation"]["name"] = "twilio_reference.serializer:TwilioFrameSerializer"
    assert "In grey beneath" not in page_of(report)


COSTLY = """<&"'\u2028ü"""
"""Characters that take up to six bytes each on a page."""


def _endless(report: Json, **members: Any) -> Json:
    """A report of a hundred requirements with twelve failing checks each."""
    failing = [check(f"mark/{number}", "fail", **members) for number in range(12)]
    mark = report["requirements"]["TFS-MARK-01"] | {"status": "fail", "checks": failing}
    report["requirements"] = {f"TFS-MANY-{number:02}": mark for number in range(100)}
    return report


@pytest.mark.parametrize(
    "members",
    [
        {"actual": "x" * 4000, "trace": ["y" * 200] * 40, "output": "z" * 2000},
        {
            "actual": COSTLY * 600,
            "trace": [COSTLY * 30] * 40,
            "output": COSTLY * 300,
            "message": COSTLY * 400,
        },
        {"actual": {COSTLY * 9: list(COSTLY * 40)}, "expected": {COSTLY: 1}, "rerun": COSTLY * 5000},
        {"output": COSTLY * 100_000},
    ],
    ids=["plain", "markup", "diff", "one check alone would be too long"],
)
def test_a_report_of_endless_failures_stays_below_two_megabytes(members: Json, make: Make) -> None:
    metrics = json.loads(REFERENCE.read_text())["metrics"]
    page = page_of(_endless(make(metrics=metrics), **members))
    assert len(page.encode()) < 2_000_000
    assert page.count('class="plot"') > 5, "the drawings are in it"
    assert page.count(">mark/11<") == 100, "checks not shown in full are named"


def test_the_first_failing_checks_are_shown_in_full_until_the_page_is_full(make: Make) -> None:
    few = page_of(_endless(make(), output="z" * 500))
    assert few.count('class="check"') == 100 * html.CHECKS_IN_FULL
    many = page_of(_endless(make(), output="z" * 20_000))
    full = many.count('class="check"')
    assert 30 < full < 60
    assert full + many.count("<li>mark/") == 1200, "every failing check is shown or named"


def test_a_failing_check_shows_the_command_that_replays_it(make: Make) -> None:
    page = page_of(make({"clear/two": "fail"}))
    assert "twilio-conformance replay my.serializer &#39;TFS-CLEAR-01[clear/two]&#39;" in page


def test_what_an_implementation_calls_itself_fills_no_page(make: Make) -> None:
    report = make(notes=["n" * 3_000_000])
    report["implementation"] |= {"name": "m" * 3_000_000, "version": "v" * 3_000_000, "spec": "s" * 3_000_000}
    assert len(page_of(report).encode()) < 100_000


def test_the_page_says_what_the_report_says(make: Make) -> None:
    page = page_of(make({"clear/two": "fail", "audio.flat": "not-applicable"}))
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for said in ("my.serializer:TwilioFrameSerializer 1.0", "not conformant", "0 of 1", "fails TFS-CLEAR-01",
                 "not applicable TFS-FLAT-01", "passes TFS-MARK-01", "22 November 2026, 10:00 UTC", "Took 5 s",
                 f"sha256:{'ab' * 32}"):  # fmt: skip
        assert said in text


def test_a_partial_run_is_said_to_be_one_above_its_verdicts(make: Make) -> None:
    ledger = {"expected": 1700, "collected": 4, "executed": 4, "missing": [], "excluded": {}}
    page = page_of(make(ledger=ledger))
    told, verdicts = page.index("4 of 1700 checks were run"), page.index('<ul class="cards">')
    assert told < verdicts
    assert "Everything that applies holds" not in page


def test_a_page_without_failures_says_so_and_offers_to_open_none(make: Make) -> None:
    page = page_of(make())
    assert "Everything that applies holds." in page
    assert "Open all that fail" not in page
    failing = page_of(make({"clear/one": "fail"}))
    assert "Everything that applies holds." not in failing
    assert "Open all that fail" in failing


CAUSE = "fastapi not installed: pip install 'it'"


def _untested(report: Json) -> Json:
    """The report with two requirements that one cause keeps from being tested."""
    untested = [check(f"live/{number}", "not-testable", message=CAUSE) for number in range(3)]
    for name in ("TFS-MARK-01", "TFS-FLAT-01"):
        report["requirements"][name] |= {"status": "not-testable", "checks": untested}
    return report


def test_what_could_not_be_tested_is_not_said_to_fail_and_its_cause_is_told_once(make: Make) -> None:
    page = page_of(_untested(make()))
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("&#39;", "'")
    assert f"2 of them could not be tested: {CAUSE}" in text
    assert text.count(CAUSE) == 3, "once for all, and once in each of the requirements"
    assert "? not testable TFS-MARK-01" in text
    assert "2 more of its checks cannot be tested" in text
    assert 'data-status="not testable"' in page
    assert 'value="not testable"' in page, "it can be filtered by"
    assert "fails" not in re.sub(r"<script>.*</script>", "", page, flags=re.DOTALL)
