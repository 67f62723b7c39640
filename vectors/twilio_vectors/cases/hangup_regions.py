"""Cases of the chapter Hang-up: the host that region and edge name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from twilio_vectors.case import HANGING_UP, Case, Json, family, request, requests, serialize
from twilio_vectors.cases.hangup import CANCEL, END, sent

PAGE = "https://www.twilio.com/docs/global-infrastructure/"

PROCESSING = {("dublin", "ie1"), ("sydney", "au1"), ("ashburn", "us1")}
"""The regions that process calls, each with the edge of its own place."""

LEGACY = {
    ("umatilla", "us2"),
    ("sao-paulo", "br1"),
    ("frankfurt", "de1"),
    ("tokyo", "jp1"),
    ("singapore", "sg1"),
}
"""The other pairs of Twilio's table of legacy regions."""

PUBLIC = {
    (edge, "us1")
    for edge in ("dublin", "frankfurt", "roaming", "sao-paulo", "singapore", "sydney", "tokyo", "umatilla")
}
"""Every other public edge, into the default region."""

INTERCONNECT = {
    ("ashburn-ix", "us1"),
    ("san-jose-ix", "us1"),
    ("sao-paulo-ix", "us1"),
    ("london-ix", "ie1"),
    ("frankfurt-ix", "ie1"),
    ("singapore-ix", "au1"),
    ("tokyo-ix", "au1"),
    ("sydney-ix", "au1"),
}
"""Every edge of Private Interconnect, into a region near it."""

OTHER = {
    "the edge of one place and the region of another": {("sydney", "ie1"), ("dublin", "au1")},
    "a legacy id as edge": {("us1-ix", "us1"), ("ie1", "ie1")},
    "names that this edition does not know, well-formed": {
        ("osaka", "jp2"),
        ("mumbai", "in1"),
        ("cape-town-2-ix", "za10"),
    },
}


@family("hangup")
def processing_regions() -> Iterator[Case]:
    """Each region that processes calls: the whole request, for an EndFrame and for a CancelFrame."""
    for edge, region in sorted(PROCESSING):
        text = "a region that processes calls, by its own edge"
        page = "edge-locations/legacy-regions"
        yield _region(edge, region, text, page, expect=[requests("TFS-HANGUP-01", 1), *sent()])
        yield _region(edge, region, text, page, expect=sent(), frame=CANCEL, suffix="-cancel")


@family("hangup")
def documented_pairs() -> Iterator[Case]:
    """Each other pair of edge and region of Twilio's pages: only the host differs."""
    for edge, region in sorted(LEGACY):
        yield _region(edge, region, "a pair of the table of legacy regions", "edge-locations/legacy-regions")
    for edge, region in sorted(PUBLIC):
        yield _region(edge, region, "a public edge into the default region", "edge-locations")
    for edge, region in sorted(INTERCONNECT):
        yield _region(edge, region, "an edge of Private Interconnect", "edge-locations")


@family("hangup")
def other_pairs() -> Iterator[Case]:
    """Pairs that no table lists: the host name is built all the same, as Twilio's own client does."""
    for text, pairs in OTHER.items():
        for edge, region in sorted(pairs):
            yield _region(edge, region, text, "using-the-twilio-rest-api-in-a-non-us-region")


def _region(
    edge: str,
    region: str,
    text: str,
    page: str,
    *,
    expect: Iterable[Json] = (),
    frame: Json = END,
    suffix: str = "",
) -> Case:
    return Case(
        name=f"region-{edge}-{region}{suffix}",
        text=f"edge {edge} and region {region}: {text}; {frame['frame']}.",
        arguments=HANGING_UP | {"region": region, "edge": edge},
        steps=[serialize(frame)],
        expect=[*expect, request("TFS-HANGUP-08", url=f"https://api.{edge}.{region}.twilio.com")],
        source=PAGE + page,
    )
