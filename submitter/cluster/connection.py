"""The driver's side of a node's agent: starts it, asks, and ends it for sure."""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from submitter.cluster.launcher import Launcher
from submitter.cluster.node_report import NodeReport
from submitter.cluster.protocol import MARK, MAX_LINE_BYTES, Answer, Request
from submitter.errors import RunError
from submitter.quoting import printable
from submitter.units import NS_PER_MS
from submitter.validation import in_words
from submitter.version import VERSION

START_LIMIT_S = 90.0  # a driver of accelerators may take a quarter of a minute to answer, a file system as long
_ANSWER_LIMIT_S = 10.0
_END_LIMIT_S = 5.0
_CLOCK_READINGS = 9
_ERROR_BYTES = 4096
_BANNER_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class ClockOffset:
    """How much a node's clock is ahead of ours, and how exactly that is known: half of a round trip."""

    offset_ms: float
    accuracy_ms: float


class NodeConnection:
    """A node's agent, from its start to `close`. Its methods raise RunError, with a hint, if the node cannot be
    reached, or answers what no agent answers.
    """

    report: NodeReport
    """There once `receive_report` has returned it."""

    def __init__(self, node: str, launcher: Launcher, python: str) -> None:
        self.node = node
        self._python = python
        self._pending = b""
        self._is_lost = False
        self._folder = tempfile.TemporaryDirectory(prefix="submitter-")
        self._errors = Path(self._folder.name, "stderr")
        self._try_by_hand = shlex.join(launcher.command(node, ["true"]))
        command = launcher.command(node, _agent_command(python))
        try:
            with self._errors.open("wb") as errors:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,
                )
        except OSError as error:
            raise RunError(f"{command[0]} cannot be started: {error.strerror}") from None

    def receive_report(self, limit_s: float = START_LIMIT_S) -> NodeReport:
        """The node's report, which the agent sends first."""
        line = self._line(limit_s)
        try:
            self.report = NodeReport.model_validate_json(line)
        except ValidationError as error:
            theirs = line[: line.find(b",")].decode("utf-8", "replace")
            raise RunError(
                f"its report is not one of submitter {VERSION} ({in_words(error.errors()[0])}); it begins "
                f"{printable(theirs)}",
                f"install submitter {VERSION} there, the version of this machine",
            ) from None
        return self.report

    def hang_up(self) -> None:
        """End the agent's input: it then ends what it started and itself, also where no signal of ours reaches it."""
        if self._process.stdin and not self._process.stdin.closed:
            with suppress(OSError):
                self._process.stdin.close()

    def close(self, deadline_s: float) -> None:
        """Wait for the agent's end until `deadline_s` of time.monotonic, then kill what started it."""
        self.hang_up()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline_s - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._folder.cleanup()

    def ask(self, request: Request) -> Answer:
        """What the agent answers. RunError if it does not, or could not do it."""
        assert self._process.stdin
        if self._is_lost:  # a late answer would be taken for that of the next request
            raise RunError(f"{self.node} did not answer before")
        try:
            self._process.stdin.write(request.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise RunError(f"the connection to {self.node} is lost: {self._last_error()}") from None
        self._is_lost = True
        line = self._line(request.limit_s + _ANSWER_LIMIT_S)
        self._is_lost = False
        try:
            answer = Answer.model_validate_json(line)
        except ValidationError:
            raise RunError(f"{self.node} answers {printable(line.decode('utf-8', 'replace'))}") from None
        if answer.problem:
            raise RunError(printable(" ".join([answer.problem, *answer.output.split()[-20:]])))
        return answer

    def clock(self) -> ClockOffset:
        """How far the node's clock is from ours, from the exchange with the shortest round trip."""
        best: tuple[int, int] | None = None
        for _ in range(_CLOCK_READINGS):
            sent_ns, began_ns = time.time_ns(), time.perf_counter_ns()
            theirs_ns = self.ask(Request(do="clock", limit_s=0)).time_ns
            trip_ns = time.perf_counter_ns() - began_ns
            if best is None or trip_ns < best[0]:
                best = trip_ns, theirs_ns - (sent_ns + trip_ns // 2)
        assert best
        return ClockOffset(offset_ms=best[1] / NS_PER_MS, accuracy_ms=best[0] / 2 / NS_PER_MS)

    def _line(self, limit_s: float) -> bytes:
        """The agent's next line, without its mark; what others wrote before it is left out."""
        assert self._process.stdout
        deadline_s = time.monotonic() + limit_s
        skipped = 0
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                line, end, rest = self._pending.partition(b"\n")
                if end:
                    self._pending = rest
                    if line.startswith(MARK.encode()):
                        return line.removeprefix(MARK.encode())
                    skipped += len(line)
                    if skipped > _BANNER_BYTES:
                        raise RunError(f"it prints {printable(line[:80].decode('utf-8', 'replace'))}, and no report")
                    continue
                if len(self._pending) > MAX_LINE_BYTES:
                    raise RunError(f"its answer is longer than {MAX_LINE_BYTES:,} bytes")
                if not selector.select(max(0.0, deadline_s - time.monotonic())):
                    raise RunError(f"no answer in {limit_s:.0f} s", self._hint())
                chunk = os.read(self._process.stdout.fileno(), 1 << 16)
                if not chunk:
                    raise RunError(f"no report: {self._last_error()}", self._hint())
                self._pending += chunk

    def _last_error(self) -> str:
        """How its process ended, and what it wrote last."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        with self._errors.open("rb") as errors:
            errors.seek(max(0, self._errors.stat().st_size - _ERROR_BYTES))
            lines = errors.read().decode("utf-8", "replace").split("\n")
        words = [line.strip() for line in (*lines, self._pending.decode("utf-8", "replace")) if line.strip()]
        status = self._process.poll()
        ended = "the connection is closed" if status is None else f"its process ended with {status}"
        return printable(f"{ended}: {words[-1]}" if words else ended)

    def _hint(self) -> str:
        error = self._last_error()
        if "No module named" in error:
            return f"install submitter {VERSION} for {self._python} on {self.node}, or name another one: --python PATH"
        if self._python in error:
            return f"install Python and submitter {VERSION} on {self.node}, or say where they are: --python PATH"
        return f"check that this works without a password: {self._try_by_hand}"


def close_all(connections: Sequence[NodeConnection]) -> None:
    """End all agents; some seconds at most, however many do not answer."""
    for connection in connections:
        connection.hang_up()
    deadline_s = time.monotonic() + _END_LIMIT_S
    for connection in connections:
        connection.close(deadline_s)


def _agent_command(python: str) -> list[str]:
    """How the agent is started there. A checkout that is not installed is found by the same path as here."""
    program = [python, "-P", "-m", "submitter.cluster.agent"]
    package_root = Path(__file__).resolve().parents[2]
    is_installed = package_root == Path(sysconfig.get_path("purelib")).resolve()
    return ["env", *([] if is_installed else [f"PYTHONPATH={package_root}"]), *program]
