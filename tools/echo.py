"""Places the same echo calls through the reference and through Pipecat's own class; `--write` puts them on the page."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.measure import ROOT, grade

PAGE = ROOT / "docs" / "live.md"
IMPLEMENTATIONS = ("pipecat.serializers.twilio", "twilio_reference")
CHECKS = "live.an_echo_is_returned_but_for_140_ms"
HEAD = (
    "| pipeline | serializer | first audio back | after speech of | audio returned of 3.00 s | lost | last heard of it |",
    "|---|---|---|---|---|---|---|",
)
_TABLE = re.compile(re.escape(HEAD[0]) + r"\n(\|.*\n)+")


def rows() -> Iterator[str]:
    """A row for each implementation and rate, from a whole call each."""
    for impl in IMPLEMENTATIONS:
        report = grade(impl, CHECKS)
        name = "reference" if impl == "twilio_reference" else f"pipecat-ai {report['pipecat']}"
        for rate, call in report["metrics"][CHECKS]["echo call"].items():
            returned = call["audio returned, s"]
            heard = 3000 - call["missing by content, ms"]
            yield (
                f"| {int(rate) // 1000} kHz | {name} | {call['first audio back, ms']:.0f} ms"
                f" | {call['speech until first audio back, ms']:.0f} ms | {returned:.2f} s"
                f" | {3000 - 1000 * returned:.0f} ms | {heard / 1000:.3f} s |"
            )


def write(page: Path, table: str) -> None:
    """Puts the table where the page has one.

    Raises:
        SystemExit: It has none.
    """
    text, count = _TABLE.subn(lambda _: table, page.read_text(encoding="utf-8"))
    if count != 1:
        sys.exit(f"{page.name} has {count} tables that begin with {HEAD[0]!r}, instead of one")
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    calls = "\n".join([*HEAD, *rows()]) + "\n"
    print(calls, end="")
    if "--write" in sys.argv:
        write(PAGE, calls)
