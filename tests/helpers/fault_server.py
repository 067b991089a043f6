"""A server of the completions API that fails as it is told, in a thread of this process: no HTTP library answers.

It answers like the echo engine: the prompt's tokens again and again, and the EOS token at the end.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

EOS = 2
OUTPUT_TOKENS = 8
Write = Callable[[bytes], None]


def answer_to(prompt: list[int], most: int) -> list[int]:
    body = [token for token in prompt if token != EOS] or [5]
    length = min(OUTPUT_TOKENS, most)
    tokens = (body * length)[:length]
    return [*tokens[:-1], EOS] if length > 1 else tokens


class FaultServer:
    """A context manager. `fault` is applied to every completion after the first `after`, which are answered well.

    `received` has the body of each completion request, `connections` counts what was accepted.
    """

    def __init__(
        self,
        fault: str = "",
        *,
        after: int = 3,
        models: tuple[str, ...] = ("tiny",),
        max_model_len: int = 4096,
        metrics: str = 'vllm:cache_config_info{block_size="16",enable_prefix_caching="False"} 1.0',
        pages: dict[str, Any] | None = None,
        delay_s: float = 0.0,
        cached_tokens: int | None = None,
        form: str = "vllm",
    ) -> None:
        self.fault, self._after, self._delay_s, self._form = fault, after, delay_s, form
        self._cached_tokens = cached_tokens
        self._pages: dict[str, Any] = {
            "/v1/models": {"object": "list", "data": [{"id": each, "max_model_len": max_model_len} for each in models]},
            "/version": {"version": "0.32.0"},
            "/metrics": metrics,
            **(pages or {}),
        }
        self.received: list[dict[str, Any]] = []
        self.headers: list[str] = []
        self.paths: list[str] = []
        self.connections = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)

    def __enter__(self) -> FaultServer:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=4096, limit=1 << 24)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, path, _ = head.decode().split(" ", 2)
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
                self.paths.append(path)
                if method == "POST":
                    self.headers.append(head.decode())
                    self.received.append(json.loads(body))
                    await self._complete(self.received[-1], writer)
                else:
                    page = self._pages.get(path)
                    text = page if isinstance(page, str) else json.dumps(page)
                    kind = "text/plain" if isinstance(page, str) else "application/json"
                    _respond(writer, 404 if page is None else 200, kind, text.encode())
                await writer.drain()
                if writer.is_closing():
                    return
        writer.close()

    async def _complete(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        fault = self.fault if len(self.received) > self._after else ""
        tokens = answer_to(request["prompt"], request["max_tokens"])
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        if fault in _RESPONSES:
            status, kind, body, *headers = _RESPONSES[fault]
            _respond(writer, status, kind, body, *headers)
            return
        if fault == "reset":
            writer.transport.abort()
            return
        if fault == "stalled at once":
            await self._stop.wait()
        usage = {"prompt_tokens": len(request["prompt"]), "completion_tokens": len(tokens)}
        if self._cached_tokens is not None:
            usage["prompt_tokens_details"] = {"cached_tokens": self._cached_tokens}
        if fault == "wrong count":
            usage["completion_tokens"] += 1
        if request.get("stream"):
            await self._stream(request, tokens, usage, fault, writer)
        else:
            choice = {"index": 0, "text": "", "token_ids": tokens, "finish_reason": _reason(tokens)}
            document = {"id": "cmpl-1", "choices": [choice], "usage": usage}
            _respond(writer, 200, "application/json", json.dumps(document).encode())

    async def _stream(
        self,
        request: dict[str, Any],
        tokens: list[int],
        usage: dict[str, Any],
        fault: str,
        writer: asyncio.StreamWriter,
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number, token in enumerate(tokens):
            last = number == len(tokens) - 1
            if number == 3:
                if fault == "truncated":
                    _chunk(writer, b"data: [DONE]\n\n")
                    writer.write(b"0\r\n\r\n")
                    return
                if fault == "cut off":
                    await writer.drain()
                    writer.close()
                    return
                if fault == "stalled":
                    await self._stop.wait()
                if fault in _EVENTS:
                    _chunk(writer, _EVENTS[fault])
                if fault == "aborted":
                    writer.write(b"0\r\n\r\n")
                    return
                if fault == "lost chunk":
                    continue
                if fault == "slow":
                    await writer.drain()
                    await asyncio.sleep(0.3)
            choice: dict[str, Any] = {"index": 0, "text": "" if number == 0 else "x", "token_ids": [token]}
            choice["finish_reason"] = _reason(tokens) if last else None
            if self._form == "text":
                choice["text"] = "" if token == EOS else f" {chr(97 + token % 26)}"
                del choice["token_ids"]
            if self._form == "no eos" and token == EOS:
                choice["token_ids"] = []
            event: dict[str, Any] = {"id": "cmpl-1", "choices": [choice]}
            if self._form == "dynamo":
                event["nvext"] = {"completion_token_ids": choice.pop("token_ids")}
            _chunk(writer, b"data: " + json.dumps(event).encode() + b"\n\n")
            await writer.drain()
        if fault != "no usage":
            _chunk(writer, b"data: " + json.dumps({"id": "cmpl-1", "choices": [], "usage": usage}).encode() + b"\n\n")
        _chunk(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")


def _reason(tokens: list[int]) -> str:
    return "stop" if tokens[-1] == EOS else "length"


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


def _respond(writer: asyncio.StreamWriter, status: int, kind: str, body: bytes, *headers: str) -> None:
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    writer.write("\r\n".join(lines).encode() + body)


_OUT_OF_MEMORY = b'{"error":{"message":"EngineCore encountered an issue: out of memory","type":"InternalServerError"}}'
_RESPONSES: dict[str, tuple[Any, ...]] = {
    "500": (500, "application/json", _OUT_OF_MEMORY),
    "429": (429, "application/json", b'{"error":{"message":"the queue is full (token=hf_abcdefghijklmnopqrst)"}}'),
    "401": (401, "application/json", b'{"error":"Unauthorized"}'),
    "404": (404, "application/json", b'{"object":"error","message":"The model `tiny` does not exist."}'),
    "422": (422, "application/json", b'{"detail":[{"msg":"Extra inputs are not permitted"}]}'),
    "redirect": (307, "text/plain", b"", "Location: https://gateway.example/v1/completions"),
    "web page": (200, "text/html", b"<html>Welcome\x1b[31m</html>"),
}
_EVENTS: dict[str, bytes] = {
    "error event": b"data: " + _OUT_OF_MEMORY + b"\n\n",
    "named error": b"event: error\n: worker disconnected\n\n",
    "garbage": b"data: {not json\n\n",
    "wrong types": b'data: {"choices":[{"index":0,"token_ids":["a"]}]}\n\n',
    "wrong token": b'data: {"choices":[{"index":0,"token_ids":[-7]}]}\n\n',
    "other answer": b'data: {"choices":[{"index":1,"token_ids":[7]}]}\n\n',
    "early end": b'data: {"choices":[{"index":0,"token_ids":[7],"finish_reason":"stop"}]}\n\n',
    "aborted": b'data: {"choices":[{"index":0,"token_ids":[7],"finish_reason":"abort"}]}\n\ndata: [DONE]\n\n',
    "huge line": b'data: {"choices":"' + b"x" * (17 << 20) + b"\n\n",
    "no ids": b'data: {"choices":[{"index":0,"text":"seven"}]}\n\n',
    "comment": b": keep-alive\n\n",
    "empty chunk": b'data: {"choices":[{"index":0,"text":"","token_ids":[]}]}\n\n',
}
