"""Plays the vectors against a serializer in Python: `python run_vectors.py VECTORS package.module:Class`.

It needs vectors/v1, the serializer, and Pipecat, which that is written for. Each line is an outcome (pass, fail, not-testable or
not-played), a requirement and a vector; the exit status is 1 if something fails. Hang-ups are led to a server on loopback by the
argument `base_url`: without it, and where the host, TLS or a fault of the network matters, they are not played.
"""

import asyncio
import base64
import importlib
import inspect
import json
import logging
import re
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from loguru import logger
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames

SERIALIZER = getattr(importlib.import_module(sys.argv[2].partition(":")[0]), sys.argv[2].partition(":")[2])
PARAMETERS = inspect.signature(SERIALIZER).parameters.keys()
NAMES = {"stream_sid": "MZ1a", "other_stream_sid": "MZ2b", "call_sid": "CA3c", "account_sid": "AC4d", "auth_token": "5e"}
NAMES |= {"api_key_sid": "SK6f", "api_key_secret": "7a"}


class Twilio(BaseHTTPRequestHandler):
    protocol_version, answers, requests, log_message = "HTTP/1.1", [], [], lambda *_: None

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        user = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode().split(":", 1)
        form = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
        self.requests.append({"method": self.command, "target": self.path, "form": form, "basic": user})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        content = json.dumps(answer["json"]) if "json" in answer else answer.get("body", "")
        content = base64.b64decode(answer["body_base64"]) if "body_base64" in answer else content.encode()
        self.send_response(answer["status"])
        for header in {"Content-Length": str(len(content)), "Connection": "close", **answer.get("headers", {})}.items():
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_DELETE = do_POST


def pcm(audio):
    return base64.b64decode(audio["base64"]) * audio["times"] if isinstance(audio, dict) else base64.b64decode(audio)


def frame_of(given):
    members = given | {name: read(given[name]) for name, read in (("audio", pcm), ("button", KeypadEntry)) if name in given}
    return getattr(frames, members.pop("frame"))(**members)


def data_of(given):
    parts = [part if isinstance(part, str) else part["repeat"] * part["times"] for part in given.get("parts", ())]
    text = json.dumps(given["json"], separators=(",", ":")) if "json" in given else given.get("text", "".join(parts))
    return base64.b64decode(given["base64"]) if "base64" in given else text.encode() if "as" in given else text


async def construct(arguments):
    params = {"params": SERIALIZER.InputParams(**arguments["params"])} if arguments.get("params") is not None else {}
    return SERIALIZER(**arguments | params)


ACTIONS = {
    "setup": lambda subject, rates: subject.setup(frames.StartFrame(**rates)),
    "serialize": lambda subject, given: subject.serialize(frame_of(given)),
    "deserialize": lambda subject, given: subject.deserialize(data_of(given)),
    "wait": lambda _, seconds: asyncio.sleep(seconds),
}


async def attempt(call, *given):
    """What a call gave, what it raised, and the seconds that it took."""
    started = time.monotonic()
    try:
        return await call(*given), None, time.monotonic() - started
    except Exception as error:
        return None, error, time.monotonic() - started


async def play(given, steps):
    """The constructor's exception, and what each step gave: None where construction or setup failed."""
    subject, error, _ = await attempt(construct, given["arguments"])
    if error or (given["setup"] and (await attempt(ACTIONS["setup"], subject, given["setup"]))[1]):
        return error, None
    return None, [await attempt(ACTIONS[name], subject, step[name]) for step in steps for name in ACTIONS if name in step]


def is_a(value, kinds):
    return any(base.__name__ in kinds for base in type(value).__mro__)


def message_of(value):
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return None


def event_of(value):
    return message_of(value).get("event") if isinstance(message_of(value), dict) else None


def has_shape(value, shape):
    if isinstance(shape, dict) and isinstance(value, dict):
        shown = {name: item for name, item in value.items() if "..." not in shape or name in shape}
        return shown.keys() == shape.keys() - {"..."} and all(has_shape(item, shape[name]) for name, item in shown.items())
    if shape == "<base64>":
        return isinstance(value, str) and bool(
            re.fullmatch("([A-Za-z0-9+/]{4})*[A-Za-z0-9+/]{2}([A-Za-z0-9+/]{2}|[A-Za-z0-9+/]=|==)", value)
        )
    return shape == "<any>" or (isinstance(value, bool) == isinstance(shape, bool) and value == shape)


def is_beginning(got, alternatives, least):
    return least <= len(got) <= len(alternatives[0]) and all(byte in codes for byte, *codes in zip(got, *alternatives))  # noqa: B905


def grade_step(wanted, value, error, seconds):
    """Whether an expectation of one call holds; None where nothing was seen of what it speaks of."""
    if "raises" in wanted:
        kinds = wanted["raises"] if isinstance(wanted["raises"], list) else [wanted["raises"]]
        return is_a(error, kinds) and all(text in str(error) for text in wanted.get("mentions", ())) if error else None in kinds
    if "within" in wanted:
        return seconds <= wanted["within"]
    if error:
        return None if "not_events" in wanted else False
    if "frame" in wanted:
        expected = wanted["frame"] | ({"audio": pcm(wanted["frame"]["audio"])} if "audio" in wanted["frame"] else {})
        return is_a(value, [expected.pop("frame")]) and all(getattr(value, name) == item for name, item in expected.items())
    if "returns" not in wanted:
        return not is_a(value, wanted.get("not_frames", ())) and event_of(value) not in wanted.get("not_events", ())
    if wanted["returns"] == "nothing":
        return value is None
    return isinstance(value, str | bytes) and has_shape(message_of(value), wanted["returns"]["json"])


def grade_session(wanted, values, requests, levels):
    """The same for an expectation of all calls together."""
    ...
