"""What is different on a node: the ranks of one engine must have the same packages, settings and weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from submitter.harness.nodes.messages import Hello, SessionFacts
from submitter.harness.plan import EngineSettings
from submitter.quoting import printable

HINT = "every machine needs the same packages, campaign file, engine.toml and checkpoint; change that, start it again"
_SHOWN_CHARACTERS = 120
_HASH_DIGITS = 12


def session_of(hello: Hello, mine: SessionFacts) -> int | None:
    """The number of the node's session that serves what the driver's does; None if it has none."""
    for number, session in enumerate(hello.sessions):
        if session.benchmark == mine.benchmark and set(mine.scenarios) & set(session.scenarios):
            return number
    return None


def differences(hello: Hello, mine: SessionFacts, versions: dict[str, str]) -> Iterator[str]:
    """Each thing that the node has and the driver has not, or the other way round, in words for one line each."""
    for name in sorted({*versions, *hello.versions}):
        here, there = versions.get(name, "not installed"), hello.versions.get(name, "not installed")
        if here != there:
            yield f"{_shown(name)} is {_shown(there)}, on the driver {here}"
    number = session_of(hello, mine)
    if number is None:
        scenarios = ", ".join(mine.scenarios)
        yield f"its campaign file has no benchmark '{mine.benchmark}' with {scenarios}"
        return
    theirs = hello.sessions[number]
    here_flat, there_flat = _flat(mine.engine), _flat(theirs.engine)
    for key in sorted({*here_flat, *there_flat}):
        if here_flat.get(key) != there_flat.get(key):
            yield f"engine.toml: {_shown(key)} is {_value(there_flat, key)}, on the driver {_value(here_flat, key)}"
    if theirs.model_sha256 != mine.model_sha256:
        there, here = _shown(theirs.model_sha256[:_HASH_DIGITS]), mine.model_sha256[:_HASH_DIGITS]
        yield f"the checkpoint of '{mine.benchmark}' is another one: its hash begins with {there}, on the driver {here}"


def _flat(engine: EngineSettings) -> dict[str, Any]:
    """Every key of an engine.toml with its value; those of tables as `[settings] max_num_seqs`."""
    flat: dict[str, Any] = {}
    for key, value in engine.model_dump(mode="json", exclude_none=True).items():
        flat |= {f"[{key}] {name}": each for name, each in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def _value(flat: dict[str, Any], key: str) -> str:
    return _shown(json.dumps(flat[key])) if key in flat else "not set"


def _shown(text: str) -> str:
    """A text of another machine, made harmless for a terminal."""
    return printable(text)[:_SHOWN_CHARACTERS]
