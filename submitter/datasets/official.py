"""The data files that MLCommons publishes, as `files.toml` knows them by name."""

from __future__ import annotations

import tomllib
from functools import cache

import msgspec

from submitter import plugins


class OfficialFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One published file. `columns` are those it has; no prompt is longer than `max_prompt_tokens`, where known."""

    what: str = msgspec.field(name="is")
    sha256: str
    md5: str | None = None
    sample_count: int
    max_prompt_tokens: int | None = None
    tokenizer: str
    columns: tuple[str, ...]


@cache
def official_files() -> dict[str, OfficialFile]:
    """Every published file by its name."""
    text = (plugins.folder("submitter.datasets") / "files.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, OfficialFile])


def by_sha256(sha256: str) -> tuple[str, OfficialFile] | None:
    """The name and the facts of the published file of this checksum, if it is one."""
    return next(((name, file) for name, file in official_files().items() if file.sha256 == sha256), None)
