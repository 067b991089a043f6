"""The manifest of an assembled tree: the runs of each result, and the hash of every file.

It is our own addition, not part of MLCommons' format; `layout.manifest` gives its path. Other submitters' trees have
none and need none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import Field

from submitter.record import RunRecord
from submitter.strict_record import StrictRecord

_SEAL = "content_sha256"


class ManifestFullRun(StrictRecord):
    """How to make the full submission that a smoke tree previews."""

    command: str
    """As a user types it in the folder of the smoke campaign's file."""
    expected_s: float
    """How long that takes at the target rates, in s, scoring and assembly included."""


class ManifestResult(StrictRecord):
    """One result and its runs."""

    path: str
    """The result's folder, relative to the folder that holds the divisions."""
    runs: dict[str, RunRecord]
    """The runs' records, by mode."""
    scores: dict[str, float] = Field(default_factory=dict)
    """Each metric as the accuracy run was scored. Empty in a manifest of version 1."""
    accuracy_target: dict[str, float] = Field(default_factory=dict)
    """The lowest allowed value of each metric: that of the round for an official benchmark, that of the campaign for a
    submitter's own model in the open division."""
    accuracy_log_sha256: str | None = None
    """The SHA-256 of the untruncated log."""


class Manifest(StrictRecord):
    """The contents of a tree.

    Version 2 added `content_sha256` and the results' `scores`. Manifests of version 1 are read, too.
    """

    version: int = 2
    submitter_version: str
    """The version of submitter that assembled the tree."""
    round: str
    smoke: bool
    """Whether its runs were short ones that rehearse the process. Then the tree is a preview and not a submission."""
    full_run: ManifestFullRun | None = None
    """None if the tree is not a preview, or if its campaign names no full campaign."""
    results: tuple[ManifestResult, ...]
    files: dict[str, str]
    """The SHA-256 of every file except the manifest, by path relative to the folder that holds the divisions."""
    content_sha256: str | None = None
    """`content_sha256` of the manifest. It shows an edit by hand; whoever computes it anew is not found by it."""

    def sealed(self) -> dict[str, Any]:
        """The content to write, with its `content_sha256`."""
        content = self.model_dump(mode="json")
        return content | {_SEAL: content_sha256(content)}


def is_edited(text: str) -> bool:
    """Whether a manifest, given as the text of a valid one, is not as it was written; unknown of version 1."""
    content = json.loads(text)
    return bool(content.get("version", 1) > 1 and content.get(_SEAL) != content_sha256(content))


def content_sha256(content: Mapping[str, Any]) -> str:
    """Over the values and not over the text, so that another indentation or order of keys is no difference."""
    canonical = json.dumps({key: value for key, value in content.items() if key != _SEAL}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def code_differences(runs: Mapping[str, RunRecord]) -> Iterator[tuple[str, dict[str, str]]]:
    """Of `setup_differences`, those of data set, model, settings and software; not those of the host."""
    for what, value_of in {**_OF_THE_RESULT, **_OF_LOADGEN}.items():
        yield from _differing(runs, what, value_of)


def setup_differences(runs: Mapping[str, RunRecord]) -> Iterator[tuple[str, dict[str, str]]]:
    """What runs of one result were made with that is not the same for all: its name, and its value by the run's name.

    What a record does not state, because it is an older one, is not compared.
    """
    yield from code_differences(runs)
    for what, value_of in _OF_THE_HOST.items():
        yield from _differing(runs, what, value_of)


def system_differences(runs: Mapping[str, RunRecord]) -> Iterator[tuple[str, dict[str, str]]]:
    """The same of runs of several results on one system. They may have other engines: packages are compared by name."""
    of_packages = {
        name: lambda record, name=name: record.packages.get(name, "")
        for name in sorted({name for record in runs.values() for name in record.packages})
    }
    for what, value_of in {**_OF_LOADGEN, **_OF_THE_HOST, **of_packages}.items():
        yield from _differing(runs, what, value_of)


def _differing(
    runs: Mapping[str, RunRecord], what: str, value_of: Callable[[RunRecord], str]
) -> Iterator[tuple[str, dict[str, str]]]:
    stated = {name: text for name, record in sorted(runs.items()) if (text := value_of(record))}
    if len(set(stated.values())) > 1:
        yield what, stated


_OF_THE_RESULT: dict[str, Callable[[RunRecord], str]] = {
    "data set": lambda record: record.dataset.sha256,
    "number of samples": lambda record: str(record.dataset.sample_count),
    "model": lambda record: record.model.sha256,
    "tokenizer": lambda record: record.provenance.tokenizer_sha256,
    "engine": lambda record: record.engine,
    "engine settings": lambda record: json.dumps(record.engine_settings, sort_keys=True),
    "packages": lambda record: ", ".join(f"{name} {version}" for name, version in sorted(record.packages.items())),
}
_OF_LOADGEN: dict[str, Callable[[RunRecord], str]] = {
    "LoadGen": lambda record: record.loadgen_version,
    "build of LoadGen": lambda record: record.provenance.loadgen_sha256,
}
_OF_THE_HOST: dict[str, Callable[[RunRecord], str]] = {
    # Not the very machine: those of a cluster count as one system if they are of one kind.
    "processor": lambda record: record.provenance.host.get("processor", ""),
    "accelerators": lambda record: record.provenance.host.get("accelerators", ""),
    "driver": lambda record: record.provenance.host.get("driver", ""),
}
