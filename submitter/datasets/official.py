"""The data files that MLCommons publishes, by name, from `files.toml`."""

from __future__ import annotations

import tomllib
from functools import cache

import msgspec

from submitter import plugins


class OfficialFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One published file. No prompt is longer than `max_prompt_tokens`; None if that is not known."""

    title: str
    sha256: str
    md5: str | None = None
    sample_count: int
    max_prompt_tokens: int | None = None
    tokenizer: str
    columns: tuple[str, ...]


@cache
def official_files() -> dict[str, OfficialFile]:
    """All published files, by name."""
    text = (plugins.folder("submitter.datasets") / "files.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, OfficialFile])


def published_for(sample_count: int) -> tuple[str, OfficialFile] | None:
    """The name and the facts of the published file with this many samples; None if there is none."""
    return next(((name, file) for name, file in official_files().items() if file.sample_count == sample_count), None)


def by_sha256(sha256: str) -> tuple[str, OfficialFile] | None:
    """The name and the facts of the published file with this checksum; None if there is none."""
    return next(((name, file) for name, file in official_files().items() if file.sha256 == sha256), None)
