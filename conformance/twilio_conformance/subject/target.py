"""The --impl option: finding an implementation, its name and its capabilities."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
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

PARAMETERS = ("stream_sid", "call_sid", "account_sid", "auth_token", "region", "edge", "params")
"""The constructor's documented parameters, in their order."""

CAPABILITIES = {"base_url": {"base_url"}, "api_key": {"api_key_sid", "api_key_secret"}}
"""What an implementation may claim, by the parameters of the constructor that claim it."""


@dataclass(frozen=True, slots=True)
class Target:
    """What `--impl` names: a module or a file, perhaps with a class or factory in it, or a command.

    Attributes:
        spec: The option's value.
        module: The module's dotted name; the file's stem for a file, `stdio` for a command.
        attribute: The dotted path of a class or factory in the module.
        path: The file, where one is named.
        command: The words of the command of an adapter.
    """

    spec: str
    module: str
    attribute: str | None
    path: Path | None = None
    command: tuple[str, ...] = ()

    @property
    def location(self) -> str:
        """The module or file as it was named."""
        return str(self.path) if self.path else self.module


@dataclass(frozen=True)
class Implementation:
    """An implementation: a class, or a factory that takes the constructor's arguments.

    Attributes:
        file: The file that defines it, if Python knows one.
        advice: What its author may have to do so that it can be graded; None if nothing.
        is_pipelining: Whether its adapter accepts audio before it has answered what it was sent earlier.
    """

    target: Target
    construct: Callable[..., Any]
    input_params: type[Any] | None
    name: str
    version: str | None
    capabilities: frozenset[str]
    is_class: bool
    file: str | None = None
    advice: str | None = None
    network: str = IN_PROCESS
    is_pipelining: bool = False

    @property
    def packages(self) -> set[str]:
        """The top-level packages of its own code and of its base class."""
        modules = (self.target.module, self.name.partition(":")[0], "pipecat")
        return {module.partition(".")[0] for module in modules}

    @property
    def is_remote(self) -> bool:
        """Whether it runs in another process, behind an adapter."""
        return self.network != IN_PROCESS


def parse(spec: str) -> Target:
    """Parse the argument of --impl; raise UsageError if it has none of the forms that --impl takes."""
    text = spec.strip()
    if text.startswith(_STDIO):
        return Target(text, "stdio", None, command=_command(spec))
    location, colon, attribute = text.partition(":")
    is_file = location.endswith(".py") or "/" in location
    is_module = all(part.isidentifier() for part in location.split("."))
    is_named = all(part.isidentifier() for part in attribute.split("."))
    if not (is_module or is_file) or (colon and not is_named):
        raise UsageError(
            f"--impl={spec}: expected `package.module`, `package.module:Class` (a factory will do) or"
            " `path/to/file.py`, for example --impl=pipecat.serializers.twilio"
        )
    path = Path(location) if is_file else None
    return Target(text, path.stem if path else location, attribute or None, path)


def _command(spec: str) -> tuple[str, ...]:
    try:
        command = tuple(shlex.split(spec.strip().removeprefix(_STDIO)))
    except ValueError as error:
        raise UsageError(f"--impl={spec}: {error} in the command") from error
    if not command:
        raise UsageError(f"--impl={spec}: expected a command, for example --impl=stdio:'node adapter.mjs'")
    return command
