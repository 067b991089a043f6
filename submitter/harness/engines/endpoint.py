"""A server of an OpenAI-compatible completions API, by URL: `vllm serve`, `trtllm-serve`, SGLang, Dynamo, llm-d.

`[settings]` of `engine.toml` are `remote.settings.Settings`. The server runs the model; this engine sends it token ids
over HTTP and counts the tokens that come back.
"""

from __future__ import annotations

from typing import Any

from submitter.harness.engines import EngineShape
from submitter.harness.remote import settings as remote_settings


def check(settings: dict[str, Any]) -> remote_settings.Settings:
    """InputError for a setting that this engine does not have or lacks, or a value that it does not accept."""
    return remote_settings.read(settings)


def serves_a_model(settings: dict[str, Any]) -> bool:
    return True


def shape(settings: dict[str, Any]) -> EngineShape:
    """No device of this machine. Each client process is a process of the engine, for `[binding]`."""
    return EngineShape(ranks=settings.get("client_processes", 1))


def runs_on() -> None:
    return None
