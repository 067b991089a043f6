"""The outline of a campaign: the settings of its engines and of LoadGen, and every run that it will make.

Neither weights nor samples are read, so an outline takes milliseconds whatever their size. Nothing that is missing or
wrong stops it: it is a problem of the outline, and the round's own value takes its place. So everything that is wrong
can be reported together, and runs, times and disk space are predicted before model and data set exist.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from submitter import compliance, plugins
from submitter.campaign.closed import reference_problems
from submitter.campaign.dataset_facts import longest_prompt_tokens, sample_count
from submitter.campaign.file import EMBEDDED, BenchmarkTable, Campaign
from submitter.campaign.measurements import engine_settings, user_conf
from submitter.campaign.settings import effective_settings, round_settings
from submitter.embedded.benchmark import EmbeddedBenchmark, load_benchmark, model_folder
from submitter.errors import InputError, SubmitterError
from submitter.harness.engines import EnginePlan
from submitter.harness.loadgen import EffectiveSettings
from submitter.harness.plan import EngineSettings, RunPlan
from submitter.harness.user_conf import conf_problems
from submitter.model import Division, Mode, Scenario
from submitter.rulebook import Rulebook, load_rulebook
from submitter.rulebook_tables import Benchmark, Target

# For loading the engine, scoring and assembling; used only to estimate the time of the whole campaign.
OVERHEAD_S = 60.0

Settings = dict[tuple[Scenario, Mode], EffectiveSettings]


@dataclass(frozen=True, kw_only=True)
class BenchmarkOutline:
    """One benchmark of a campaign before its model and its data set are opened."""

    table: BenchmarkTable
    official: str
    """The name of the round's benchmark that it is run as."""
    rules: Benchmark
    embedded: EmbeddedBenchmark | None
    """The embedded benchmark, if the model or the data set is embedded."""
    model_folder: Path
    engine_plan: EnginePlan | None
    """None if the length of an answer or the token that ends it is not known."""
    engines: dict[Scenario, EngineSettings]
    """The content of each scenario's engine.toml that can be read."""
    audits: dict[Mode, compliance.AuditPlan]
    """The compliance runs, which are the same in every scenario."""
    settings: Settings
    """LoadGen's settings for each run; for a user.conf that is missing or wrong, those of the round."""
    from_loadgen: bool
    """Whether the settings were read from LoadGen; if not, they were computed from the rule book."""
    accuracy_target: dict[str, float]
    """The lowest allowed value of each metric that has one."""
    sample_count: int
    """How many samples an accuracy run has: as the data set's header says, else as the round says."""
    longest_prompt_tokens: int
    """As the data set's header says; 0 if it is not there yet."""
    run_plans: tuple[RunPlan, ...]
    """Every run, in the order of `settings`."""
    problems: tuple[SubmitterError, ...]

    @property
    def is_official(self) -> bool:
        """Whether it is the round's benchmark itself, and not the submitter's own model run as that benchmark."""
        return self.official == self.table.name

    @property
    def distinct_engines(self) -> list[EngineSettings]:
        """Each different engine once, in order. Settings hold dictionaries, so they cannot be put into a set."""
        found: list[EngineSettings] = []
        for engine in self.engines.values():
            if engine not in found:
                found.append(engine)
        return found

    def scenarios_of(self, engine: EngineSettings) -> tuple[Scenario, ...]:
        """The scenarios that have this engine, in order."""
        return tuple(scenario for scenario, own in self.engines.items() if own == engine)


@dataclass(frozen=True, kw_only=True)
class CampaignOutline:
    """A campaign before its models and data sets are opened. `problems` are those found so far."""

    campaign: Campaign
    book: Rulebook
    benchmarks: tuple[BenchmarkOutline, ...]
    """In the order of the campaign file. A benchmark that the round does not have is left out."""
    problems: tuple[SubmitterError, ...]

    @property
    def all_runs(self) -> list[tuple[BenchmarkOutline, RunPlan]]:
        """Every run with its benchmark."""
        return [(benchmark, run) for benchmark in self.benchmarks for run in benchmark.run_plans]

    @property
    def run_sequences(self) -> list[list[RunPlan]]:
        """The runs of each engine that is loaded."""
        return [
            [run for run in benchmark.run_plans if benchmark.engines.get(run.scenario) == engine]
            for benchmark in self.benchmarks
            for engine in benchmark.distinct_engines
        ]

    @property
    def expected_s(self) -> float:
        """How long everything takes at the target rates, in s; engine loading, scoring and assembly included."""
        return OVERHEAD_S + sum(run.expected_s for _, run in self.all_runs)


def run_folder(campaign: Campaign, benchmark: str, scenario: Scenario, mode: Mode) -> Path:
    """The folder of a finished run's logs and record."""
    return campaign.runs_folder / campaign.system.id / benchmark / scenario / mode


def outline_campaign(campaign: Campaign) -> CampaignOutline:
    """Outline a campaign. InputError only if its round is unknown; everything else is among its problems."""
    book = load_rulebook(campaign.round)
    benchmarks = []
    problems: list[SubmitterError] = []
    for table in campaign.benchmarks:
        try:
            benchmarks.append(_outline(campaign, book, table))
        except SubmitterError as error:
            problems.append(error)
        else:
            problems += benchmarks[-1].problems
    unique = {problem.message: problem for problem in problems}
    return CampaignOutline(campaign=campaign, book=book, benchmarks=tuple(benchmarks), problems=tuple(unique.values()))


def _outline(campaign: Campaign, book: Rulebook, table: BenchmarkTable) -> BenchmarkOutline:
    """Outline one benchmark. InputError if the round does not have it."""
    where = f"{campaign.path}: benchmark '{table.name}'"
    problems: list[SubmitterError] = []
    embedded = load_benchmark() if EMBEDDED in (table.model, table.dataset) else None
    official = table.official or (embedded.official_benchmark if embedded else table.name)
    rules = book.benchmark(official)
    is_official = official == table.name
    if not is_official and campaign.division is not Division.OPEN:
        problems.append(
            InputError(
                f"benchmark '{table.name}' is not a benchmark of round {book.name}",
                'use an official one, or run your own model in the open division: division = "open"',
            )
        )
    if Scenario.INTERACTIVE in table.scenarios and rules.loadgen_model_interactive is None:
        raise InputError(f"{where}: round {book.name} has no {official} Interactive", "remove the scenario")
    for scenario in table.scenarios:
        rules.loadgen_model_for(scenario)
    if table.sample_limit is not None and not campaign.smoke:
        problems.append(
            InputError(f"{where}: sample_limit is allowed in smoke runs only", "remove it, or set smoke = true")
        )
    problems += _target_problems(campaign, rules, table, where)
    audits = {}
    try:
        audits = {audit.mode: audit for audit in compliance.runs(book, official)}
    except InputError as error:
        problems.append(error)
    engines = {}
    for scenario in table.scenarios:
        if not (table.measurements / scenario).is_dir():
            problems.append(_no_measurements(table, scenario))
            continue
        try:
            engines[scenario] = engine_settings(table, scenario)
        except SubmitterError as error:
            problems.append(error)
    if campaign.division is not Division.OPEN:
        problems += reference_problems(table, rules, engines)
    folder = model_folder() if table.model == EMBEDDED else Path(table.model)
    engine_plan = None
    try:
        engine_plan = _engine_plan(table, embedded, rules, is_official, folder, where)
    except InputError as error:
        problems.append(error)
    settings, from_loadgen, wrong = _settings(book, table, official, audits)
    problems += wrong
    count = sample_count(table, rules)
    return BenchmarkOutline(
        table=table,
        official=official,
        rules=rules,
        embedded=embedded,
        model_folder=folder,
        engine_plan=engine_plan,
        engines=engines,
        audits=audits,
        settings=settings,
        from_loadgen=from_loadgen,
        accuracy_target={
            **{metric: target.lower for metric, target in _targets(table, rules, embedded, is_official).items()},
            **table.accuracy_target,
        },
        sample_count=count,
        longest_prompt_tokens=longest_prompt_tokens(table),
        run_plans=_run_plans(campaign, table, rules, settings, audits, count),
        problems=tuple(problems),
    )


def _no_measurements(table: BenchmarkTable, scenario: Scenario) -> InputError:
    folder = table.measurements if not table.measurements.is_dir() else table.measurements / scenario
    return InputError(
        f"there is no measurements folder {folder}",
        "submitter init writes one, with user.conf and engine.toml for each scenario",
    )


def _target_problems(campaign: Campaign, rules: Benchmark, table: BenchmarkTable, where: str) -> Iterator[InputError]:
    """An error for each accuracy target that does not count."""
    if table.accuracy_target and campaign.division is not Division.OPEN:
        yield InputError(f"{where}: accuracy_target is for the open division", "remove it: the round has its targets")
    for metric in table.accuracy_target:
        if metric not in rules.accuracy:
            nearest = plugins.did_you_mean(metric, rules.accuracy)
            yield InputError(f"{where}: accuracy_target: there is no metric '{metric}'", nearest)


def _engine_plan(
    table: BenchmarkTable,
    embedded: EmbeddedBenchmark | None,
    rules: Benchmark,
    is_official: bool,
    folder: Path,
    where: str,
) -> EnginePlan:
    """The engine's plan. Values come from the campaign, else from the embedded benchmark, else from the round.

    The end-of-sequence token depends on the model, so the round's is used only for the round's own model.
    """
    max_new_tokens = table.max_new_tokens or (embedded.max_new_tokens if embedded else rules.max_new_tokens)
    eos_token_id = table.eos_token_id
    if eos_token_id is None:
        eos_token_id = embedded.eos_token_id if embedded else rules.eos_token_id if is_official else None
    if max_new_tokens is None or eos_token_id is None:
        missing = "max_new_tokens" if max_new_tokens is None else "eos_token_id"
        raise InputError(f"{where} lacks {missing}", "take it from the model's generation_config.json or the rules")
    return EnginePlan(
        model=str(folder),
        max_new_tokens=max_new_tokens,
        min_new_tokens=rules.min_new_tokens or 1,
        eos_token_id=eos_token_id,
    )


def _settings(
    book: Rulebook, table: BenchmarkTable, official: str, audits: dict[Mode, compliance.AuditPlan]
) -> tuple[Settings, bool, list[SubmitterError]]:
    """LoadGen's settings for each run of a benchmark, whether they were read from LoadGen, and what is wrong."""
    settings: Settings = {}
    problems: list[SubmitterError] = []
    from_loadgen = True
    for scenario in table.scenarios:
        conf = user_conf(table, scenario)
        if conf.parent.is_dir():  # else the folder is reported
            problems += conf_problems(conf, book, official, scenario)
        for mode in (Mode.PERFORMANCE, Mode.ACCURACY, *audits):
            audit = audits[mode].text if mode in audits else None
            try:
                found, from_loadgen = effective_settings(book, official, scenario, conf, audit)
            except InputError:  # one of the problems of the file
                found = round_settings(book, official, scenario, audit)
            if not 0 < found.target_qps < math.inf:
                found = replace(found, target_qps=0.0)
            if table.sample_limit is not None and found.performance_sample_count > table.sample_limit:
                found = replace(found, performance_sample_count=table.sample_limit)  # as a run does it
            settings[scenario, mode] = found
    return settings, from_loadgen, problems


def _run_plans(
    campaign: Campaign,
    table: BenchmarkTable,
    rules: Benchmark,
    settings: Settings,
    audits: dict[Mode, compliance.AuditPlan],
    dataset_size: int,
) -> tuple[RunPlan, ...]:
    """The plan of each run of a benchmark, on a data set of `dataset_size` samples."""
    return tuple(
        RunPlan(
            scenario=scenario,
            mode=mode,
            loadgen_model=rules.loadgen_model_for(scenario),
            user_conf=user_conf(table, scenario),
            folder=run_folder(campaign, table.name, scenario, mode),
            audit=dict(audits[mode].settings) if mode in audits else None,
            expected_samples=effective.expected_samples(scenario, mode, dataset_size),
            expected_s=effective.expected_seconds(scenario, mode, dataset_size),
        )
        for (scenario, mode), effective in settings.items()
    )


def _targets(
    table: BenchmarkTable, rules: Benchmark, embedded: EmbeddedBenchmark | None, is_official: bool
) -> dict[str, Target]:
    """The accuracy targets; none if the reference's scores on these samples are not known."""
    if embedded and table.sample_limit == embedded.reference.quick_sample_count:
        return embedded.quick_accuracy
    if table.sample_limit is not None:
        return {}
    return embedded.accuracy if embedded else rules.accuracy if is_official else {}
