"""The tables of a round's rule book: which keys a file in `rulebooks/` has, and what each value means."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from submitter.errors import InputError
from submitter.model import Scenario


class RulebookTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table in a round's file: exactly the keys of the subclass, each with its type."""


class Seeds(RulebookTable, frozen=True, kw_only=True):
    """The seeds of LoadGen's random numbers, by LoadGen's names."""

    qsl_rng_seed: int
    sample_index_rng_seed: int
    schedule_rng_seed: int

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """The names of the seeds, each with its value."""
        return iter(msgspec.structs.asdict(self).items())


class Target(RulebookTable, frozen=True, kw_only=True):
    """The range that an accuracy metric must be in."""

    reference: float
    """The score of the reference implementation."""
    factor: float
    """The lowest allowed score, as a share of the reference."""
    upper_factor: float | None = None
    """The highest allowed score, as a share of the reference, where the source states it so."""
    upper_limit: float | None = None
    """The highest allowed score, where the source states it as a number."""
    optional: bool = False
    """Whether accuracy.txt may leave the metric out."""

    @property
    def lower(self) -> float:
        return self.reference * self.factor

    @property
    def upper(self) -> float | None:
        return self.upper_limit if self.upper_factor is None else self.reference * self.upper_factor


class TokenLatency(RulebookTable, frozen=True, kw_only=True):
    """Upper limits, in ns, of the 99th percentiles of time to first token and time per output token."""

    ttft_ns: int
    tpot_ns: int


class ScenarioSet(RulebookTable, frozen=True, kw_only=True):
    """The scenarios of a closed submission of one system type."""

    required: tuple[Scenario, ...] = ()
    """All of these must be there."""
    one_of: tuple[Scenario, ...] = ()
    """At least one of these must be there, unless the list is empty."""
    optional: tuple[Scenario, ...] = ()

    @property
    def allowed(self) -> frozenset[Scenario]:
        return frozenset((*self.required, *self.one_of, *self.optional))


class ReferenceModel(RulebookTable, frozen=True, kw_only=True):
    """The shape of a benchmark's model, as its config.json on Hugging Face states it."""

    architecture: str
    layers: int
    hidden_size: int
    intermediate_size: int
    attention_heads: int
    kv_heads: int
    vocab_size: int | None = None
    """None where it is not known."""
    experts: int | None = None
    """Of a mixture of experts: how many each layer has, without shared ones; None for a dense model."""
    experts_per_token: int | None = None
    expert_size: int | None = None
    """The intermediate size of an expert, where it is not `intermediate_size`."""


class Benchmark(RulebookTable, frozen=True, kw_only=True):
    """One benchmark of a round. `loadgen_model` names its section in LoadGen's built-in configuration.

    `audit` has, by compliance test, the LoadGen settings that the test's audit file sets for this benchmark alone.
    """

    loadgen_model: str | None = None
    loadgen_model_interactive: str | None = None
    model: str | None = None
    """The benchmark's model by its name in the round's `models`; None where its shape is not recorded."""
    dataset_size: int
    performance_sample_count: int
    accuracy_sample_count: int | dict[Scenario, int] | None = None
    """Samples of an accuracy run, where they are not the whole data set."""
    max_new_tokens: int | None = None
    min_new_tokens: int | None = None
    eos_token_id: int | None = None
    bos_token_id: int | None = None
    """The token that the tokenizer puts before a text, and that a model never generates."""
    equal_issue: bool = False
    """Whether LoadGen must issue the samples in whole passes over the data set."""
    use_token_latencies: bool = False
    min_duration_ms: int | None = None
    """Where it is not the round's."""
    unit: dict[Scenario, str] = {}
    """Where it is not the round's, as `metric` and `metric_divisor`."""
    metric: dict[Scenario, str] = {}
    metric_divisor: dict[Scenario, float] = {}
    accuracy: dict[str, Target] = {}
    """The targets by metric."""
    accuracy_of: dict[Scenario, dict[str, Target]] = {}
    """Other targets for one scenario."""
    written_accuracy: dict[str, Target] = {}
    """The targets of the written rules, where the official checker has others. It applies its own to LoadGen's results
    only; the written ones apply to those of mlcommons/endpoints."""
    accuracy_files: dict[str, tuple[str, ...]] = {}
    """Samples that an accuracy run must include as files: their names without suffix, by subfolder."""
    token_latency: dict[Scenario, TokenLatency] = {}
    latency_ns: dict[Scenario, int] = {}
    """The limit on the latency of a query."""
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
        """The scenarios of a closed submission of this system type; None if the benchmark is not for that type."""
        return self.scenarios.get("-".join(sorted(system_type.split(","))))

    def accuracy_targets(self, scenario: Scenario) -> dict[str, Target]:
        """The accuracy targets by metric; some benchmarks have other targets in one scenario."""
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


class ComplianceTest(RulebookTable, frozen=True, kw_only=True):
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


class SystemRules(RulebookTable, frozen=True, kw_only=True):
    """What the round requires of a system description."""

    required_fields: tuple[str, ...]
    meaningful_fields: tuple[str, ...]
    """These must have a non-empty value."""
    network_fields: tuple[str, ...]
    """Required in addition if the SUT is measured over a network."""
    network_sut_name: str
    """The text that the name of a network SUT must contain."""
    statuses: tuple[str, ...]
    system_types: tuple[str, ...]
    any_is_network_value: bool
    """Whether any value of `is_network` makes the network fields required, not only "true"."""
    division_case_sensitive: bool
    """Whether `division` must be written exactly as the folder, including case."""
    text_fields: tuple[str, ...] = ()
    """Must be text, because the official summary needs it."""
    whole_number_fields: tuple[str, ...] = ()
    """Must be whole numbers, because the official summary needs them."""


class MeasurementRules(RulebookTable, frozen=True, kw_only=True):
    """What the round requires of the measurement description and the files beside it."""

    required_files: tuple[str, ...]
    required_fields: tuple[str, ...]
    text_fields: tuple[str, ...] = ()
    """Must be text, because the official summary needs it."""
    power_files: tuple[str, ...] = ()
    """Patterns of the names of files that a power measurement needs."""
    equal_issue_benchmarks: tuple[str, ...] = ()
    """For these, the configuration files must set equal issue."""


class RoundFacts(RulebookTable, frozen=True, kw_only=True):
    """The numbers of the round that do not depend on the benchmark."""

    name: str
    source: str
    """The version of mlcommons/inference that the numbers are from."""
    loadgen_versions: tuple[str, ...]
    """The versions of LoadGen with the round's seeds built in."""
    loadgen_versions_tolerated: tuple[str, ...] = ()
    """Beginnings of other versions, which could be given the round's seeds."""
    loadgen_package: str
    """The newest version of PyPI's mlcommons-loadgen that has the round's seeds built in: what its runs need."""
    min_duration_ms: int
    accuracy_log_max_bytes: int
    accuracy_run_files: tuple[str, ...] = ()
    """The files that the folder of an accuracy run must have, and no others; empty if the round has no such list."""
    file_max_bytes: int
    equal_issue_divisions: tuple[str, ...]
    """The divisions in which equal issue is required."""
    offline_minimum_divisions: tuple[str, ...]
    """The divisions in which the Offline query has a minimum size."""


class PowerRules(RulebookTable, frozen=True, kw_only=True):
    """What the round requires of a power measurement, in addition to what all rounds require."""

    ptdaemon_versions: tuple[str, ...]
    analyzers: dict[str, int]
    """PTDaemon's device numbers, by the name of the analyzer."""
    two_channels: int
    """The device number of the analyzer that must be configured with two channels."""
    several_analyzers: bool
    """Whether `ptd_config` in server.json is a list with an entry for each analyzer."""
    amps_restored_by: tuple[int, ...]
    """Which of the commands that set the current range may restore the original range, counted from 1. As many must be
    there as the largest of these numbers."""
    clock_tolerance_ms: int
    max_power_drop_percent: float
    max_shortening: float
    """By how much the performance run may be shorter than the ranging run, as a share of it."""
    nameplate: bool = False
    """Whether the round reads the ratings of the system's power supplies."""
    sources: dict[str, str]
    """The SHA-1 of each file of the power workflow's code."""


class SummaryRules(RulebookTable, frozen=True, kw_only=True):
    """How the official summary.csv is filled."""

    columns: tuple[str, ...] = ()
    power_alone: bool = False
    """Whether the description of a system can request the row of its power figure alone."""
    verbatim: bool = False
    """Whether scenario and availability are as the submitter wrote them, the location is the run's folder, the
    compliance is the division, and a result counts as inferred if its folder is not named exactly as LoadGen's
    scenario."""
    unit_of_folder: bool = False
    """Whether the unit is that of the benchmark named like the folder, not of the one that the folder is mapped to."""
    display_names: dict[str, str] = {}
    """The names of benchmarks in the published table, where they are not the official ones."""


class OfficialChecker(RulebookTable, frozen=True, kw_only=True):
    """Where the round's official checker departs from our rules, in tables with the reason by rule id."""

    source: str
    error_count_key: str | None = None
    """If a detail log has this key, its value is the number of errors; else the flagged entries are counted."""
    not_enforced: dict[str, str] = {}
    """Rules that it does not enforce, or only logs: their origin is `policy` in this round."""
    not_enforced_for: dict[str, tuple[str, ...]] = {}
    """The same for single benchmarks: their official names by rule id."""
    spares_results: dict[str, str] = {}
    """Rules that fail the folder that they are about, but not the results in it."""
    absent: dict[str, str] = {}
    """Rules that the round does not have: they are not applied."""
    forgiven_in_open: dict[str, str] = {}
    """Rules that are only warnings in the open division."""


class EndpointsRules(RulebookTable, frozen=True, kw_only=True):
    """What the round requires of results that mlcommons/endpoints measured."""

    models: tuple[str, ...]
    """The benchmarks for which such results are allowed."""
    scored: tuple[str, ...]
    """The benchmarks whose scores are compared with their targets."""
    metric: dict[Scenario, str] = {}
    """The key of the result's figure; in other scenarios the official checker does not find one."""
    audits: dict[str, str] = {}
    """The name of the audit that takes the place of a compliance test, by test."""
    required_audits: tuple[str, ...] = ()
    mean_output_tokens: dict[str, tuple[float, float]] = {}
    """The allowed range, by the compliance test that requires it."""
