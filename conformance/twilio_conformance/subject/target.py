"""The --impl option: finding an implementation, its name and its capabilities."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import shlex
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from twilio_conformance.errors import UsageError

CLASS_NAME = "TwilioFrameSerializer"

HANDSHAKE = "handshake"
"""The id of the job that constructs one instance, to verify that a factory returns a serializer."""

IN_PROCESS, NAMESPACE, BASE_URL, NOWHERE = "in-process", "namespace", "base_url", "none"
"""How an implementation's requests reach the network double; NOWHERE: they do not, and cannot be observed."""

NETWORKS = {
    IN_PROCESS: "in-process double over TLS",
    NAMESPACE: "double over TLS in the adapter's network namespace",
    BASE_URL: "double over TLS at base_url: hosts are not seen",
    NOWHERE: "none: requests are not seen",
}
"""How the requests reach the network double, as reports say it."""

REAL_TIME = 3
"""Time-limit multiplier for adapters, whose clock cannot be skipped."""

METHODS = ("setup", "serialize", "deserialize")
"""The methods that a serializer must have."""

_STDIO = "stdio:"

_CAPABILITIES = {"base_url": {"base_url"}, "api_key": {"api_key_sid", "api_key_secret"}}


@dataclass(frozen=True, slots=True)
class Target:
    """What --impl names: `module`, `module:attribute`, or `stdio:command`, whose module is "stdio"."""

    spec: str
    module: str
    attribute: str | None
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Implementation:
    """An implementation: a class, or a factory that takes the constructor's arguments.

    Attributes:
        is_pipelining: Whether its adapter accepts audio before it has answered what it was sent earlier.
    """

    target: Target
    construct: Callable[..., Any]
    input_params: type[Any] | None
    name: str
    version: str | None
    capabilities: frozenset[str]
    is_class: bool
    network: str = IN_PROCESS
    is_pipelining: bool = False

    @property
    def is_remote(self) -> bool:
        """Whether it runs in another process, behind an adapter."""
        return self.network != IN_PROCESS


def parse(spec: str) -> Target:
    """Parse the argument of --impl.

    Raises:
        UsageError: It has none of the forms `module`, `module:attribute` and `stdio:command`.
    """
    if spec.strip().startswith(_STDIO):
        return Target(spec.strip(), "stdio", None, _command(spec))
    module, colon, attribute = spec.strip().partition(":")
    if not all(part.isidentifier() for part in module.split(".")) or (colon and not attribute.isidentifier()):
        raise UsageError(
            f"--impl={spec}: expected `package.module`, or `package.module:Class` (a factory will do), for"
            " example --impl=pipecat.serializers.twilio"
        )
    return Target(spec.strip(), module, attribute or None)


def _command(spec: str) -> tuple[str, ...]:
    try:
        command = tuple(shlex.split(spec.strip().removeprefix(_STDIO)))
    except ValueError as error:
        raise UsageError(f"--impl={spec}: {error} in the command") from error
    if not command:
        raise UsageError(f"--impl={spec}: expected a command, for example --impl=stdio:'node adapter.mjs'")
    return command


def resolve(target: Target) -> Implementation:
    """Import the module and find the implementation in it.

    Raises:
        UsageError: The module cannot be imported, or does not contain the implementation.
    """
    module = _import(target)
    try:
        return _examine(target, module)
    except UsageError:
        raise
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise UsageError(
            f"--impl={target.spec}: {target.module} cannot be examined: {reason}{_place(error)}"
        ) from error


def _examine(target: Target, module: ModuleType) -> Implementation:
    found = getattr(module, target.attribute, None) if target.attribute else _only_serializer(target, module)
    if found is None:
        where = f"{target.module} ({_origin(module)})"
        raise UsageError(f"--impl={target.spec}: {where} has no {target.attribute}.{_hint(module)}")
    if not callable(found):
        raise UsageError(
            f"--impl={target.spec}: {target.attribute} is a {type(found).__name__}, not a class or factory"
        )
    # A wrapper with __getattr__ has the methods only after construction.
    delegates = hasattr(found, "__getattr__")
    missing = [name for name in METHODS if not hasattr(found, name)]
    if inspect.isclass(found) and missing and not delegates:
        raise UsageError(
            f"--impl={target.spec}: the class {found.__name__} has no {', '.join(missing)}: it is no serializer"
        )
    name = getattr(found, "__qualname__", None)
    home = found.__module__ if name else target.module
    name = name or target.attribute
    return Implementation(
        target=target,
        construct=found,
        input_params=_input_params(found, module),
        name=f"{home}:{name}",
        version=_version(home),
        capabilities=_capabilities(found),
        is_class=inspect.isclass(found),
    )


def _import(target: Target) -> ModuleType:
    try:
        return importlib.import_module(target.module)
    except ModuleNotFoundError as error:
        if error.name and (target.module == error.name or target.module.startswith(f"{error.name}.")):
            raise UsageError(
                f"--impl={target.spec}: there is no module {error.name}. Is it installed in this environment,"
                " or does pytest run in the folder that holds it?"
            ) from error
        raise UsageError(
            f"--impl={target.spec}: {target.module} needs the module {error.name}, which is not installed"
        ) from error
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise UsageError(
            f"--impl={target.spec}: importing {target.module} failed: {reason}{_place(error)}"
        ) from error


def _place(error: BaseException) -> str:
    """Return the innermost line of the traceback; nothing for a SyntaxError, whose text names its line."""
    lines = [
        f" ({frame.f_code.co_filename}:{line})"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith("<frozen")
    ]
    return lines[-1] if lines and not isinstance(error, SyntaxError) else ""


def _only_serializer(target: Target, module: ModuleType) -> Any:
    named = getattr(module, CLASS_NAME, None)
    if named is not None:
        return named
    candidates = _serializers(module)
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise UsageError(
            f"--impl={target.spec}: {target.module} ({_origin(module)}) has neither a {CLASS_NAME} nor"
            f" another subclass of FrameSerializer; name a class or a factory: --impl={target.module}:NAME"
        )
    names = ", ".join(candidate.__name__ for candidate in candidates)
    raise UsageError(
        f"--impl={target.spec}: {target.module} has several serializers ({names}); name one:"
        f" --impl={target.module}:{candidates[0].__name__}"
    )


def _serializers(module: ModuleType) -> list[type[Any]]:
    from pipecat.serializers.base_serializer import FrameSerializer

    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, FrameSerializer) and value is not FrameSerializer
    ]
    defined_here = [value for value in own if value.__module__ == module.__name__]
    return defined_here or own


def _hint(module: ModuleType) -> str:
    names = [candidate.__name__ for candidate in _serializers(module)]
    return f" It has {', '.join(names)}." if names else ""


def _origin(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or "no file"


def _input_params(found: Any, module: ModuleType) -> type[Any] | None:
    """Find InputParams: on the implementation, its return type, the module's classes, or the module."""
    returned = (
        inspect.get_annotations(found, eval_str=False).get("return") if not inspect.isclass(found) else None
    )
    places = [found, returned, getattr(module, CLASS_NAME, None), *_serializers(module), module]
    for place in places:
        params = getattr(place, "InputParams", None)
        if inspect.isclass(params):
            return params
    return None


def _capabilities(found: Any) -> frozenset[str]:
    """Return the capabilities that `conformance_capabilities` claims or, without it, the constructor's signature."""
    declared = getattr(found, "conformance_capabilities", None)
    if declared is not None:
        unknown = set(declared) - set(_CAPABILITIES)
        if unknown:
            names, known = ", ".join(sorted(unknown)), ", ".join(_CAPABILITIES)
            raise UsageError(f"conformance_capabilities names {names}; known are {known}")
        return frozenset(declared)
    try:
        parameters = set(inspect.signature(found).parameters)
    except ValueError:
        # Some callables written in C have no signature.
        return frozenset()
    return frozenset(name for name, arguments in _CAPABILITIES.items() if arguments <= parameters)


def _version(module: str) -> str | None:
    package = module.partition(".")[0]
    for distribution in importlib.metadata.packages_distributions().get(package, ()):
        return importlib.metadata.version(distribution)
    return None
