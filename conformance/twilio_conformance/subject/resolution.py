"""Finds the implementation that a target names: imports its module, picks the class or factory, examines it."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import sys
import traceback
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from twilio_conformance.errors import UsageError
from twilio_conformance.subject.target import (
    CAPABILITIES,
    CLASS_NAME,
    METHODS,
    PARAMETERS,
    Implementation,
    Target,
)


def resolve(target: Target) -> Implementation:
    """Import the module that a target names and find the implementation in it, without calling anything of it.

    Raise UsageError if the module cannot be imported, or does not hold what is asked for.
    """
    try:
        module = _import_file(target, target.path) if target.path else _import(target, target.module)
        try:
            return _examine(target, module)
        except UsageError:
            raise
        except BaseException as error:
            raise UsageError(f"{module.__name__} cannot be examined: {_describe(error)}") from error
    except UsageError as error:
        raise UsageError(f"--impl={target.spec}: {error}") from error.__cause__


def resolve_again(implementation: Implementation) -> Implementation:
    """Import the package of an implementation once more, with what it starts then, and find the implementation in it."""
    home = implementation.name.partition(":")[0]
    package = home.rpartition(".")[0] or home
    for name in list(sys.modules):
        if name == home or (f"{name}.".startswith(f"{package}.") and not name.startswith("pipecat.")):
            del sys.modules[name]
    return resolve(implementation.target)


def _import(target: Target, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not target.path and error.name and f"{name}.".startswith(f"{error.name}."):
            raise UsageError(
                f"there is no module {error.name}. {_suggest_colon(target)}Is it installed"
                " in this environment, or does pytest run in the folder that holds it?"
            ) from error
        raise UsageError(f"{target.module} needs the module {error.name}, which is not installed") from error
    except BaseException as error:
        raise UsageError(f"importing {target.module} failed: {_describe(error)}") from error


def _import_file(target: Target, path: Path) -> ModuleType:
    """Import a file under the name that it has in its package, so that its relative imports work."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    path = path.resolve()
    names, folder = [path.stem] if path.stem != "__init__" else [], path.parent
    while (folder / "__init__.py").exists():
        names.insert(0, folder.name)
        folder = folder.parent
    name = ".".join(names)
    if not all(part.isidentifier() for part in names):
        raise UsageError(f"{path.name} cannot be imported: {name} is not a module name")
    sys.path.insert(0, str(folder))
    module = _import(target, name)
    if Path(_file_of(module)).resolve() != path:
        raise UsageError(
            f"the name {name} belongs to another module ({_file_of(module)});"
            " rename the file, or name the class by its package"
        )
    return module


def _describe(error: BaseException) -> str:
    """Return an exception with the innermost line of a file that it passed; a SyntaxError's text names its own."""
    lines = [
        f" ({frame.f_code.co_filename}:{line})"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith("<frozen")
    ]
    place = lines[-1] if lines and not isinstance(error, SyntaxError) else ""
    return f"{type(error).__name__}: {error}".rstrip(": ") + place


def _suggest_colon(target: Target) -> str:
    """Return a hint where `pkg.module.Class` stands for `pkg.module:Class`; empty where it does not."""
    names = target.module.split(".")
    for count in range(len(names) - 1, 0, -1):
        # The failed import has imported every package on the way.
        module = sys.modules.get(".".join(names[:count]))
        if module is not None and names[count] in vars(module):
            return f"Did you mean --impl={module.__name__}:{'.'.join(names[count:])}? "
    return ""


def _examine(target: Target, module: ModuleType) -> Implementation:
    attribute = target.attribute
    found = _attribute(module, attribute) if attribute else _only_serializer(target, module)
    if found is None:
        where = f"{module.__name__} ({_file_of(module)})"
        raise UsageError(f"{where} has no {attribute}.{_hint(module)}")
    if not callable(found):
        raise UsageError(f"{attribute} is a {type(found).__name__}, not a class or factory")
    if inspect.iscoroutinefunction(found):
        raise UsageError(
            f"{attribute} is an async function; a factory is a plain function that returns the serializer"
        )
    # A wrapper that delegates has its methods only once it is constructed.
    missing = [name for name in METHODS if not hasattr(found, name)]
    if inspect.isclass(found) and missing and not hasattr(found, "__getattr__"):
        raise UsageError(f"the class {found.__name__} has no {', '.join(missing)}, so it is not a serializer")
    name = getattr(found, "__qualname__", None)
    home = found.__module__ if name else module.__name__
    return Implementation(
        target=target,
        construct=found,
        input_params=_input_params(found, module),
        name=f"{home}:{name or attribute}",
        version=_version(home),
        capabilities=_capabilities(found),
        is_class=inspect.isclass(found),
        file=_source_of(found, module),
        advice=_advice(module, found),
    )


def _attribute(module: ModuleType, path: str) -> Any:
    """Return what a dotted path leads to in a module; None if it leads nowhere."""
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _only_serializer(target: Target, module: ModuleType) -> Any:
    """Return the serializer that the module defines; what it imports is somebody else's."""
    named = getattr(module, CLASS_NAME, None)
    if named is not None and _is_defined_in(module, named):
        return named
    serializers = _serializers(module)
    defined = [value for value in serializers if _is_defined_in(module, value)]
    if len(defined) == 1:
        return defined[0]
    if defined:
        names = ", ".join(value.__name__ for value in defined)
        raise UsageError(
            f"{module.__name__} has several serializers ({names}); name one:"
            f" --impl={target.location}:{defined[0].__name__}"
        )
    imported = named if named is not None else next(iter(serializers), None)
    if imported is not None:
        name = next(name for name, value in vars(module).items() if value is imported)
        raise UsageError(
            f"{module.__name__} ({_file_of(module)}) defines no serializer; it only imports"
            f" {name} from {imported.__module__}. To grade that one: --impl={target.location}:{name}"
        )
    raise UsageError(
        f"{module.__name__} ({_file_of(module)}) has neither a {CLASS_NAME} nor another"
        f" subclass of FrameSerializer; name a class or a factory: --impl={target.location}:NAME"
    )


def _is_defined_in(module: ModuleType, value: Any) -> bool:
    """Whether a module, or a package with all that is below it, defines a class or function."""
    home = getattr(value, "__module__", None) or ""
    return home == module.__name__ or home.startswith(f"{module.__name__}.")


def _serializers(module: ModuleType) -> list[type[Any]]:
    from pipecat.serializers.base_serializer import FrameSerializer

    classes = [value for value in vars(module).values() if inspect.isclass(value)]
    return [
        value
        for value in dict.fromkeys(classes)
        if issubclass(value, FrameSerializer) and value is not FrameSerializer
    ]


def _hint(module: ModuleType) -> str:
    names = [value.__name__ for value in _serializers(module)]
    return f" It has {', '.join(names)}." if names else ""


def _file_of(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or "no file"


def _source_of(found: Any, module: ModuleType) -> str | None:
    """Return the file that defines a class or function; that of the module where Python does not know it."""
    try:
        return inspect.getsourcefile(inspect.unwrap(found))
    except TypeError:
        return getattr(module, "__file__", None)


def _advice(module: ModuleType, found: Any) -> str | None:
    """Return what to do about a class that no set of documented arguments constructs; None for any other."""
    if not inspect.isclass(found) or hasattr(found, "__getattr__"):
        return None
    signature = inspect.signature(found)
    for names in (PARAMETERS[:1], PARAMETERS):
        try:
            signature.bind(**dict.fromkeys(names))
        except TypeError:
            continue
        return None
    own = found.__name__
    return (
        f"{own}{signature} cannot be called with the documented arguments"
        f" ({', '.join(PARAMETERS)}). If that is meant to be, write a factory that can, in a file of its own, and grade it:"
        f" --impl=my_factory:make\n\n"
        f"    from {module.__name__} import {own}\n\n\n"
        f"    def make({PARAMETERS[0]}, {', '.join(f'{name}=None' for name in PARAMETERS[1:])}):\n"
        f"        return {own}(...)  # from these arguments\n"
    )


def _input_params(found: Any, module: ModuleType) -> type[Any] | None:
    """Return the InputParams of an implementation: on it, on what it returns, on the module's class, beside it."""
    returned = None if inspect.isclass(found) else _return_type(found, module)
    places = [found, returned, getattr(module, CLASS_NAME, None), *_serializers(module), module]
    return next(
        (params for place in places if inspect.isclass(params := getattr(place, "InputParams", None))), None
    )


def _return_type(factory: Any, module: ModuleType) -> Any:
    """Return what a factory's annotation says that it returns, also where annotations are strings."""
    try:
        annotation = typing.get_type_hints(factory).get("return")
    except (NameError, TypeError, AttributeError):
        # One of the other annotations cannot be evaluated, or the callable has none.
        annotation = getattr(factory, "__annotations__", {}).get("return")
    return _attribute(module, annotation.strip("'\"")) if isinstance(annotation, str) else annotation


def _capabilities(found: Any) -> frozenset[str]:
    """Return what is claimed by `conformance_capabilities`, else by the constructor's parameters."""
    declared = getattr(found, "conformance_capabilities", None)
    if declared is not None:
        unknown = set(declared) - set(CAPABILITIES)
        if unknown:
            names, known = ", ".join(sorted(unknown)), ", ".join(CAPABILITIES)
            raise UsageError(f"conformance_capabilities names {names}; known are {known}")
        return frozenset(declared)
    try:
        parameters = set(_parameters(found))
    except ValueError:
        # Some callables in C have no signature.
        return frozenset()
    return frozenset(name for name, arguments in CAPABILITIES.items() if arguments <= parameters)


def _parameters(found: Any) -> Iterator[str]:
    """Yield the names of a constructor's parameters, and of those that its `**kwargs` reach."""
    signature: Mapping[str, inspect.Parameter] = inspect.signature(found).parameters
    yield from signature
    if not inspect.isclass(found):
        return
    for parent in found.__mro__[1:]:
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.values()):
            return
        if parent is not object and (constructor := vars(parent).get("__init__")):
            signature = inspect.signature(constructor).parameters
            yield from signature


def _version(module: str) -> str | None:
    package = module.partition(".")[0]
    for distribution in importlib.metadata.packages_distributions().get(package, ()):
        return importlib.metadata.version(distribution)
    return None
