"""Results of mlcommons/endpoints as objects of the tree: a performance run and an accuracy run, each file read once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from submitter import layout
from submitter.model import Metric
from submitter.rulebook import Rulebook
from submitter.submission import endpoints
from submitter.submission.files import JSON_LIMIT_BYTES, Unavailable, Unreadable
from submitter.submission.node import Node
from submitter.submission.runs import ResultFacts


class EndpointsRun(Node):
    """The files of one run: a JSON file with its figures, and the configuration that both runs share."""

    def __init__(self, result: ResultFacts, document_path: PurePosixPath) -> None:
        super().__init__(result.context, document_path.parent, result.lineage)
        self.result = result
        self.document_path = document_path

    @property
    def document(self) -> dict[str, Any]:
        return self.load("document", lambda: self.files.json_object(self.document_path, JSON_LIMIT_BYTES))

    @cached_property
    def config_path(self) -> PurePosixPath:
        """The path of config.yaml or config.yml; of the former if neither exists."""
        paths = self.layout.endpoints_configs(self.result.key)
        return next(filter(self.files.exists, paths), paths[0])

    @property
    def config(self) -> dict[str, Any]:
        return self.load("config", lambda: endpoints.read_config(self.files, self.config_path))

    def figure(self, key: str) -> Any:
        """The value of the figure that LoadGen calls `key`; None if the files do not have it."""
        return endpoints.figure(key, self.document, self.config)

    def number(self, key: str) -> float | None:
        """As `figure`, but only a finite number; else None."""
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

    def __init__(self, result: ResultFacts) -> None:
        super().__init__(result, result.context.layout.endpoints_summary(result.key))

    @cached_property
    def scenario_name(self) -> str | None:
        """The scenario as the official checker determines it; None if neither configuration nor folder names one."""
        return endpoints.scenario_name(self.result.key.scenario, self.figure("effective_scenario"))

    def metric_key(self, book: Rulebook) -> str | None:
        """LoadGen's name for the figure that is the result; None if the round has none for the scenario."""
        key = self._usual_key(book)
        return self.result.benchmark.metric.get(self.result.scenario, key) if key and self._names_scenario else key

    def _usual_key(self, book: Rulebook) -> str | None:
        return book.endpoints.metric.get(self.result.scenario) if book.endpoints else None

    @property
    def _names_scenario(self) -> bool:
        """Whether the scenario is that of the folder, written as LoadGen writes it or in lower case.

        The benchmark's own metric and its divisor apply only there. Official: SCENARIO_MAPPING, from bfc0da57 on. No
        known commit has the benchmarks' own metrics for Interactive, but v6.1 was published with them.
        """
        return self.scenario_name in (self.result.scenario.value, self.result.scenario.value.lower())

    def value(self, book: Rulebook) -> float | None:
        """The result's figure, in its unit; None if the files do not have it.

        The official checker reads the scenario's usual figure first, even if the benchmark has a figure of its own.
        """
        usual, key, scenario = self._usual_key(book), self.metric_key(book), self.result.scenario
        value = None if usual is None else self._written(usual)
        if value is None or key is None:
            return None
        value = value if key == usual else self._written(key)
        if value is not None and self._names_scenario:
            value /= book.metric_divisor_of(self.result.official_name, scenario)
        return value

    def _written(self, key: str) -> float | None:
        """A figure as the files have it; where they do not, as computed from the number of samples and the duration."""
        written = self.number(key) if endpoints.has_place(key) else None
        if written is not None:
            return written
        count, duration_ns = self.number("generated_query_count"), self.number("generated_query_duration")
        return endpoints.sample_rate(key, self.figure("effective_scenario"), count, duration_ns)

    def metric(self, book: Rulebook) -> Metric:
        """The result's figure and unit; Unavailable if the files do not have it."""
        value = self.value(book)
        if value is None:
            raise Unavailable(self.document_path, "does not have the figure of the result")
        return Metric(value, book.metric_unit(self.result.official_name, self.result.scenario))

    def audit_path(self, name: str) -> PurePosixPath:
        """The path of an audit's verdict; an audit takes the place of a compliance test."""
        return self.layout.endpoints_audit(self.result.key, name)

    def audit(self, name: str) -> dict[str, Any]:
        path = self.audit_path(name)
        return self.load(f"audit {name}", lambda: self.files.json_object(path, JSON_LIMIT_BYTES))


class EndpointsAccuracy(EndpointsRun):
    """The accuracy run: scores of the answers, one for each data set."""

    def __init__(self, result: ResultFacts) -> None:
        super().__init__(result, result.context.layout.endpoints_accuracy(result.key))

    @property
    def scores(self) -> list[dict[str, Any]]:
        return self.load("scores", self._read_scores)

    def _read_scores(self) -> list[dict[str, Any]]:
        entries = self.document.get("accuracy_scores", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise Unreadable(self.document_path, "has no list of scores in 'accuracy_scores'")
        return entries

    @property
    def score(self) -> Any:
        """The first data set's score: a number, a text, or numbers by name; None if there is none."""
        return next((entry["score"] for entry in self.scores if entry.get("score") is not None), None)

    @property
    def accuracy_scores(self) -> list[dict[str, Any]]:
        """The scores of the accuracy run; the list may hold scores of the performance run, too."""
        return endpoints.accuracy_entries(self.scores)

    @property
    def samples(self) -> Any:
        """How many samples were scored: as the scores state it, else as the run states it; None if neither does."""
        count = endpoints.samples_scored(self.scores)
        return self.figure("qsl_reported_total_count") if count is None else count

    def readers(self) -> list[Callable[[], object]]:
        return [*super().readers(), lambda: self.scores]


def is_endpoints(result: ResultFacts) -> bool:
    """Whether endpoints measured a result: it has neither of LoadGen's detail logs, but a file that endpoints writes.

    Official: loader.py load, which treats every result without the two logs as one of endpoints.
    """
    files, grammar = result.context.files, result.context.layout
    performance, accuracy = grammar.performance(result.key), grammar.accuracy(result.key)
    if any(files.kind(run / layout.DETAIL_LOG) is not None for run in (performance, accuracy)):
        return False
    key = result.key
    written = [*grammar.endpoints_configs(key), grammar.endpoints_summary(key), grammar.endpoints_accuracy(key)]
    return any(files.kind(path) is not None for path in written)
