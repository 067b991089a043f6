"""The driver's side: agents that answer, and programs that answer something else."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from node_reports import eight_h100

from submitter.cluster import connection
from submitter.cluster.connection import NodeConnection, close_all
from submitter.cluster.launcher import Launcher
from submitter.cluster.protocol import MARK, Request
from submitter.errors import RunError

Connect = Callable[..., NodeConnection]


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Connects to an agent or, with `program`, to a shell script in its place; all are ended, the slow ones at once."""
    monkeypatch.setattr(connection, "_END_LIMIT_S", 0.2)
    connections: list[NodeConnection] = []

    def make(program: str = "", python: str = sys.executable) -> NodeConnection:
        template = "env NODE={node}"
        if program:
            script = tmp_path / "launch.sh"
            script.write_text(f"#!/bin/sh\n{program}\n")
            script.chmod(0o755)
            template = f"{script} {{node}}"
        connections.append(NodeConnection("n1", Launcher(template), python))
        return connections[-1]

    yield make
    close_all(connections)


def test_a_node_that_answers(connect: Connect) -> None:
    node = connect()
    assert node.receive_report().memory_bytes == psutil.virtual_memory().total
    clock = node.clock()
    assert abs(clock.offset_ms) < 100
    assert 0 < clock.accuracy_ms < 100
    assert node.ask(Request(do="run", program=("echo", "hello"))).output == "hello\n"


def test_a_clock_that_is_ahead(connect: Connect, tmp_path: Path) -> None:
    """Its offset is found within what the round trip allows."""
    report = eight_h100(tmp_path / "machine").model_dump_json()
    reply = f"""
import sys, time
print({MARK!r} + {report!r}, flush=True)
for line in sys.stdin:
    print({MARK!r} + '{{"time_ns": %d}}' % (time.time_ns() + 5_000_000_000), flush=True)
"""
    (tmp_path / "ahead.py").write_text(reply)
    node = connect(f"exec {sys.executable} {tmp_path}/ahead.py")
    node.receive_report()
    clock = node.clock()
    assert abs(clock.offset_ms - 5000) <= clock.accuracy_ms + 1


def test_what_a_login_prints_first_is_left_out(connect: Connect) -> None:
    node = connect('echo Welcome to n1; echo; shift; exec "$@"')
    assert node.receive_report().host


@pytest.mark.parametrize(
    ("program", "message", "hint"),
    [
        ("exit 0", "no report: its process ended with 0", "check that this works without a password"),
        ("echo 'Permission denied (publickey).' >&2; exit 255", "255: Permission denied", "without a password"),
        ("echo '/opt/python: No module named submitter' >&2; exit 1", "No module named", "--python PATH"),
        (f"echo 'env: {sys.executable}: not found' >&2; exit 127", "not found", "install Python and submitter"),
        (f"echo '{MARK}[1, 2]'; sleep 5", "its report is not one of submitter", "install submitter 0.1.0 there"),
        (f"""echo '{MARK}{{"submitter":"0.0.9"}}'; sleep 5""", "0.0.9", "install submitter 0.1.0 there"),
        (f"printf '{MARK}'; head -c 3000000 /dev/zero | tr '\\\\0' x; sleep 5", "longer than 1,048,576 bytes", ""),
        ("while echo yes yes yes yes yes yes yes yes; do :; done", "it prints yes yes", ""),
        ("head -c 200 /dev/urandom; echo; exit 3", "no report: its process ended with 3", "without a password"),
    ],
)
def test_what_is_no_agent(connect: Connect, program: str, message: str, hint: str) -> None:
    began_s = time.monotonic()
    with pytest.raises(RunError) as caught:
        connect(program).receive_report()
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1000
    assert time.monotonic() - began_s < 10


def test_a_node_that_says_nothing(connect: Connect) -> None:
    with pytest.raises(RunError, match="no answer in 1 s"):
        connect("sleep 600").receive_report(limit_s=1)


def test_a_late_answer_is_not_taken_for_another(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = eight_h100(tmp_path / "machine").model_dump_json()
    (tmp_path / "report").write_text(MARK + report + "\n")
    monkeypatch.setattr(connection, "_ANSWER_LIMIT_S", 0.2)
    node = connect(f"cat {tmp_path}/report; sleep 1; echo '{MARK}{{}}'; sleep 600")
    node.receive_report()
    with pytest.raises(RunError, match="no answer"):
        node.ask(Request(do="clock", limit_s=0))
    with pytest.raises(RunError, match="did not answer before"):
        node.ask(Request(do="clock", limit_s=5))


@pytest.mark.parametrize("answer", ["x", "[]", json.dumps({"time_ns": 10**40}), json.dumps({"more": 1})])
def test_answers_that_are_none(connect: Connect, tmp_path: Path, answer: str) -> None:
    (tmp_path / "lines").write_text(f"{MARK}{eight_h100(tmp_path / 'machine').model_dump_json()}\n{MARK}{answer}\n")
    node = connect(f"cat {tmp_path}/lines; sleep 600")
    node.receive_report()
    with pytest.raises(RunError, match="n1 answers "):
        node.ask(Request(do="clock"))


def test_what_was_started_is_ended_also_if_it_ignores_the_end_of_its_input(connect: Connect) -> None:
    node = connect("trap '' TERM HUP; sleep 600 & sleep 600")
    process = psutil.Process(node._process.pid)
    while len(process.children()) < 2:
        time.sleep(0.01)
    family = [process, *process.children()]
    close_all([node])
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive


def test_a_python_that_is_not_there(connect: Connect) -> None:
    with pytest.raises(RunError) as caught:
        connect(python="/opt/none/bin/python").receive_report()
    assert "/opt/none/bin/python" in caught.value.message
    assert caught.value.hint.endswith("--python PATH")
