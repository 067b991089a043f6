"""The rule book of a round: its numbers as data, in one self-contained TOML file per round in `rulebooks/`."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any

import msgspec

from submitter import plugins
from submitter.errors import InputError
from submitter.model import Scenario
from submitter.rulebook_tables import (
    Benchmark,
    ComplianceTest,
    EndpointsRules,
    MeasurementRules,
    OfficialChecker,
    PowerRules,
    ReferenceModel,
    RoundFacts,
    RulebookTable,
    Seeds,
    SummaryRules,
    SystemRules,
)

_PACKAGE = "submitter.rulebooks"


class Rulebook(RulebookTable, frozen=True, kw_only=True):
    """All numbers of one round; `benchmarks` is keyed by the official name."""

    round: RoundFacts
    seeds: Seeds
    system: SystemRules
    measurements: MeasurementRules
    summary: SummaryRules = SummaryRules()
    metric: dict[Scenario, str]
    """The detail log's key for the result's figure."""
    metric_divisor: dict[Scenario, float]
    """Converts the detail log's value to the result's unit."""
    unit: dict[Scenario, str]
    accuracy_patterns: dict[str, str]
    """The regular expression that finds a metric in a line of accuracy.txt, by metric."""
    accuracy_column: dict[str, str] | None = None
    """The names of metrics in the official summary, where they differ; None if it has only the first metric's value."""
    compliance: dict[str, ComplianceTest]
    power: PowerRules
    model_mapping: dict[str, str] = msgspec.field(default_factory=dict)
    """Official names by other names of benchmark folders."""
    model_guesses: dict[str, str] = msgspec.field(default_factory=dict)
    """Official names by a part of the folder's name; the first match counts."""
    ignored_errors: tuple[str, ...] = ()
    """Texts of LoadGen errors that do not count."""
    checker: OfficialChecker
    endpoints: EndpointsRules | None = None
    models: dict[str, ReferenceModel] = msgspec.field(default_factory=dict)
    """The models of the language benchmarks, by their repositories on Hugging Face."""
    benchmarks: dict[str, Benchmark]

    @property
    def name(self) -> str:
        return self.round.name

    def official_name(self, benchmark: str, mapping: dict[str, str] | None = None) -> str | None:
        """The benchmark that a results folder of this name is judged as; None if the round has none.

        In the order of the official `get_mlperf_model`: the round's own names, its mapping, the submitter's `mapping`,
        and a guess by a part of the name.
        """
        if benchmark in self.benchmarks:
            return benchmark
        mapped = self.model_mapping.get(benchmark) or (mapping or {}).get(benchmark)
        mapped = mapped or next((to for part, to in self.model_guesses.items() if part in benchmark), None)
        return mapped if mapped in self.benchmarks else None

    def benchmark(self, name: str) -> Benchmark:
        """The benchmark of this official name; InputError with the nearest known name if there is none."""
        plugins.require(name, self.benchmarks, f"benchmark of round {self.name}")
        return self.benchmarks[name]

    def metric_key(self, benchmark: str, scenario: Scenario) -> str:
        """The detail log's key for the result's figure."""
        return self.benchmarks[benchmark].metric.get(scenario) or self.metric[scenario]

    def metric_divisor_of(self, benchmark: str, scenario: Scenario) -> float:
        """The divisor that converts the detail log's value to the result's unit."""
        own = self.benchmarks[benchmark].metric_divisor.get(scenario)
        return own or self.metric_divisor.get(scenario, 1.0)

    def min_duration_ms(self, benchmark: str) -> int:
        """The minimum duration of a performance run."""
        own = self.benchmarks[benchmark].min_duration_ms
        return self.round.min_duration_ms if own is None else own

    def metric_unit(self, benchmark: str, scenario: Scenario) -> str:
        """The unit of a benchmark's figures; for an unknown benchmark the round's usual unit."""
        own = self.benchmarks[benchmark].unit if benchmark in self.benchmarks else {}
        return own.get(scenario) or self.unit[scenario]


def round_names() -> list[str]:
    """The rounds that have a rule book, the newest last."""
    return sorted(plugins.names(_PACKAGE, ".toml"), key=round_order)


def round_order(name: str) -> list[int]:
    """The key by which rounds are sorted, the newest last."""
    return [int(number) for number in re.findall(r"\d+", name)]


def round_text(name: str) -> str:
    """The file of a round, as it is in `rulebooks/`."""
    return (plugins.folder(_PACKAGE) / f"{name}.toml").read_text("utf-8")


@cache
def load_rulebook(name: str) -> Rulebook:
    """The rule book of a round such as `v6.1`; InputError if there is none."""
    plugins.require(name, round_names(), "round")
    return parse(round_text(name), f"{name}.toml")


def parse(text: str, file: str) -> Rulebook:
    """The rule book in `text`; an InputError names `file` and the path of the wrong key or value."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file}: {error}") from None
    try:
        return msgspec.convert(data, Rulebook)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at ")
        unknown = re.fullmatch(r"Object contains unknown field `(.*)`", what)
        hint = plugins.did_you_mean(unknown[1], _KEYS) if unknown else ""
        where = _place(data, str(error), place) if place else "the top"
        raise InputError(f"{file}: at {where}: {what[0].lower()}{what[1:]}", hint) from None


def _place(data: dict[str, Any], error: str, place: str) -> str:
    """The dotted path of msgspec's `place`, which has `[...]` instead of the key of a table.

    The key is found by removing the table's entries from `data`, one by one, until the error is gone.
    """
    path: list[str] = []
    table: Any = data
    for step in re.findall(r"[^.\[\]`$]+|\.\.\.", place.rpartition("$")[2]):
        key = _culprit(data, table, error) if step == "..." else step
        path.append(key)
        table = table[int(key)] if isinstance(table, list) else table[key]
    return ".".join(path)


def _culprit(data: dict[str, Any], table: dict[str, Any], error: str) -> str:
    taken: dict[str, Any] = {}
    while table:
        key = next(iter(table))
        taken[key] = table.pop(key)
        try:
            msgspec.convert(data, Rulebook)
        except msgspec.ValidationError as now:
            if str(now) == error:
                continue
        break
    table.update(taken)
    return key


_KEYS = {field.name for kind in RulebookTable.__subclasses__() for field in msgspec.structs.fields(kind)}
