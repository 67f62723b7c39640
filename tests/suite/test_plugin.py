"""The plugin in pytest: its options, what it collects, its exit statuses."""

from __future__ import annotations

from tests.suite.host import Host


def test_grades_a_sound_implementation(host: Host) -> None:
    result = host.grade("twilio_reference")
    assert result.status == 0, result.text
    print(result.text)
    assert result.orphans == []
