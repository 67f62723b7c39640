"""Draws the suite's rooms in docs/architecture.md from the imports between them; --check compares only."""

from __future__ import annotations

import argparse
import ast
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "twilio_conformance"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- drawn by tools/architecture.py from the imports -->\n"
END = "<!-- end of the drawing -->\n"


def floors(root: Path) -> list[list[str]]:
    """Return the rooms on each floor, the top floor first, as the import contract in pyproject.toml lists them."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {contract["id"]: contract for contract in project["tool"]["importlinter"]["contracts"]}
    return [[room.strip() for room in layer.split("|")] for layer in contracts["floors"]["layers"]]


def imports(package: Path) -> set[tuple[str, str]]:
    """Return the pairs of rooms of which the first imports the second.

    Args:
        package: The folder of the suite's package. A room is a subpackage or a module at its top.
    """
    pairs = set()
    for path in sorted(package.rglob("*.py")):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            pairs |= {(room, target) for target in _targets(node) if target != room}
    return pairs


def _targets(node: ast.AST) -> list[str]:
    """Return the rooms that an import statement names."""
    if isinstance(node, ast.ImportFrom) and node.module is not None:
        if node.module == PACKAGE:
            return [alias.name for alias in node.names]
        names = [node.module]
    elif isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        return []
    return [name.split(".")[1] for name in names if name.startswith(f"{PACKAGE}.")]


def drawing(levels: list[list[str]], pairs: set[tuple[str, str]]) -> str:
    """Return the drawing as Mermaid: a box for each floor, an arrow for each import that no other path implies.

    An arrow from `engine` to `subject` is left out where `engine` imports `adapter` and `adapter` imports `subject`.
    """
    rooms = [room for level in levels for room in level]
    drawn = {(above, below) for above, below in pairs if above in rooms and below in rooms}
    lines = ["```mermaid", "flowchart TB"]
    for number, level in zip(range(len(levels) - 1, -1, -1), levels, strict=True):
        lines += [f'  subgraph floor{number}["{number}"]', "    direction LR"]
        lines += [f"    {room}" for room in level]
        lines += ["  end"]
    lines += [
        f"  {above} --> {below}"
        for above, below in sorted(drawn, key=lambda pair: (rooms.index(pair[0]), rooms.index(pair[1])))
        if not _is_implied(above, below, drawn)
    ]
    return "\n".join([*lines, "```", ""])


def _is_implied(above: str, below: str, pairs: set[tuple[str, str]]) -> bool:
    """Return whether a longer path leads from one room to another."""
    waiting = [target for source, target in pairs if source == above and target != below]
    seen = set(waiting)
    while waiting:
        room = waiting.pop()
        onward = {target for source, target in pairs if source == room} - seen
        if below in onward:
            return True
        seen |= onward
        waiting += onward
    return False


def updated(page: str, picture: str) -> str:
    """Return the page with another drawing between its two marks.

    Raises:
        ValueError: The page lacks a mark.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("docs/architecture.md lacks the marks around its drawing")
    return f"{before}{begin}\n{picture}\n{end}{after}"


def main() -> int:
    """Write the drawing, or with --check say that it differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where the drawing differs"
    )
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    picture = drawing(floors(ROOT), imports(ROOT / "conformance" / PACKAGE))
    wanted = updated(page, picture)
    if check:
        if page != wanted:
            print(f"{PAGE.relative_to(ROOT)} differs from the imports: run `make spec`", file=sys.stderr)
        return int(page != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
