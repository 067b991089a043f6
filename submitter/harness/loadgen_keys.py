"""The keys that LoadGen reads from user.conf, and the scenarios in which it reads each.

Source: loadgen/test_settings_internal.cc, FromConfig, at mlcommons/inference b66003e1 (LoadGen 6.0.17), compared with
the tags v4.1, v5.0.1, v5.1.1 and v6.0.0pre. A test sets each key in a user.conf and reads it from the installed
LoadGen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

SCENARIOS = ("SingleStream", "MultiStream", "Server", "Offline")
"""LoadGen's scenarios. It has no Interactive: that is Server under another model's name."""

RATE_KEYS = {
    "SingleStream": "target_latency",
    "MultiStream": "target_latency",
    "Server": "target_qps",
    "Offline": "target_qps",
}
"""The key that every user.conf must set (loadgen/mlperf.conf, its last lines), by scenario."""


class Kind(Enum):
    """How LoadGen reads a value."""

    COUNT = auto()
    """A whole number (strtoull): of 6e5 it reads the 6."""
    POSITIVE = auto()
    """Any number above 0 (strtod)."""
    PERCENTILE = auto()
    """A number between 0 and 100 (strtod)."""
    FLAG = auto()
    """0 or 1."""


@dataclass(frozen=True)
class Key:
    """A key, in the scenarios in which LoadGen reads it."""

    name: str
    kind: Kind
    scenarios: tuple[str, ...] = SCENARIOS
    since: tuple[int, ...] = ()
    """The first version of LoadGen that reads it, where not all of the rounds' versions do."""


@dataclass(frozen=True)
class Reserved:
    """Keys that have no place in user.conf, and why."""

    names: frozenset[str]
    why: str
    read_until: tuple[int, ...] | None = None
    """The last version of LoadGen that read them from user.conf; empty if none ever did, None if all do."""


_SERVER = ("Server",)

KEYS = (
    Key("target_qps", Kind.POSITIVE, ("Server", "Offline")),
    Key("target_latency", Kind.COUNT, _SERVER),
    Key("target_latency", Kind.POSITIVE, ("SingleStream", "MultiStream")),
    Key("target_latency_percentile", Kind.PERCENTILE, ("SingleStream", "MultiStream", "Server")),
    Key("ttft_latency", Kind.COUNT, _SERVER),
    Key("tpot_latency", Kind.COUNT, _SERVER),
    Key("coalesce_queries", Kind.FLAG, _SERVER),
    Key("max_async_queries", Kind.COUNT, _SERVER),
    Key("samples_per_query", Kind.COUNT, ("MultiStream",)),
    Key("min_duration", Kind.COUNT),
    Key("max_duration", Kind.COUNT),
    Key("min_query_count", Kind.COUNT),
    Key("max_query_count", Kind.COUNT),
    Key("performance_sample_count_override", Kind.COUNT),
    Key("accuracy_sample_count_override", Kind.COUNT, since=(6, 0, 5)),
    Key("sample_concatenate_permutation", Kind.FLAG),
    Key("use_token_latencies", Kind.FLAG),
    Key("infer_token_latencies", Kind.FLAG),
    Key("token_latency_scaling_factor", Kind.COUNT),
    Key("print_timestamps", Kind.FLAG),
)

TOKEN_LATENCY_KEYS = ("ttft_latency", "tpot_latency")
"""LoadGen reads them only if `use_token_latencies` is on; and as the Server scenario's, whatever scenario it runs."""

RESERVED = (
    Reserved(
        frozenset(
            (
                "qsl_rng_seed",
                "sample_index_rng_seed",
                "schedule_rng_seed",
                "accuracy_log_probability",
                "test05",
                "test05_qsl_rng_seed",
                "test05_sample_index_rng_seed",
                "test05_schedule_rng_seed",
            )
        ),
        "it comes from LoadGen's built-in configuration, which has the round's value",
        read_until=(4, 1),
    ),
    Reserved(frozenset(("target_duration",)), "no LoadGen reads it, though its own mlperf.conf sets it", read_until=()),
    Reserved(frozenset(("mode",)), "submitter sets the mode of each run itself"),
    Reserved(
        frozenset(
            (
                "performance_issue_unique",
                "performance_issue_same",
                "performance_issue_same_index",
                "accuracy_log_rng_seed",
                "accuracy_log_sampling_target",
            )
        ),
        "it belongs to the compliance tests, whose audit files submitter writes itself",
    ),
)


def key_of(name: str, scenario: str) -> Key | None:
    """The key of this name as it is read in a scenario; None if LoadGen does not read it there."""
    return next((key for key in KEYS if key.name == name and scenario in key.scenarios), None)


def scenarios_of(name: str) -> tuple[str, ...]:
    """The scenarios in which LoadGen reads the key; empty if it has no such key."""
    return tuple(scenario for scenario in SCENARIOS if key_of(name, scenario))


def reserved(name: str) -> Reserved | None:
    """Why the key has no place in user.conf; None if it has one, or LoadGen does not know it."""
    return next((entry for entry in RESERVED if name in entry.names), None)
