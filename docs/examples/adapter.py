"""Puts a serializer written in Python behind spec/ADAPTER.md: `python adapter.py package.module:Class`."""

import asyncio
import base64
import collections
import contextlib
import dataclasses
import functools
import importlib
import inspect
import json
import logging
import os
import sys
import types

import certifi
from loguru import logger
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames
from pipecat.serializers.base_serializer import FrameSerializer

LEVELS = ((50, "CRITICAL"), (40, "ERROR"), (30, "WARNING"), (20, "INFO"), (0, "DEBUG"))
MEMBERS = {"hello": "protocol", "construct": "serializer arguments", "setup": "serializer audio_in_sample_rate audio_out_sample_rate",
           "serialize": "serializer frame", "deserialize": "serializer text base64", "close": "serializer"}  # fmt: skip
certifi.where = functools.partial(
    os.environ.get, "SSL_CERT_FILE", certifi.where()
)  # httpx and requests may read nothing else
CAPABILITIES = {"api_key": {"api_key_sid", "api_key_secret"}, "base_url": {"base_url"}}
SERIALIZER = getattr(
    importlib.import_module(sys.argv[1].partition(":")[0]),
    sys.argv[1].partition(":")[2] or "TwilioFrameSerializer",
)
CLAIMED = [
    name for name, needed in CAPABILITIES.items() if needed <= inspect.signature(SERIALIZER).parameters.keys()
]
CONVERT = {"audio": base64.b64decode, "button": KeypadEntry}
RATES = (
    frames.StartFrame
    if "setup" not in inspect.signature(FrameSerializer.setup).parameters
    else types.SimpleNamespace
)
serializers, turns, logs, answers = (
    {},
    collections.defaultdict(asyncio.Lock),
    [],
    os.fdopen(os.dup(1), "wb", buffering=0),
)


def shown(value):
    if isinstance(value, frames.Frame):
        members = {
            entry.name: getattr(value, entry.name) for entry in dataclasses.fields(value) if entry.init
        }
        plain = {
            name: base64.b64encode(item).decode() if isinstance(item, bytes) else getattr(item, "value", item)
            for name, item in members.items()
        }
        plain = {name: item for name, item in plain.items() if isinstance(item, str | int | float | None)}
        return {
            "frame": {"frame": type(value).__name__} | plain,
            "bases": [base.__name__ for base in type(value).__mro__[1:-1]],
        }
    if isinstance(value, str | bytes):
        return {"text": value} if isinstance(value, str) else {"base64": base64.b64encode(value).decode()}
    return value if value is None else {"other": {"type": type(value).__name__, "text": repr(value)[:300]}}


async def perform(op, name, given):
    if op == "hello":
        return {"protocol": 1, "name": sys.argv[1], "version": None, "capabilities": [*CLAIMED, "pipelining"]}
    if op == "construct":
        params = given["arguments"].get("params")
        given["arguments"] |= {"params": SERIALIZER.InputParams(**params)} if params is not None else {}
        serializers[name] = SERIALIZER(**given["arguments"])
    elif op == "close":
        del serializers[name]
    elif op == "setup":
        return shown(await serializers[name].setup(RATES(**given)))
    elif op == "serialize":
        arguments = {
            key: CONVERT.get(key, lambda item: item)(item)
            for key, item in given["frame"].items()
            if key != "frame"
        }
        return shown(await serializers[name].serialize(getattr(frames, given["frame"]["frame"])(**arguments)))
    else:
        return shown(
            await serializers[name].deserialize(
                given["text"] if "text" in given else base64.b64decode(given["base64"])
            )
        )


async def answer(request):
    said, op, name = {"id": request.pop("id")}, request.pop("op"), request.pop("serializer", None)
    unknown = request.keys() - set(MEMBERS.get(op, "").split())
    if op not in MEMBERS or unknown or (op not in ("hello", "construct") and name not in serializers):
        said["error"] = (
            f"{op} of {name}: no such operation or serializer, or no such member: {sorted(unknown)}"
        )
    else:
        try:
            is_terminal = request.get("frame", {}).get("frame") in ("EndFrame", "CancelFrame")
            async with (
                contextlib.nullcontext() if is_terminal else turns[name]
            ):  # only the end of a call waits for nothing
                said["result"] = await perform(op, name, request)
        except Exception as error:
            bases = [base.__name__ for base in type(error).__mro__[1:]]
            said["raised"] = {"type": type(error).__name__, "bases": bases, "message": str(error)}
    said |= {"logs": logs.copy()} if logs else {}
    logs.clear()
    answers.write(json.dumps(said).encode() + b"\n")


def log(level, text):
    logs.append({"level": next(name for least, name in LEVELS if level >= least), "text": text})


async def main():
    os.dup2(2, 1)  # what the serializer prints is no answer
    logger.remove()
    logger.add(lambda message: log(message.record["level"].no, str(message)), level=0, format="{message}")
    logging.getLogger().addHandler(
        type(
            "Keeper", (logging.Handler,), {"emit": lambda _, record: log(record.levelno, record.getMessage())}
        )()
    )
    logging.getLogger().setLevel(1)
    reader = asyncio.StreamReader(limit=1 << 27)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    tasks = set()
    while line := await reader.readline():
        tasks.add(task := asyncio.create_task(answer(json.loads(line))))
        task.add_done_callback(tasks.discard)
    os._exit(0)


asyncio.run(main())
