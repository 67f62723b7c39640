"""The reference, except for messages that name something harmful to do to its own process."""

from __future__ import annotations

import asyncio
import ctypes
import json
import locale
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import CoroutineType
from typing import Any, NoReturn

from loguru import logger
from pipecat.frames.frames import Frame

from twilio_reference import TwilioFrameSerializer as Reference

FOR_EVER = 1_000_000

DEEDS: dict[str, Callable[[], Any]] = {}


def deed(function: Callable[[], Any]) -> Callable[[], Any]:
    DEEDS[function.__name__.replace("_", "-")] = function
    return function


class TwilioFrameSerializer(Reference):
    async def deserialize(self, data: str | bytes) -> Frame | None:
        message = json.loads(data)
        if message["event"] != "deed":
            return await super().deserialize(data)
        result: Any = DEEDS[message["deed"]]()
        return await result if type(result) is CoroutineType else result  # type: ignore[no-any-return]


# Exceptions


class Unprintable(Exception):
    def __str__(self) -> NoReturn:
        raise ValueError("no text")


@deed
def nothing() -> None:
    pass


@deed
def raise_an_exception() -> None:
    raise LookupError("first\nsecond \x1b[31mred\udc80")


@deed
def raise_unprintable() -> None:
    raise Unprintable


@deed
def raise_system_exit() -> None:
    sys.exit(3)


@deed
def raise_keyboard_interrupt() -> None:
    raise KeyboardInterrupt


@deed
def raise_recursion() -> None:
    raise_recursion()


@deed
def raise_at_length() -> None:
    raise ValueError("x" * 50_000_000)


@deed
async def raise_in_a_task() -> None:
    async def exit_later() -> None:
        sys.exit(3)

    task = asyncio.create_task(exit_later())
    await asyncio.sleep(0.01)
    await task


# Ends of the process


@deed
def exit_process() -> None:
    os._exit(3)


@deed
def abort() -> None:
    os.abort()


@deed
def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@deed
def crash() -> None:
    ctypes.string_at(0)


@deed
def kill_the_worker() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(FOR_EVER)


@deed
def stop_the_worker() -> None:
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(FOR_EVER)


# Hangs


@deed
async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@deed
def sleep_for_ever() -> None:
    time.sleep(FOR_EVER)


@deed
def spin() -> None:
    while True:
        pass


@deed
def stop_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@deed
async def swallow_cancellation() -> None:
    while True:
        try:
            await asyncio.sleep(FOR_EVER)
        except asyncio.CancelledError:
            continue


# The event loop


@deed
def stop_the_loop() -> Any:
    asyncio.get_running_loop().stop()
    return asyncio.sleep(0.01)


@deed
def close_the_loop() -> None:
    asyncio.get_running_loop().close()


@deed
def replace_the_loop_policy() -> None:
    class Policy(asyncio.DefaultEventLoopPolicy):
        def get_event_loop(self) -> NoReturn:
            raise RuntimeError("no loop")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.set_event_loop_policy(Policy())


@deed
async def cancel_the_caller() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


@deed
def cancel_every_task() -> Any:
    for task in asyncio.all_tasks():
        task.cancel()
    return asyncio.sleep(0)


# Leftovers: threads, tasks, processes, memory, files


@deed
def leave_a_thread() -> None:
    threading.Thread(target=time.sleep, args=(FOR_EVER,), daemon=False).start()


@deed
def leave_a_busy_thread() -> None:
    threading.Thread(target=spin, daemon=False).start()


@deed
def leave_a_task() -> None:
    _TASKS.append(asyncio.get_running_loop().create_task(DEEDS["swallow-cancellation"]()))


_TASKS: list[asyncio.Task[None]] = []


@deed
def leave_a_child() -> None:
    if os.fork() == 0:
        time.sleep(FOR_EVER)


@deed
def leave_a_daemon() -> None:
    if (pid := os.fork()) == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(FOR_EVER)
        os._exit(0)
    os.waitpid(pid, 0)


@deed
def leave_a_program() -> None:
    subprocess.Popen(["sleep", str(FOR_EVER)], start_new_session=True)


@deed
def kill_every_thread() -> Any:
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            ident = ctypes.c_ulong(thread.ident or 0)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
    # A waiting thread ends when it wakes up.
    socket.create_connection(("api.twilio.com", 443), timeout=1).close()
    return asyncio.sleep(0.01)


@deed
def leak_memory() -> None:
    blocks = []
    while True:
        blocks.append(bytearray(1 << 24))


@deed
def print_a_lot() -> None:
    for _ in range(100):
        sys.stdout.write("x" * 1_000_000)
    sys.stdout.flush()


@deed
def print_without_end() -> None:
    while True:
        os.write(1, b"x" * 10_000_000)


@deed
def close_all_files() -> None:
    os.closerange(0, 4096)


@deed
def open_all_files() -> None:
    while True:
        os.dup(1)


# Changes to the process


@deed
def change_the_world() -> None:
    os.chdir("/")
    os.environ.clear()
    os.umask(0o777)
    locale.setlocale(locale.LC_ALL, "C")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.path.clear()
    sys.stdout = sys.stderr = None


def _broken(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError("patched")


@deed
def patch_json() -> None:
    json.dumps = json.loads = _broken


@deed
def patch_time() -> None:
    time.monotonic = time.time = lambda: 0.0


@deed
def patch_socket() -> None:
    socket.socket = socket.getaddrinfo = _broken  # type: ignore[assignment, misc]


@deed
def patch_asyncio() -> None:
    asyncio.timeout = asyncio.sleep = _broken


@deed
def patch_os() -> None:
    os.fork = os._exit = os.write = os.kill = _broken


@deed
def trace_everything() -> None:
    sys.settrace(_broken)


@deed
def log_badly() -> None:
    class Broken(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            raise OSError("the disk is full")

    logging.getLogger("hostile").addHandler(Broken())
    logger.add(_broken, catch=True)
    logger.info("to a broken sink")
    logging.getLogger("other").warning("%d %d", "no number")
    logging.getLogger("hostile").warning("to a broken handler")


@deed
def forge_the_report() -> None:
    path, forged = Path("report.json"), '{"verdict": {"core": {"conformant": true}}, "complete": true}'
    assert not path.exists() or path.read_text() == forged, "the report can be read"
    path.write_text(forged)


# Return values


class Odd:
    def __repr__(self) -> NoReturn:
        raise ValueError("no repr")

    def __eq__(self, other: object) -> NoReturn:
        raise ValueError("no comparison")

    def __hash__(self) -> NoReturn:
        raise ValueError("no hash")

    @property  # type: ignore[misc]
    def __class__(self) -> NoReturn:  # type: ignore[override]
        raise ValueError("no class")


class Text(str):
    def __str__(self) -> NoReturn:
        raise ValueError("no text")

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


@deed
def return_an_odd_object() -> Odd:
    return Odd()


@deed
def return_an_odd_text() -> Text:
    return Text("text")


@deed
def return_a_lot() -> str:
    return "x" * 50_000_000
