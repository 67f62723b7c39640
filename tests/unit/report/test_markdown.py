"""The summary for a CI job's page."""

from __future__ import annotations

from tests.reports import Make, check, parse
from twilio_conformance.report import markdown


def test_the_summary_tells_verdicts_and_failures(make: Make) -> None:
    text = markdown.summary(parse(make({"clear/two": "fail", "audio.flat": "fail"})))
    assert "| core | ❌ not conformant | 0/1 | 1/1 |  |" in text
    assert "| audio (not at the gate) | ⚠️ not conformant | 0/1 |  |  |" in text
    assert "1 of 2 checks fail. The first is `clear/two`:" in text
    assert text.index("TFS-CLEAR-01") < text.index("TFS-FLAT-01")
    assert "pytest --impl=my.serializer -k 'clear/two'" in text


def test_a_conformant_report_has_no_failures_to_list(make: Make) -> None:
    assert "Failing requirements" not in markdown.summary(parse(make()))


def test_what_an_implementation_wrote_cannot_leave_its_block(make: Make) -> None:
    report = make()
    hostile = "```\n</details><script>alert(1)</script>\ud800"
    report["requirements"]["TFS-MARK-01"] |= {
        "status": "fail",
        "checks": [check("mark/one", "fail", actual=hostile)],
    }
    text = markdown.summary(parse(report))
    text.encode()
    opened = [line for line in text.splitlines() if line.startswith("````")]
    assert len(opened) == 2
    assert text.index("````") < text.index("alert(1)") < text.rindex("````")


def test_a_page_of_many_failures_stays_small(make: Make) -> None:
    report = make({"mark/one": "fail"})
    failing = report["requirements"]["TFS-MARK-01"]
    failing["checks"][0]["actual"] = "x" * 100_000
    report["requirements"] = {f"TFS-MANY-{number:02}": failing for number in range(100)}
    text = markdown.summary(parse(report))
    assert len(text) < 200_000
    assert f"And {100 - markdown.REQUIREMENTS_SHOWN} more." in text


def test_what_could_not_be_tested_is_told_once_by_its_cause(make: Make) -> None:
    report = make()
    for name in ("TFS-MARK-01", "TFS-FLAT-01"):
        report["requirements"][name] |= {
            "status": "not-testable",
            "checks": [check("a/one", "not-testable", message="install it")],
        }
    text = markdown.summary(parse(report))
    assert "2 could not be tested, TFS-FLAT-01, TFS-MARK-01:\n\n```\ninstall it\n```" in text
    assert text.count("install it") == 1
    assert "fail" not in text


def test_each_failing_requirement_is_an_annotation_of_one_line(make: Make) -> None:
    report = make({"clear/two": "fail", "audio.flat": "fail"})
    first = report["requirements"]["TFS-CLEAR-01"]
    first["statement"] = "100% must\r\n::error::hold"
    known = report["requirements"]["TFS-MARK-01"]
    known |= {"status": "fail", "checks": [check("mark/one", "fail") | {"known": "issue 7"}]}
    lines = markdown.annotate(parse(report)).splitlines()
    assert [line.partition("::")[2].partition("::")[0] for line in lines] == [
        "error title=TFS-CLEAR-01 MUST of core",
        "warning title=TFS-FLAT-01 MUST of audio",
    ]
    assert "::100%25 must%0D%0A::error::hold%0A" in lines[0]


def test_a_conformant_report_has_no_annotations(make: Make) -> None:
    assert markdown.annotate(parse(make())) == ""
