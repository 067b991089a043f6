"""What mlcommons/endpoints writes, which measures over HTTP and writes no log of LoadGen's (rounds v6.x).

config.yaml says what was run, performance/result_summary.json what was measured, accuracy/accuracy_results.json how
good the answers were. Their figures are read here under the names that LoadGen gives them, and from the places where
the official checker looks for them: parsers/endpoints_parser.py and constants.py ENDPOINTS_*.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from submitter.model import Scenario
from submitter.submission.files import Files, Unreadable
from submitter.units import NS_PER_S

# A configuration as the tool writes it has 10 kB, nests six deep and has no alias: PyYAML takes a second for a
# megabyte, and aliases can make little text enormous.
_CONFIG_LIMIT_BYTES = 1 << 17
_CONFIG_LIMIT_DEPTH = 64
_CONFIG_LIMIT_ALIASES = 100
_CONFIG_LIMIT_ENTRIES = 10_000

# Where a figure stands: in the JSON file of the run, the first of these paths; else in config.yaml, by the path that
# stands first here, or else by the JSON file's first.
_PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "effective_scenario": ("type", ("effective_scenario",)),
    "effective_min_duration_ms": ("settings.runtime.min_duration_ms", ("min_duration_ms",)),
    "effective_sample_index_rng_seed": (
        "settings.runtime.dataloader_random_seed",
        ("effective_sample_index_rng_seed",),
    ),
    "effective_schedule_rng_seed": ("settings.runtime.scheduler_random_seed", ("effective_schedule_rng_seed",)),
    "qsl_reported_total_count": ("", ("n_samples_issued",)),
    "generated_query_count": ("", ("generated_query_count", "n_samples_issued")),
    "generated_query_duration": ("", ("duration_ns",)),
    "result_completed_samples_per_sec": ("", ("qps",)),
    "result_completed_tokens_per_second": ("", ("tps",)),
    "result_mean_latency_ns": ("", ("latency.avg",)),
    "result_90.00_percentile_latency_ns": ("", ("latency.early_stopping_percentiles.90.0",)),
    "result_99.00_percentile_latency_ns": ("", ("latency.early_stopping_percentiles.99.0",)),
    "result_first_token_99.00_percentile_latency_ns": ("", ("ttft.early_stopping_percentiles.99.0",)),
    "result_time_per_output_token_99.00_percentile_ns": ("", ("tpot.early_stopping_percentiles.99.0",)),
    "mean_output_tokens": ("", ("output_sequence_lengths.avg",)),
    "num_errors": ("", ("result.failed", "n_samples_failed")),
}


def find(data: Any, path: Sequence[str]) -> Any:
    """What stands at a path of nested objects; None if nothing does. A key may have dots in it, the longest wins.

    A percentile is called 99.0 there and 99 here: a last 0 is passed over where a figure is reached before it.
    """
    if not path:
        return None if isinstance(data, (dict, list)) and not data else data
    if not isinstance(data, dict):
        return data if path == ["0"] and not isinstance(data, list) else None
    for taken in range(len(path), 0, -1):
        key = ".".join(path[:taken])
        if key in data:
            return find(data[key], path[taken:])
    return None


def has_place(key: str) -> bool:
    """Whether endpoints writes a figure of this name of LoadGen's."""
    return key in _PLACES


def figure(key: str, document: dict[str, Any], config: dict[str, Any]) -> Any:
    """The value of a figure, named as LoadGen names it, in a run's JSON file or else in config.yaml; None if absent."""
    in_config, in_document = _PLACES[key]
    places = [(document, path) for path in in_document]
    places += [(config, path) for path in (in_config, in_document[0]) if path]
    found = (find(data, path.split(".")) for data, path in places)
    return next((value for value in found if value is not None), None)


def scenario_name(folder: str, said: Any) -> str | None:
    """The scenario as the official checker takes it: what the configuration says, but the folder's of some.

    Only where it is spelled as LoadGen spells it do the token latencies and the benchmark's own metric hold.
    Official: checks/performance_check.py map_endpoints_scenario.
    """
    folder, interactive = folder.lower(), Scenario.INTERACTIVE.value
    if folder == Scenario.SINGLE_STREAM.value.lower():
        return Scenario.SINGLE_STREAM.value
    if interactive.lower() in (folder, str(said).lower()):
        return interactive
    if not isinstance(said, str):
        return None
    return Scenario.SERVER.value if said.lower() == "online" else said


def sample_rate(key: str, said: Any, sample_count: float | None, duration_ns: float | None) -> float | None:
    """Samples per second, which the samples and the time of a run tell where they are not written."""
    if not (isinstance(said, str) and said and sample_count and duration_ns):
        return None
    is_offline = said.lower() == Scenario.OFFLINE.value.lower()
    known = "result_samples_per_second" if is_offline else "result_completed_samples_per_sec"
    return sample_count / (duration_ns / NS_PER_S) if key == known else None


def accuracy_entries(scores: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The scores of the accuracy run; the performance run may have been scored beside it."""
    return [entry for entry in scores if entry.get("dataset_type") in (None, "accuracy")]


def samples_scored(scores: list[dict[str, Any]]) -> Any:
    """How many samples the scores are made of: their sum, what is written where that is no number, None if nothing."""
    counts = []
    for entry in accuracy_entries(scores):
        count = entry.get("total_samples")
        if count is None:
            count = find(entry, ["response_counts", "issued"])
        try:
            counts += [] if count is None else [int(count)]
        except (TypeError, ValueError, OverflowError):
            return count
    return sum(counts) if counts else None


def read_config(files: Files, path: PurePosixPath) -> dict[str, Any]:
    """config.yaml; Unreadable where it is no mapping."""
    value = read_yaml(files, path)
    if not isinstance(value, dict):
        raise Unreadable(path, f"holds no mapping but a {type(value).__name__}")
    return value


def read_yaml(files: Files, path: PurePosixPath) -> Any:
    """The plain data of a file; Unreadable where it is no YAML, or larger or deeper than what people write."""
    text = files.text(path, _CONFIG_LIMIT_BYTES)
    import yaml  # needed for these files only, and slow to import

    class BoundedLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
        depth = aliases = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.aliases += self.check_event(yaml.AliasEvent)
            self.depth += 1
            if self.depth > _CONFIG_LIMIT_DEPTH or self.aliases > _CONFIG_LIMIT_ALIASES:
                raise Unreadable(path, "is nested too deeply, or has too many aliases")
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def flatten_mapping(self, node: Any) -> None:
            super().flatten_mapping(node)
            if len(node.value) > _CONFIG_LIMIT_ENTRIES:
                raise Unreadable(path, "has too many entries")

    try:
        return yaml.load(text, BoundedLoader)  # a safe loader: it makes plain data only
    # What the constructors of numbers and dates raise for a tag with a value that is none.
    except (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Unreadable(path, f"is not YAML: {reason}") from None
