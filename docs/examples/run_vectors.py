"""Plays the vectors against a serializer in Python; needs vectors/v1, Python 3.11, Pipecat and the serializer.

    python run_vectors.py [--json] VECTORS package.module:Class

It writes the outcome of each vector and requirement; the exit status is 1 if one fails. Hang-ups are led to a server on loopback by
`base_url`: without that argument, and where TLS, the host's name or long waits matter, they are not played.
"""

import asyncio
import base64
import importlib
import inspect
import json
import logging
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from loguru import logger
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames
from pipecat.serializers.base_serializer import FrameSerializer

SOURCE, SPEC = (word for word in sys.argv[1:] if word != "--json")
SERIALIZER = getattr(
    importlib.import_module(SPEC.partition(":")[0]), SPEC.partition(":")[2] or "TwilioFrameSerializer"
)
PARAMETERS = inspect.signature(SERIALIZER).parameters
NAMES = {"stream_sid": "MZ" + "1a" * 16, "other_stream_sid": "MZ" + "2b" * 16, "call_sid": "CA" + "3c" * 16,
         "account_sid": "AC" + "4d" * 16, "auth_token": "5e" * 16, "api_key_sid": "SK" + "6f" * 16, "api_key_secret": "7a" * 16}  # fmt: skip
HARD = {"refuse", "reset-in-handshake", "silence-in-handshake", "silence", "drip", "endless", "certificate"}


class Finding(Exception):
    """What is wrong; its outcome is fail, not-testable or not-played."""

    def __init__(self, message, outcome="fail"):
        super().__init__(message)
        self.outcome = outcome


def expect(holds, message, outcome="fail"):
    if not holds:
        raise Finding(message, outcome)


class Twilio(BaseHTTPRequestHandler):
    protocol_version, answers, requests, log_message = "HTTP/1.1", [], [], lambda *_: None

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.requests.append(
            {"method": self.command, "target": self.path, "headers": self.headers, "body": body}
        )
        self.close_connection = True
        if answer.get("fault") in ("reset", "close"):
            return (
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                or self.connection.close()
            )
        content = json.dumps(answer["json"]) if "json" in answer else answer.get("body", "")
        content = base64.b64decode(answer["body_base64"]) if "body_base64" in answer else content.encode()
        for status in answer.get("interim", ()):
            self.wfile.write(f"HTTP/1.1 {status} Early\r\n\r\n".encode())
        self.send_response(answer.get("status", 200))
        for item in (
            ({"Content-Type": "application/json"} if "json" in answer else {}) | answer.get("headers", {})
        ).items():
            self.send_header(*item)
        self.send_header("Content-Length", str(len(content) + ("fault" in answer)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_DELETE = do_POST


def fill(value, names):
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda found: names.get(found[1], found[0]), value)
    if isinstance(value, list):
        return [fill(item, names) for item in value]
    return (
        {fill(key, names): fill(item, names) for key, item in value.items()}
        if isinstance(value, dict)
        else value
    )


def pcm(audio):
    return (
        base64.b64decode(audio)
        if isinstance(audio, str)
        else base64.b64decode(audio["base64"]) * audio["times"]
    )


def argument_of(action, given, names):
    """What setup, serialize or deserialize is given for a step of a vector."""
    if action == "setup":
        is_frame = "setup" not in inspect.signature(FrameSerializer.setup).parameters
        return (frames.StartFrame if is_frame else lambda **rates: type("Configuration", (), rates)())(
            **given
        )
    if action == "serialize":
        convert = {"audio": pcm, "button": KeypadEntry}
        return getattr(frames, given["frame"])(**{name: convert.get(name, lambda value: fill(value, names))(value)
                                                  for name, value in given.items() if name != "frame"})  # fmt: skip
    if "base64" in given:
        return base64.b64decode(given["base64"])
    pieces = [
        part if isinstance(part, str) else part["repeat"] * part["times"] for part in given.get("parts", ())
    ]
    text = (
        json.dumps(fill(given["json"], names))
        if "json" in given
        else fill(given.get("text", "".join(pieces)), names)
    )
    return text.encode() if given.get("as") == "bytes" else text


async def play(given, steps, names, base_url):
    """The constructor's exception; and of each step its value, exception and seconds, None where it does not come to them."""
    arguments = fill(given["arguments"], names) | ({"base_url": base_url} if base_url else {})
    if arguments.get("params") is not None:
        arguments["params"] = SERIALIZER.InputParams(**arguments["params"])
    try:
        subject = SERIALIZER(**arguments)
    except Exception as error:
        return error, None
    seen = []
    for step in [{"setup": given["setup"]}] * bool(given["setup"]) + steps:
        (action, argument), started = next(iter(step.items())), time.monotonic()
        try:
            work = (
                asyncio.sleep(argument)
                if action == "wait"
                else getattr(subject, action)(argument_of(action, argument, names))
            )
            seen.append((await work, None, time.monotonic() - started))
        except Exception as error:
            seen.append((None, error, time.monotonic() - started))
    return None, seen if not given["setup"] else None if seen[0][1] else seen[1:]


def same(value, shape):
    if isinstance(shape, dict):
        named = shape.keys() - {"..."}
        fits = isinstance(value, dict) and named <= value.keys() and ("..." in shape or named == value.keys())
        return fits and all(same(value[name], shape[name]) for name in named)
    if shape == "<base64>":
        return (
            isinstance(value, str)
            and value != ""
            and base64.b64encode(base64.b64decode(value)).decode() == value
        )
    return shape == "<any>" or (isinstance(value, bool) == isinstance(shape, bool) and value == shape)


def is_a(value, *kinds):
    return any(base.__name__ in kinds for base in type(value).__mro__)


def event_of(value):
    return json.loads(value).get("event") if isinstance(value, str) and value.startswith("{") else None


def check_raises(error, wanted):
    kinds = wanted["raises"] if isinstance(wanted["raises"], list) else [wanted["raises"]]
    expect(is_a(error, *filter(None, kinds)) if error else None in kinds, f"raised {error!r}")
    expect(
        error is None or all(text in str(error) for text in wanted.get("mentions", ())),
        f"the message is {error}",
    )


def check_step(value, error, seconds, wanted):
    if "raises" in wanted or "within" in wanted:
        return (
            check_raises(error, wanted)
            if "raises" in wanted
            else expect(seconds <= wanted["within"], "too slow")
        )
    expect(error is None, f"raised {error!r}", "not-testable" if "not_events" in wanted else "fail")
    frame = wanted.get("frame", {})
    holds = {name: getattr(getattr(value, name, None), "value", getattr(value, name, None)) == (pcm(item) if name == "audio" else item)
             for name, item in frame.items() if name != "frame"}  # fmt: skip
    expect(not frame or (is_a(value, frame["frame"]) and all(holds.values())), f"gave {value}")
    expect(
        not is_a(value, *wanted.get("not_frames", ()))
        and event_of(value) not in wanted.get("not_events", ()),
        f"gave {value}",
    )
    if "returns" in wanted:
        nothing = wanted["returns"] == "nothing"
        expect(
            value is None
            if nothing
            else isinstance(value, str) and same(json.loads(value), wanted["returns"]["json"]),
            f"gave {value}",
        )


def check_joined(got, alternatives, least):
    expect(least <= len(got) <= len(alternatives[0]), f"{len(got)} bytes")
    expect(all(byte in codes for byte, *codes in zip(got, *alternatives)), "other audio")  # noqa: B905


def check_session(values, requests, levels, wanted):
    ((kind, wanted),) = ((name, item) for name, item in wanted.items() if name != "requirement")
    texts = [value for value in values if isinstance(value, str)]
    if kind == "messages":
        expect(len(texts) >= wanted["at_least"], "too few messages")
        expect(texts, "no message", "not-testable")
        expect(all(same(json.loads(text), wanted["shape"]) for text in texts), "another shape")
    elif kind == "payloads":
        media = [json.loads(text)["media"]["payload"] for text in texts if event_of(text) == "media"]
        check_joined(
            b"".join(map(base64.b64decode, media)),
            [base64.b64decode(codes) for codes in wanted["each_in"]],
            wanted["at_least"],
        )
    elif kind == "audio":
        audio = [value for value in values if is_a(value, "InputAudioRawFrame")]
        expect(
            all(
                (frame.sample_rate, frame.num_channels) == (wanted["sample_rate"], wanted["num_channels"])
                for frame in audio
            ),
            "rate",
        )
        joined, least = b"".join(frame.audio for frame in audio), 2 * wanted.get("at_least", 0)
        expect(audio or ("equals" in wanted and not least), "no audio")
        check_joined(joined, [base64.b64decode(wanted["equals"])] if "equals" in wanted else [joined], least)
    elif kind == "request":
        expect(requests, "no request", "not-testable")
        expect("url" not in wanted, "the host is not seen", "not-played")
        for request in requests:
            form, login = (
                dict(urllib.parse.parse_qsl(request["body"])),
                request["headers"].get("Authorization", "").partition(" ")[2],
            )
            seen = request | {"form": form, "basic": base64.b64decode(login).decode().split(":", 1)}
            expect(all(seen[name] == item for name, item in wanted.items()), f"another {'/'.join(wanted)}")
    else:
        count = (
            len(requests)
            if kind == "requests"
            else sum(level >= logging.getLevelName(wanted["level"]) for level in levels)
        )
        expect(
            wanted["at_least"] <= count <= (count if wanted["at_most"] is None else wanted["at_most"]),
            f"{count} {kind}",
        )


def main():
    server, outcomes, levels = ThreadingHTTPServer(("127.0.0.1", 0), Twilio), {}, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    logger.remove()
    logger.add(lambda message: levels.append(message.record["level"].no), level=0)
    logging.getLogger().addHandler(
        type("Keeper", (logging.Handler,), {"emit": lambda _, record: levels.append(record.levelno)})()
    )
    for path in sorted(Path(SOURCE).glob("*/*.json")):
        vector = json.loads(path.read_bytes())
        given, steps, names = vector["given"], vector["steps"], NAMES | vector["given"].get("names", {})
        Twilio.answers, Twilio.requests = fill(given["answers"], names), []
        levels.clear()
        ends = any(step.get("serialize", {}).get("frame") in ("EndFrame", "CancelFrame") for step in steps)
        hard = any(answer.get("fault") in HARD or "delay" in answer for answer in given["answers"])
        led = "base_url" in PARAMETERS and "base_url" not in given["arguments"]
        played = not hard and (led or not ends) and given["arguments"].keys() <= PARAMETERS.keys()
        error, seen = (
            asyncio.run(play(given, steps, names, led and ends and f"http://127.0.0.1:{server.server_port}"))
            if played
            else (None, None)
        )
        graded = [(wanted, check_raises, (error,)) for wanted in vector.get("construction", ())]
        graded += [
            (wanted, check_step, seen and seen[index])
            for index, step in enumerate(steps)
            for wanted in step.get("expect", ())
        ]
        of_session = seen is not None and ([value for value, *_ in seen], Twilio.requests, levels)
        for wanted, check, what in graded + [
            (wanted, check_session, of_session) for wanted in vector["expect"]
        ]:
            key = f"{wanted['requirement']} {vector['id']}"
            try:
                expect(played, "not played", "not-played")
                expect(what, "construction or setup failed", "not-testable")
                check(*what, fill(wanted, names))
                outcomes.setdefault(key, "pass")
            except Finding as finding:
                outcomes[key] = finding.outcome if outcomes.get(key, "pass") == "pass" else outcomes[key]
    counts = {outcome: list(outcomes.values()).count(outcome) for outcome in sorted(set(outcomes.values()))}
    failures = [
        f"{key}: {outcome}" for key, outcome in outcomes.items() if outcome in ("fail", "not-testable")
    ]
    print(json.dumps(outcomes) if "--json" in sys.argv else "\n".join([*failures, str(counts)]))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
