"""The agent of a node as a process: what it does when asked, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from submitter.cluster.protocol import MARK

SLEEP = [sys.executable, "-c", "import time; print('up and ready', flush=True); time.sleep(600)"]


class Asked:
    """An agent's process, asked by hand."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.report = self.line()

    def line(self) -> dict[str, Any]:
        assert self.process.stdout
        text = self.process.stdout.readline()
        assert text.startswith(MARK), text
        content: dict[str, Any] = json.loads(text.removeprefix(MARK))
        return content

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.line()

    def children(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children())


@contextmanager
def agent() -> Iterator[Asked]:
    process = subprocess.Popen(
        [sys.executable, "-m", "submitter.cluster.agent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Asked(process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=5)
    return not alive


def test_it_reports_then_answers() -> None:
    with agent() as asked:
        assert asked.report["host"]
        assert abs(asked.ask(do="clock")["time_ns"] - time.time_ns()) < 5e9
        done = asked.ask(do="run", program=["sh", "-c", "echo a; echo b >&2; exit 3"])
        assert (done["status"], done["output"], done["error_output"]) == (3, "a\n", "b\n")
        assert asked.ask(do="fly")["problem"] == "the request is not understood"
        assert "No such file" in asked.ask(do="run", program=["/no/such/tool"])["problem"]
        assert asked.ask(do="clock")["time_ns"], "it goes on"


def test_a_program_that_does_not_end_is_ended() -> None:
    with agent() as asked:
        done = asked.ask(do="run", program=SLEEP, limit_s=0.5)
        assert done["problem"].endswith("did not end in 0 s")
        assert done["status"] == -signal.SIGKILL
        assert asked.children() == []


def test_output_is_limited() -> None:
    with agent() as asked:
        done = asked.ask(do="run", program=["sh", "-c", "yes | head -c 300000"])
        assert len(done["output"]) == 65536


def test_a_server_runs_until_it_is_ended() -> None:
    with agent() as asked:
        assert asked.ask(do="serve", program=SLEEP, ready="up and ready", limit_s=10)["problem"] == ""
        children = asked.children()
        assert len(children) == 1
        assert asked.ask(do="end")["output"] == "up and ready\n"
        assert gone(children)
        failed = asked.ask(do="serve", program=["sh", "-c", "echo no device; exit 1"], ready="up", limit_s=10)
        assert (failed["problem"], failed["output"]) == ("sh ended at once", "no device\n")
        late = asked.ask(do="serve", program=SLEEP, ready="never said", limit_s=0.5)
        assert late["problem"].endswith("does not listen")
        assert asked.children() == []


@pytest.mark.parametrize("how", ["its input ends", "SIGTERM", "its group is killed"])
def test_its_server_never_outlives_it(how: str) -> None:
    with agent() as asked:
        asked.ask(do="serve", program=SLEEP, ready="ready", limit_s=10)
        children = asked.children()
        if how == "its input ends":
            assert asked.process.stdin
            asked.process.stdin.close()
            asked.process.stdin = None
        elif how == "SIGTERM":
            asked.process.terminate()
        else:
            os.killpg(asked.process.pid, signal.SIGKILL)
        asked.process.wait(5)
        assert gone(children)


def test_round_trips_to_itself() -> None:
    with agent() as asked:
        port = asked.ask(do="echo", address="127.0.0.1")["port"]
        trips = asked.ask(do="round_trips", address="127.0.0.1", port=port, count=50)["round_trips_us"]
        assert len(trips) == 50
        assert all(0 < trip < 5e6 for trip in trips)
        refused = asked.ask(do="round_trips", address="127.0.0.1", port=1, count=1)
        assert "refused" in refused["problem"]
        assert 0 < asked.ask(do="port")["port"] < 65536


def test_it_leaves_no_files(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "submitter.cluster.agent"]
    request = json.dumps({"do": "serve", "program": SLEEP, "ready": "ready", "limit_s": 10}) + "\n"
    done = subprocess.run(command, input=request, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.count(MARK) == 2
    assert list(tmp_path.iterdir()) == []
