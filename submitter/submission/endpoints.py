"""The files of mlcommons/endpoints, which measures over HTTP and writes no LoadGen log (rounds v6.x).

config.yaml is the configuration of the run, performance/result_summary.json has the measured figures, and
accuracy/accuracy_results.json the scores. Figures are looked up here by their LoadGen names, in the places where the
official checker looks for them: parsers/endpoints_parser.py and constants.py ENDPOINTS_* (b66003e1, and bfc0da57 for
the tokens of Offline).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from submitter.model import Scenario
from submitter.submission.files import Files, Unreadable
from submitter.units import NS_PER_S

# A configuration that the tool writes has 10 kB, six levels of nesting and no alias. The limits are needed because
# PyYAML takes a second per megabyte, and because aliases can expand a short text enormously.
_CONFIG_LIMIT_BYTES = 1 << 17
_CONFIG_LIMIT_DEPTH = 64
_CONFIG_LIMIT_ALIASES = 100
_CONFIG_LIMIT_ENTRIES = 10_000

# Where each figure is: (its path in config.yaml, its possible paths in the run's JSON file). The JSON file is searched
# first, its paths in this order; then config.yaml, by its own path and then by the first path of the JSON file.
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
    "result_tokens_per_second": ("", ("tps",)),
    "result_mean_latency_ns": ("", ("latency.avg",)),
    "result_90.00_percentile_latency_ns": ("", ("latency.early_stopping_percentiles.90.0",)),
    "result_99.00_percentile_latency_ns": ("", ("latency.early_stopping_percentiles.99.0",)),
    "result_first_token_99.00_percentile_latency_ns": ("", ("ttft.early_stopping_percentiles.99.0",)),
    "result_time_per_output_token_99.00_percentile_ns": ("", ("tpot.early_stopping_percentiles.99.0",)),
    "mean_output_tokens": ("", ("output_sequence_lengths.avg",)),
    "num_errors": ("", ("result.failed", "n_samples_failed")),
}


def find(data: Any, path: Sequence[str]) -> Any:
    """The value at a path in nested objects; None if there is none. Keys may contain dots; the longest match wins.

    A percentile may be called 99.0 in the path and 99 in the file, so a final 0 is ignored once a figure is reached.
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
    """Whether endpoints writes the figure that LoadGen calls `key`."""
    return key in _PLACES


def figure(key: str, document: dict[str, Any], config: dict[str, Any]) -> Any:
    """The value of the figure that LoadGen calls `key`, from a run's JSON file or else config.yaml; None if absent."""
    in_config, in_document = _PLACES[key]
    places = [(document, path) for path in in_document]
    places += [(config, path) for path in (in_config, in_document[0]) if path]
    found = (find(data, path.split(".")) for data, path in places)
    return next((value for value in found if value is not None), None)


def scenario_name(folder: str, configured: Any) -> str | None:
    """The scenario as the official checker determines it: the configured one, but for some scenarios the folder's.

    The token latencies apply only where the name is written exactly as LoadGen writes it. Official:
    checks/performance_check.py map_endpoints_scenario.
    """
    folder, interactive = folder.lower(), Scenario.INTERACTIVE.value
    if folder == Scenario.SINGLE_STREAM.value.lower():
        return Scenario.SINGLE_STREAM.value
    if interactive.lower() in (folder, str(configured).lower()):
        return interactive
    if not isinstance(configured, str):
        return None
    return Scenario.SERVER.value if configured.lower() == "online" else configured


def sample_rate(key: str, scenario: Any, sample_count: float | None, duration_ns: float | None) -> float | None:
    """Samples per second, computed from a run's sample count and duration; None if `key` is another figure.

    `scenario` is the configured one, whatever its type; it decides which key is the rate.
    """
    if not (isinstance(scenario, str) and scenario and sample_count and duration_ns):
        return None
    is_offline = scenario.lower() == Scenario.OFFLINE.value.lower()
    rate_key = "result_samples_per_second" if is_offline else "result_completed_samples_per_sec"
    return sample_count / (duration_ns / NS_PER_S) if key == rate_key else None


def accuracy_entries(scores: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The scores of the accuracy run; the list may hold scores of the performance run, too."""
    return [entry for entry in scores if entry.get("dataset_type") in (None, "accuracy")]


def samples_scored(scores: list[dict[str, Any]]) -> Any:
    """How many samples were scored, over all data sets.

    None where no entry has a count; where an entry's count is not a number, that value as it is.
    """
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
    """The contents of config.yaml; Unreadable if it is not a mapping."""
    value = read_yaml(files, path)
    if not isinstance(value, dict):
        raise Unreadable(path, f"is not a mapping but a {type(value).__name__}")
    return value


def read_yaml(files: Files, path: PurePosixPath) -> Any:
    """The plain data of a YAML file; Unreadable if it is not YAML, or is larger or nested deeper than real files."""
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
    # The constructors of numbers and dates raise the others for a tagged value that is not a number or a date.
    except (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Unreadable(path, f"is not YAML: {reason}") from None
