"""A small suite for tests of the suite: its real code with a specification, vectors and a check of its own.

A whole graded run takes about two seconds, whatever the real specification grows to, and every file of it can
be damaged.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import twilio_conformance
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.catalogue import Catalogue

Json = dict[str, Any]

PACKAGE = Path(twilio_conformance.__file__).parent
LIMITS = {
    "engine/messages.py": ("VECTOR_LIMIT", "8.0"),
    "engine/sandbox.py": ("MEMORY_LIMIT", "256 << 20"),
    "engine/worker.py": ("CALL_GRACE", "1.0"),
    "subject/probe.py": ("CALL_LIMIT", "3.0"),
}
"""Limits of the real suite that are lower here."""

CHAPTERS = {
    "keys": """
[chapter]
id = "KEY"
order = 1
title = "Keys"
introduction = "What the caller presses."

[[requirement]]
id = "TFS-KEY-01"
level = "MUST"
profile = "core"
statement = "A dtmf message MUST give an InputDTMFFrame with its key."
rationale = "Menus need it."
source = ["api.txt: DTMF events"]
since = "2026.11"
checks = ["key/*"]

[[requirement]]
id = "TFS-KEY-02"
level = "SHOULD"
profile = "core"
statement = "A key that no telephone has SHOULD give None."
rationale = "It is nobody's."
source = ["Reasoned decision"]
since = "2026.11"
checks = ["letter/*"]
""",
    "calls": """
[chapter]
id = "CALL"
order = 2
title = "Calls"
introduction = "How a call ends."

[[requirement]]
id = "TFS-CALL-01"
level = "MUST"
profile = "core"
statement = "An EndFrame MUST make one request."
rationale = "A call that does not end costs money."
source = ["api.txt: auto_hang_up"]
since = "2026.11"
checks = ["call/end"]

[[requirement]]
id = "TFS-CALL-02"
level = "MUST"
profile = "secure"
statement = "The request MUST carry the credentials of the account."
rationale = "Twilio answers nobody else."
source = ["https://www.twilio.com/docs/voice/api/call-resource"]
since = "2026.11"
checks = ["call/end"]

[[requirement]]
id = "TFS-CALL-03"
level = "MUST"
profile = "core"
statement = "With base_url the request MUST go there."
rationale = "Others offer the same API."
source = ["Reasoned decision"]
since = "2026.11"
capability = "base_url"
checks = ["call/base-url"]

[[requirement]]
id = "TFS-CALL-04"
level = "MUST"
profile = "core"
statement = "Nobody MUST cry."
rationale = "It is sad."
source = ["Reasoned decision"]
since = "2026.11"
excluded = "A program cannot see it."
""",
    "deeds": """
[chapter]
id = "DEED"
order = 3
title = "Deeds"
introduction = "What an implementation may do to the process that it is in."

[[requirement]]
id = "TFS-DEED-01"
level = "MUST"
profile = "core"
statement = "A message of another kind MUST give None."
rationale = "The suite has to survive it."
source = ["Reasoned decision"]
since = "2026.11"
checks = ["deed/*"]

[[requirement]]
id = "TFS-DEED-02"
level = "MUST"
profile = "core"
statement = "An InterruptionFrame MUST give a text."
rationale = "It is a check in code."
source = ["Reasoned decision"]
since = "2026.11"
checks = ["deeds.an_interruption_gives_a_text"]
""",
}

CHECKS = '''
"""A check in code."""

from twilio_conformance.checks._core import check, expect
from twilio_conformance.subject.probe import Probe


@check("TFS-DEED-02", limit=5)
async def an_interruption_gives_a_text(probe: Probe) -> None:
    """One call and one look."""
    found = await (await probe.ready()).serialize({"frame": "InterruptionFrame"})
    probe.record("calls", 1)
    expect(isinstance(found.value, str), "no text", expected="text", actual=found.outcome)
'''

KEYS = ("1", "2", "3", "4")

#: What the implementation `broken` comes to, by requirement.
STATUSES_OF_BROKEN = {
    "TFS-KEY-01": "fail",
    "TFS-KEY-02": "fail",
    "TFS-CALL-01": "pass",
    "TFS-CALL-02": "pass",
    "TFS-CALL-03": "pass",
    "TFS-DEED-01": "pass",
    "TFS-DEED-02": "pass",
}


def build(folder: Path, deeds: tuple[str, ...] = ("nothing",)) -> Path:
    """Writes the small suite into a folder, to be put on the path."""
    package = folder / PACKAGE.name
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "checks", "data"))
    (package / "checks").mkdir()
    for source in (PACKAGE / "checks").glob("_*.py"):
        shutil.copy(source, package / "checks")
    (package / "checks" / "deeds.py").write_text(CHECKS)
    for name, (limit, value) in LIMITS.items():
        set_limit(package / name, limit, value)
    specification = package / "data" / "spec"
    (specification / "requirements").mkdir(parents=True)
    for name, text in CHAPTERS.items():
        (specification / "requirements" / f"{name}.toml").write_text(text)
    shutil.copytree(catalogue.specification_folder() / "schemas", specification / "schemas")
    write_vectors(folder, [*usual_vectors(), *map(_deed_vector, deeds)])
    make_plugin(folder)
    return folder


def load(folder: Path) -> Catalogue:
    """The small suite's own specification and vectors."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(catalogue, "_PACKAGE", folder / PACKAGE.name)
        return catalogue.load()


def make_plugin(folder: Path) -> None:
    """Lets pytest find the plugin in a folder on the path, as if it were installed there."""
    metadata = folder / "pipecat_twilio_conformance-0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: pipecat-twilio-conformance\nVersion: 0\n"
    )
    (metadata / "entry_points.txt").write_text("[pytest11]\ntwilio_conformance = twilio_conformance.plugin\n")


def write_vectors(folder: Path, vectors: list[Json]) -> None:
    """Writes vectors and their manifest in the place of what was there."""
    place = folder / PACKAGE.name / "data" / "vectors"
    shutil.rmtree(place, ignore_errors=True)
    digests = {}
    for vector in vectors:
        path = place / f"{vector['id']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vector))
        digests[f"{vector['id']}.json"] = hashlib.sha256(path.read_bytes()).hexdigest()
    lines = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
    manifest = {
        "digest": hashlib.sha256(lines.encode()).hexdigest(),
        "flags": {},
        "checks": {},
        "files": digests,
    }
    (place / "manifest.json").write_text(json.dumps(manifest))


def replace(path: Path, old: str, new: str) -> None:
    """Replaces what a file has to hold."""
    text = path.read_text()
    assert old in text, f"{path} holds no {old!r}"
    path.write_text(text.replace(old, new))


def usual_vectors() -> list[Json]:
    """All vectors but those of deeds."""
    return [*_key_vectors(), *_call_vectors()]


def set_limit(module: Path, limit: str, value: str) -> None:
    """Gives a constant of a module another value."""
    text, count = re.subn(rf"(?m)^{limit} = .*$", f"{limit} = {value}", module.read_text())
    assert count == 1, f"{module} has no {limit}"
    module.write_text(text)


def vector(name: str, steps: list[Json], expect: Sequence[Json] = (), **arguments: Any) -> Json:
    """A vector with one answer of Twilio's."""
    usual = {"stream_sid": "${stream_sid}", "params": {"auto_hang_up": False}}
    return {
        "id": name,
        "description": name,
        "since": "2026.11",
        "result": "valid",
        "flags": [],
        "source": "made up",
        "given": {
            "arguments": arguments or usual,
            "setup": {"audio_in_sample_rate": 8000, "audio_out_sample_rate": 8000},
            "answers": [{"status": 200, "json": {"status": "completed"}}],
        },
        "steps": steps,
        "expect": list(expect),
    }


def key_step(digit: str, requirement: str = "TFS-KEY-01") -> Json:
    """A key that the caller presses, and the frame that it has to give."""
    message = {"event": "dtmf", "streamSid": "${stream_sid}", "dtmf": {"digit": digit}}
    wanted = {"requirement": requirement, "frame": {"frame": "InputDTMFFrame", "button": digit}}
    return {"deserialize": {"json": message}, "expect": [wanted]}


def _key_vectors() -> list[Json]:
    nothing = {"requirement": "TFS-KEY-02", "returns": "nothing"}
    letter = {"event": "dtmf", "streamSid": "${stream_sid}", "dtmf": {"digit": "A"}}
    return [
        *(vector(f"key/{key}", [key_step(key)]) for key in KEYS),
        vector("letter/a", [{"deserialize": {"json": letter}, "expect": [nothing]}]),
    ]


def _call_vectors() -> list[Json]:
    arguments = {name: f"${{{name}}}" for name in ("stream_sid", "call_sid", "account_sid", "auth_token")}
    end = [{"serialize": {"frame": "EndFrame"}}]
    once = {"at_least": 1, "at_most": 1}
    credentials = {"basic": ["${account_sid}", "${auth_token}"]}
    there = {"requirement": "TFS-CALL-03", "request": {"url": "https://api.decoy.example"}}
    base = {"base_url": "https://api.decoy.example"}
    return [
        vector(
            "call/end",
            end,
            [
                {"requirement": "TFS-CALL-01", "requests": once},
                {"requirement": "TFS-CALL-02", "request": credentials},
            ],
            **arguments,
        ),
        vector("call/base-url", end, [there], **arguments, **base),
    ]


def _deed_vector(deed: str) -> Json:
    """A deed, and then a message that makes the suite do all that it does."""
    message = {"event": "deed", "deed": deed}
    nothing = {"requirement": "TFS-DEED-01", "returns": "nothing"}
    return vector(
        f"deed/{deed}",
        [{"deserialize": {"json": message}, "expect": [nothing]}, key_step("1", "TFS-DEED-01")],
    )
