"""The site builds strictly, asks nobody for anything, and has an anchor for each requirement."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.product.pages.pages import ROOT
from twilio_conformance.spec import catalogue

pytestmark = pytest.mark.xdist_group("the site")

FETCHED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "link": "href"}
"""What a browser fetches by itself, by element and attribute."""


class Fetches(HTMLParser):
    """Gathers what a browser would fetch for a page, and the ids in it."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if attributes.get("rel") not in ("canonical", "prev", "next", "alternate"):
            self.addresses += filter(None, [attributes.get(FETCHED.get(tag, ""))])
        self.ids += filter(None, [attributes.get("id")])
        if tag == "a":
            self.links += filter(None, [attributes.get("href")])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def read(page: Path) -> Fetches:
    found = Fetches()
    found.feed(page.read_text(encoding="utf-8"))
    return found


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.glob("**/*.html"))
    strangers = {
        (page.name, address)
        for page in pages
        for address in read(page).addresses
        if re.match(r"(?!data:)\w+:|//", address)
    }
    assert len(pages) > 15
    assert strangers == set()


def test_what_a_page_fetches_is_there(site: Path) -> None:
    missing = {
        (page.name, address)
        for page in site.glob("*.html")
        if page.name != "404.html"
        for address in read(page).addresses
        if not (page.parent / address.split("?")[0].split("#")[0]).exists()
    }
    assert missing == set()


def test_every_link_leads_to_a_page_or_a_file(site: Path) -> None:
    missing = {
        (page.name, link)
        for page in site.glob("*.html")
        if page.name != "404.html"
        for link in read(page).links
        if not re.match(r"\w+:|//|#", link) and not (page.parent / link.split("?")[0].split("#")[0]).exists()
    }
    assert missing == set()


def test_what_python_leaves_behind_is_not_served(site: Path) -> None:
    assert list(site.glob("**/__pycache__")) == []


def test_each_requirement_has_one_anchor(site: Path) -> None:
    ids = read(site / "specification.html").ids
    counts = {name: ids.count(name.lower()) for name in catalogue.load().requirements}
    assert {name: count for name, count in counts.items() if count != 1} == {}


def test_the_audio_measurements_have_their_pictures(site: Path) -> None:
    page = (site / "audio.html").read_text(encoding="utf-8")
    shown = re.findall(r'<svg [^>]*aria-label="([^"]+)" class="plot">', page)
    assert shown == ["Added latency", "Latency over time", "Withheld audio over time", "Frequency response", "SINAD over level",
                     "Aliases and images"]  # fmt: skip
    assert "drawing:" not in page


def test_diagrams_are_pictures(site: Path) -> None:
    page = (site / "wire.html").read_text(encoding="utf-8")
    pictures = re.findall(r'src="(diagrams/\w+\.svg)"', page)
    assert pictures
    assert all("<svg" in (site / picture).read_text(encoding="utf-8") for picture in pictures)
    assert 'class="mermaid"' not in page
