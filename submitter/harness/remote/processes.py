"""Several client processes, each with an event loop of its own, when one is not enough for the servers' chunks.

The parent chooses the server and the process of each request. Token ids go both ways through a socket pair, as
MessagePack after a length. `main` is a client process, `python -m submitter.harness.remote.processes FD`, which ends
with its parent.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import msgspec

from submitter.errors import RunError, SubmitterError
from submitter.harness.engines import EnginePlan
from submitter.harness.exit_status import MemoryKills, how_it_ended
from submitter.harness.remote.balance import Balance
from submitter.harness.remote.settings import Settings
from submitter.harness.remote.transport import Transport
from submitter.harness.sampling import Sampling

_LENGTH = struct.Struct("<I")
_START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 2.0


class _Config(msgspec.Struct):
    settings: dict[str, Any]
    model: str
    plan: dict[str, Any]
    sampling: dict[str, Any]


class _Request(msgspec.Struct, array_like=True):
    number: int
    url: str
    prompt: list[int]
    stream: bool


class _Part(msgspec.Struct, array_like=True):
    """Token ids of a request. The last part of an answer has `is_last`, or the error that ended it."""

    number: int
    tokens: list[int] = []
    is_last: bool = False
    error: str = ""
    hint: str = ""


_PART, _REQUEST = msgspec.msgpack.Decoder(_Part), msgspec.msgpack.Decoder(_Request)
_ENCODE = msgspec.msgpack.Encoder().encode


def _framed(message: Any) -> bytes:
    encoded = _ENCODE(message)
    return _LENGTH.pack(len(encoded)) + encoded


class _Frames(asyncio.Protocol):
    """Cuts a byte stream into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _LENGTH.size:
            end = at + _LENGTH.size + _LENGTH.unpack_from(buffer, at)[0]
            if len(buffer) < end:
                break
            self.message_received(bytes(buffer[at + _LENGTH.size : end]))
            at = end
        del buffer[:at]

    def message_received(self, message: bytes) -> None:
        raise NotImplementedError

    def send(self, message: Any) -> None:
        assert self.transport is not None  # connected
        self.transport.write(_framed(message))


class _Process(_Frames):
    """The parent's end of one client process, and the requests that it is serving."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.get_running_loop().create_future()
        self.waiting: dict[int, asyncio.Queue[_Part]] = {}
        self.is_stopping = False
        self._kills = MemoryKills()

    def message_received(self, message: bytes) -> None:
        part = _PART.decode(message)
        if part.number == 0:
            if not self.ready.done():
                self.ready.set_result(part)
        elif queue := self.waiting.get(part.number):
            queue.put_nowait(part)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.is_stopping:
            asyncio.get_running_loop().create_task(self._ended())

    async def _ended(self) -> None:
        assert self.process is not None
        code = await self.process.wait()
        how = how_it_ended(code, self._kills)
        part = _Part(0, error=f"the engine failed: {self.name} ended {how}", hint="the engine's log may say why")
        if not self.ready.done():
            self.ready.set_result(part)
        for queue in self.waiting.values():
            queue.put_nowait(part)


class ClientProcesses:
    """Starts the client processes, and gives each request to the one with the fewest."""

    def __init__(self, settings: Settings, model: str, plan: EnginePlan, sampling: Sampling) -> None:
        count = settings.client_processes
        each = settings.model_dump()
        if settings.connections is not None:
            each["connections"] = max(1, settings.connections // count)
        self._config = _Config(each, model, plan.model_dump(), sampling.chosen)
        self._names = [f"client process {number} of {count}" for number in range(1, count + 1)]
        self._processes: dict[str, _Process] = {}
        self._balance = Balance(self._names)
        self._last_number = 0

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        for name in self._names:
            ours, theirs = socket.socketpair()
            with theirs:
                _, process = await loop.create_connection(partial(_Process, name), sock=ours)
                self._processes[name] = process
                process.process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", __name__, str(theirs.fileno()), pass_fds=[theirs.fileno()]
                )
            process.send(self._config)
        for process in self._processes.values():
            part = await asyncio.wait_for(process.ready, _START_TIMEOUT_S)
            if part.error:
                raise RunError(part.error, part.hint)

    async def generate(self, url: str, prompt: Sequence[int], stream: bool) -> AsyncIterator[list[int]]:
        self._last_number += 1
        number = self._last_number
        queue: asyncio.Queue[_Part] = asyncio.Queue()
        with self._balance.request() as name:
            process = self._processes[name]
            process.waiting[number] = queue
            try:
                process.send(_Request(number, url, list(prompt), stream))
                part = _Part(number)
                while not part.is_last:
                    part = await queue.get()
                    if part.error:
                        raise RunError(part.error, part.hint)
                    yield part.tokens
            finally:
                del process.waiting[number]

    def process_ids(self) -> list[int]:
        return [each.process.pid for each in self._processes.values() if each.process is not None]

    async def stop(self) -> None:
        for each in self._processes.values():
            each.is_stopping = True
            if each.transport is not None:
                each.transport.close()
        for each in self._processes.values():
            if each.process is None or each.process.returncode is not None:
                continue
            try:
                await asyncio.wait_for(each.process.wait(), _END_TIMEOUT_S)
            except TimeoutError:
                each.process.kill()
                await each.process.wait()
        self._processes = {}


class _Worker(_Frames):
    """A client process: its first message is the configuration, each other one a request."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = asyncio.get_running_loop().create_future()
        self._serving: Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def message_received(self, message: bytes) -> None:
        if self._serving is None:
            self._configure(message)
            return
        task = asyncio.get_running_loop().create_task(self._answer(_REQUEST.decode(message)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _configure(self, message: bytes) -> None:
        config = msgspec.msgpack.decode(message, type=_Config)
        try:
            self._serving = Transport(
                Settings.model_validate(config.settings),
                config.model,
                EnginePlan.model_validate(config.plan),
                Sampling.model_validate(config.sampling),
            )
        except SubmitterError as error:
            self.send(_Part(0, error=error.message, hint=error.hint))
            return
        gc.collect()
        gc.freeze()
        self.send(_Part(0, is_last=True))

    async def _answer(self, request: _Request) -> None:
        assert self._serving is not None  # configured
        number = request.number
        try:
            async for tokens in self._serving.generate(request.url, request.prompt, request.stream):
                self.send(_Part(number, tokens))
            self.send(_Part(number, is_last=True))
        except SubmitterError as error:
            self.send(_Part(number, error=error.message, hint=error.hint))
        except Exception as error:  # the parent must learn of any error
            self.send(_Part(number, error=f"the engine failed: {type(error).__name__}: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set_result(None)

    async def close(self) -> None:
        if self._serving is not None:
            await self._serving.close()


async def _serve(descriptor: int) -> None:
    _, worker = await asyncio.get_running_loop().create_connection(_Worker, sock=socket.socket(fileno=descriptor))
    await worker.ended
    await worker.close()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when it ends
    asyncio.run(_serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
