"""The pages as people see them: in Chromium, in both themes, on a phone, by keyboard, and without scripts."""

from __future__ import annotations

import importlib
import json
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.reports import IMPL, Make, environment, grading_command, parse
from twilio_conformance.report import html, matrix

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
LOOKS = [("light", 1280), ("dark", 320)]
"""Contrast depends on the theme and layout on the width, so that two looks of four tell all; no phone is narrower."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("these tests look at pages in Chromium, and there is none: apt-get install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


Open = Callable[..., Any]


@pytest.fixture
def visit(browser: Browser) -> Open:
    """Opens a file; when it is closed, nothing may have gone wrong and nothing may have left the page."""

    @contextmanager
    def opened(path: Path, theme: str = "light", width: int = 1280, **options: Any) -> Iterator[Page]:
        context = browser.new_context(
            color_scheme="dark" if theme == "dark" else "light",
            viewport={"width": width, "height": 900},
            reduced_motion="reduce",
            **options,
        )
        page = context.new_page()
        said: list[str] = []
        requested: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: requested.append(request.url))
        page.goto(path.as_uri())
        yield page
        context.close()
        assert said == []
        assert [url for url in requested if not url.startswith(("file:", "data:"))] == []

    return opened


@pytest.fixture(scope="module")
def page_file(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the real report, over its own measurements."""
    report = json.loads((real / "report.json").read_text())
    path = tmp_path_factory.mktemp("page") / "over.html"
    path.write_text(html.page(parse(report), parse(report)), encoding="utf-8")
    return path


def axe() -> Any:
    """What judges accessibility; it has no types."""
    return importlib.import_module("axe_playwright_python.sync_playwright").Axe()


def shown(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        "details.requirement", "all => all.filter(each => each.checkVisibility()).map(each => each.id)"
    )
    return found


def open_all(page: Page) -> None:
    page.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true })")


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_a_report_passes_axe_and_fits_its_window(
    theme: str, width: int, visit: Open, page_file: Path, tmp_path: Path
) -> None:
    with visit(page_file, theme, width) as page:
        page.screenshot(path=tmp_path / f"top-{theme}-{width}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        open_all(page)
        page.screenshot(path=tmp_path / f"all-{theme}-{width}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = axe().run(page)
        assert found.violations_count == 0, found.generate_report()


SMALLEST = """Math.min(...[...document.querySelectorAll("svg.plot text")].map((text) => {
  const drawing = text.ownerSVGElement;
  const scale = drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width;
  return parseFloat(getComputedStyle(text).fontSize) * scale;
}))"""
"""The least height of a text in any drawing, in pixels of the screen."""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_drawing_on_a_phone_can_be_read_and_says_that_it_scrolls(
    theme: str, visit: Open, page_file: Path, tmp_path: Path
) -> None:
    with visit(page_file, theme, 390) as page:
        drawing = page.locator(".drawing").first
        drawing.scroll_into_view_if_needed()
        before = drawing.screenshot(path=tmp_path / f"drawing-{theme}.png")
        assert page.evaluate(SMALLEST) >= 11
        assert drawing.evaluate("box => box.scrollWidth > box.clientWidth")
        expect(page.locator(".hint").first).to_be_visible()
        drawing.evaluate("box => { box.querySelector('svg').style.visibility = 'hidden' }")
        beginning = drawing.screenshot()
        drawing.evaluate("box => { box.scrollLeft = box.scrollWidth }")
        assert drawing.screenshot() != beginning, "the shadow lies on the side towards which it scrolls"
        assert before != beginning
        page.emulate_media(media="print")
        expect(page.locator(".hint").first).to_be_hidden()
        assert drawing.evaluate("box => box.scrollWidth <= box.clientWidth"), "on paper nothing scrolls"
    with visit(page_file, theme, 1280) as page:
        expect(page.locator(".hint").first).to_be_hidden()


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_a_matrix_passes_axe(theme: str, width: int, visit: Open, make: Make, tmp_path: Path) -> None:
    path = tmp_path / "matrix.html"
    reports = [make(), make({"mark/one": "fail", "clear/one": "not-applicable"}, pipecat="1.2.1")]
    path.write_text(matrix.as_html(matrix.build([parse(report) for report in reports])), encoding="utf-8")
    with visit(path, theme, width) as page:
        found = axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_a_report_opens_in_a_second(visit: Open, page_file: Path) -> None:
    """A generous bound: the machine may be busy with other tests."""
    with visit(page_file) as page:
        milliseconds = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        assert 0 < milliseconds < 5000


def test_the_filters_show_what_they_say(visit: Open, page_file: Path, real: Path) -> None:
    report = json.loads((real / "report.json").read_text())["requirements"]
    failing = {name for name, found in report.items() if found["status"] in ("fail", "not-testable")}
    with visit(page_file) as page:
        assert set(shown(page)) == set(report)
        page.get_by_label("passes", exact=True).uncheck()
        assert set(shown(page)) - failing == {
            name for name, found in report.items() if found["status"] == "not-applicable"
        }
        page.get_by_label("SHOULD", exact=True).uncheck()
        assert all(report[name]["level"] == "MUST" for name in shown(page))
        assert f"{len(shown(page))} of {len(report)} requirements" in page.get_by_role("status").inner_text()
        page.get_by_role("button", name="Show all").click()
        expect(page.locator("details.requirement[hidden]")).to_have_count(0)
        page.get_by_label("robust", exact=True).uncheck()
        assert all(report[name]["profile"] != "robust" for name in shown(page))


def test_the_search_finds_in_sentences_ids_and_traces(visit: Open, page_file: Path) -> None:
    with visit(page_file) as page:
        search = page.get_by_role("searchbox")
        search.fill("tfs-clear-01")
        assert shown(page) == ["TFS-CLEAR-01"]
        search.fill("logged 20404 21220")
        assert shown(page) == ["TFS-HANGUP-14"]
        search.fill("Failed to terminate")
        assert "TFS-HANGUP-14" in shown(page)
        search.fill("zzqzzq")
        assert shown(page) == []
        assert page.locator(".chapter:visible").count() == 0


def test_a_link_opens_its_requirement_even_where_it_was_filtered_out(visit: Open, page_file: Path) -> None:
    with visit(page_file) as page:
        page.get_by_role("searchbox").fill("zzqzzq")
        page.locator("#failing a").first.click()
        expect(page.locator("details.requirement:target[open]")).to_have_count(1)
        assert page.evaluate("document.activeElement.closest('details').id") == page.evaluate(
            "location.hash.slice(1)"
        )


def test_everything_can_be_reached_and_opened_by_keyboard(visit: Open, page_file: Path) -> None:
    with visit(page_file) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
        page.locator("#TFS-HANGUP-14 > summary").focus()
        page.keyboard.press("Enter")
        assert page.locator("#TFS-HANGUP-14").get_attribute("open") is not None


def test_buttons_open_what_fails_and_close_all(visit: Open, page_file: Path) -> None:
    with visit(page_file) as page:
        page.get_by_role("button", name="Open all that fail").click()
        failing, out_of_sight = (
            page.locator(f"details.requirement[data-status='{status}']").count()
            for status in ("fails", "not testable")
        )
        assert failing > 0 and out_of_sight > 0
        assert page.locator("details.requirement[open]").count() == failing + out_of_sight
        page.get_by_role("button", name="Close all").click()
        assert page.locator("details.requirement[open]").count() == 0


def test_without_scripts_everything_is_there_and_no_dead_control(visit: Open, page_file: Path) -> None:
    with visit(page_file, java_script_enabled=False) as page:
        assert page.locator("form.filters").is_hidden()
        assert page.locator("button:visible").count() == 0
        page.locator("#TFS-HANGUP-14 > summary").click()
        assert page.locator("#TFS-HANGUP-14 .rerun").first.is_visible()


def test_a_print_holds_every_failure_and_no_control(visit: Open, page_file: Path) -> None:
    with visit(page_file) as page:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator(".filters").is_hidden()
        assert page.locator("nav").is_hidden()
        assert page.locator("#TFS-HANGUP-14 .rerun").first.is_visible()
        assert len(page.pdf()) > 10_000


def test_the_commands_on_the_page_run_their_checks_again(
    visit: Open, page_file: Path, tmp_path: Path
) -> None:
    with visit(page_file) as page:
        open_all(page)
        commands = [shlex.split(text) for text in page.locator(".rerun").all_inner_texts()]
    assert len(commands) >= 20
    for command in commands:
        assert [*command[:2], command[-2]] == ["pytest", f"--impl={IMPL}", "-k"]
    vector = next(command for command in commands if "/" in command[-1])
    code = next(command for command in commands if "/" not in command[-1])
    should = next(command for command in commands if "--level=SHOULD" in command)
    every = [
        *commands[0][:2],
        "--profile=all",
        "--level=SHOULD",
        "-k",
        " or ".join(each[-1] for each in commands),
    ]
    for command, failures in ((vector, 1), (code, 1), (should, 1), (every, len(commands))):
        run = subprocess.run(
            grading_command(*command[1:]),
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert run.returncode == 1, run.stdout + run.stderr
        assert f"{failures} failed" in run.stdout
