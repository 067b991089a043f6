"""HTTP to the servers, with aiohttp: the only importer of it. No request is ever sent twice."""

from __future__ import annotations

import os
import resource
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from submitter import packages
from submitter.errors import InputError, RunError, SubmitterError
from submitter.harness.remote.answers import MAX_BYTES, Answer, AnswerError, error_words
from submitter.harness.remote.settings import Settings
from submitter.quoting import printable

# Below the 5 s after which the servers close an idle connection (uvicorn's default, which vLLM, SGLang and
# TensorRT-LLM keep): a request on a connection that the server is just closing would fail.
# Both clocks are late where a core is missing, so it is far below.
_IDLE_CONNECTION_S = 1.0
_ERROR_BYTES = 1 << 16
_SPARE_FILES = 256
_DOWN = "check that the server runs and that this machine reaches it: curl"
_LOG = "the server's log says more; then run it again"
_STREAM, _JSON = "text/event-stream", "application/json"


def require() -> Any:
    """The library. NotInstalledError if it is not installed."""
    with packages.required(packages.ENDPOINT, "aiohttp"):
        import aiohttp
    return aiohttp


class Client:
    """Connections to the servers; create and use it on one event loop, and `close` it."""

    def __init__(self, settings: Settings) -> None:
        self._aiohttp = aiohttp = require()
        from yarl import URL

        self._settings = settings
        self._url = URL
        self._completions = {url: URL(f"{url}/v1/completions") for url in settings.base_urls}
        _allow_files((settings.connections or 0) * len(settings.urls))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                limit_per_host=settings.connections or 0,
                keepalive_timeout=_IDLE_CONNECTION_S,
                ttl_dns_cache=None,
            ),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=settings.connect_timeout_s, sock_read=settings.request_timeout_s
            ),
            headers=_headers(settings),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=1 << 18,
        )

    async def answer(self, url: str, body: bytes, answer: Answer, stream: bool) -> AsyncIterator[None]:
        """Send one request to a server and feed its answer, which is whole at the end; yields after each part.

        RunError, with the server and its words, for anything else than a whole answer.
        """
        with self._failures(url):
            async with self._session.post(self._completions[url], data=body, allow_redirects=False) as response:
                if response.status != 200 or response.content_type != (_STREAM if stream else _JSON):
                    await self._refuse(response, _STREAM if stream else _JSON)
                if stream:
                    feed = answer.feed
                    async for data in response.content.iter_any():
                        feed(data)
                        yield
                else:
                    answer.whole(await _limited(response, MAX_BYTES))
            answer.finish()

    async def get(self, url: str, path: str, timeout_s: float) -> tuple[int, bytes]:
        """The status and the body of a page of a server; RunError if it does not answer."""
        timeout = self._aiohttp.ClientTimeout(total=timeout_s)
        with self._failures(url, timeout_s):
            async with self._session.get(self._url(url + path), allow_redirects=False, timeout=timeout) as response:
                return response.status, await _limited(response, MAX_BYTES)

    async def close(self) -> None:
        await self._session.close()

    async def _refuse(self, response: Any, required: str) -> None:
        """Raise the error for a response that is not an answer."""
        if 300 <= response.status < 400:
            to = printable(response.headers.get("Location", "another address"))
            raise AnswerError(f"redirects to {to} (status {response.status})", "name that server's base URL in urls")
        words = error_words(await response.content.read(_ERROR_BYTES))
        if response.status != 200:
            raise AnswerError(f"refused a request with status {response.status}: {words}", _hint(response.status))
        kind = printable(response.headers.get("Content-Type", "nothing"))
        raise AnswerError(
            f"answered with {kind}, and {required} is required: {words}", "is it an OpenAI-compatible server?"
        )

    @contextmanager
    def _failures(self, url: str, timeout_s: float | None = None) -> Iterator[None]:
        """Every failure of a request as a RunError that names the server."""
        http, settings = self._aiohttp, self._settings
        try:
            yield
        except AnswerError as error:
            raise RunError(f"{url} {error.message}", error.hint) from None
        except SubmitterError:
            raise
        except http.ConnectionTimeoutError:
            raise RunError(
                f"{url} accepts no connection within {settings.connect_timeout_s:g} s", f"{_DOWN} {url}/v1/models"
            ) from None
        except TimeoutError:
            raise RunError(
                f"{url} sent nothing for {timeout_s or settings.request_timeout_s:g} s",
                "the server's log may say why; request_timeout_s in engine.toml is the longest wait",
            ) from None
        except http.ClientConnectorError as error:
            raise RunError(f"{url} cannot be reached: {_reason(error)}", f"{_DOWN} {url}/v1/models") from None
        except (http.ServerDisconnectedError, http.ClientPayloadError, ConnectionError):
            raise RunError(f"{url} closed the connection before the end of an answer", _LOG) from None
        except http.ClientOSError:
            raise RunError(
                f"{url} closed a connection on which a request was being sent",
                "an overloaded server may close connections that are in use: let it keep idle ones longer "
                "(vllm serve: VLLM_HTTP_TIMEOUT_KEEP_ALIVE=3600), or lower the rate",
            ) from None
        except http.ClientError as error:
            raise RunError(
                f"{url} does not answer in HTTP: {printable(_first_line(error))}", f"{_DOWN} {url}/v1/models"
            ) from None


def _headers(settings: Settings) -> dict[str, str]:
    headers = {"Content-Type": _JSON}
    if settings.api_key_env is not None:
        key = os.environ.get(settings.api_key_env)
        if not key:
            raise InputError(
                f"the environment variable {settings.api_key_env} is not set (api_key_env in engine.toml)",
                f"set it in the shell: export {settings.api_key_env}=...",
            )
        if not key.isascii() or not key.isprintable():
            raise InputError(
                f"the environment variable {settings.api_key_env} cannot be sent as a key", "remove its line breaks"
            )
        headers["Authorization"] = f"Bearer {key}"
    return headers


def _allow_files(connections: int) -> None:
    """Raise this process's limit of open files: each connection is one. InputError if the system allows fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < connections + _SPARE_FILES:
        raise InputError(
            f"engine.toml: {connections} connections need as many open files, this process may have {hard}",
            f"raise it (ulimit -Hn {connections + _SPARE_FILES}), or lower connections",
        )
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _limited(response: Any, most: int) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > most:
            raise AnswerError(f"sent an answer of more than {most >> 20} MiB", "is it an OpenAI-compatible server?")
        parts.append(part)
    return b"".join(parts)


def _hint(status: int) -> str:
    if status in (401, 403):
        return "api_key_env in engine.toml names the environment variable with the server's API key"
    if status == 404:
        return "check urls and model in engine.toml: the server's /v1/models lists what is served"
    if status in (429, 503):
        return "let the server queue more requests, or lower in_flight: a run never sends a request twice"
    return _LOG


def _reason(error: Any) -> str:
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message}); SSL_CERT_FILE may name another authority's"
    if isinstance(cause, OSError) and cause.errno:
        text = os.strerror(cause.errno) if cause.errno > 0 else cause.strerror or "its name is unknown"
        return printable(text[:1].lower() + text[1:])
    return printable(_first_line(error))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
