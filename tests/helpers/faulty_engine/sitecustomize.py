"""Puts a faulty engine in the place of echo, in a session's process; SUBMITTER_TEST_FAULT names the fault.

A session's processes find this file through PYTHONPATH, and Python imports it when it starts.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from multiprocessing import shared_memory

FAULT = os.environ.get("SUBMITTER_TEST_FAULT", "")
AFTER = 40  # requests, the warm-up's included
HANGS_S = 600


def _install() -> None:
    from submitter.harness.engines import echo

    class Faulty(echo.EchoEngine):
        async def start(self) -> None:
            await super().start()
            if FAULT == "load hangs":
                await asyncio.Event().wait()
            if FAULT == "load blocks":
                time.sleep(HANGS_S)
            if FAULT == "load holds the interpreter":
                ctypes.PyDLL(None).sleep(HANGS_S)
            if FAULT == "load exits":
                sys.exit(3)
            if FAULT == "leaves things":
                leave_things()

        async def generate(self, request_id: str, prompt: Sequence[int], stream: bool) -> AsyncIterator[Sequence[int]]:
            begin_fault(self._requests)
            if FAULT == "one never" and self._requests == AFTER:
                self._requests += 1
                await asyncio.Event().wait()
            async for tokens in super().generate(request_id, prompt, stream):
                yield tokens
            if self._requests > AFTER and FAULT in ("twice", "never ends"):
                while True:
                    yield [5, 6, 7]
                    if FAULT == "twice":
                        break

        async def stop(self) -> None:
            if FAULT == "stop hangs":
                await asyncio.Event().wait()

    echo.EchoEngine = Faulty  # type: ignore[misc]


def begin_fault(requests: int) -> None:
    if requests < AFTER:
        return
    events = int(sys.argv[2])
    if FAULT == "closes the events":
        os.close(events)
        time.sleep(HANGS_S)
    if FAULT == "writes to the events":
        os.write(events, b"hello\n")
    if FAULT == "blocks":
        ctypes.PyDLL(None).sleep(HANGS_S)
    if FAULT == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    if FAULT == "exits":
        os._exit(7)
    if FAULT == "leaves the pipe open":
        subprocess.Popen(["sleep", str(HANGS_S)], pass_fds=(events,))
        os._exit(7)
    for error in (GeneratorExit, asyncio.CancelledError, SystemExit, KeyboardInterrupt):
        if error.__name__ == FAULT:
            raise error


def leave_things() -> None:
    """A process in a session of its own, shared memory, and a temporary file, none of which it would remove."""
    subprocess.Popen(["sleep", str(HANGS_S)], start_new_session=True)
    kept.append(shared_memory.SharedMemory(create=True, size=4096))
    print("left", kept[0]._name.lstrip("/"), tempfile.mkdtemp(), flush=True)


kept: list = []
if FAULT and "submitter.harness.child" in sys.orig_argv:
    _install()
