"""Plays the vectors against a serializer in Python: `python run_vectors.py VECTORS package.module:Class`.

It needs vectors/v1, the serializer and its Pipecat, and nothing else. Each line is an outcome (pass, fail, not-testable or
not-played), a requirement and a vector; the exit status is 1 if something fails. What ends a call or waits for long is not
played: that takes a server in Twilio's place and a clock that skips, as the suite has them.
"""

import asyncio
import importlib
import itertools
import json
import os
import re
import sys
import time
from base64 import b64decode
from pathlib import Path
from types import SimpleNamespace

from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames

if len(sys.argv) != 3 or not Path(sys.argv[1], "manifest.json").is_file():
    print("usage: python run_vectors.py VECTORS package.module:Class, where VECTORS is the folder vectors/v1", file=sys.stderr)
    sys.exit(2)
try:
    SERIALIZER = getattr(importlib.import_module(sys.argv[2].partition(":")[0]), sys.argv[2].partition(":")[2])
    PARAMS = SERIALIZER.InputParams
except (ImportError, AttributeError, TypeError, ValueError) as error:
    print(f"{sys.argv[2]}, which should be package.module:Class, cannot be used: {error}", file=sys.stderr)
    sys.exit(2)
NAMES = {"stream_sid": "MZ1a", "other_stream_sid": "MZ2b", "call_sid": "CA3c", "account_sid": "AC4d", "auth_token": "5e"}
NAMES |= {"api_key_sid": "SK6f", "api_key_secret": "7a", "other_call_sid": "CA8b", "other_account_sid": "AC9c", "other_auth_token": "0d"}
ORDER = ("stream_sid", "call_sid", "account_sid", "auth_token", "region", "edge")
BASE64 = re.compile("([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)")


def pcm(audio):
    return b64decode(audio["base64"]) * audio["times"] if isinstance(audio, dict) else b64decode(audio)


def frame_of(given):
    members = given | {name: read(given[name]) for name, read in (("audio", pcm), ("button", KeypadEntry)) if name in given}
    kind = getattr(frames, members.pop("frame"))
    return (type("Own", (kind,), {}) if members.pop("subclass", False) else kind)(**members)


def data_of(given):
    parts = [part if isinstance(part, str) else part["repeat"] * part["times"] for part in given.get("parts", ())]
    text = json.dumps(given["json"], separators=(",", ":")) if "json" in given else given.get("text", "".join(parts))
    return b64decode(given["base64"]) if "base64" in given else text.encode() if "as" in given else text


ARGUMENT = {"setup": lambda rates: SimpleNamespace(**rates), "serialize": frame_of, "deserialize": data_of}


async def take(subject, action, given):
    """What a step gave, what it raised, and the seconds that it took."""
    started = time.monotonic()
    try:
        work = asyncio.sleep(given) if action == "wait" else getattr(subject, action)(ARGUMENT[action](given))
        return await work, None, time.monotonic() - started
    except Exception as error:
        return None, error, time.monotonic() - started


def make(arguments, passing=None, params=None):
    if arguments.get("params") is not None:
        arguments["params"] = (type("Own", (PARAMS,), {}) if params else PARAMS)(**arguments["params"])
    named = [name for name in ORDER if name in arguments]
    last = ORDER.index(named[-1]) + 1 if passing and named else 0
    return SERIALIZER(*[arguments.pop(name, None) for name in ORDER[:last]], **arguments)


async def take_all(subject, steps, rates=None):
    for step in steps:
        ((action, given),) = step.items()
        if given != "given" or rates:
            await take(subject, action, rates if given == "given" else given)


async def play(given, steps):
    """The constructor's exception, and what each step gave: None where construction or setup failed."""
    beside, rates = given.get("beside", {}), given["setup"]
    if beside:
        other = make(beside["arguments"])
        await take_all(other, [{"setup": beside["setup"]}, *beside.get("first", ())])
    try:
        subject = make(given["arguments"], given.get("passing"), given.get("params"))
    except Exception as error:
        return error, None
    if rates and (await take(subject, "setup", rates))[1]:
        return None, None
    await take_all(subject, given.get("before", {}).get("steps", ()), rates)
    if beside:
        await take_all(other, beside.get("then", ()))
    seen, turns = [], itertools.cycle(beside.get("turns", ()))
    for step in steps:
        seen.append(await take(subject, *next(part for part in step.items() if part[0] != "expect")))
        if turn := next(turns, None):
            await take_all(other, [turn])
    return None, seen


def is_a(value, kinds):
    return any(base.__name__ in kinds for base in type(value).__mro__)


def carries(frame, wanted):
    return all(getattr(frame, name) == (pcm(item) if name == "audio" else item) for name, item in wanted.items())


def message(value):
    return json.loads(value) if isinstance(value, str | bytes) else {}


def has(value, shape):
    """Whether a JSON value has a shape of the vectors."""
    if isinstance(shape, dict) and isinstance(value, dict):
        shown = {name: item for name, item in value.items() if "..." not in shape or name in shape}
        return shown.keys() == shape.keys() - {"..."} and all(has(item, shape[name]) for name, item in shown.items())
    if shape == "<base64>":
        return isinstance(value, str) and BASE64.fullmatch(value) is not None
    return shape == "<any>" or (isinstance(value, bool) == isinstance(shape, bool) and value == shape)


def begins(got, alternatives, least):
    return least <= len(got) <= len(alternatives[0]) and all(byte in codes for byte, *codes in zip(got, *alternatives))  # noqa: B905


def holds(wanted, values, value=None, error=None, seconds=0.0):
    """Whether an expectation holds, of one step or of all; None where nothing is seen of what it speaks of."""
    match wanted:
        case {"raises": kinds}:
            kinds = kinds if isinstance(kinds, list) else [kinds]
            return (
                is_a(error, kinds) and all(text in str(error) for text in wanted.get("mentions", ())) if error else None in kinds
            )
        case {"within": limit}:
            return seconds <= limit
        case {"not_events": events}:
            return None if error else message(value).get("event") not in events
        case _ if error:
            return False
        case {"not_frames": kinds}:
            return not is_a(value, kinds)
        case {"frame": {"frame": kind, **carried}}:
            return is_a(value, [kind]) and carries(value, carried)
        case {"returns": "nothing"}:
            return value is None
        case {"returns": {"json": shape}}:
            return has(message(value), shape)
        case {"messages": {"shape": shape, "at_least": least}}:
            texts = [message(value) for value in values if isinstance(value, str | bytes)]
            return len(texts) >= least and (all(has(text, shape) for text in texts) if texts else None)
        case {"payloads": {"each_in": codes, "at_least": least}}:
            media = [message(value)["media"]["payload"] for value in values if message(value).get("event") == "media"]
            return begins(b"".join(map(b64decode, media)), list(map(b64decode, codes)), least)
        case {"audio": {**asked}}:
            found, least = [value for value in values if is_a(value, ["InputAudioRawFrame"])], 2 * asked.pop("at_least", 0)
            joined = b"".join(frame.audio for frame in found)
            permitted = pcm(asked.pop("equals")) if "equals" in asked else joined if found else b"-"
            return begins(joined, [permitted], least) and all(carries(frame, asked) for frame in found)


outcomes = {}
for path in sorted(Path(sys.argv[1]).glob("*/*.json")):
    names = NAMES | json.loads(path.read_bytes())["given"].get("names", {})
    text = re.sub(r"\$\{(\w+)\}", lambda found, names=names: json.dumps(names[found[1]])[1:-1], path.read_text())
    vector = json.loads(text)
    given, steps = vector["given"], vector["steps"]
    past = [*given.get("before", {}).get("steps", ()), *given.get("beside", {}).get("first", ())]
    ends = any(step.get("serialize", {}).get("frame") in ("EndFrame", "CancelFrame") for step in [*steps, *past])
    ends = ends or any(step.get("wait", 0) > 5 for step in past)  # time is real here
    os.environ.update(given.get("environment", {}))
    error, seen = (None, None) if ends else asyncio.run(play(given, steps))
    for name in given.get("environment", ()):
        del os.environ[name]
    graded = [(wanted, (None, error)) for wanted in vector.get("construction", ())]
    graded += [(wanted, seen and seen[place]) for place, step in enumerate(vector["steps"]) for wanted in step.get("expect", ())]
    for wanted, call in graded + [(wanted, None if seen is None else ()) for wanted in vector["expect"]]:
        try:
            held = None if call is None else holds(wanted, [value for value, *_ in seen or ()], *call)
        except (AttributeError, LookupError, TypeError, ValueError):  # it is not even of the kind
            held = False
        outcome = "not-played" if ends or "requests" in wanted else {True: "pass", False: "fail", None: "not-testable"}[held]
        key = f"{wanted['requirement']} {vector['id']}"
        outcomes[key] = outcome if outcomes.get(key, "pass") == "pass" else outcomes[key]
for key, outcome in outcomes.items():
    print(outcome, key)
sys.exit(any(outcome in ("fail", "not-testable") for outcome in outcomes.values()))
