"""The processes of an adapter: each serves one job at a time, and the next one if it left nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from twilio_conformance.adapter.client import ANSWER_LIMIT, HELLO_LIMIT, PING_LIMIT, Channel
from twilio_conformance.adapter.namespace import NamespaceEntry, NamespaceSockets, Resolver, Unavailable
from twilio_conformance.adapter.reaper import Reaper
from twilio_conformance.adapter.serializer import Serializer
from twilio_conformance.errors import AdapterFault, NotApplicable, NotObservable, UsageError
from twilio_conformance.subject.process import enlarge, kill_group
from twilio_conformance.subject.target import BASE_URL, NAMESPACE, NOWHERE, Implementation, Target
from twilio_conformance.twilio.network import Network
from twilio_conformance.twilio.sockets import Refusal

ERROR_LIMIT = 2000
"""Characters of standard error that a report shows."""

PIPELINING = "pipelining"
"""The capability of an adapter that performs the requests of one serializer in their order."""

TRUST = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "DENO_CERT",
         "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")  # fmt: skip
"""The variables that name a certificate authority to clients."""


@dataclass
class Adapter:
    """One process of an adapter.

    Attributes:
        process: The process, with pipes for requests and answers.
        sockets: The sockets in its network namespace; None if it has none.
        errors: The file that receives its standard error.
        reaper: What ends it when the suite is killed.
        why_no_namespace: Why it has no network namespace; empty if it has one.
        has_answered: Whether it has answered hello.
    """

    process: subprocess.Popen[bytes]
    sockets: NamespaceSockets | None
    errors: BinaryIO
    reaper: Reaper
    why_no_namespace: str = ""
    has_answered: bool = False

    def channel(self) -> Channel:
        """Return a channel to it; only one at a time may be in use."""
        assert self.process.stdin is not None and self.process.stdout is not None
        return Channel(self.process.stdin.fileno(), self.process.stdout.fileno(), self.ending)

    def ending(self) -> str | None:
        """Return how the process ended, as a clause; None while it lives."""
        for _ in range(20):
            try:
                # It is a child of the worker, so that a forked child of the worker cannot wait for it.
                stat = Path(f"/proc/{self.process.pid}/stat").read_text()
                state, *_, code = stat.rpartition(")")[2].split()
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
        """Return how many bytes it has written to standard error so far."""
        return os.fstat(self.errors.fileno()).st_size

    def said(self, since: int) -> str:
        """Return the beginning of what it has written to standard error after so many bytes."""
        return os.pread(self.errors.fileno(), 4 * ERROR_LIMIT, since).decode("utf-8", "replace")[:ERROR_LIMIT]

    def end(self) -> None:
        """End the process and its group, and close the pipes."""
        kill_group(self.process.pid)
        self.process.wait()
        self.reaper.forget(self.process.pid)
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        if self.sockets is not None:
            self.sockets.close()


class Link:
    """The use of an adapter by one job: a channel, its serializers, and the connection to the double.

    Attributes:
        implementation: The implementation, whose serializers are constructed over the channel.
    """

    def __init__(self, adapter: Adapter, found: Implementation, network: Network) -> None:
        """Open the channel to a process that no other job uses, and connect its namespace to the double."""
        self._channel, self._network = adapter.channel(), network
        self._has_answered = adapter.has_answered
        self._serializers: list[Serializer] = []
        self.implementation = replace(found, construct=self._construct)
        if adapter.sockets is not None:

            def refuse(name: str) -> None:
                network.add_refusal(Refusal(name, None, "resolver"))

            resolver = Resolver(adapter.sockets, network.serves_name, refuse)
            network.accept_from(adapter.sockets.listeners, resolver.name_of)

    def finish(self) -> tuple[str | None, bool]:
        """Close the serializers; return the adapter's fault, and whether another job can use the process."""
        try:
            self._await_start()
            for serializer in self._serializers if self._channel.is_clean else ():
                serializer.close()
        except AdapterFault:
            pass  # The channel keeps its fault.
        fault = self._channel.fault
        is_clean = self._channel.is_clean and self._network.is_quiet()
        return (fault.message if fault else None), is_clean

    def _await_start(self) -> None:
        """Wait for a new process to answer; a child can wait without blocking other jobs."""
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
        may_end, is_ahead = network != NOWHERE or not hangs_up, self.implementation.is_pipelining
        self._serializers.append(Serializer(self._channel, arguments, may_end=may_end, is_ahead=is_ahead))
        return self._serializers[-1]


class Pool:
    """The processes of one worker's adapter, one for each job that runs.

    Attributes:
        pace: Seconds that the adapter takes for an answer without the implementation.
        limitation: What cannot be observed without a network namespace, and why there is none; or None.
    """

    def __init__(self, target: Target, authority: str) -> None:
        """Create an empty pool; clients must trust the certificate of the authority, in PEM."""
        self._target = target
        self._idle: list[Adapter] = []
        self._reaper = Reaper()
        self.pace = 0.0
        self.limitation: str | None = None
        self._authority = tempfile.NamedTemporaryFile(prefix="twilio-conformance-", suffix=".pem")  # noqa: SIM115
        self._authority.write(authority.encode())
        self._authority.flush()

    def take(self) -> Adapter:
        """Return an idle process or a new one; raise UsageError if the command cannot be started."""
        return self._idle.pop() if self._idle else self._start()

    def give_back(self, adapter: Adapter, *, is_clean: bool) -> None:
        """Keep a process for the next job if the last one left nothing behind; end it otherwise."""
        if is_clean:
            adapter.has_answered = True
            self._idle.append(adapter)
        else:
            adapter.end()

    def end(self) -> None:
        """End all idle processes and release the pool."""
        while self._idle:
            self._idle.pop().end()
        self._reaper.dismiss()
        self._authority.close()

    def resolve(self) -> Implementation:
        """Return the implementation as the adapter describes it.

        Raise UsageError if the adapter cannot be started, or does not answer correctly.
        """
        adapter = self.take()
        channel = adapter.channel()
        try:
            told = channel.hello(HELLO_LIMIT)
            started = time.monotonic()
            channel.hello(ANSWER_LIMIT)
            self.pace = time.monotonic() - started
            if self.pace > PING_LIMIT:
                pace = f"takes {self.pace:.1f} s for hello once it runs; {PING_LIMIT:g} s are permitted"
                raise AdapterFault(f"the adapter {pace}")
        except AdapterFault as fault:
            adapter.end()
            self.end()
            raise UsageError(f"--impl={self._target.spec}: {fault.message}") from fault
        claimed = frozenset(told["capabilities"])
        network = NAMESPACE if adapter.sockets else BASE_URL if BASE_URL in claimed else NOWHERE
        if network != NAMESPACE:
            hidden = "the hosts of requests" if network == BASE_URL else "requests"
            self.limitation = (
                f"{hidden} cannot be observed: no network namespace ({adapter.why_no_namespace})"
            )
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
        entry = NamespaceEntry() if sys.platform == "linux" else None
        errors = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                start_new_session=True,
                preexec_fn=None if entry is None else entry.enter,
                env=os.environ | self._reaper.environment | dict.fromkeys(TRUST, self._authority.name),
            )
        except OSError as error:
            errors.close()
            if entry:
                entry.close()
            text = f"--impl={self._target.spec}: {command[0]} cannot be started: {error.strerror}"
            raise UsageError(text) from error
        self._reaper.watch(process.pid)
        adapter = Adapter(process, None, errors, self._reaper)
        for pipe in filter(None, (process.stdin, process.stdout)):
            enlarge(pipe.fileno())
        try:
            if entry is None:
                raise Unavailable("only Linux has them")
            adapter.sockets = entry.receive_sockets()
        except Unavailable as reason:
            adapter.why_no_namespace = str(reason)
        return adapter


def _not_connected(**_: object) -> None:
    raise AssertionError("an implementation over stdio is constructed on a channel")
