"""tools/render.py: renders what is committed, and refuses a specification that contradicts itself."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from twilio_conformance.spec import catalogue

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """tools/render.py as a module, at work on a copy of spec/ and docs/ in tmp_path."""
    spec = importlib.util.spec_from_file_location("render", ROOT / "tools" / "render.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shutil.copytree(ROOT / "spec", tmp_path / "spec")
    (tmp_path / "docs").mkdir()
    for page in (ROOT / "docs").glob("*.md"):
        shutil.copy(page, tmp_path / "docs")
    shutil.copytree(ROOT / "docs" / "data", tmp_path / "docs" / "data")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for name in ("SPECIFICATION", "TRACEABILITY", "RULES"):
        monkeypatch.setattr(module, name, tmp_path / getattr(module, name).relative_to(ROOT))
    monkeypatch.setattr(catalogue, "specification_folder", lambda: tmp_path / "spec")
    monkeypatch.setattr(sys, "argv", ["tools/render.py", "--check"])
    return module


def change(path: Path, old: str, new: str) -> None:
    """Replaces the first occurrence of a text that is there; an empty one stands at the end."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")


def test_what_is_committed_is_what_is_rendered_and_nothing_is_said() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tools.render", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["spec/SPECIFICATION.md", "docs/traceability.md"])
def test_a_document_that_differs_is_named_by_a_check_and_mended_without(
    render: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    change(tmp_path / name, "", "More.\n")
    assert render.main() == 1
    assert capsys.readouterr().err == f"{name} differs from its source: run `make spec`\n"
    monkeypatch.setattr(sys, "argv", ["tools/render.py"])
    assert render.main() == 0
    assert (tmp_path / name).read_text(encoding="utf-8") == (ROOT / name).read_text(encoding="utf-8")


HEADING = 'text = "twilio"\nexcluded = "a heading"\n'
BASES = 'text = "Bases: FrameSerializer"\nrequirements = ["TFS-CONSTRUCT-05", "TFS-CONSTRUCT-20"]\n'


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("spec/PREFACE.md", "", "Twilio SHOULD answer.\n", "spec/PREFACE.md: line "),
        ("spec/ADAPTER.md", "# ", "One MUST NOT.\n# ", "spec/ADAPTER.md: line 1: MUST "),
        ("spec/schemas/README.md", "", "A field MAY lack.\n", "spec/schemas/README.md: line "),
        (
            "spec/requirements/mark.toml",
            'introduction = """',
            'introduction = """MAY ',
            "introduction of Mark: line 1: MAY",
        ),
        (
            "spec/requirements/mark.toml",
            'rationale = "',
            'rationale = "It MUST. ',
            "TFS-MARK-01, rationale: ",
        ),
        (
            "spec/requirements/mark.toml",
            'source = ["',
            'source = ["It MUST be so", "',
            "TFS-MARK-01, source: line 1: MUST",
        ),
        ("spec/requirements/mark.toml", 'title = "', 'title = "MAY ', "title of MARK: line 1: MAY"),
        (
            "spec/schemas/wire/clear.json",
            '"description": "',
            '"description": "It MUST be. ',
            "spec/schemas/wire/clear.json: $.description: ",
        ),
        (
            "spec/schemas/vector.schema.json",
            '"id": {"description": "',
            '"id": {"description": "It SHOULD be. ',
            "spec/schemas/vector.schema.json: $.properties.id.description: ",
        ),
        (
            "spec/asyncapi.yaml",
            "description: What",
            'description: "It MAY." What',
            "spec/asyncapi.yaml: line ",
        ),
        ("docs/start.md", "", "Everybody SHOULD NOT.\n", "docs/start.md: line "),
        ("docs/start.md", "", "| a table | MUST |\n", "docs/start.md: line "),
        ("docs/start.md", "", '"An open quotation.\n\nIt MUST."\n', "docs/start.md: line "),
    ],
    ids=lambda value: value if "/" in value else "",
)
def test_a_keyword_outside_a_requirement_is_refused(
    render: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    old: str,
    new: str,
    said: str,
) -> None:
    change(tmp_path / name, old, new)
    assert render.main() == 1
    error = capsys.readouterr().err
    assert error.startswith(f"tools/render.py: {said}")
    assert "outside a requirement" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "Neither may nor must nor should.",
        "Of a `SHOULD`, code.",
        'The keyword "MUST".',
        "> A quotation that MUST stand.",
        "```toml\nlevel = 'MUST'\n\nstatement = 'It MAY.'\n```",
        "| TFS-MARK-03 | SHOULD |",
    ],
)
def test_a_keyword_that_is_only_named_is_permitted_in_a_page(
    render: ModuleType, tmp_path: Path, text: str
) -> None:
    change(tmp_path / "docs" / "start.md", "", f"\n{text}\n")
    render.expect_keywords_in_requirements(tmp_path)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("spec/api.toml", "[[sentence]]", "[[sentence", "spec/api.toml: not TOML: "),
        (
            "spec/api.toml",
            BASES,
            BASES.splitlines()[0],
            "spec/api.toml: sentence 4, 'Bases: FrameSerializer': ",
        ),
        (
            "spec/api.toml",
            BASES,
            BASES.replace('"TFS-CONSTRUCT-05", "TFS-CONSTRUCT-20"', ""),
            "spec/api.toml: sentence 4, 'Bases: FrameSerializer': ",
        ),
        (
            "spec/api.toml",
            BASES,
            BASES + 'excluded = "a heading"\n',
            "spec/api.toml: sentence 4, 'Bases: FrameSerializer': ",
        ),
        (
            "spec/api.toml",
            HEADING,
            HEADING.replace("a heading", ""),
            "spec/api.toml: sentence 1, 'twilio': ",
        ),
        ("spec/api.toml", HEADING, HEADING.splitlines()[1], "spec/api.toml: sentence 1, '': "),
        (
            "spec/api.toml",
            BASES,
            BASES.replace("CONSTRUCT-05", "NONE-01"),
            "spec/api.toml: sentence 4 names TFS-NONE",
        ),
        ("spec/api.toml", f"[[sentence]]\n{HEADING}", "", "spec/api.toml: expected 'twilio "),
        (
            "spec/api.toml",
            "",
            '[[sentence]]\ntext = "More."\nexcluded = "no"\n',
            "spec/api.toml: expected '', found",
        ),
        ("spec/api.txt", "", "More.", "spec/api.toml lacks 'More.'"),
        ("spec/requirements/mark.toml", 'level = "MUST"', 'level = "MAY"', "TFS-MARK-01: the level is MAY"),
    ],
)
def test_a_specification_that_contradicts_itself_is_refused(
    render: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    old: str,
    new: str,
    said: str,
) -> None:
    change(tmp_path / name, old, new)
    assert render.main() == 1
    error = capsys.readouterr().err
    assert error.startswith(f"tools/render.py: {said}") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "TFS-MARK-02"', 'id = "TFS-MARK-01"', "mark.toml: TFS-MARK-01 is in mark.toml already"),
        (
            'checks = ["',
            'checks = ["mark/none", "',
            "TFS-MARK-01 names mark/none, which matches no vector or check of it",
        ),
        ('level = "MUST"', 'level = "WILL"', "mark.toml: $.requirement[0].level: 'WILL' is not one of"),
    ],
)
def test_damaged_requirements_end_in_a_message(
    render: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    change(tmp_path / "spec" / "requirements" / "mark.toml", old, new)
    assert render.main() == 1
    error = capsys.readouterr().err
    assert error.startswith("tools/render.py: ") and said in error and "Traceback" not in error


def test_every_requirement_that_api_txt_is_the_source_of_stands_in_the_table(render: ModuleType) -> None:
    named = {name for sentence in render._sentences() for name in sentence.get("requirements", ())}
    cited = {
        requirement.id
        for requirement in catalogue.load().requirements.values()
        if any(source.startswith("api.txt") for source in requirement.source)
    }
    assert cited <= named
