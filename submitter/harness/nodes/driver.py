"""The driver's side: waits for the nodes, compares them, gives them their ranks, and learns when one is lost."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from submitter.errors import InputError, RunError, SeveralErrors, SubmitterError, os_reason
from submitter.harness.engines import RanksElsewhere
from submitter.harness.nodes.compare import HINT, differences, session_of
from submitter.harness.nodes.messages import (
    LINE_BYTES,
    PROTOCOL,
    Hello,
    Loaded,
    MessageError,
    Refusal,
    SessionFacts,
    Start,
    keep_alive,
    line_of,
    read_failed,
    read_hello,
    why_lost,
)
from submitter.quoting import printable

_HELLO_LIMIT_S = 10.0
_LAST_WORD_S = 3.0
_LOG = logging.getLogger(__name__)


@dataclass(kw_only=True)
class _Node:
    """A node that fits. It has no ranks until all nodes are there."""

    host: str
    hello: Hello
    writer: asyncio.StreamWriter
    ranks: range = range(0)

    @property
    def name(self) -> str:
        return f"node {self.host}" + (f" with {_ranks(self.ranks)}" if self.ranks else "")


class Nodes:
    """The nodes of one session.

    They have a thread with an event loop of its own: an engine that loads holds up every other. `on_missing` gets the
    number of ranks that no node has taken yet, whenever it changes. `on_lost` gets the error when a node is lost after
    `gather`, from that thread.
    """

    def __init__(
        self,
        elsewhere: RanksElsewhere,
        first_rank: int,
        mine: SessionFacts,
        versions: dict[str, str],
        on_missing: Callable[[int], None],
        on_lost: Callable[[SubmitterError], None],
    ) -> None:
        self._elsewhere, self._first_rank = elsewhere, first_rank
        self._mine, self._versions = mine, versions
        self._on_missing, self._on_lost = on_missing, on_lost
        self._nodes: list[_Node] = []
        self._complete: Future[None] = Future()
        self._lost: SubmitterError | None = None
        self._was_lost = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None

    async def gather(self) -> None:
        """Wait until nodes serve all ranks elsewhere, and start them. InputError for what is different on a node."""
        threading.Thread(target=self._loop.run_forever, name="nodes", daemon=True).start()
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._listen(), self._loop))
        self._on_missing(self._elsewhere.count)
        await asyncio.wrap_future(self._complete)

    def facts(self) -> dict[str, str]:
        """What each node is, by its ranks: its versions and its accelerators."""
        return {
            f"{_ranks(node.ranks)} at {node.host}": ", ".join(
                [node.hello.accelerators, *(f"{name} {version}" for name, version in node.hello.versions.items())]
            )
            for node in self._nodes
        }

    def loaded(self) -> None:
        """Tell the nodes that the whole engine is loaded."""
        for node in self._nodes:
            self._loop.call_soon_threadsafe(node.writer.write, line_of(Loaded()))

    def loss(self) -> SubmitterError | None:
        """The loss of a node, which may be why the engine has failed; waits a moment for it."""
        self._was_lost.wait(_LAST_WORD_S)
        return self._lost

    async def close(self) -> None:
        """Let the nodes go: they end their ranks and wait for the next session."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._close(), self._loop))
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _close(self) -> None:
        for node in self._nodes:
            node.ranks = range(0)
            node.writer.close()

    async def _listen(self) -> None:
        address, port = self._elsewhere.address, self._elsewhere.port
        try:
            self._server = await asyncio.start_server(self._meet, address, port, limit=LINE_BYTES)
        except OSError as error:
            raise InputError(
                f"cannot wait for nodes at {address}:{port}: {os_reason(error)}",
                "data_parallel_address in engine.toml must be an address of this machine, and the port free "
                "(ip address, ss -ltn)",
            ) from None

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its hello to its end."""
        host = str(writer.get_extra_info("peername")[0])
        keep_alive(writer.get_extra_info("socket"))
        try:
            hello = read_hello(await asyncio.wait_for(_line(reader), _HELLO_LIMIT_S))
        except (MessageError, TimeoutError, OSError) as error:
            # Anything on the network may connect, also by mistake. It takes no rank, and the driver waits on.
            _LOG.warning("a connection from %s is not a node's: %s", host, error or "it says nothing")
            writer.close()
            return
        problems = list(self._problems(hello))
        if problems or isinstance(hello, int):
            writer.write(line_of(Refusal(problems=tuple(problems))))
            writer.close()
            self._refuse(host, problems)
            return
        if self._complete.done():  # it came too late for this session
            writer.close()
            return
        node = _Node(host=host, hello=hello, writer=writer)
        self._nodes.append(node)
        self._start_if_complete()
        try:
            why = _failure(await _line(reader))
        except MessageError as error:
            why = f" sent what is not a message: {error}", ""
        except ConnectionResetError:  # its kernel closed it, with something of ours unread
            why = _failure(b"")
        except OSError as error:
            why = f" does not answer: {why_lost(error)}", ""
        writer.close()
        self._gone(node, *why)

    def _problems(self, hello: Hello | int) -> Iterator[str]:
        if isinstance(hello, int):
            yield f"it has version {hello} of the nodes' protocol, the driver {PROTOCOL}: install the same submitter"
        else:
            yield from differences(hello, self._mine, self._versions)

    def _refuse(self, host: str, problems: list[str]) -> None:
        if not self._complete.done():
            errors = [InputError(f"node {host}: {problem}", HINT) for problem in problems]
            self._complete.set_exception(errors[0] if len(errors) == 1 else SeveralErrors(errors))

    def _start_if_complete(self) -> None:
        """Start the nodes once they are enough. Ranks follow the nodes' numbers, else their addresses."""
        missing = self._elsewhere.count - sum(node.hello.ranks for node in self._nodes)
        if missing > 0:
            self._on_missing(missing)
            return
        if self._server is not None:
            self._server.close()
        first, end = self._first_rank, self._first_rank + self._elsewhere.count
        self._nodes.sort(key=_place)
        for node in list(self._nodes):
            node.ranks = range(first, min(first + node.hello.ranks, end))
            first = node.ranks.stop
            if not node.ranks:  # the others have them all; it waits for the next session
                self._nodes.remove(node)
                node.writer.close()
                continue
            session = session_of(node.hello, self._mine)
            assert session is not None  # else it was refused
            start = Start(session=session, first_rank=node.ranks.start, count=len(node.ranks))
            node.writer.write(line_of(start))
        self._on_missing(0)
        self._complete.set_result(None)

    def _gone(self, node: _Node, why: str, hint: str) -> None:
        """A connection has ended: before the start this frees its place, later the engine has lost its ranks."""
        if node in self._nodes and not self._complete.done():
            self._nodes.remove(node)
            self._on_missing(self._elsewhere.count - sum(each.hello.ranks for each in self._nodes))
        elif node.ranks and self._lost is None:
            self._lost = RunError(f"the engine failed: {node.name}{why}", hint)
            self._was_lost.set()
            self._on_lost(self._lost)


async def _line(reader: asyncio.StreamReader) -> bytes:
    """A line; empty if the connection was closed. MessageError if it is longer than `LINE_BYTES`."""
    try:
        return await reader.readline()
    except ValueError:
        raise MessageError(f"a line of more than {LINE_BYTES} bytes") from None


def _failure(line: bytes) -> tuple[str, str]:
    """How a node ended, to follow its name, and a hint; both may be from another machine."""
    if not line:
        return " closed the connection: it was stopped or killed", "its own output on that machine says more"
    failed = read_failed(line)
    return f": {printable(failed.message)}", "\n".join(map(printable, failed.hint.splitlines()))


def _place(node: _Node) -> tuple[bool, int, Any]:
    number = node.hello.number
    parts = node.writer.get_extra_info("peername")
    return number is None, number or 0, (_sortable(parts[0]), parts[1])


def _sortable(host: str) -> tuple[int, bytes]:
    import ipaddress

    address = ipaddress.ip_address(host.partition("%")[0])
    return address.version, address.packed


def _ranks(ranks: range) -> str:
    return f"rank {ranks.start}" if len(ranks) == 1 else f"ranks {ranks.start}-{ranks.stop - 1}"
