"""Where LoadGen's built-in configuration and the official checker disagree about a benchmark: runs follow the first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from submitter.rulebook_import.constants import Official

_NS_PER_MS = 1_000_000


def disagreements(official: Official, benchmarks: dict[str, dict[str, Any]]) -> Iterator[str]:
    """A line for each value; `benchmarks` are the drafted tables. LoadGen's 0 means no limit, or the whole data set."""
    loadgen = official.checkout.loadgen
    duration = official.get("TEST_DURATION_MS", int)
    for scenario in ("SingleStream", "MultiStream", "Server", "Offline"):
        theirs = loadgen.get(f"*.{scenario}.min_duration", duration)
        if theirs != duration:
            yield f"LoadGen's min_duration of {scenario} is {theirs} ms, and the checker has {duration} ms"
    for name, table in benchmarks.items():
        for key, theirs, ours in _pairs(table, loadgen):
            if theirs and ours is not None and theirs != ours:
                unit = " ms" if key.endswith("latency") else ""
                yield f"LoadGen's {key} is {theirs}{unit}, and the checker has {ours}{unit} for {name}"


def _pairs(table: dict[str, Any], loadgen: dict[str, int]) -> Iterator[tuple[str, int | None, Any]]:
    """LoadGen's names of the values, with both values."""
    model = table["loadgen_model"]
    key = f"{model}.*.performance_sample_count_override"
    yield key, loadgen.get(key), table["performance_sample_count"]
    latency_ns = table["latency_ns"].get("Server")
    key = f"{model}.Server.target_latency"
    yield key, loadgen.get(key), None if latency_ns is None else latency_ns // _NS_PER_MS
    models = {"Server": model, "Interactive": table["loadgen_model_interactive"]}
    for scenario, limits in table["token_latency"].items():
        for what in ("ttft", "tpot"):
            key = f"{models.get(scenario)}.Server.{what}_latency"
            yield key, loadgen.get(key), limits[f"{what}_ns"] // _NS_PER_MS
