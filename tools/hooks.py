"""What MkDocs does besides its plugins: pages from outside docs/, links to them, diagrams as pictures."""

from __future__ import annotations

import functools
import hashlib
import html
import json
import os.path
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import mermaidx
from mkdocs.structure.files import File, Files

from twilio_conformance.report import plots
from twilio_conformance.report.html import REFERENCE

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent

PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "spec/SPECIFICATION.md": "specification.md",
    "spec/schemas/README.md": "schemas.md",
    "spec/ADAPTER.md": "protocol.md",
}
"""Files of the project that are pages of the site, by their path from the root."""

DATA = ("LICENSE", "spec/asyncapi.yaml", "spec/**/*.toml", "spec/**/*.json", "examples/**/*.py", "examples/**/*.mjs",
        "docs/releases.html")  # fmt: skip
"""Files that pages link to, served as they are."""

_LINK = re.compile(r"\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)")
_ANCHOR = re.compile(r'^<a id="tfs-[^"]+"></a>\n', re.MULTILINE)
_DRAWING = re.compile(r"^<!-- drawing: ([a-z]+) -->$", re.MULTILINE)
_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds pages and data from outside docs/."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for path in sorted({path for pattern in DATA for path in ROOT.glob(pattern)}):
        name = path.relative_to(ROOT).as_posix()
        if "__pycache__" not in name:
            files.append(File.generated(config, f"project/{name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links lead to the site's pages; a heading's own id is its anchor; a diagram becomes a picture."""
    own = next((source for source, name in PAGES.items() if name == page.file.src_uri), None)
    folder = PurePosixPath(own or f"docs/{page.file.src_uri}").parent
    markdown = _ANCHOR.sub("", markdown)
    markdown = _DRAWING.sub(lambda drawing: _drawings()[drawing.group(1)], markdown)
    markdown = _LINK.sub(lambda link: _leading_home(link, folder, page.file.src_uri, files), markdown)
    return _DIAGRAM.sub(lambda diagram: _picture(diagram.group(1), page, config, files), markdown)


def _leading_home(link: re.Match[str], folder: PurePosixPath, page: str, files: Files) -> str:
    """The link from a file of the project, as a link from its page; MkDocs reports what exists nowhere."""
    target = os.path.normpath(folder / link.group(1))
    docs = target.removeprefix("docs/") if target.startswith("docs/") else None
    candidates = (PAGES.get(target), f"project/{target}", docs)
    found = next((name for name in candidates if name and files.get_file_from_path(name)), None)
    if found is None:
        return link.group()
    return f"]({os.path.relpath(found, PurePosixPath(page).parent)}{link.group(2) or ''})"


@functools.cache
def _drawings() -> dict[str, str]:
    """What `make measurements` measured, drawn as in an HTML report: Pipecat's own over the reference's."""
    reference = ROOT / "conformance" / "twilio_conformance" / "report" / REFERENCE
    places = (ROOT / "docs" / "data" / "measurements.json", reference)
    own, beneath = (
        plots.measured(json.loads(place.read_text(encoding="utf-8"))["metrics"]) for place in places
    )
    return {
        plot.name: f'<figure class="drawing" markdown="0">{plot.svg.replace(chr(10), "")}'
        f"<figcaption>{html.escape(f'{plot.title}. {plot.summary}')}</figcaption></figure>"
        for plot in plots.draw(own, beneath)[0]
    }


def _picture(source: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A diagram as an SVG file of the site, with its source below for those who cannot see it."""
    name = f"diagrams/{hashlib.sha256(source.encode()).hexdigest()[:12]}.svg"
    if files.get_file_from_path(name) is None:
        files.append(File.generated(config, name, content=mermaidx.render(source).svg()))
    place = os.path.relpath(name, PurePosixPath(page.file.src_uri).parent)
    kind = "Sequence diagram" if source.startswith("sequenceDiagram") else "Diagram"
    return (
        f'<figure class="diagram" markdown="0"><img src="{place}" alt="{kind}; the text below says the same">'
        f"<details><summary>As text</summary><pre>{html.escape(source)}</pre></details></figure>"
    )
