"""Conversion of Pipecat's frames from and to plain data, and the argument of setup."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import enum
import inspect
from dataclasses import dataclass, field
from typing import Any, cast

from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames
from pipecat.serializers.base_serializer import FrameSerializer

from twilio_conformance.errors import SuiteError
from twilio_conformance.subject.redaction import cut

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FrameValue:
    """A frame that an implementation returned.

    Attributes:
        kind: The name of its class.
        bases: The names of its base classes.
        attributes: What its constructor takes, as plain data.
        types: The names of the attributes' exact types.
        id: Its id, which Pipecat makes unique.
        pts: Its presentation timestamp, as plain data.
    """

    kind: str
    bases: frozenset[str]
    attributes: Json
    types: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    id: Any = field(default=None, compare=False, repr=False)
    pts: Any = field(default=None, compare=False, repr=False)

    def is_a(self, kind: str) -> bool:
        """Return whether the frame is an instance of this class."""
        return kind == self.kind or kind in self.bases

    def __repr__(self) -> str:
        """Return a description for messages, with the length of audio instead of its bytes."""
        carried = ", ".join(f"{name}={shorten(value)}" for name, value in self.attributes.items())
        return f"{self.kind}({carried})"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A returned value that is neither None, text, bytes nor a frame."""

    type: str
    text: str

    def __repr__(self) -> str:
        """Return a description for messages."""
        return f"{self.type} {self.text}".rstrip()


Value = None | str | bytes | FrameValue | Foreign


def shorten(value: Any, limit: int = 60) -> str:
    """Return the repr of a value for a message, cut in its middle to `limit` characters; of bytes, their number."""
    try:
        if isinstance(value, bytes | bytearray):
            return f"<{len(value)} bytes>"
        text = repr(value)
    except BaseException as error:
        return f"<a {type(value).__name__} whose repr raises {type(error).__name__}>"
    return cut(text, limit)


def build(document: Json) -> frames.Frame:
    """Build the frame that a vector describes; with `subclass`, one of an application's own class.

    Raise SuiteError if the installed Pipecat has no such frame, or the frame takes other arguments.
    """
    arguments = {name: value for name, value in document.items() if name not in ("frame", "subclass")}
    kind = getattr(frames, document["frame"], None)
    if kind is None:
        raise SuiteError(f"the installed Pipecat has no {document['frame']}")
    if document.get("subclass"):
        kind = type(f"Application{kind.__name__}", (kind,), {})
    if "audio" in arguments:
        arguments["audio"] = audio_bytes(arguments["audio"])
    if "button" in arguments:
        arguments["button"] = KeypadEntry(arguments["button"])
    try:
        frame = kind(**arguments)
    except TypeError as error:
        raise SuiteError(
            f"the installed Pipecat's {document['frame']} does not take {arguments}: {error}"
        ) from error
    assert isinstance(frame, frames.Frame)
    return frame


def audio_bytes(audio: str | Json) -> bytes:
    """Decode the audio of a vector: base64, or base64 and the number of its repetitions."""
    if isinstance(audio, str):
        return base64.b64decode(audio, validate=True)
    return base64.b64decode(audio["base64"], validate=True) * int(audio["times"])


def describe(value: Any) -> Value:
    """Convert what an implementation returned to data that no longer refers to it; never raises."""
    kind = type(value)
    try:
        if value is None or kind in (str, bytes, FrameValue, Foreign):
            return cast(Value, value)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, bytes):
            return b"".join([value])
        if isinstance(value, frames.Frame):
            bases = frozenset(base.__name__ for base in kind.__mro__[1:-1])
            types = {name: type(getattr(value, name, None)).__name__ for name in (*_fields(value), "pts")}
            identity, pts = (_plain(getattr(value, name, None)) for name in ("id", "pts"))
            return FrameValue(kind.__name__, bases, _attributes(value), types, identity, pts)
        has_own_repr = getattr(kind, "__repr__", None) is not object.__repr__
        return Foreign(kind.__name__, shorten(value) if has_own_repr else "")
    except BaseException as error:
        return Foreign(kind.__name__, f"<raises {type(error).__name__} when it is looked at>")


def _attributes(frame: frames.Frame) -> Json:
    attributes: Json = {}
    for name in _fields(frame):
        value = getattr(frame, name, None)
        if isinstance(value, KeypadEntry):
            value = value.value
        elif isinstance(value, bytearray | memoryview):
            value = bytes(value)
        elif name == "button":
            value = Foreign(type(value).__name__, shorten(value))
        attributes[name] = _plain(value)
    return attributes


@dataclass
class ApplicationAudioRawFrame(frames.OutputAudioRawFrame):
    """Output audio of a class that an application defines."""


def output_audio_kinds(*, with_own: bool) -> list[type[frames.OutputAudioRawFrame]]:
    """Return the classes of output audio that the installed Pipecat defines; with_own adds an application's own.

    A class that needs more than audio, rate and channels is left out.
    """
    kinds = []
    for kind in vars(frames).values():
        if inspect.isclass(kind) and issubclass(kind, frames.OutputAudioRawFrame):
            with contextlib.suppress(TypeError):
                kind(audio=b"", sample_rate=8000, num_channels=1)
                kinds.append(kind)
    return kinds + [ApplicationAudioRawFrame] * with_own


def _fields(frame: frames.Frame) -> list[str]:
    """Return the names of what the constructor of a frame takes."""
    return [entry.name for entry in dataclasses.fields(frame) if entry.init]


def _plain(value: Any) -> Any:
    """Return a value that is plain data as it is, and any other as Foreign."""
    is_plain = isinstance(value, str | bytes | int | float | bool | None) and not isinstance(value, enum.Enum)
    return value if is_plain or isinstance(value, Foreign) else Foreign(type(value).__name__, shorten(value))


def setup_argument(audio_in_sample_rate: int, audio_out_sample_rate: int) -> Any:
    """Return what the installed Pipecat passes to setup: a StartFrame up to 1.7, a FrameProcessorSetup since 1.8.

    The rates are the pipeline's, in Hz.
    """
    rates: Json = {
        "audio_in_sample_rate": audio_in_sample_rate,
        "audio_out_sample_rate": audio_out_sample_rate,
    }
    if "setup" not in inspect.signature(FrameSerializer.setup).parameters:
        return frames.StartFrame(**rates)
    from pipecat.clocks.system_clock import SystemClock
    from pipecat.processors.frame_processor import FrameProcessorSetup
    from pipecat.utils.asyncio.task_manager import TaskManager

    parts: Json = {"clock": SystemClock(), "task_manager": TaskManager()}  # type: ignore[no-untyped-call]
    parameters = inspect.signature(FrameProcessorSetup).parameters.values()
    needed = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    arguments: Json = {name: parts.get(name) for name in needed} | rates
    return FrameProcessorSetup(**arguments)
