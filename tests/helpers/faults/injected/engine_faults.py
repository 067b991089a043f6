"""What an engine may do wrong, as changes of the echo engine's class. They begin with the first Server request."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence

from submitter.harness import loadgen
from submitter.harness.engines import echo

_AFTER = 100  # Server requests; its performance run, the first with streaming, has some 400
_generate = echo.EchoEngine.generate
_start = echo.EchoEngine.start
_streamed = 0

Answers = AsyncIterator[Sequence[int]]


def inject(name: str) -> None:
    """Make the engine, or LoadGen's side of it, do what function `name` of this module does."""
    fault = globals()[name]
    if name.startswith("loading_"):
        echo.EchoEngine.start = fault  # type: ignore[method-assign]
    elif name.startswith("loadgen_"):
        fault()
    else:
        echo.EchoEngine.generate = _from_then_on(fault)  # type: ignore[method-assign,assignment]


def _from_then_on(fault: Callable[..., Answers]) -> Callable[..., Answers]:
    async def generate(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
        global _streamed
        _streamed += stream
        chosen = fault if stream and _streamed > _AFTER else _generate
        async for part in chosen(self, request_id, prompt, stream):
            yield part

    return generate


async def loading_waits(self: echo.EchoEngine) -> None:
    await asyncio.Event().wait()


async def loading_blocks(self: echo.EchoEngine) -> None:
    """Holds up the whole process, and every thread of it, as a driver's call does that never returns."""
    ctypes.PyDLL(None).sleep(3600)


async def loading_fails(self: echo.EchoEngine) -> None:
    raise RuntimeError("the device has fallen off the bus")


async def loading_closes_descriptors(self: echo.EchoEngine) -> None:
    os.closerange(3, 256)
    time.sleep(3600)


async def hangs(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    await asyncio.Event().wait()
    yield ()


async def hangs_after_the_first_token(
    self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool
) -> Answers:
    async for part in _generate(self, request_id, prompt, stream):
        yield part
        await asyncio.Event().wait()


async def blocks(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    ctypes.PyDLL(None).sleep(3600)
    yield ()


async def never_for_one(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    if _streamed == _AFTER + 1:
        await asyncio.Event().wait()
    async for part in _generate(self, request_id, prompt, stream):
        yield part


async def dies(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    os._exit(1)
    yield ()


async def crashes(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    os.kill(os.getpid(), signal.SIGSEGV)
    yield ()


async def raises(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    raise RuntimeError("the scheduler lost the request")
    yield ()


async def raises_exit(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    raise SystemExit(0)
    yield ()


async def raises_cancelled(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    """As an engine does whose own task was cancelled."""
    raise asyncio.CancelledError
    yield ()


async def out_of_order(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    """Every second request waits for the one after it."""
    if _streamed % 2:
        await asyncio.sleep(0.1)
    async for part in _generate(self, request_id, prompt, stream):
        yield part


async def twice(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    for _ in range(2):
        async for part in _generate(self, request_id, prompt, stream):
            yield part


async def too_many_tokens(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    yield [prompt[0]]
    yield [prompt[0]] * 64


async def no_token(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    return
    yield ()


async def no_number(self: echo.EchoEngine, request_id: str, prompt: Sequence[int], stream: bool) -> Answers:
    yield ["word"]  # type: ignore[list-item]


def loadgen_fails_to_start() -> None:
    """As LoadGen's own exceptions come to Python."""
    run_test = loadgen.run_test

    def failing(**arguments: object) -> None:
        if "Server" in str(arguments["output"]):
            raise RuntimeError("LoadGen: the test settings are invalid")
        run_test(**arguments)  # type: ignore[arg-type]

    loadgen.run_test = failing


def loadgen_gets_an_answer_twice() -> None:
    """The same response id completed a second time: real LoadGen then reads what it has freed."""
    complete = loadgen.Responses.complete

    def twice(self: loadgen.Responses, response_id: int, tokens: Sequence[int]) -> None:
        complete(self, response_id, tokens)
        if _is_late():
            complete(self, response_id, tokens)

    loadgen.Responses.complete = twice  # type: ignore[method-assign]


_completed = 0


def _is_late() -> bool:
    global _completed
    _completed += 1
    return _completed > 600  # in Server's performance run: Offline's three have some 360


def loadgen_is_told_no_length() -> None:
    """Zero tokens: LoadGen notes an error in its own log, and goes on."""
    module = loadgen._module()

    def complete(self: loadgen.Responses, response_id: int, tokens: Sequence[int]) -> None:
        from array import array

        buffer = array("i", tokens)
        address, count = buffer.buffer_info()
        length = 0 if _is_late() else count
        module.QuerySamplesComplete([module.QuerySampleResponse(response_id, address, count * 4, length)])

    loadgen.Responses.complete = complete  # type: ignore[method-assign]
