"""Whole calls on loopback through Pipecat's own pipeline and transport, with an implementation as serializer.

Importing this module needs FastAPI and uvicorn, the extra `live`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np
import uvicorn
from fastapi import FastAPI
from pipecat.frames import frames
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from twilio_conformance.audio.levels import Samples
from twilio_conformance.errors import NotTestable
from twilio_conformance.twilio.caller import Caller, Identity

try:
    from pipecat.pipeline.worker import PipelineParams, PipelineWorker
    from pipecat.workers.runner import WorkerRunner
except ModuleNotFoundError:
    # Before Pipecat 1.3.
    from pipecat.pipeline.runner import PipelineRunner as WorkerRunner
    from pipecat.pipeline.task import PipelineParams
    from pipecat.pipeline.task import PipelineTask as PipelineWorker

PIPELINE_LIMIT = 10.0
"""Seconds that a pipeline may take to start or to end."""


class Agent(FrameProcessor):
    """A minimal agent: it records keys, can echo the caller, and can interrupt itself once when the caller speaks."""

    def __init__(self, *, echoes: bool) -> None:
        """Create an agent that echoes the caller, or says only what is passed to `say`."""
        super().__init__()
        self.echoes = echoes
        self.keys: list[str] = []
        self.interrupts = False

    async def process_frame(self, frame: frames.Frame, direction: FrameDirection) -> None:
        """Process a frame of the pipeline."""
        await super().process_frame(frame, direction)
        if isinstance(frame, frames.InputAudioRawFrame):
            samples = np.frombuffer(frame.audio[: len(frame.audio) // 2 * 2], dtype="<i2").astype(int)
            # Speech: a sample above -27 dBm0.
            if self.interrupts and np.abs(samples).max(initial=0) > 1000:
                self.interrupts = False
                await self._interrupt()
            if self.echoes:
                rate, channels = frame.sample_rate, frame.num_channels
                echo = frames.OutputAudioRawFrame(frame.audio, sample_rate=rate, num_channels=channels)
                await self.push_frame(echo)
            return
        if isinstance(frame, frames.InputDTMFFrame):
            self.keys.append(str(frame.button.value))
        await self.push_frame(frame, direction)

    async def _interrupt(self) -> None:
        """Interrupt by the method that the installed Pipecat has: it changed in 0.0.105."""
        if hasattr(self, "broadcast_interruption"):
            await self.broadcast_interruption()  # type: ignore[no-untyped-call]
        else:
            await self.push_interruption_task_frame_and_wait()

    async def say(self, speech: Samples, rate: int) -> None:
        """Say something as a speech service does: in pieces of 100 ms, faster than real time."""
        piece = rate // 10
        for start in range(0, len(speech), piece):
            audio = speech[start : start + piece].astype("<i2").tobytes()
            await self.push_frame(frames.OutputAudioRawFrame(audio=audio, sample_rate=rate, num_channels=1))

    async def mark(self, name: str, stream_sid: str) -> None:
        """Send a mark, which Twilio returns once everything sent before it has been played."""
        message = {"event": "mark", "streamSid": stream_sid, "mark": {"name": name}}
        await self.push_frame(frames.OutputTransportMessageFrame(message=message))


@dataclass
class Call:
    """Both ends of a call: the caller at Twilio, and the agent with its pipeline."""

    caller: Caller
    agent: Agent
    rate: int
    serializer: FrameSerializer
    started: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    worker: Any = None
    error: BaseException | None = None
    given: list[frames.Frame] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Record every frame that the serializer is given, in the order in which it is given."""
        serialize = self.serializer.serialize

        async def record(frame: frames.Frame) -> str | bytes | None:
            self.given.append(frame)
            return await serialize(frame)

        self.serializer.serialize = record  # type: ignore[method-assign]

    def given_after_interruption(self) -> Samples:
        """Return the audio that the serializer was given after the InterruptionFrame, at the pipeline's rate."""
        kinds = [isinstance(frame, frames.InterruptionFrame) for frame in self.given]
        later = self.given[kinds.index(True) + 1 :]
        audio = b"".join(frame.audio for frame in later if isinstance(frame, frames.OutputAudioRawFrame))
        return np.frombuffer(audio, dtype="<i2").astype(np.int16)

    @contextlib.asynccontextmanager
    async def placed(self) -> AsyncIterator[Self]:
        """Place the call, wait until the pipeline runs, else NotTestable, and hang up at the end."""
        async with self.caller:
            await self._await(self.started, "start")
            yield self
        # Do not fail a check because an implementation is slow to hang up.
        with contextlib.suppress(NotTestable):
            await self._await(self.ended, "end")

    async def end(self) -> None:
        """End the call as an agent does, by queueing an EndFrame; NotTestable if the pipeline does not end."""
        await self.worker.queue_frame(frames.EndFrame())
        await self._await(self.ended, "end")

    async def cancel(self) -> None:
        """Cancel the pipeline as an application does, by a CancelFrame; NotTestable if it does not end."""
        await self.worker.cancel()
        await self._await(self.ended, "end")

    async def _await(self, event: asyncio.Event, what: str) -> None:
        waits = [asyncio.ensure_future(entry.wait()) for entry in (event, self.ended)]
        await asyncio.wait(waits, timeout=PIPELINE_LIMIT, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not event.is_set():
            how = f"ended with {self.error!r}" if self.error else f"waited for {PIPELINE_LIMIT:g} s"
            raise NotTestable(f"the pipeline did not {what}", expected=f"a pipeline that {what}s", actual=how)


class PipecatServer:
    """A WebSocket server that answers each call to its `url` with its own pipeline; an asynchronous context manager."""

    def __init__(self) -> None:
        """Create a server that is not running."""
        self.url = ""
        self._expected: dict[str, Call] = {}

    async def __aenter__(self) -> Self:
        """Listen on a free port of 127.0.0.1."""
        app = FastAPI(routes=[WebSocketRoute("/media", self._answer)])
        options: dict[str, Any] = {"lifespan": "off", "log_config": None, "ws_ping_interval": None}
        self._server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, **options))
        self._serving = asyncio.create_task(self._server._serve())
        while not self._server.started:
            await asyncio.sleep(0.005)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}/media"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server, even with open connections."""
        self._server.should_exit = self._server.force_exit = True
        await self._serving

    def expect(
        self, serializer: FrameSerializer, identity: Identity, rate: int, *, echoes: bool = True
    ) -> Call:
        """Prepare to answer whoever connects to `url` with this streamSid, and return the call.

        The pipeline has the rate, in Hz, in both directions; the agent echoes the caller unless told otherwise.
        """
        call = Call(Caller(self.url, identity), Agent(echoes=echoes), rate, serializer)
        self._expected[identity.stream_sid] = call
        return call

    async def _answer(self, websocket: WebSocket) -> None:
        """Read `connected` and `start`, as applications do, and run the pipeline to its end."""
        await websocket.accept()
        await websocket.receive_text()
        call = self._expected.pop(json.loads(await websocket.receive_text())["streamSid"])
        try:
            await self._run(websocket, call)
        except BaseException as error:
            call.error = error
            raise
        finally:
            call.ended.set()

    async def _run(self, websocket: WebSocket, call: Call) -> None:
        transport = FastAPIWebsocketTransport(
            websocket,
            FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=call.serializer),
        )
        worker = PipelineWorker(
            Pipeline([transport.input(), call.agent, transport.output()]),
            params=PipelineParams(audio_in_sample_rate=call.rate, audio_out_sample_rate=call.rate),
            idle_timeout_secs=None,
        )
        call.worker = worker

        async def on_pipeline_started(*_: object) -> None:
            call.started.set()

        async def on_client_disconnected(*_: object) -> None:
            await worker.cancel()

        worker.add_event_handler("on_pipeline_started", on_pipeline_started)
        transport.add_event_handler("on_client_disconnected", on_client_disconnected)
        runner = WorkerRunner(handle_sigint=False)
        if hasattr(runner, "add_workers"):
            await runner.add_workers(worker)
            await runner.run()
        else:
            await runner.run(worker)
