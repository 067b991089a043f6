"""Results of mlcommons/endpoints, which measures over HTTP and writes no log of LoadGen's (rounds v6.x).

config.yaml says what was run, performance/result_summary.json what was measured, accuracy/accuracy_results.json how
good the answers were. Their figures are read here under the names that LoadGen gives them, and from the places where
the official checker looks for them: parsers/endpoints_parser.py and constants.py ENDPOINTS_*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from submitter import layout
from submitter.checker.files import Files, Unavailable, Unreadable
from submitter.checker.finding import Metric
from submitter.checker.runs import JSON_LIMIT_BYTES, Node
from submitter.model import Scenario
from submitter.rulebook import Rulebook

if TYPE_CHECKING:
    from submitter.checker.tree import Result

_NS_PER_S = 1e9
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


def _find(data: Any, path: Sequence[str]) -> Any:
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
            return _find(data[key], path[taken:])
    return None


class EndpointsRun(Node):
    """What endpoints wrote of one run: a JSON file of figures, and the configuration that both runs share."""

    def __init__(self, result: Result, path: PurePosixPath, file_name: str) -> None:
        super().__init__(result.tree, path, result)
        self.result = result
        self.document_path = path / file_name

    @property
    def document(self) -> dict[str, Any]:
        return self.load("document", lambda: self.files.json_object(self.document_path, JSON_LIMIT_BYTES))

    @cached_property
    def config_path(self) -> PurePosixPath:
        """config.yaml or config.yml; where neither is there, the first."""
        folder = self.result.path
        there = (folder / name for name in layout.ENDPOINTS_CONFIGS if self.files.exists(folder / name))
        return next(there, folder / layout.ENDPOINTS_CONFIGS[0])

    @property
    def config(self) -> dict[str, Any]:
        return self.load("config", lambda: read_config(self.files, self.config_path))

    def figure(self, key: str) -> Any:
        """What was written of a figure, under LoadGen's name of it; None where nothing was."""
        in_config, in_document = _PLACES[key]
        places = [(self.document, path) for path in in_document]
        places += [(self.config, path) for path in (in_config, in_document[0]) if path]
        found = (_find(data, path.split(".")) for data, path in places)
        return next((value for value in found if value is not None), None)

    def number(self, key: str) -> float | None:
        """A figure that is a finite number, else None."""
        value = self.figure(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        try:
            return value if math.isfinite(value) else None
        except OverflowError:
            return None

    def readers(self) -> list[Callable[[], object]]:
        return [lambda: self.document, lambda: self.config]


class EndpointsPerformance(EndpointsRun):
    """The run whose figure is the result."""

    def __init__(self, result: Result) -> None:
        super().__init__(result, result.layout.performance(result.key).parent, layout.ENDPOINTS_SUMMARY)

    @cached_property
    def scenario_name(self) -> str | None:
        """The scenario as the official checker takes it: what the configuration says, but the folder's of some.

        Only where it is spelled as LoadGen spells it do the token latencies and the benchmark's own metric hold.
        Official: checks/performance_check.py map_endpoints_scenario.
        """
        folder, said = self.result.key.scenario.lower(), self.figure("effective_scenario")
        if folder == Scenario.SINGLE_STREAM.value.lower():
            return Scenario.SINGLE_STREAM.value
        interactive = Scenario.INTERACTIVE.value
        if interactive.lower() in (folder, str(said).lower()):
            return interactive
        if not isinstance(said, str):
            return None
        return Scenario.SERVER.value if said.lower() == "online" else said

    def metric_key(self, book: Rulebook) -> str | None:
        """LoadGen's name of the figure that is the result; None where the round has none."""
        scenario = self.result.scenario
        key = book.endpoints.metric.get(scenario) if book.endpoints else None
        # The benchmarks' own metrics are by LoadGen's scenarios, and Interactive is none of them.
        if key and self.scenario_name == scenario.value == scenario.loadgen_name:
            return self.result.benchmark.metric.get(scenario, key)
        return key

    def value(self, book: Rulebook) -> float | None:
        """The result's figure, in its unit; None where the files do not have it."""
        key, scenario = self.metric_key(book), self.result.scenario
        if key is None:
            return None
        written = self.number(key) if key in _PLACES else None
        value = self._rate(key) if written is None else written
        if value is not None and self.scenario_name == scenario.value:
            value /= book.metric_divisor_of(self.result.official_name, scenario)
        return value

    def _rate(self, key: str) -> float | None:
        """Samples per second, which the samples and the time of a run tell where they are not written."""
        said = self.figure("effective_scenario")
        count, duration_ns = self.number("generated_query_count"), self.number("generated_query_duration")
        if not (isinstance(said, str) and said and count and duration_ns):
            return None
        is_offline = said.lower() == Scenario.OFFLINE.value.lower()
        told = "result_samples_per_second" if is_offline else "result_completed_samples_per_sec"
        return count / (duration_ns / _NS_PER_S) if key == told else None

    def metric(self, book: Rulebook) -> Metric:
        """The result's figure and unit; Unavailable where the files do not have it."""
        value = self.value(book)
        if value is None:
            raise Unavailable(self.document_path, "has no figure of the result")
        return Metric(value, book.metric_unit(self.result.official_name, self.result.scenario))

    def audit_path(self, name: str) -> PurePosixPath:
        """Where the verdict of an audit lies, which stands for a compliance test."""
        return self.result.path / "audit" / f"audit_{name}.json"

    def audit(self, name: str) -> dict[str, Any]:
        path = self.audit_path(name)
        return self.load(f"audit {name}", lambda: self.files.json_object(path, JSON_LIMIT_BYTES))


class EndpointsAccuracy(EndpointsRun):
    """The scores of the answers, one for each data set."""

    def __init__(self, result: Result) -> None:
        super().__init__(result, result.layout.accuracy(result.key), layout.ENDPOINTS_ACCURACY)

    @property
    def scores(self) -> list[dict[str, Any]]:
        return self.load("scores", self._read_scores)

    def _read_scores(self) -> list[dict[str, Any]]:
        entries = self.document.get("accuracy_scores", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise Unreadable(self.document_path, "has no list of scores under 'accuracy_scores'")
        return entries

    @property
    def score(self) -> Any:
        """The first data set's score: a number, a text, or numbers by name; None where there is none."""
        return next((entry["score"] for entry in self.scores if entry.get("score") is not None), None)

    @property
    def accuracy_scores(self) -> list[dict[str, Any]]:
        """The scores of the accuracy run; the performance run may have been scored beside it."""
        return [entry for entry in self.scores if entry.get("dataset_type") in (None, "accuracy")]

    @property
    def samples(self) -> Any:
        """How many samples the scores are made of; where they do not say, what the run says; None if nothing does."""
        counts = []
        for entry in self.accuracy_scores:
            count = entry.get("total_samples")
            if count is None:
                count = _find(entry, ["response_counts", "issued"])
            try:
                counts += [] if count is None else [int(count)]
            except (TypeError, ValueError, OverflowError):
                return count
        return sum(counts) if counts else self.figure("qsl_reported_total_count")

    def readers(self) -> list[Callable[[], object]]:
        return [*super().readers(), lambda: self.scores]


def is_endpoints(result: Result) -> bool:
    """Whether endpoints measured a result: neither of LoadGen's logs is there, and a file of endpoints' is.

    Official: loader.py load, which takes everything without the two logs for it.
    """
    files, grammar = result.files, result.layout
    performance, accuracy = grammar.performance(result.key), grammar.accuracy(result.key)
    if any(files.kind(run / layout.DETAIL_LOG) is not None for run in (performance, accuracy)):
        return False
    written = [result.path / name for name in layout.ENDPOINTS_CONFIGS]
    written += [performance.parent / layout.ENDPOINTS_SUMMARY, accuracy / layout.ENDPOINTS_ACCURACY]
    return any(files.kind(path) is not None for path in written)


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
