"""Puts a class in Python behind spec/ADAPTER.md, and calls it as the suite does: `adapter.py package.module:Class`."""

import asyncio
import json
import os
import sys
import threading
from base64 import b64decode
from collections import defaultdict
from functools import partial

import certifi

from twilio_conformance.adapter import serializer as protocol
from twilio_conformance.subject import frames, resolution, target
from twilio_conformance.subject.logs import CAPTURE

answers, sys.stdout = sys.stdout, sys.stderr  # what the serializer prints is no answer
certifi.where = partial(os.environ.get, "SSL_CERT_FILE", certifi.where())  # httpx asks nobody else
CAPTURE.attach()
found = resolution.resolve(target.parse(sys.argv[1]))
HELLO = {"protocol": 1, "name": found.name, "version": found.version}
serializers, turns, loop = {}, defaultdict(asyncio.Lock), asyncio.new_event_loop()
ARGUMENT = {
    "hello": lambda protocol: HELLO | {"capabilities": [*found.capabilities, "pipelining"]},  # noqa: ARG005
    "construct": lambda arguments: arguments,
    "setup": lambda audio_in_sample_rate, audio_out_sample_rate: frames.setup_argument(**locals()),
    "serialize": lambda frame: frames.build(frame),
    "deserialize": lambda text=b"", base64="": b64decode(base64) or text,
    "close": lambda: None,
}


async def perform(op, name, argument):
    if op == "hello":
        return argument
    if op == "construct":
        params = {"params": found.input_params(**argument["params"])} if "params" in argument else {}
        serializers[name] = found.construct(**argument | params)
    elif op == "close":
        del serializers[name]
    else:
        return protocol.write(await getattr(serializers[name], op)(argument))


async def answer(id, op, serializer=None, **members):
    said, is_asked = {"id": id}, False
    is_end = members.get("frame", {}).get("frame") in ("EndFrame", "CancelFrame")
    async with turns[id if is_end else serializer]:  # only the end of a call waits for nothing
        try:
            argument, _ = ARGUMENT[op](**members), op in ("hello", "construct") or serializers[serializer]
            is_asked = True
            said["result"] = await perform(op, serializer, argument)
        except BaseException as error:
            said |= protocol.write_raised(error) if is_asked else {"error": f"{op}: {error!r}"}
    said["logs"], CAPTURE.records = protocol.write_logs(CAPTURE.records), []
    print(json.dumps(said), file=answers, flush=True)


threading.Thread(target=loop.run_forever, daemon=True).start()
for line in sys.stdin.buffer:
    asyncio.run_coroutine_threadsafe(answer(**json.loads(line)), loop)
