"""Nodes and their driver over real sockets: what is compared, who gets which ranks, and how a loss is noticed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from echo_sessions import Watched

from submitter.errors import InputError, RunError, SeveralErrors, SubmitterError
from submitter.harness.binding import Binding
from submitter.harness.engines import EnginePlan, shape
from submitter.harness.nodes.driver import Nodes
from submitter.harness.nodes.messages import (
    LINE_BYTES,
    PROTOCOL,
    Failed,
    Hello,
    Refusal,
    SessionFacts,
    Start,
    line_of,
    node_versions,
    read_from_driver,
)
from submitter.harness.nodes.node import Node, NodeSession
from submitter.harness.nodes.ranks import ServedRanks
from submitter.harness.plan import EngineSettings
from submitter.harness.supervisor import Limits
from submitter.model import Mode, Scenario

LIMIT_S = 20.0


def free_port() -> int:
    """A port that is free together with the one above it, where nodes meet the driver."""
    for port in range(21000 + os.getpid() % 4000, 60000, 2):
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def facts(port: int, ranks: int = 2, **settings: Any) -> SessionFacts:
    sizes = {"data_parallel_size": ranks, "data_parallel_size_local": 1, "data_parallel_rpc_port": port}
    return SessionFacts(
        benchmark="tiny",
        scenarios=(Scenario.OFFLINE, Scenario.SERVER),
        engine=EngineSettings(engine="echo", settings={**sizes, **settings}),
        model_sha256="a" * 64,
    )


def hello(*sessions: SessionFacts, **changes: Any) -> Hello:
    plain: dict[str, Any] = {
        "protocol": PROTOCOL,
        "versions": node_versions("echo"),
        "accelerators": "none",
        "ranks": 1,
        "sessions": sessions,
    }
    return Hello(**{**plain, **changes})


@dataclass
class Driver:
    """A driver that waits for its nodes in a thread, and what became of it."""

    mine: SessionFacts
    nodes: Nodes = field(init=False)
    missing: list[int] = field(default_factory=list)
    lost: list[SubmitterError] = field(default_factory=list)
    was_lost: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None

    def __post_init__(self) -> None:
        elsewhere = shape("echo", self.mine.engine.settings).elsewhere
        assert elsewhere is not None
        self.port = elsewhere.port
        self.nodes = Nodes(elsewhere, 1, self.mine, node_versions("echo"), self.missing.append, self._on_lost)
        self.thread = threading.Thread(target=self._gather, daemon=True)
        self.thread.start()
        wait_for(lambda: self.missing or self.error)

    def _on_lost(self, error: SubmitterError) -> None:
        self.lost.append(error)
        self.was_lost.set()

    def _gather(self) -> None:
        try:
            asyncio.run(self.nodes.gather())
        except SubmitterError as error:
            self.error = error

    def gathered(self) -> None:
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive(), "the driver still waits"
        if self.error is not None:
            raise self.error

    def connect(self, line: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S)
        connection.sendall(line)
        return connection


def wait_for(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s, "it did not come about"
        time.sleep(0.02)


def answer(connection: socket.socket) -> Any:
    line = connection.makefile("rb").readline()
    return read_from_driver(line) if line else None


@pytest.fixture
def mine() -> SessionFacts:
    return facts(free_port())


@pytest.fixture
def driver(mine: SessionFacts) -> Iterator[Driver]:
    made = Driver(mine)
    yield made
    asyncio.run(made.nodes.close())


def changed(mine: SessionFacts, **settings: Any) -> SessionFacts:
    engine = mine.engine.model_copy(update={"settings": {**mine.engine.settings, **settings}})
    return mine.model_copy(update={"engine": engine})


DIFFERENCES: dict[str, tuple[Callable[[SessionFacts], dict[str, Any]], list[str]]] = {
    "version": (lambda _: {"versions": {"submitter": "0.0.9"}}, ["submitter is 0.0.9, on the driver "]),
    "package": (
        lambda _: {"versions": {**node_versions("echo"), "vllm": "0.1"}},
        ["vllm is 0.1, on the driver not installed"],
    ),
    "setting": (
        lambda mine: {"sessions": (changed(mine, output_tokens=5),)},
        ["engine.toml: [settings] output_tokens is 5, on the driver not set"],
    ),
    "other keys": (
        lambda mine: {
            "sessions": (mine.model_copy(update={"engine": mine.engine.model_copy(update={"in_flight": 7})}),)
        },
        ["engine.toml: in_flight is 7, on the driver 256"],
    ),
    "model": (
        lambda mine: {"sessions": (mine.model_copy(update={"model_sha256": "b" * 64}),)},
        ["the checkpoint of 'tiny' is another one: its hash begins with bbbbbbbbbbbb, on the driver aaaaaaaaaaaa"],
    ),
    "benchmark": (
        lambda mine: {"sessions": (mine.model_copy(update={"benchmark": "other"}),)},
        ["its campaign file has no benchmark 'tiny' with Offline, Server"],
    ),
    "two at once": (
        lambda mine: {"versions": {"submitter": "0.0.9"}, "sessions": (changed(mine, output_tokens=5),)},
        ["submitter is 0.0.9, on the driver ", "engine.toml: [settings] output_tokens is 5, on the driver not set"],
    ),
    "a terminal's control characters": (
        lambda _: {"versions": {**node_versions("echo"), "vllm": "\x1b[2J"}},
        ["vllm is \\x1b[2J, on the driver not installed"],
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_difference_is_refused_on_both_sides(driver: Driver, mine: SessionFacts, name: str) -> None:
    changes, expected = DIFFERENCES[name]
    with driver.connect(line_of(hello(mine).model_copy(update=changes(mine)))) as node:
        refusal = answer(node)
    assert isinstance(refusal, Refusal)
    with pytest.raises(InputError) as caught:
        driver.gathered()
    error = caught.value
    problems = error.problems if isinstance(error, SeveralErrors) else (error,)
    assert len(problems) == len(refusal.problems) == len(expected)
    for problem, line, start in zip(problems, refusal.problems, expected, strict=True):
        assert line.startswith(start)
        assert problem.message == f"node 127.0.0.1: {line}"
        assert "same packages, campaign file, engine.toml and checkpoint" in problem.hint


def test_another_protocol_is_refused_whatever_else_it_says(driver: Driver) -> None:
    with driver.connect(b'{"protocol": 99, "news": []}\n') as node:
        refusal = answer(node)
    assert refusal.problems == ("it has version 99 of the nodes' protocol, the driver 1: install the same submitter",)
    with pytest.raises(InputError, match="version 99"):
        driver.gathered()


HOSTILE = {
    "not JSON": b"GET / HTTP/1.1\r\n\r\n",
    "no object": b"[1, 2]\n",
    "an unknown key": json.dumps({"protocol": PROTOCOL, "more": 1}).encode() + b"\n",
    "a text for a number": b'{"protocol": "one"}\n',
    "deep": b'{"protocol":' + b"[" * 50000 + b"\n",
    "not UTF-8": b"\xff\xfe\n",
    "no ranks": b"",
    "long": b"x" * (LINE_BYTES + 10) + b"\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_a_node_takes_no_rank_and_the_driver_waits_on(
    driver: Driver, mine: SessionFacts, name: str
) -> None:
    line = HOSTILE[name] or line_of(hello(mine)).replace(b'"ranks":1', b'"ranks":0')
    with driver.connect(line) as stranger:
        stranger.settimeout(LIMIT_S)
        with suppress(ConnectionResetError):  # it had not read all of it
            assert stranger.recv(100) == b""
    assert driver.thread.is_alive()
    with driver.connect(line_of(hello(mine))) as node:
        assert answer(node) == Start(session=0, first_rank=1, count=1)
        driver.gathered()
    assert driver.missing == [1, 0]


def test_ranks_follow_the_nodes_numbers_not_their_order() -> None:
    mine = facts(free_port(), ranks=6)
    driver = Driver(mine)
    sessions = (mine.model_copy(update={"benchmark": "other"}), mine)
    with (
        driver.connect(line_of(hello(*sessions, ranks=2, number=2))) as third,
        driver.connect(line_of(hello(*sessions, ranks=1, number=0))) as first,
    ):
        wait_for(lambda: driver.missing[-1] == 2)
        with driver.connect(line_of(hello(*sessions, ranks=3, number=1))) as second:
            driver.gathered()
            starts = [answer(each) for each in (first, second, third)]
            assert starts == [
                Start(session=1, first_rank=1, count=1),
                Start(session=1, first_rank=2, count=3),
                Start(session=1, first_rank=5, count=1),  # of the two that it could serve
            ]
            assert list(driver.nodes.facts()) == [
                "rank 1 at 127.0.0.1",
                "ranks 2-4 at 127.0.0.1",
                "rank 5 at 127.0.0.1",
            ]
            asyncio.run(driver.nodes.close())
    assert driver.lost == []


def test_a_node_that_goes_while_the_driver_waits_gives_its_place_back() -> None:
    mine = facts(free_port(), ranks=3)
    driver = Driver(mine)
    driver.connect(line_of(hello(mine))).close()
    wait_for(lambda: driver.missing == [2, 1, 2])
    with driver.connect(line_of(hello(mine))) as one, driver.connect(line_of(hello(mine))) as other:
        driver.gathered()
        assert {answer(one).first_rank, answer(other).first_rank} == {1, 2}
    assert driver.was_lost.wait(LIMIT_S)


LAST_WORDS = {
    "nothing": (b"", " closed the connection: it was stopped or killed"),
    "its reason": (line_of(Failed(message="rank 1 ended by SIGKILL\x1b[0m")), ": rank 1 ended by SIGKILL\\x1b[0m"),
    "nonsense": (b"{}\n", " sent what is not a message: Field required"),
}


@pytest.mark.parametrize("name", LAST_WORDS)
def test_a_lost_node_is_named_with_its_ranks_and_its_words(driver: Driver, mine: SessionFacts, name: str) -> None:
    words, expected = LAST_WORDS[name]
    with driver.connect(line_of(hello(mine))) as node:
        driver.gathered()
        assert driver.lost == []
        node.sendall(words)
    assert driver.was_lost.wait(LIMIT_S)
    assert [error.message for error in driver.lost] == [f"the engine failed: node 127.0.0.1 with rank 1{expected}"]
    assert driver.nodes.loss() is driver.lost[0]


def test_an_address_that_is_not_here_says_so() -> None:
    driver = Driver(facts(free_port(), data_parallel_address="192.0.2.1"))
    with pytest.raises(InputError, match=r"cannot wait for nodes at 192\.0\.2\.1") as caught:
        driver.gathered()
    assert "must be an address of this machine" in caught.value.hint


@dataclass
class Served:
    """A real node in a thread, with what it said."""

    mine: SessionFacts
    logs: Path
    idle_s: float = 3.0
    said: list[str] = field(default_factory=list)
    error: SubmitterError | None = None

    def __post_init__(self) -> None:
        elsewhere = shape("echo", self.mine.engine.settings).elsewhere
        assert elsewhere is not None
        plan = EnginePlan(model="none", max_new_tokens=4, eos_token_id=2)
        session = NodeSession(facts=self.mine, engine_plan=plan, elsewhere=elsewhere, logs=self.logs)
        self.node = Node([session], ranks=1, accelerators="none", number=None, say=self.said.append)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        try:
            self.node.serve(self.idle_s)
        except SubmitterError as error:
            self.error = error

    def ended(self) -> None:
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive(), self.said

    @property
    def ranks(self) -> list[psutil.Process]:
        found = []
        for each in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # it has just ended
                if "submitter.harness.nodes.ranks" in each.cmdline():
                    found.append(each)
        return found


def test_a_node_serves_session_after_session_and_ends_when_idle(mine: SessionFacts, tmp_path: Path) -> None:
    node = Served(mine, tmp_path)
    for _ in range(2):
        driver = Driver(mine)
        driver.gathered()
        wait_for(lambda: node.ranks)
        driver.nodes.loaded()
        asyncio.run(driver.nodes.close())
        wait_for(lambda: not node.ranks)
        assert driver.lost == []
    node.ended()
    assert node.error is None
    assert node.said.count("the driver has ended its session") == 2
    assert (tmp_path / "node-127.0.0.1.log").is_file()


def test_ranks_that_die_are_reported_and_the_node_waits_for_the_next_session(
    mine: SessionFacts, tmp_path: Path
) -> None:
    node = Served(mine, tmp_path)
    driver = Driver(mine)
    driver.gathered()
    wait_for(lambda: node.ranks)
    node.ranks[0].send_signal(signal.SIGKILL)
    assert driver.was_lost.wait(LIMIT_S)
    (error,) = driver.lost
    ended = "the ranks' process ended by SIGKILL (not by the kernel for memory)"
    assert error.message == f"the engine failed: node 127.0.0.1 with rank 1: {ended}"
    assert str(tmp_path / "node-127.0.0.1.log") in error.hint
    again = Driver(mine)
    again.gathered()
    asyncio.run(again.nodes.close())
    node.ended()


def test_a_node_without_a_driver_and_a_node_that_is_refused_end_with_an_error(
    mine: SessionFacts, tmp_path: Path
) -> None:
    alone = Served(mine, tmp_path, idle_s=1.0)
    alone.ended()
    assert "no driver appeared at 127.0.0.1:" in str(alone.error)
    refused = Served(changed(mine, output_tokens=5), tmp_path)
    driver = Driver(mine)
    with pytest.raises(InputError):
        driver.gathered()
    refused.ended()
    assert str(refused.error) == (
        "the driver refuses this node: engine.toml: [settings] output_tokens is 5, on the driver not set"
    )
    assert refused.error is not None
    assert refused.error.exit_code == 2


def test_a_session_without_nodes_says_what_it_waits_for_and_ends_in_time(run_echo: Callable[..., Watched]) -> None:
    watched = Watched()
    with pytest.raises(RunError, match="timed out waiting for nodes with 1 more of the engine's ranks") as caught:
        run_echo(
            [(Scenario.OFFLINE, Mode.PERFORMANCE)],
            limits=Limits(3, 20),
            watched=watched,
            data_parallel_size=2,
            data_parallel_size_local=1,
            data_parallel_rpc_port=free_port(),
        )
    assert caught.value.hint == "on each other machine start: submitter node CAMPAIGN.toml"
    waits = [facts["ranks"] for kind, facts in watched.events if kind == "nodes"]
    assert len(waits) >= 2
    assert set(waits) == {1}


def test_an_engine_that_fails_because_of_a_lost_node_names_the_node(mine: SessionFacts) -> None:
    """vLLM often notices first that it has lost a rank, and does not say which."""
    driver = Driver(mine)
    node = driver.connect(line_of(hello(mine)))
    driver.gathered()
    threading.Timer(0.5, node.close).start()
    loss = driver.nodes.loss()
    assert loss is not None
    assert "node 127.0.0.1 with rank 1 closed the connection" in loss.message


def test_ranks_are_bound_as_on_the_drivers_machine() -> None:
    """One rank of the two that the driver's machine has; LoadGen's cores are not for this process."""
    last = max(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    rank = subprocess.Popen(["sleep", "60"])
    try:
        ranks = ServedRanks(Binding(harness="0", engines=(str(last), "0")))
        ranks.started([rank.pid])
        assert os.sched_getaffinity(rank.pid) == before
        ranks.loaded()
        assert os.sched_getaffinity(rank.pid) == {last}
        assert os.sched_getaffinity(0) == before
    finally:
        rank.kill()
        rank.wait()
