"""Scripts that show a finding without pytest: a vector as calls of the interface, a check by its name."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from twilio_conformance.spec.catalogue import Catalogue, Vector
from twilio_conformance.spec.coverage import Entry

Json = dict[str, Any]

LONGEST = 3000
"""Characters of a script that writes everything out; beyond that the vector is loaded by its name."""

COMMENT_WIDTH = 96
"""Characters on a line of the comment at the top."""

PATIENCE = """\
# Twilio's answer does not end here, and no clock is skipped: the script takes as long as the implementation waits.
"""

WITHOUT_END = {"silence", "silence-in-handshake", "drip", "endless"}
"""Faults of an answer for which a client can wait for ever."""

EXAMPLE = {
    "stream_sid": "MZ00000000000000000000000000000001",
    "other_stream_sid": "MZ00000000000000000000000000000002",
    "call_sid": "CA00000000000000000000000000000001",
    "account_sid": "AC00000000000000000000000000000001",
    "auth_token": "an-invented-token",
    "api_key_sid": "SK00000000000000000000000000000001",
    "api_key_secret": "an-invented-secret",
}
"""What ${names} stand for in a script; nothing in it is anyone's."""

_WRITTEN_OUT = """\
import asyncio
{base64}
{imports}from twilio_conformance.frames import setup_argument
from twilio_conformance.target import parse, resolve
from twilio_conformance.twilio.network import Network


async def main():
    implementation = resolve(parse({impl!r}))
{body}


# Twilio's API is played on this machine; nothing leaves it.
with Network({answers}) as twilio:
    asyncio.run(main())
    print(*twilio.exchanges, sep="\\n")
"""

_BY_NAME = """\
import asyncio

from twilio_conformance import catalogue
from twilio_conformance.checks import vectors
from twilio_conformance.probe import Probe
from twilio_conformance.target import parse, resolve
from twilio_conformance.twilio.network import Network

vector = catalogue.load().vectors[{check!r}]
with Network() as network:
    probe = Probe(resolve(parse({impl!r})), network)
    session = asyncio.run(vectors.play(vector, probe))
    print(*probe.trace, sep="\\n")
    vectors.grade(vector, session, {requirement!r}, probe.names.fill)
"""

_CHECK = """\
import asyncio

from twilio_conformance.checks import load_checks
from twilio_conformance.probe import Probe
from twilio_conformance.target import parse, resolve
from twilio_conformance.twilio.network import Network

with Network() as network:
    probe = Probe(resolve(parse({impl!r})), network)
    asyncio.run(load_checks()[{check!r}].function(probe))
"""


def script(impl: str, entry: Entry, catalogue: Catalogue) -> str:
    """A Python script that does what a check did, in one process, where a debugger can follow.

    Args:
        impl: What --impl said.
        entry: The requirement and the vector or check that grades it.
        catalogue: Where the vectors are.
    """
    vector = catalogue.vectors.get(entry.check)
    said = _sentence(entry, catalogue)
    if vector is None:
        return said + _CHECK.format(impl=impl, check=entry.check)
    answers = _filled(vector, vector.data["given"]["answers"]) if _can_hang_up(vector) else []
    if any(answer.get("fault") in WITHOUT_END for answer in answers):
        said += PATIENCE
    body = "\n".join(f"    {line}" for line in _calls(vector))
    written = said + _WRITTEN_OUT.format(
        impl=impl,
        body=body,
        answers=_literal(answers) if answers else "",
        base64="import base64\n" if "base64." in body else "",
        imports=_imports(vector, body),
    )
    if len(written) <= LONGEST:
        return written
    return said + _BY_NAME.format(impl=impl, check=entry.check, requirement=entry.requirement)


def _sentence(entry: Entry, catalogue: Catalogue) -> str:
    """What the script is about, as comments at its top."""
    requirement = catalogue.requirements.get(entry.requirement)
    if requirement is None:
        return ""
    lines = textwrap.wrap(f"{requirement.id}: {requirement.statement}", COMMENT_WIDTH)
    return "".join(f"# {line}\n" for line in lines)


def _can_hang_up(vector: Vector) -> bool:
    return any(
        step.get("serialize", {}).get("frame") in ("EndFrame", "CancelFrame") for step in vector.data["steps"]
    )


def _imports(vector: Vector, body: str) -> str:
    """The lines that import what the calls need of Pipecat."""
    kinds = sorted({step["serialize"]["frame"] for step in vector.data["steps"] if "serialize" in step})
    keypad = "from pipecat.audio.dtmf.types import KeypadEntry\n" if "KeypadEntry(" in body else ""
    return keypad + (f"from pipecat.frames.frames import {', '.join(kinds)}\n" if kinds else "")


def _calls(vector: Vector) -> Iterator[str]:
    """The lines of the script that build an instance and take every step."""
    given = vector.data["given"]
    arguments = [f"{name}={_argument(value)}" for name, value in _filled(vector, given["arguments"]).items()]
    yield f"serializer = implementation.construct({', '.join(arguments)})"
    if not vector.data["steps"]:
        yield "print(serializer)"
    if given["setup"] is not None:
        yield f"await serializer.setup({_setup(given['setup'])})"
    for step in vector.data["steps"]:
        if "serialize" in step:
            yield f"print(await serializer.serialize({_frame(_filled(vector, step['serialize']))}))"
        elif "deserialize" in step:
            yield f"print(await serializer.deserialize({_text(vector, step['deserialize'])}))"
        elif "setup" in step:
            yield f"await serializer.setup({_setup(step['setup'])})"
        else:
            yield f"await asyncio.sleep({step['wait']})"


def _filled(vector: Vector, value: Any) -> Any:
    """The value with every ${name} replaced by what the vector says, or else by an example."""
    names = EXAMPLE | vector.data["given"].get("names", {})
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace("${" + name + "}", text)
        return value
    if isinstance(value, list):
        return [_filled(vector, item) for item in value]
    if isinstance(value, dict):
        return {_filled(vector, key): _filled(vector, item) for key, item in value.items()}
    return value


def _literal(value: Any) -> str:
    """The value as Python, in double quotes as far as they go; ASCII, so that it survives any editor."""
    if isinstance(value, str):
        plain = value.isascii() and value.isprintable() and '"' not in value and "\\" not in value
        return f'"{value}"' if plain else ascii(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    return repr(value)


def _argument(value: Any) -> str:
    """A constructor argument; the object of params becomes InputParams, as it does in a graded run."""
    if not isinstance(value, dict):
        return _literal(value)
    members = ", ".join(f"{name}={_literal(member)}" for name, member in value.items())
    return f"implementation.input_params({members})"


def _setup(rates: Json) -> str:
    return f"setup_argument({rates['audio_in_sample_rate']}, {rates['audio_out_sample_rate']})"


def _frame(document: Json) -> str:
    members = []
    for name, value in document.items():
        if name == "audio":
            text, times = (value, 1) if isinstance(value, str) else (value["base64"], value["times"])
            decoded = f"base64.b64decode({_literal(text)})"
            members.append(f"audio={decoded}" + (f" * {times}" if times > 1 else ""))
        elif name == "button":
            members.append(f"button=KeypadEntry({_literal(value)})")
        elif name != "frame":
            members.append(f"{name}={_literal(value)}")
    return f"{document['frame']}({', '.join(members)})"


def _text(vector: Vector, data: Json) -> str:
    """What deserialize is given, as a Python expression."""
    if "base64" in data:
        return f"base64.b64decode({_literal(data['base64'])})"
    if "json" in data:
        written = _literal(json.dumps(_filled(vector, data["json"]), separators=(",", ":")))
    elif "text" in data:
        written = _literal(data["text"])
    else:
        parts = (
            _literal(_filled(vector, part))
            if isinstance(part, str)
            else f"{_literal(_filled(vector, part['repeat']))} * {part['times']}"
            for part in data["parts"]
        )
        written = " + ".join(parts)
    return f"({written}).encode()" if data.get("as") == "bytes" else written
