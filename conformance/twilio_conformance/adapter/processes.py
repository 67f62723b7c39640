"""The processes of an adapter: started, kept from job to job while they behave, and ended with all that came of them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from twilio_conformance.adapter.client import ANSWER_LIMIT, HELLO_LIMIT, PING_LIMIT, Channel
from twilio_conformance.adapter.namespace import (
    NamespaceEntry,
    NamespaceSockets,
    Resolver,
    Unavailable,
    is_available,
)
from twilio_conformance.adapter.reaper import Reaper
from twilio_conformance.adapter.serializer import Serializer
from twilio_conformance.errors import AdapterFault, NotApplicable, NotObservable, UsageError
from twilio_conformance.subject.target import BASE_URL, NAMESPACE, NOWHERE, Implementation, Target
from twilio_conformance.twilio.network import Network
from twilio_conformance.twilio.sockets import Refusal

Json = dict[str, Any]

ERROR_LIMIT = 2000
"""Characters of standard error that a report shows."""

PIPE_SIZE = 1 << 20
"""Bytes that a pipe is asked to hold."""

PIPELINING = "pipelining"
"""What an adapter claims for itself: it performs the requests of one serializer in their order."""

TRUST = (
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "DENO_CERT",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)
"""The variables by which clients are told of a certificate authority."""


@dataclass
class Adapter:
    """One process, and its ends of the pipes on this side."""

    process: subprocess.Popen[bytes]
    doors: NamespaceSockets | None
    errors: BinaryIO
    warden: Reaper
    why_no_doors: str = ""
    has_answered: bool = False

    def channel(self) -> Channel:
        """A channel to it; one at a time."""
        assert self.process.stdin is not None and self.process.stdout is not None
        return Channel(self.process.stdin.fileno(), self.process.stdout.fileno(), self.ending)

    def ending(self) -> str | None:
        """How the process ended, as a clause; None while it lives."""
        for _ in range(20):
            try:
                # It is the worker's child: a forked child of the worker cannot wait for it, but look.
                state, *_, code = (
                    Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
                )
            except OSError:
                return f"ended its process{self._last_words()}"
            if state == "Z":
                status = os.waitstatus_to_exitcode(int(code))
                how = f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
                return f"ended {how}{self._last_words()}"
            # The pipe closes a moment before the process has ended.
            time.sleep(0.01)
        return None

    def _last_words(self) -> str:
        lines = self.said(0).strip().splitlines()
        return f" (its last words: {lines[-1][:200]})" if lines else ""

    def mark(self) -> int:
        """How much it has written to standard error so far."""
        return os.fstat(self.errors.fileno()).st_size

    def said(self, since: int) -> str:
        """What it has written to standard error since then, the beginning of it."""
        return os.pread(self.errors.fileno(), 4 * ERROR_LIMIT, since).decode("utf-8", "replace")[:ERROR_LIMIT]

    def end(self) -> None:
        """Ends the process and its group, and closes the pipes."""
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.warden.forget(self.process.pid)
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        if self.doors is not None:
            self.doors.close()


class Link:
    """What one job has of an adapter: a channel, the serializers that it constructs, the way to the double."""

    def __init__(self, adapter: Adapter, found: Implementation, network: Network) -> None:
        """Opens the channel and the doors.

        Args:
            adapter: A process that no other job uses.
            found: What the adapter says that it is.
            network: The double.
        """
        self._channel, self._network = adapter.channel(), network
        self._has_answered = adapter.has_answered
        self._serializers: list[Serializer] = []
        self.implementation = replace(found, construct=self._construct)
        if adapter.doors is not None:
            resolver = Resolver(
                adapter.doors,
                network.serves_name,
                lambda name: network.add_refusal(Refusal(name, None, "resolver")),
            )
            network.accept_from(adapter.doors.listeners, resolver.name_of)

    def finish(self) -> Json:
        """Closes what was constructed, and says whether the process can go on to another job, and its fault."""
        try:
            self._await_start()
            for serializer in self._serializers if self._channel.is_clean else ():
                serializer.close()
        except AdapterFault:
            pass  # It is kept as the channel's fault.
        fault = self._channel.fault
        is_clean = self._channel.is_clean and self._network.is_quiet()
        return {"is_clean": is_clean, "fault": fault and fault.message}

    def _await_start(self) -> None:
        """Waits for a new process; here, where no other job has to wait as well."""
        if not self._has_answered and self._channel.fault is None:
            self._channel.hello(HELLO_LIMIT)
            self._has_answered = True

    def _construct(self, *positional: Any, **arguments: Any) -> Serializer:
        if positional:
            raise NotApplicable("arguments have names, and no order, over stdio")
        self._await_start()
        network = self.implementation.network
        hangs_up = (arguments.get("params") or {}).get("auto_hang_up", True)
        if network == BASE_URL and hangs_up:
            if arguments.get("base_url"):
                raise NotObservable("hosts cannot be seen here: there is no network namespace")
            arguments["base_url"] = self._network.base_url.replace("http:", "https:")
        made = Serializer(
            self._channel,
            arguments,
            may_end=network != NOWHERE or not hangs_up,
            is_ahead=self.implementation.is_pipelining,
        )
        self._serializers.append(made)
        return made


class Pool:
    """The adapter's processes of one worker: one for each job that runs, used again by the next.

    Attributes:
        pace: Seconds that an answer takes in which the implementation has no part.
    """

    def __init__(self, target: Target, authority: str) -> None:
        """An empty pool.

        Args:
            target: What --impl says.
            authority: The certificate, in PEM, that clients are to trust.
        """
        self._target = target
        self._idle: list[Adapter] = []
        self._warden = Reaper()
        self.pace = 0.0
        self._authority = tempfile.NamedTemporaryFile(prefix="twilio-conformance-", suffix=".pem")  # noqa: SIM115
        self._authority.write(authority.encode())
        self._authority.flush()

    def take(self) -> Adapter:
        """A process that is free, or a new one.

        Raises:
            UsageError: The command cannot be started.
        """
        return self._idle.pop() if self._idle else self._start()

    def give_back(self, adapter: Adapter, *, is_clean: bool) -> None:
        """Keeps a process that left nothing behind for the next job, and ends any other."""
        if is_clean:
            adapter.has_answered = True
            self._idle.append(adapter)
        else:
            adapter.end()

    def end(self) -> None:
        """Ends all that are idle; for good."""
        while self._idle:
            self._idle.pop().end()
        self._warden.dismiss()
        self._authority.close()

    def resolve(self) -> Implementation:
        """The implementation, as the adapter describes it.

        Raises:
            UsageError: It cannot be started, or does not answer.
        """
        adapter = self.take()
        channel = adapter.channel()
        try:
            told = channel.hello(HELLO_LIMIT)
            started = time.monotonic()
            channel.hello(ANSWER_LIMIT)
            self.pace = time.monotonic() - started
            if self.pace > PING_LIMIT:
                raise AdapterFault(
                    f"the adapter takes {self.pace:.1f} s for hello once it runs; {PING_LIMIT:g} s are permitted"
                )
        except AdapterFault as fault:
            adapter.end()
            self.end()
            raise UsageError(f"--impl={self._target.spec}: {fault.message}") from fault
        claimed = frozenset(told["capabilities"])
        network = NAMESPACE if adapter.doors else BASE_URL if BASE_URL in claimed else NOWHERE
        self.give_back(adapter, is_clean=True)
        return Implementation(
            target=self._target,
            construct=_not_connected,
            input_params=dict,
            name=str(told["name"]),
            version=told["version"],
            capabilities=claimed - {PIPELINING},
            is_class=True,
            is_pipelining=PIPELINING in claimed,
            network=network,
        )

    def _start(self) -> Adapter:
        command = self._target.command
        entrance = NamespaceEntry() if is_available() else None
        errors = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                start_new_session=True,
                preexec_fn=None if entrance is None else entrance.enter,
                env=os.environ | self._warden.environment | dict.fromkeys(TRUST, self._authority.name),
            )
        except OSError as error:
            errors.close()
            if entrance:
                entrance.close()
            raise UsageError(
                f"--impl={self._target.spec}: {command[0]} cannot be started: {error.strerror}"
            ) from error
        self._warden.watch(process.pid)
        adapter = Adapter(process, None, errors, self._warden)
        for pipe in filter(None, (process.stdin, process.stdout)):
            with contextlib.suppress(OSError):
                # Larger than the usual 64 KiB: fewer turns of two processes. The system may not allow it.
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        try:
            adapter.doors = entrance.doors() if entrance else None
        except Unavailable as reason:
            adapter.why_no_doors = str(reason)
        return adapter


def _not_connected(**_: object) -> None:
    raise AssertionError("an implementation over stdio is constructed on a channel")
