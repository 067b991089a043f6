"""The rule book of a round: numbers as data, one self-contained TOML file a round in `rulebooks/`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from submitter import plugins
from submitter.errors import InputError
from submitter.model import Scenario

_PACKAGE = "submitter.rulebooks"


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a round's file: no key but these, each of its type."""


class Seeds(_Table, frozen=True, kw_only=True):
    qsl_rng_seed: int
    sample_index_rng_seed: int
    schedule_rng_seed: int

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """LoadGen's names of the seeds, each with its value."""
        return iter(msgspec.structs.asdict(self).items())


class Target(_Table, frozen=True, kw_only=True):
    """An accuracy metric must reach `reference * factor`, and stay under its upper limit if one is set.

    The upper limit is `reference * upper_factor` or, where the source gives it so, the absolute `upper_limit`.
    An `optional` metric may be absent.
    """

    reference: float
    factor: float
    upper_factor: float | None = None
    upper_limit: float | None = None
    optional: bool = False

    @property
    def lower(self) -> float:
        return self.reference * self.factor

    @property
    def upper(self) -> float | None:
        return self.upper_limit if self.upper_factor is None else self.reference * self.upper_factor


class TokenLatency(_Table, frozen=True, kw_only=True):
    """The 99th percentiles of time to first token and time per output token must stay below these, in ns."""

    ttft_ns: int
    tpot_ns: int


class ScenarioSet(_Table, frozen=True, kw_only=True):
    """What a closed submission of one system type must hold: all of `required`, one of `one_of` if any is named."""

    required: tuple[Scenario, ...] = ()
    one_of: tuple[Scenario, ...] = ()
    optional: tuple[Scenario, ...] = ()

    @property
    def allowed(self) -> frozenset[Scenario]:
        return frozenset((*self.required, *self.one_of, *self.optional))


class Benchmark(_Table, frozen=True, kw_only=True):
    """One benchmark of a round. `loadgen_model` names its section in LoadGen's built-in configuration.

    `audit` has, by compliance test, the LoadGen settings that the test's audit file sets for this benchmark alone.
    """

    loadgen_model: str | None = None
    loadgen_model_interactive: str | None = None
    dataset_size: int
    performance_sample_count: int
    accuracy_sample_count: int | dict[Scenario, int] | None = None
    max_new_tokens: int | None = None
    min_new_tokens: int | None = None
    eos_token_id: int | None = None
    equal_issue: bool = False
    use_token_latencies: bool = False
    min_duration_ms: int | None = None
    unit: dict[Scenario, str] = {}
    metric: dict[Scenario, str] = {}
    metric_divisor: dict[Scenario, float] = {}
    accuracy: dict[str, Target] = {}
    accuracy_of: dict[Scenario, dict[str, Target]] = {}
    accuracy_files: dict[str, tuple[str, ...]] = {}
    token_latency: dict[Scenario, TokenLatency] = {}
    latency_ns: dict[Scenario, int] = {}
    min_query_count: dict[Scenario, int] = {}
    offline_min_samples_per_query: int | None = None
    compliance: tuple[str, ...] = ()
    compliance_delta: dict[str, float] = {}
    audit: dict[str, dict[str, int]] = {}
    scenarios: dict[str, ScenarioSet] = {}

    @property
    def is_llm(self) -> bool:
        """Whether LoadGen's token latencies must be on."""
        return self.use_token_latencies

    def scenarios_for(self, system_type: str) -> ScenarioSet | None:
        """What a closed submission of this system type must hold; None if the benchmark is not of that type."""
        return self.scenarios.get("-".join(sorted(system_type.split(","))))

    def accuracy_targets(self, scenario: Scenario) -> dict[str, Target]:
        """The accuracy targets by metric; some benchmarks have others in one scenario."""
        return self.accuracy_of.get(scenario, self.accuracy)

    def loadgen_model_for(self, scenario: Scenario) -> str:
        """The benchmark's section in LoadGen's built-in configuration; InputError if it has none for the scenario."""
        name = self.loadgen_model_interactive if scenario is Scenario.INTERACTIVE else self.loadgen_model
        if name is None:
            raise InputError(
                f"LoadGen has no built-in settings for {scenario} of this benchmark", "leave it out of the campaign"
            )
        return name

    def accuracy_samples(self, scenario: Scenario) -> int:
        """How many samples an accuracy run of this scenario must cover."""
        if isinstance(self.accuracy_sample_count, dict):
            return self.accuracy_sample_count.get(scenario, self.dataset_size)
        return self.accuracy_sample_count or self.dataset_size


class ComplianceTest(_Table, frozen=True, kw_only=True):
    """A compliance test.

    `audit` holds the LoadGen settings its audit file sets for every benchmark, without the model and scenario prefix.
    `verify` holds the lines that a file of its verification must have, a list of alternatives for each line; in the
    files that `verify_within` names, a line may hold more. Where `performance_judged`, its performance run is judged as
    the result's own, but with the test's `seeds` if it has its own. The folders of its logs hold just the files that
    are named, if any are: `performance_files`; `accuracy_files` where the accuracy verification passes, `delta_files`
    where it does not and two scores that differ by `accuracy_delta` at most stand for it.
    """

    audit: dict[str, int] = {}
    verify: dict[str, tuple[tuple[str, ...], ...]] = {}
    verify_within: tuple[str, ...] = ()
    performance_judged: bool = False
    seeds: Seeds | None = None
    performance_files: tuple[str, ...] = ()
    accuracy_files: tuple[str, ...] = ()
    delta_files: tuple[str, ...] = ()
    accuracy_delta: float | None = None


class SystemRules(_Table, frozen=True, kw_only=True):
    """What a system description must say.

    `is_network_asks`: any value of is_network asks for the network's fields, not only "true". `division_cased`: the
    division is the folder's in the same letters. The summary needs text in `text_fields`, and whole numbers in
    `whole_number_fields`.
    """

    required_fields: tuple[str, ...]
    meaningful_fields: tuple[str, ...]
    network_fields: tuple[str, ...]
    network_sut_name: str
    statuses: tuple[str, ...]
    system_types: tuple[str, ...]
    is_network_asks: bool
    division_cased: bool
    text_fields: tuple[str, ...] = ()
    whole_number_fields: tuple[str, ...] = ()


class MeasurementRules(_Table, frozen=True, kw_only=True):
    """What stands beside a result.

    `power_files` are patterns of names. Of `equal_issue_benchmarks` the configuration files must set equal issue.
    """

    required_files: tuple[str, ...]
    required_fields: tuple[str, ...]
    text_fields: tuple[str, ...] = ()
    power_files: tuple[str, ...] = ()
    equal_issue_benchmarks: tuple[str, ...] = ()


class RoundFacts(_Table, frozen=True, kw_only=True):
    """The round itself.

    `loadgen_versions` have its seeds; those whose version begins as one of `loadgen_versions_tolerated` could be given
    them. Equal issue is asked in `equal_issue_divisions`, the smallest Offline query in `offline_minimum_divisions`.
    """

    name: str
    source: str
    loadgen_versions: tuple[str, ...]
    loadgen_versions_tolerated: tuple[str, ...] = ()
    min_duration_ms: int
    accuracy_log_max_bytes: int
    accuracy_run_files: tuple[str, ...] = ()
    file_max_bytes: int
    equal_issue_divisions: tuple[str, ...]
    offline_minimum_divisions: tuple[str, ...]


class PowerRules(_Table, frozen=True, kw_only=True):
    """What a power measurement must be, beside what every round asks of it.

    `analyzers` maps names of analyzers to PTDaemon's device numbers, `two_channels` is the one that must be given two
    channels. `sources` has the checksums of the power workflow's code. `amps_restored_by` counts the commands that set
    the range of current: all of these must be there, and one of them must restore the analyzer's own range. Where
    `nameplate`, the round reads what the system's power supplies are rated for.
    """

    ptdaemon_versions: tuple[str, ...]
    analyzers: dict[str, int]
    two_channels: int
    several_analyzers: bool
    amps_restored_by: tuple[int, ...]
    clock_tolerance_ms: int
    max_power_drop_percent: float
    max_shortening: float
    nameplate: bool = False
    sources: dict[str, str]


class SummaryRules(_Table, frozen=True, kw_only=True):
    """The official summary.csv.

    `power_alone`: a system may ask for the row of its power only. `verbatim`: scenario and availability as the
    submitter spells them, the run's folder as the location, the division as the compliance, and as inferred whatever
    LoadGen's scenario does not spell as the folder does. `unit_of_folder`: the unit is that of the benchmark that the
    folder is called, not of the one that it is mapped to.
    """

    columns: tuple[str, ...] = ()
    power_alone: bool = False
    verbatim: bool = False
    unit_of_folder: bool = False


class OfficialChecker(_Table, frozen=True, kw_only=True):
    """What the round's official checker does not do, as why by rule id.

    A rule that it does `not_enforced` (or only logs) is of origin `policy` in this round, as one is for the benchmarks
    of `not_enforced_for`. One that is `absent` is not asked at all: the round has no such demand. One that
    `spares_results` refuses the folder it is about, but not the results in it. One that is `forgiven_in_open` is a
    warning in the open division. Where a detail log has the `error_count_key`, its errors count by that.
    """

    source: str
    error_count_key: str | None = None
    not_enforced: dict[str, str] = {}
    not_enforced_for: dict[str, tuple[str, ...]] = {}
    spares_results: dict[str, str] = {}
    absent: dict[str, str] = {}
    forgiven_in_open: dict[str, str] = {}


class EndpointsRules(_Table, frozen=True, kw_only=True):
    """What the round takes of results that mlcommons/endpoints measured.

    Of `models` only; where a scenario has no `metric` the official checker finds no figure. The scores of the `scored`
    are held against their targets. `audits` has the name of a compliance test's audit; the `required_audits` must be
    there. `mean_output_tokens` is the range, by the compliance test that asks it.
    """

    models: tuple[str, ...]
    scored: tuple[str, ...]
    metric: dict[Scenario, str] = {}
    audits: dict[str, str] = {}
    required_audits: tuple[str, ...] = ()
    mean_output_tokens: dict[str, tuple[float, float]] = {}


class Rulebook(_Table, frozen=True, kw_only=True):
    """All numbers of one round; `benchmarks` is keyed by the official name."""

    round: RoundFacts
    seeds: Seeds
    system: SystemRules
    measurements: MeasurementRules
    summary: SummaryRules = SummaryRules()
    metric: dict[Scenario, str]
    metric_divisor: dict[Scenario, float]
    unit: dict[Scenario, str]
    accuracy_patterns: dict[str, str]
    accuracy_column: dict[str, str] | None = None
    compliance: dict[str, ComplianceTest]
    power: PowerRules
    model_mapping: dict[str, str] = {}
    model_guesses: dict[str, str] = {}
    ignored_errors: tuple[str, ...] = ()
    checker: OfficialChecker
    endpoints: EndpointsRules | None = None
    benchmarks: dict[str, Benchmark]

    @property
    def name(self) -> str:
        return self.round.name

    def official_name(self, benchmark: str, mapping: dict[str, str] | None = None) -> str | None:
        """The benchmark whose limits judge a results folder of this name, or None if the round has none.

        As the official `get_mlperf_model` does: the round's own names first, then its mapping, then the submitter's,
        then a guess by a part of the name.
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
        """The detail log's key of the result's metric."""
        return self.benchmarks[benchmark].metric.get(scenario) or self.metric[scenario]

    def metric_divisor_of(self, benchmark: str, scenario: Scenario) -> float:
        """What the detail log's value is divided by to be in the result's unit."""
        own = self.benchmarks[benchmark].metric_divisor.get(scenario)
        return own or self.metric_divisor.get(scenario, 1.0)

    def min_duration_ms(self, benchmark: str) -> int:
        """How long a performance run must last at least."""
        own = self.benchmarks[benchmark].min_duration_ms
        return self.round.min_duration_ms if own is None else own

    def metric_unit(self, benchmark: str, scenario: Scenario) -> str:
        """The unit of a benchmark's figures, or of most benchmarks' where the round has none of this name."""
        own = self.benchmarks[benchmark].unit if benchmark in self.benchmarks else {}
        return own.get(scenario) or self.unit[scenario]


def round_names() -> list[str]:
    """The rounds a rule book is there for, the newest last."""
    return sorted(plugins.names(_PACKAGE, ".toml"), key=lambda name: [int(n) for n in re.findall(r"\d+", name)])


@cache
def load_rulebook(name: str) -> Rulebook:
    """The rule book of a round such as `v6.1`; InputError if there is none of that name."""
    plugins.require(name, round_names(), "round")
    return parse((plugins.folder(_PACKAGE) / f"{name}.toml").read_text("utf-8"), f"{name}.toml")


def parse(text: str, file: str) -> Rulebook:
    """The rule book that stands in `text`; InputError names `file` and the place of what is wrong there."""
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
    """The dotted path that `place` stands for: msgspec writes `[...]` where the key of a table belongs.

    The key is found by taking the table's entries out of `data` until the error is gone.
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


_KEYS = {field.name for kind in _Table.__subclasses__() for field in msgspec.structs.fields(kind)}
