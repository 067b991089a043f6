"""The node's side: finds the driver, says what this machine has, and serves ranks as long as the driver is there."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from submitter.errors import InputError, RunError, raise_all
from submitter.harness.engine_log import log_hint
from submitter.harness.engines import EnginePlan, RanksElsewhere, RanksPlan
from submitter.harness.nodes.compare import HINT
from submitter.harness.nodes.messages import (
    LINE_BYTES,
    PROTOCOL,
    Failed,
    Hello,
    Loaded,
    MessageError,
    Refusal,
    SessionFacts,
    Start,
    keep_alive,
    line_of,
    node_versions,
    read_failed,
    read_from_driver,
    why_lost,
)
from submitter.harness.nodes.ranks import NodeSessionPlan
from submitter.harness.process_group import ProcessGroup, process_group
from submitter.quoting import printable

_CONNECT_S = 2.0
_RETRY_S = 1.0
_END_S = 5.0
_RANKS = "submitter.harness.nodes.ranks"


@dataclass(frozen=True, kw_only=True)
class NodeSession:
    """An engine of the campaign that serves on several machines, as this machine has it. The engine's output goes to a
    file in `logs`."""

    facts: SessionFacts
    engine_plan: EnginePlan
    elsewhere: RanksElsewhere
    logs: Path


class Node:
    """A node with its sessions. All must have the same place to meet the driver, and the same engine."""

    def __init__(
        self,
        sessions: list[NodeSession],
        *,
        ranks: int,
        accelerators: str,
        number: int | None,
        say: Callable[[str], None],
    ) -> None:
        self._sessions = sessions
        self._hello = Hello(
            protocol=PROTOCOL,
            versions=node_versions(sessions[0].facts.engine.engine),
            accelerators=accelerators,
            ranks=ranks,
            number=number,
            sessions=tuple(session.facts for session in sessions),
        )
        self._say = say

    def serve(self, idle_s: float) -> None:
        """Serve one session of the driver after another, until there is no driver for `idle_s`.

        InputError if the driver refuses this node, RunError if no driver appears at all. Lost drivers and ranks that
        fail end a session only: the driver reports them, and its campaign can be started again.
        """
        place = self._sessions[0].elsewhere
        where = f"{place.address}:{place.port}"
        served = 0
        self._say(f"waiting for the driver at {where}")
        last_s = time.monotonic()
        while time.monotonic() - last_s < idle_s:
            try:
                connection = socket.create_connection((place.address, place.port), timeout=_CONNECT_S)
            except OSError:  # the driver listens only while a session waits for nodes
                time.sleep(_RETRY_S)
                continue
            with connection:
                keep_alive(connection)
                if self._session(_Lines(connection)):
                    served += 1
                    self._say(f"waiting for the driver at {where}")
                    last_s = time.monotonic()
                else:
                    time.sleep(_RETRY_S)
        if not served:
            raise RunError(
                f"no driver appeared at {where} in {idle_s:.0f} s",
                "start submitter run-all on the machine with that address; a firewall may also be in the way",
            )

    def _session(self, driver: _Lines) -> bool:
        """Serve one session; returns whether the driver gave this node ranks. InputError if it refuses the node."""
        connection = driver.connection
        connection.settimeout(None)
        try:
            connection.sendall(line_of(self._hello))
            self._say(f"driver found at {connection.getpeername()[0]}, waiting for its start")
            line = driver.next()
            if not line:
                return False
            answer = read_from_driver(line)
            if isinstance(answer, Refusal):
                said = [printable(problem) for problem in answer.problems]
                raise_all([InputError(f"the driver refuses this node: {problem}", HINT) for problem in said])
            if not isinstance(answer, Start) or answer.session >= len(self._sessions):
                raise MessageError("it does not say which ranks to serve")
        except (OSError, MessageError) as error:
            self._say(f"the driver is lost: {why_lost(error)}")
            return False
        self._serve_ranks(driver, self._sessions[answer.session], answer)
        return True

    def _serve_ranks(self, driver: _Lines, session: NodeSession, start: Start) -> None:
        own_address = driver.connection.getsockname()[0]
        plan = NodeSessionPlan(
            engine=session.facts.engine.engine,
            binding=session.facts.engine.binding,
            ranks=RanksPlan(
                settings=session.facts.engine.settings,
                engine_plan=session.engine_plan,
                first_rank=start.first_rank,
                count=start.count,
                own_address=own_address,
            ),
        )
        session.logs.mkdir(parents=True, exist_ok=True)
        log = session.logs / f"node-{own_address}.log"  # on a shared file system other nodes have theirs beside it
        last = start.first_rank + start.count - 1
        ranks = f"rank {last}" if start.count == 1 else f"ranks {start.first_rank}-{last}"
        self._say(f"serving {ranks} of {session.facts.benchmark}, log: {log}")
        with process_group(_RANKS, plan, log, session.facts.engine) as group:
            why = self._follow(driver, group, log)
            os.kill(group.process.pid, signal.SIGTERM)  # so that the engine ends its processes in order
            group.status(_END_S)
        self._say(why)

    def _follow(self, driver: _Lines, group: ProcessGroup, log: Path) -> str:
        """Wait until the driver or the ranks end; returns which, in words, after telling the driver of the ranks."""
        with selectors.DefaultSelector() as selector:
            selector.register(driver.connection, selectors.EVENT_READ)
            selector.register(group.reports, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == group.reports:
                        failed = _failed(group, os.read(group.reports, LINE_BYTES), log)
                        with suppress(OSError):
                            driver.connection.sendall(line_of(failed))
                        return f"{failed.message}\n  {failed.hint}"
                    try:
                        line = driver.next()
                        message = read_from_driver(line) if line else None
                    except (OSError, MessageError) as error:
                        return f"the driver is lost: {why_lost(error)}"
                    if message is None:
                        return "the driver has ended its session"
                    if isinstance(message, Loaded) and group.process.stdin:
                        with suppress(BrokenPipeError):
                            group.process.stdin.write(b"\n")
                            group.process.stdin.flush()


class _Lines:
    """The lines that arrive on a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._pending = b""

    def next(self) -> bytes:
        """The next line; empty at the end. MessageError if it is longer than `LINE_BYTES`."""
        while b"\n" not in self._pending:
            if len(self._pending) > LINE_BYTES:
                raise MessageError(f"a line of more than {LINE_BYTES} bytes")
            chunk = self.connection.recv(65536)
            if not chunk:
                return b""
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return line


def _failed(group: ProcessGroup, report: bytes, log: Path) -> Failed:
    """What became of the ranks' process: as it reports itself, else by its exit status."""
    hint = log_hint(log)
    with suppress(MessageError):
        reported = read_failed(report.strip())
        return Failed(message=reported.message, hint="\n".join(filter(None, (reported.hint, hint))))
    return Failed(message=f"the ranks' process {group.how_it_ended(group.status(_END_S))}", hint=hint)


def require_one_meeting(sessions: list[NodeSession]) -> None:
    """InputError if the engines of a campaign meet their nodes at several places, or are not the same engine."""
    places = {(each.elsewhere.address, each.elsewhere.port, each.facts.engine.engine) for each in sessions}
    if len(places) > 1:
        listed = ", ".join(f"{engine} at {address}:{port}" for address, port, engine in sorted(places))
        raise InputError(
            f"the engine.toml files of the campaign meet their nodes at several places: {listed}",
            "give all the same engine, data_parallel_address and data_parallel_rpc_port",
        )


def default_ranks(sessions: list[NodeSession]) -> int:
    """How many ranks a machine serves by the settings. InputError if they do not say it, or differ."""
    counts = {session.elsewhere.per_node for session in sessions}
    count = next(iter(counts))
    if len(counts) > 1 or count is None:
        raise InputError("engine.toml does not say how many ranks this machine serves", "say it: --ranks N")
    return count


def accelerators_here() -> str:
    """The accelerators of this machine, in words."""
    from submitter.system.accelerators import detect
    from submitter.system.wording import counted

    found = detect()
    if found is None:
        return "accelerators whose driver does not answer"
    return counted(found.names) or "no accelerators"
