"""The agent of a node: reports what the node is, then does what the driver asks until its input ends.

`python -m submitter.cluster.agent` is started on the node by the launcher. Its servers are children of its own process
group and end with it: when the driver, or the connection to it, is gone, its input ends.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from submitter.cluster.node_report import collect
from submitter.cluster.protocol import MARK, MAX_OUTPUT_CHARACTERS, Answer, Request

_IPERF3_PORT = 5201  # the one that a firewall is most likely open for
_TRIP_LIMIT_S = 5.0
_POLL_S = 0.05


class Agent:
    """Does what is asked; `close` ends what it started."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._echo: socket.socket | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="submitter-")
        self._log = Path(self._folder.name, "server.log")

    def do(self, request: Request) -> Answer:
        actions: dict[str, Callable[[Request], Answer]] = {
            "clock": lambda _: Answer(time_ns=time.time_ns()),
            "run": _run,
            "serve": self._serve,
            "end": lambda _: self._end(),
            "port": lambda _: Answer(port=_free_port()),
            "echo": self._answer_each_byte,
            "round_trips": _round_trips,
        }
        try:
            return actions[request.do](request)
        except OSError as error:
            return Answer(problem=error.strerror or str(error))

    def close(self) -> None:
        self._end()
        if self._echo is not None:
            self._echo.close()
        self._folder.cleanup()

    def _serve(self, request: Request) -> Answer:
        self._end()
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(
                request.program, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline_s = time.monotonic() + request.limit_s
        while time.monotonic() < deadline_s and self._server.poll() is None:
            if request.ready in self._output():
                return Answer()
            time.sleep(_POLL_S)
        ended = "ended at once" if self._server.poll() is not None else "does not listen"
        output = self._end().output
        return Answer(problem=f"{request.program[0]} {ended}", output=output)

    def _end(self) -> Answer:
        if self._server is None:
            return Answer()
        self._server.kill()
        status = self._server.wait()
        answer = Answer(status=status, output=self._output())
        self._server = None
        return answer

    def _output(self) -> str:
        with self._log.open("rb") as log:
            return log.read(MAX_OUTPUT_CHARACTERS).decode("utf-8", "replace")

    def _answer_each_byte(self, request: Request) -> Answer:
        if self._echo is not None:
            self._echo.close()
        self._echo = socket.create_server((request.address, 0), family=_family(request.address))
        threading.Thread(target=_answer, args=(self._echo,), daemon=True).start()
        return Answer(port=self._echo.getsockname()[1])


def _run(request: Request) -> Answer:
    # Not subprocess.run: after its time limit it waits for whoever still has the pipe.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(request.program, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        problem = ""
        try:
            process.wait(request.limit_s)
        except subprocess.TimeoutExpired:
            problem = f"{request.program[0]} did not end in {request.limit_s:.0f} s"
        finally:
            process.kill()
            status = process.wait()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read(MAX_OUTPUT_CHARACTERS).decode("utf-8", "replace"))
    return Answer(problem=problem, status=status, output=texts[0], error_output=texts[1])


def _free_port() -> int:
    for port in (_IPERF3_PORT, 0):
        try:
            with socket.create_server(("", port)) as free:
                number: int = free.getsockname()[1]
                return number
        except OSError:
            continue
    return 0


def _answer(server: socket.socket) -> None:
    """Send back each byte of one connection after the other, until the server is closed."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(_TRIP_LIMIT_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                while got := connection.recv(1):
                    connection.sendall(got)
            except OSError:
                continue


def _round_trips(request: Request) -> Answer:
    times_us = []
    with socket.create_connection((request.address, request.port), timeout=_TRIP_LIMIT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(request.count):
            began_ns = time.perf_counter_ns()
            connection.sendall(b"x")
            if not connection.recv(1):
                return Answer(problem="the other node ended the connection")
            times_us.append((time.perf_counter_ns() - began_ns) / 1000)
    return Answer(round_trips_us=tuple(times_us))


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _say(text: str) -> None:
    sys.stdout.write(f"{MARK}{text}\n")
    sys.stdout.flush()


def _leave(*_: Any) -> None:
    raise SystemExit(1)


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _leave)
    agent = Agent()
    try:
        _say(collect().model_dump_json())
        for line in sys.stdin:
            try:
                answer = agent.do(Request.model_validate_json(line))
            except ValidationError:
                answer = Answer(problem="the request is not understood")
            _say(answer.model_dump_json())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        agent.close()


if __name__ == "__main__":
    main()
