"""Mutations of the reference: its code, changed by rule, one place at a time."""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import twilio_reference
from tests.proof.runner import loader
from twilio_conformance.subject.target import Implementation

PACKAGE = "twilio_reference"
FOLDER = Path(twilio_reference.__file__).parent
MODULES = ("serializer", "messages", "g711", "resampler", "hangup")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of one module and the lines it is on; `key` identifies it even when lines move.

    A change outside functions takes effect on import, and has no lines.
    """

    module: str
    lines: frozenset[int]
    key: str
    code: CodeType


def mutations() -> list[Mutation]:
    """Return every mutation of the reference, in the order of its modules and lines."""
    return [mutation for module in MODULES for mutation in _of_module(module)]


def _of_module(module: str) -> Iterator[Mutation]:
    path = FOLDER / f"{module}.py"
    tree = ast.parse(path.read_text())
    seen: dict[str, int] = {}
    for place in list(_places(tree)):
        for name, change in _limit_changes() if place.is_limit else _changes(place.node):
            around = "" if place.node is place.statement else f" in {_line(place.statement)}"
            key = f"{module}.{place.scope}: {name} {_line(place.node)}{around}"
            seen[key] = seen.get(key, 0) + 1
            numbered = key if seen[key] == 1 else f"{key} ({seen[key]})"
            new = ast.fix_missing_locations(ast.copy_location(change(place.node), place.node))
            place.put(new)
            code = compile(tree, str(path), "exec")
            place.put(place.node)
            lines = {getattr(node, "lineno", 0) for node in (place.node, place.statement)}
            yield Mutation(module, frozenset(lines if place.in_function else ()), numbered, code)


@dataclass(frozen=True, slots=True)
class _Place:
    """The position of a node in its tree, and the functions and classes around it."""

    node: ast.AST
    statement: ast.AST
    scope: str
    in_function: bool
    parent: ast.AST
    field: str
    index: int | None

    @property
    def is_limit(self) -> bool:
        """Whether the node is a number in a module constant, alone or in a tuple: a limit, a length, a rate."""
        loader = self.statement.value if isinstance(self.statement, ast.AnnAssign) else None
        return (
            self.scope == "module"
            and isinstance(self.node, ast.Constant)
            and type(self.node.value) in (int, float)
            and (self.node is loader or (self.parent is loader and isinstance(loader, ast.Tuple)))
        )

    def put(self, node: ast.AST) -> None:
        """Put a node at this position."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def _line(node: ast.AST) -> str:
    text = ast.unparse(node).partition("\n")[0]
    return text if len(text) <= 90 else f"{text[:90]}…"


def _places(
    node: ast.AST, scope: str = "module", in_function: bool = False, statement: ast.AST | None = None
) -> Iterator[_Place]:
    """Yield every place whose node may be changed."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params"):
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or _is_text(child):
                continue
            inner, inside = scope, in_function
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                inner = child.name if scope == "module" else f"{scope}.{child.name}"
                inside = not isinstance(child, ast.ClassDef)
            around = child if isinstance(child, ast.stmt) or statement is None else statement
            at = index if isinstance(value, list) else None
            yield _Place(child, around, inner, in_function, node, name, at)
            yield from _places(child, inner, inside, around)


def _is_text(node: ast.AST) -> bool:
    """Return whether nothing depends on the node: a docstring, an import, a message, a log call below warning."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.JoinedStr)):
        return True
    if not isinstance(node, ast.Expr):
        return False
    called = node.value.func if isinstance(node.value, ast.Call) else None
    is_minor_log = isinstance(called, ast.Attribute) and called.attr in ("debug", "info")
    return is_minor_log or isinstance(node.value, ast.Constant)


Change = Callable[[Any], ast.AST]


def _limit_changes() -> Iterator[tuple[str, Change]]:
    """Yield the rules for a limit: ten times and a tenth, since one more or less makes no difference."""
    yield "ten times", lambda found: ast.Constant(found.value * 10)
    yield "a tenth of", lambda found: ast.Constant(type(found.value)(found.value / 10))


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """Yield the rules that apply to a node: a name, and the function that changes the node."""
    if isinstance(node, ast.Compare):
        for other in _COMPARISONS.get(type(node.ops[0]), ()):
            yield f"{type(node.ops[0]).__name__} to {other.__name__}", _comparison(other)
    elif isinstance(node, ast.BoolOp):
        yield ("and to or" if isinstance(node.op, ast.And) else "or to and"), _swap_boolean
        yield (
            "drop the last operand",
            lambda found: (
                ast.BoolOp(found.op, found.values[:-1]) if len(found.values) > 2 else found.values[0]
            ),
        )
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert, ast.USub)):
        yield f"drop {type(node.op).__name__}", lambda found: found.operand
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield "flip", lambda found: ast.Constant(not found.value)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield "plus one", lambda found: ast.Constant(found.value + 1)
        yield "minus one", lambda found: ast.Constant(found.value - 1)
    elif isinstance(node, ast.Await):
        yield "drop await", lambda found: found.value
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield f"{type(node.op).__name__} to {_ARITHMETIC[type(node.op)].__name__}", _arithmetic
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield "return None", lambda _: ast.Return(ast.Constant(None))
    elif isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise)):
        yield "drop", lambda _: ast.Pass()
    elif (
        isinstance(node, ast.Call)
        and len(node.args) >= 2
        and not any(isinstance(arg, ast.Starred) for arg in node.args)
    ):
        yield "swap arguments", _swap_arguments


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Pow: ast.Mult,
}


def _comparison(other: type[ast.cmpop]) -> Change:
    return lambda found: ast.Compare(found.left, [other(), *found.ops[1:]], found.comparators)


def _swap_boolean(found: Any) -> ast.AST:
    return ast.BoolOp(ast.Or() if isinstance(found.op, ast.And) else ast.And(), found.values)


def _arithmetic(found: Any) -> ast.AST:
    return ast.BinOp(found.left, _ARITHMETIC[type(found.op)](), found.right)


def _swap_arguments(found: Any) -> ast.AST:
    first, second, *rest = found.args
    return ast.Call(found.func, [second, first, *rest], found.keywords)


# Importing


class _Finder(importlib.machinery.PathFinder):
    """An import finder that replaces one module of the reference."""

    mutated: Mutation

    @classmethod
    def find_spec(cls, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        """Return the spec of the mutated module; None for every other."""
        if fullname != f"{PACKAGE}.{cls.mutated.module}":
            return None
        spec = super().find_spec(fullname, path, target)
        assert spec is not None and spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """A loader that returns the mutated code instead of the code of the file."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        """Return the mutated code."""
        return _Finder.mutated.code


def found(mutation: Mutation) -> Callable[[], Implementation]:
    """Return a function that imports the mutated reference instead of the original."""

    def find() -> Implementation:
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
        _Finder.mutated = mutation
        sys.meta_path.insert(0, _Finder)
        return loader(PACKAGE)()

    return find
