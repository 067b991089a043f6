"""`[settings]` of engine.toml for the engine `endpoint`: where the servers are, and how to speak to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from submitter import plugins
from submitter.errors import InputError, raise_all
from submitter.harness.engines._settings import wrong_value
from submitter.harness.environment import is_secret, masked
from submitter.quoting import printable

# Linux gives a client about this many ports for one server's address (net.ipv4.ip_local_port_range).
_MOST_CONNECTIONS = 28_000
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What the harness puts into each request, by the limits of the benchmark and by [sampling].
_OURS = {
    "model": "set [settings] model",
    "prompt": "the prompts are the data set's",
    "max_tokens": "the campaign and the round set it (max_new_tokens)",
    "min_tokens": "the rules require at least one token",
    "stop": "an answer ends with the model's EOS token only",
    "stop_token_ids": "an answer ends with the model's EOS token only",
    "ignore_eos": "an answer ends with the model's EOS token",
    "n": "each sample has one answer",
    "best_of": "each sample has one answer",
    "echo": "an answer has no prompt",
    "stream": "Server and Interactive runs stream, Offline runs do not",
    "stream_options": "the harness needs the server's count of tokens",
    "use_beam_search": "use [sampling]",
    **dict.fromkeys(
        ("temperature", "top_k", "top_p", "min_p", "seed"), "use [sampling], which the closed division checks"
    ),
    **dict.fromkeys(
        ("repetition_penalty", "presence_penalty", "frequency_penalty", "length_penalty"),
        "use [sampling], which the closed division checks",
    ),
}


class Settings(BaseModel):
    """`urls` are base URLs, with or without `/v1`; each request goes to the one with the fewest outstanding requests.

    `server` says which server it is: what a request must have for the answer's token ids to come back differs. With
    `answers = "text"` the answer comes as text and is tokenised here. `model` is the name under which the model is
    served; by default the only one that the servers list.

    `connections` limits the connections to each server; without it there is one for each sample in flight.
    `request_timeout_s` is the longest time without any byte of an answer. `api_key_env` is the name of the environment
    variable with the API key: engine.toml is published. `extra_body` has more fields of each request.
    """

    model_config = ConfigDict(extra="forbid")

    urls: list[str] = Field(min_length=1)
    server: Literal["vllm", "sglang", "trtllm", "dynamo", "openai"] = "vllm"
    model: str | None = Field(None, min_length=1)
    answers: Literal["token_ids", "text"] = "token_ids"
    connections: int | None = Field(None, ge=1, le=_MOST_CONNECTIONS)
    client_processes: int = Field(1, ge=1, le=64)
    connect_timeout_s: float = Field(10.0, gt=0, le=600)
    request_timeout_s: float = Field(300.0, gt=0, le=36_000)
    api_key_env: str | None = None
    extra_body: dict[str, Any] = Field(default_factory=dict)

    @property
    def base_urls(self) -> list[str]:
        """The URLs without a slash or `/v1` at the end."""
        return [_base(url) for url in self.urls]


def read(settings: dict[str, Any]) -> Settings:
    """InputError for each setting that the engine does not have, lacks, or has with a value that is wrong."""
    try:
        checked = Settings.model_validate(settings, strict=True)
    except ValidationError as error:
        by_key: dict[str, list[ErrorDetails]] = {}
        for problem in error.errors():
            by_key.setdefault(str(problem["loc"][0]), []).append(problem)
        raise_all([_problem(key, settings.get(key), of_key) for key, of_key in by_key.items()])
        raise  # never reached: pydantic's error has at least one problem
    raise_all(list(_problems(checked)))
    return checked


def _problem(key: str, value: object, problems: list[ErrorDetails]) -> InputError:
    kind = problems[0]["type"]
    if kind == "extra_forbidden":
        nearest = plugins.did_you_mean(key, Settings.model_fields)
        return InputError(f"engine.toml: the endpoint engine has no setting '{key}'", nearest)
    if kind == "missing":
        return InputError(f"engine.toml: [settings] {key} is missing", f'write: {key} = ["http://localhost:8000"]')
    if kind == "too_short":
        return InputError(f"engine.toml: '{key}' names no server", f'write: {key} = ["http://localhost:8000"]')
    choices = ()
    if kind == "literal_error":
        choices = tuple(part.strip("' ") for part in problems[0]["ctx"]["expected"].replace(" or ", ",").split(","))
    return wrong_value("the endpoint engine", key, value, problems, choices)


def _problems(settings: Settings) -> Iterator[InputError]:
    seen: set[str] = set()
    for url in settings.urls:
        if problem := _url_problem(url):
            yield problem
        elif _base(url) in seen:
            yield InputError(f"engine.toml: urls names {printable(url)} twice", "name each server once")
        seen.add(_base(url))
    if settings.server == "openai" and settings.answers == "token_ids":
        yield InputError(
            "engine.toml: a server of plain OpenAI form returns no token ids",
            'set answers = "text" (docs/scale-out.md says what that costs), or name the server: server = "vllm"',
        )
    name = settings.api_key_env
    if name is not None and not _VARIABLE.fullmatch(name):
        yield InputError(
            "engine.toml: api_key_env is not the name of an environment variable",
            "engine.toml is published: set the key in the shell, and name its variable here",
        )
    for key, value in settings.extra_body.items():
        if key in _OURS:
            yield InputError(f"engine.toml: extra_body cannot have '{key}'", _OURS[key])
        elif (is_secret(key) and isinstance(value, str)) or masked("", str(value)) != str(value):
            yield InputError(
                f"engine.toml: '{printable(key)}' in extra_body looks like a secret, and engine.toml is published",
                "use api_key_env",
            )


def _url_problem(url: str) -> InputError | None:
    shown = printable(masked("", url))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return InputError(f"engine.toml: urls: {shown} is not a URL", "write it as http://host:8000")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or re.search(r"\s", url):
        return InputError(f"engine.toml: urls: {shown} is not a URL", "write it as http://host:8000")
    if parts.username is not None or parts.password is not None:
        return InputError(
            f"engine.toml: urls: {shown} has credentials, and engine.toml is published",
            "remove them; api_key_env names the environment variable with an API key",
        )
    if parts.query or parts.fragment or _base(url).endswith("/completions"):
        return InputError(
            f"engine.toml: urls: {shown} is not a base URL", "give the part before /v1/completions: http://host:8000"
        )
    return None


def _base(url: str) -> str:
    return url.rstrip("/").removesuffix("/v1").rstrip("/")
