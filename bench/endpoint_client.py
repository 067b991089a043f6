"""How fast engine `endpoint` is without a model: requests/s and CPU seconds against a fast fake server on loopback.

    python bench/endpoint_client.py [--processes 1 2 4] [--tokens 64] [--requests 4000]
    python bench/endpoint_client.py --libraries        # aiohttp and httpx, the same requests

Each answer is a stream with one event a token, as `vllm serve` sends it, and by default one write a token. The fake
servers, one for each client process, write bytes that they rendered before, each in a process of its own. The figures
are those of the client: the process of LoadGen and the client processes, without the servers. A few seconds each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import psutil

from submitter.harness.engines import EnginePlan, create
from submitter.harness.remote.answers import Answer

EOS = 2
PROMPT = list(range(100, 400))
IN_FLIGHT = 256


class FakeServer(asyncio.Protocol):
    """Answers each request with the same stream, and each GET as a server of the model `fake`."""

    def __init__(self, tokens: int, writes: int) -> None:
        self.pending = bytearray()
        events = [{"index": 0, "text": " word", "token_ids": [7], "finish_reason": None} for _ in range(tokens)]
        events[-1] |= {"token_ids": [EOS], "finish_reason": "stop"}
        documents: list[dict[str, Any]] = [{"id": "cmpl-1", "model": "fake", "choices": [event]} for event in events]
        documents.append({"id": "cmpl-1", "choices": [], "usage": {"completion_tokens": tokens}})
        lines = [f"data: {json.dumps(document)}\n\n".encode() for document in documents] + [b"data: [DONE]\n\n"]
        chunks = [b"%x\r\n%s\r\n" % (len(line), line) for line in lines]
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        per_write = -(-len(chunks) // writes)
        self.writes = [b"".join(chunks[at : at + per_write]) for at in range(0, len(chunks), per_write)]
        self.writes[0] = head + self.writes[0]
        self.writes[-1] += b"0\r\n\r\n"
        # The look before a run asks for an answer of two tokens.
        probe = {"choices": [{"index": 0, "token_ids": [7, 7], "finish_reason": "length"}]}
        usage = {"choices": [], "usage": {"completion_tokens": 2}}
        body = b"".join(f"data: {json.dumps(each)}\n\n".encode() for each in (probe, usage))
        self.probe = head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.pending += data
        while (end := self.pending.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.pending[:end]).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(self.pending) < end + 4 + length:
                return
            body = bytes(self.pending[end + 4 : end + 4 + length])
            del self.pending[: end + 4 + length]
            if head.startswith(b"post"):
                self.send([self.probe] if b'"max_tokens":2,' in body else self.writes, 0)
            else:
                page = b'{"data":[{"id":"fake"}]}' if b"/v1/models" in head else b"{}"
                kind = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(page)
                self.transport.write(kind + page)

    def send(self, writes: list[bytes], at: int) -> None:
        self.transport.write(writes[at])
        if at + 1 < len(writes):
            asyncio.get_running_loop().call_soon(self.send, writes, at + 1)


async def serve(tokens: int, writes: int) -> None:
    server = await asyncio.get_running_loop().create_server(
        lambda: FakeServer(tokens, writes), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def started(stack: ExitStack, tokens: int, writes: int) -> str:
    """The URL of a fake server, which ends with the stack."""
    command = [sys.executable, __file__, "--serve", "--tokens", str(tokens), "--writes", str(writes)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    stack.callback(process.wait)
    stack.callback(process.kill)
    assert process.stdout is not None
    return f"http://127.0.0.1:{process.stdout.readline().strip()}"


async def all_requests(count: int, one: Callable[[], Awaitable[None]]) -> float:
    """Seconds for `count` requests, at most IN_FLIGHT at once."""
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await one()

    await asyncio.gather(*(one() for _ in range(8)))
    began_s = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return time.perf_counter() - began_s


def cpu_s(processes: list[int]) -> float:
    own = os.times()
    others = [psutil.Process(process).cpu_times() for process in processes]
    return own.user + own.system + sum(each.user + each.system for each in others)


async def engine(urls: list[str], processes: int, tokens: int, requests: int) -> tuple[float, float]:
    """Requests/s through the engine, and CPU seconds of the client for 1,000 requests."""
    plan = EnginePlan(model="none", max_new_tokens=tokens, eos_token_id=EOS)
    loaded = create("endpoint", {"urls": urls, "client_processes": processes}, plan)
    await loaded.start()

    async def one() -> None:
        count = 0
        async for part in loaded.generate("1", PROMPT, True):
            count += len(part)
        assert count == tokens

    before_s = cpu_s(loaded.process_ids())
    seconds = await all_requests(requests, one)
    used_s = cpu_s(loaded.process_ids()) - before_s
    await loaded.stop()
    return requests / seconds, used_s / requests * 1000


async def library(name: str, url: str, tokens: int, requests: int) -> tuple[float, float]:
    """The same figures for one HTTP library, with the engine's own reading of the events."""
    body = json.dumps({"model": "fake", "prompt": PROMPT, "max_tokens": tokens, "stream": True}).encode()
    headers = {"Content-Type": "application/json"}
    address = f"{url}/v1/completions"
    if name == "aiohttp":
        import aiohttp

        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        close = session.close

        async def one() -> None:
            answer = Answer(tokens, EOS)
            async with session.post(address, data=body, headers=headers) as response:
                async for data in response.content.iter_any():
                    answer.feed(data)
            answer.finish()
    else:
        import httpx

        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        client = httpx.AsyncClient(limits=limits, timeout=60)
        close = client.aclose

        async def one() -> None:
            answer = Answer(tokens, EOS)
            async with client.stream("POST", address, content=body, headers=headers) as response:
                async for data in response.aiter_raw():
                    answer.feed(data)
            answer.finish()

    before_s = cpu_s([])
    seconds = await all_requests(requests, one)
    used_s = cpu_s([]) - before_s
    await close()
    return requests / seconds, used_s / requests * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--writes", type=int, default=64, help="how many writes an answer comes in")
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--libraries", action="store_true")
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.tokens, arguments.writes))
        return
    tokens, requests, writes = arguments.tokens, arguments.requests, arguments.writes
    print(
        f"{os.cpu_count()} cores; answers of {tokens} tokens, one event each, in {writes} writes; {IN_FLIGHT} at once"
    )
    names = (
        ["aiohttp", "httpx"] if arguments.libraries else [f"{each} client processes" for each in arguments.processes]
    )
    for number, name in enumerate(names):
        with ExitStack() as stack:
            if arguments.libraries:
                rate, used_s = asyncio.run(library(name, started(stack, tokens, writes), tokens, requests))
            else:
                count = arguments.processes[number]
                urls = [started(stack, tokens, writes) for _ in range(count)]
                rate, used_s = asyncio.run(engine(urls, count, tokens, requests))
        print(f"{name:20} {rate:8.0f} requests/s {rate * tokens:10.0f} tokens/s {used_s:7.2f} CPU s/1,000 requests")


if __name__ == "__main__":
    main()
