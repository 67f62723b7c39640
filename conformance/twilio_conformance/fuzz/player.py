"""Two players of sessions, each a process of its own: the implementation and the reference."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twilio_conformance.errors import SuiteError, UsageError

Json = dict[str, Any]

REFERENCE = "twilio_reference"
"""What --impl says for the reference."""


class Player:
    """A process that plays sessions on one implementation."""

    def __init__(self, impl: str) -> None:
        """Starts the process; it imports the implementation meanwhile.

        Args:
            impl: What --impl says.
        """
        self.impl = impl
        self.about: Json = {}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        orders_in, orders_out = os.pipe()
        answers_in, answers_out = os.pipe()
        source = (
            "import json, os, sys; sys.path[:] = json.loads(os.environ.pop('TWILIO_CONFORMANCE_PATH'));"
            f" from twilio_conformance.fuzz.stage import main; main({orders_in}, {answers_out})"
        )
        here = str(Path.cwd())
        path = [here, *(entry or here for entry in sys.path)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", source],
            pass_fds=(orders_in, answers_out),
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            start_new_session=True,
            env=os.environ | {"TWILIO_CONFORMANCE_PATH": json.dumps(path), "OPENBLAS_NUM_THREADS": "1"},
        )
        os.close(orders_in)
        os.close(answers_out)
        self._orders = os.fdopen(orders_out, "wb", buffering=0)
        self._answers = os.fdopen(answers_in, "rb")
        self.send({"impl": impl})

    def await_ready(self) -> None:
        """Waits until the implementation is imported.

        Raises:
            UsageError: It cannot be found or imported.
        """
        document = self.receive()
        if "error" in document:
            raise UsageError(document["error"])
        self.about = document["ready"]

    def send(self, document: Json) -> None:
        """Gives the process a session to play.

        Raises:
            SuiteError: The process has ended.
        """
        try:
            self._orders.write(json.dumps(document).encode() + b"\n")
        except BrokenPipeError:
            raise SuiteError(f"the player of {self.impl} ended: {self._words()}") from None

    def receive(self) -> Json:
        """Waits for what was seen of the session.

        Raises:
            SuiteError: The process has ended.
        """
        line = self._answers.readline()
        if not line:
            raise SuiteError(f"the player of {self.impl} ended: {self._words()}")
        document: Json = json.loads(line)
        return document

    def close(self) -> None:
        """Ends the process and its child."""
        self._orders.close()
        self._process.kill()
        self._process.wait()
        self._answers.close()
        self._errors.close()

    def _words(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-1500:].decode("utf-8", "replace").strip()


@contextmanager
def players(*impls: str) -> Iterator[list[Player]]:
    """Starts a player for each implementation, and ends them.

    Raises:
        UsageError: One of them cannot be imported.
    """
    started: list[Player] = []
    try:
        started += (Player(impl) for impl in impls)
        for player in started:
            player.await_ready()
        yield started
    finally:
        for player in started:
            player.close()


def play(stages: Sequence[Player], session: Json, *, fresh: bool = False) -> list[Json]:
    """What was seen of a session, by each player at once.

    Args:
        stages: Who plays it.
        session: `given` and `steps` of a vector.
        fresh: Play it in processes in which nothing was played before.
    """
    for player in stages:
        player.send({"given": session["given"], "steps": session["steps"], "fresh": fresh})
    return [player.receive() for player in stages]


def replay(session: Json, *impls: str) -> Iterator[str]:
    """What implementations do in a session, a line a step: for scripts that show a finding."""
    with players(*impls) as stages:
        for player, seen in zip(stages, play(stages, session), strict=True):
            yield from [f"{player.impl}:", *(f"  {line}" for line in narrate(seen))]


def narrate(seen: Json) -> list[str]:
    """What was seen of a session, a line a call and a line a request."""
    if "ended" in seen:
        return [seen["ended"]]
    if seen["obstacle"] is not None:
        return [seen["obstacle"]]
    lines = [f"{step['call'][:100]}: {outcome(step)}" for step in seen["steps"]]
    lines += [
        f"request {request['method']} {request['url']}{request['target']} {request['form']}"
        f" -> {request['answer'] or 'no answer'}"
        for request in seen["requests"]
    ]
    lines += [
        f"logged {level}: {' '.join(text.split())[:160]}" for level, text in seen["logs"] if level >= 30
    ]
    return lines


def outcome(step: Json) -> str:
    """What came of a call, in short."""
    if step["raised"] is not None:
        return f"raised {step['raised']['kind']}({step['raised']['message'][:120]!r})"
    value = step["value"]
    if value is None:
        return "returned None"
    if "frame" in value:
        shown = {name: f"<{len(base64.b64decode(item))} bytes>" if name == "audio" else item
                 for name, item in value["carried"].items() if item is not None}  # fmt: skip
        return f"returned {value['frame']}({', '.join(f'{name}={item!r}' for name, item in shown.items())})"
    kind, content = next(iter(value.items()))
    text = content if len(content) <= 120 else f"{content[:120]}… ({len(content)} characters)"
    return f"returned {text!r}" if kind == "text" else f"returned {kind} {text}"
