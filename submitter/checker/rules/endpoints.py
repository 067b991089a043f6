"""EPT: results that mlcommons/endpoints measured. They have no log of LoadGen's, so these rules stand for PRF's and
ACC's; what stands in the system's and the measurement's descriptions is judged as everybody's."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.endpoints import EndpointsAccuracy, EndpointsPerformance, EndpointsRun
from submitter.checker.files import Unreadable
from submitter.checker.finding import Problem, Severity, shown
from submitter.checker.registry import rule
from submitter.model import Scenario
from submitter.rulebook import EndpointsRules, Rulebook

_PERFORMANCE = "official: checks/performance_check.py "
_READER = "official: parsers/endpoints_parser.py "
_FILES = ["EPT001", "STR002"]
_JUDGED = [*_FILES, "STR005", "STR007"]
_NS_PER_MS = 1e6
_TTFT_KEY = "result_first_token_99.00_percentile_latency_ns"
_TPOT_KEY = "result_time_per_output_token_99.00_percentile_ns"
_LATENCY_KEY = "result_99.00_percentile_latency_ns"


def _rules(book: Rulebook) -> EndpointsRules:
    assert book.endpoints is not None, "a result is an endpoints result only where the book has its rules"
    return book.endpoints


def _summary(run: EndpointsPerformance, message: str, found: object, required: str, hint: str = "") -> Problem:
    """A problem with a figure of result_summary.json."""
    text = found if isinstance(found, str) else shown(found)
    return Problem(message, text, required, str(run.document_path), None, hint)


def _config(run: EndpointsRun, message: str, found: object, required: str, hint: str = "") -> Problem:
    """A problem with a setting of config.yaml."""
    return Problem(message, shown(found), required, str(run.config_path), None, hint)


def _ms(value_ns: float) -> str:
    return f"{value_ns / _NS_PER_MS:.1f} ms"


@rule("EPT001", source=_READER + "EndpointsParser", hint="copy it from the report folder of the run")
def files_present(run: EndpointsRun, book: Rulebook) -> Iterator[Problem]:
    """The configuration, the summary of the measurement and the scores are there.

    They stand for LoadGen's logs; the official checker takes a missing one for empty, and finds no figures in it.
    """
    for path in (run.document_path, run.config_path):
        if run.files.kind(path) is None:
            yield Problem("a file of the endpoints run is missing", required=path.name, path=str(path))


@rule("EPT002", source=_PERFORMANCE + "get_performance_metric_check; constants.py RESULT_FIELD_ENDPOINTS")
def round_takes_them(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The round has a figure for results of endpoints.

    Its official checker refuses them otherwise, whatever they hold.
    """
    if not _rules(book).metric:
        hint = "measure with LoadGen, or submit to a round that takes them"
        yield Problem("the round takes no results of endpoints", found=run.document_path.name, hint=hint)


@rule("EPT003", requires=["STR007"], source=_PERFORMANCE + "endpoints_model_check; ENDPOINTS_ALLOWED_MODELS")
def model_allowed(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The benchmark is one that endpoints may measure."""
    allowed, name = _rules(book).models, run.result.official_name
    if name not in allowed:
        hint = "measure it with LoadGen"
        yield Problem(
            "the benchmark may not be measured with endpoints", name, "one of " + ", ".join(allowed), hint=hint
        )


@rule("EPT004", requires=[*_FILES, "STR005"], source=_PERFORMANCE + "map_endpoints_scenario, inferred_check")
def scenario_is_the_folders(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The configuration's type is the folder's scenario: offline, or online for Server and Interactive.

    Nothing can be inferred from another scenario's run. SingleStream and Interactive are told by the folder alone.
    """
    said, name, scenario = run.figure("effective_scenario"), run.scenario_name, run.result.scenario
    is_named = name is not None and name.lower() == scenario.value.lower()
    if not is_named or not (said is None or isinstance(said, str)):
        required = "offline" if scenario is Scenario.OFFLINE else "online"
        yield _config(run, "the run is of another scenario than its folder", said, f"type: {required}")


@rule(
    "EPT005",
    requires=[*_FILES, "EPT004"],
    origin="integrity",
    source="mlcommons/endpoints config/schema.py, TestType",
    hint="run again with that type",
)
def type_is_known(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The configuration's type is one that endpoints has.

    A type of another spelling passes the official checker by its limits on token latencies.
    """
    said = run.figure("effective_scenario")
    required = "offline" if run.result.scenario is Scenario.OFFLINE else "online"
    if said != required:
        severity = Severity.WARNING if run.result.scenario is Scenario.SINGLE_STREAM else None
        message = "the configuration's type is not the scenario's"
        yield Problem(message, shown(said), f"type: {required}", str(run.config_path), severity=severity)


@rule(
    "EPT006",
    requires=_FILES,
    source=_PERFORMANCE + "seeds_check; MODEL_CONFIG seeds",
    hint="run again with the round's seeds under settings.runtime",
)
def seeds(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The seeds of the order of samples and of their schedule are the round's.

    LoadGen's third seed, of the samples' choice, has no counterpart here.
    """
    for name, setting, required in (
        ("sample_index_rng_seed", "dataloader_random_seed", book.seeds.sample_index_rng_seed),
        ("schedule_rng_seed", "scheduler_random_seed", book.seeds.schedule_rng_seed),
    ):
        found = run.figure(f"effective_{name}")
        if found != required:
            yield _config(run, f"{setting} is not the round's {name}", found, str(required))


@rule(
    "EPT007",
    requires=_JUDGED,
    source=_PERFORMANCE + "min_duration_check",
    hint="run again with the round's settings.runtime.min_duration_ms",
)
def duration_requested(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The requested minimum duration is at least the round's."""
    required, key = book.min_duration_ms(run.result.official_name), "effective_min_duration_ms"
    found = run.number(key)
    if required and (found is None or not found >= required):
        message = "the requested minimum duration is shorter than the round's"
        yield _config(run, message, run.figure(key), f"at least {required} ms")


@rule(
    "EPT008",
    requires=[*_JUDGED, "EPT007"],
    origin="integrity",
    severity="warning",
    source="inference_policies inference_rules.adoc, section Scenarios",
    hint="run again, with more samples",
)
def duration_measured(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The run lasted as long as it had to.

    The official checker reads only the duration that was asked for, and endpoints may end a run before it.
    """
    found, required = run.number("generated_query_duration"), book.min_duration_ms(run.result.official_name)
    if found is not None and found < required * _NS_PER_MS:
        yield _summary(run, "the run was shorter than it had to be", _ms(found), f"at least {required} ms")


@rule("EPT009", requires=[*_JUDGED, "EPT004"], source=_PERFORMANCE + "latency_check; MODEL_CONFIG latency-constraint")
def latency_limit(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The 99th percentile of the latency is within the benchmark's limit.

    Language models are held to their token latencies instead.
    """
    benchmark, scenario = run.result.benchmark, run.result.scenario
    limit_ns = benchmark.latency_ns.get(scenario)
    if benchmark.is_llm or not limit_ns:
        return
    found = run.number(_LATENCY_KEY)
    if found is None or not found <= limit_ns:
        text = _ms(found) if found is not None else shown(run.figure(_LATENCY_KEY))
        hint = "lower target_qps"
        yield _summary(run, "latency p99 is over the limit", text, f"at most {_ms(limit_ns)}", hint)


@rule("EPT010", requires=[*_JUDGED, "EPT004"], source=_PERFORMANCE + "llm_check; LLM_LATENCY_LIMITS")
def token_latency_limits(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The 99th percentiles of the time to first token and per output token are below the limits."""
    benchmark, scenario = run.result.benchmark, run.result.scenario
    # The official check goes by LoadGen's spelling of the scenario, and lets any other pass.
    if not benchmark.is_llm or run.scenario_name not in (Scenario.SERVER.value, Scenario.INTERACTIVE.value):
        return
    limits = benchmark.token_latency.get(scenario)
    if limits is None:
        yield _summary(run, f"the benchmark has no token latency limits in {scenario}", scenario.value, "a known limit")
        return
    for what, key, limit_ns in (("TTFT", _TTFT_KEY, limits.ttft_ns), ("TPOT", _TPOT_KEY, limits.tpot_ns)):
        found = run.number(key)
        if found is None or not found < limit_ns:
            text = _ms(found) if found is not None else shown(run.figure(key))
            hint = "lower target_qps; the percentiles are those of early_stopping_percentiles"
            yield _summary(run, f"{what} p99 is not below the {scenario} limit", text, f"below {_ms(limit_ns)}", hint)


@rule(
    "EPT011",
    requires=[*_JUDGED, "EPT002", "EPT004"],
    source=_PERFORMANCE + "get_performance_metric_check; RESULT_FIELD_ENDPOINTS, RESULT_FIELD_BENCHMARK_OVERWRITE",
    hint="copy result_summary.json of the performance run here; if it has none, run again",
)
def metric_positive(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The result's figure is there, and above 0."""
    value = run.value(book)
    if value is None or not value > 0:
        message = "the files have no figure of the result" if value is None else "the result's figure is not above 0"
        yield _summary(run, message, value, run.metric_key(book) or "a figure")


@rule(
    "EPT012",
    requires=_FILES,
    origin="integrity",
    severity="warning",
    source="mlcommons/endpoints metrics/report.py, n_samples_failed",
    hint="mend their cause and run again",
)
def no_failed_samples(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """No request of the performance run failed.

    The official checker counts them, and lets them pass.
    """
    failed = run.number("num_errors")
    if failed:
        yield _summary(run, "requests failed", f"{failed:g}", "0")


@rule(
    "EPT013",
    requires=["EPT001", "SYS001"],
    source=_PERFORMANCE + "network_check, which asks LoadGen's log for the SUT's name",
    hint="measure with LoadGen's network mode",
)
def not_networked(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The system is not one of the network division's.

    endpoints does not write the SUT's name, which the network's rules are about.
    """
    value = run.result.system.description.get("is_network")
    if isinstance(value, str) and value.lower() == "true":
        path = str(run.result.system.description_path)
        yield Problem("a networked system cannot be measured with endpoints", f"is_network: {value}", path=path)


@rule(
    "EPT014",
    source="official: checks/power_check.py get_power_metric_check, which asks LoadGen's log for the times",
    hint="remove the folder, or measure with LoadGen",
)
def no_power(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """No power measurement lies beside it: only LoadGen's log could say when the run began and ended."""
    if run.result.has_power:
        path = str(run.layout.power(run.result.key))
        yield Problem("power cannot be measured with endpoints", found="power/", path=path)


def _audited(run: EndpointsPerformance) -> tuple[str, ...]:
    return run.result.benchmark.compliance


@rule(
    "EPT015",
    requires=["STR007"],
    source="official: checks/compliance_check.py compliance_endpoints_check, endpoint_audit_file_required",
    hint="run the audit of endpoints and copy its verdict here",
)
def audits_passed(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The audits of the benchmark's compliance tests passed, in the open division too.

    Only some must be there; those that are must have passed.
    """
    rules = _rules(book)
    for test in _audited(run):
        name = rules.audits.get(test)
        if name is None:
            continue
        path = run.audit_path(name)
        if run.files.kind(path) is None:
            if test in rules.required_audits and run.result.official_name in rules.models:
                yield Problem(f"the audit for {test} is missing", required=path.name, path=str(path))
            continue
        try:
            audit = run.audit(name)
        except Unreadable as problem:
            yield Problem(f"the audit {problem.reason}", path=problem.path)
            continue
        if audit.get("test") != name:
            yield Problem("the audit is another test's", shown(audit.get("test")), name, str(path))
        elif not audit.get("passed"):
            yield Problem(f"the audit for {test} did not pass", shown(audit.get("passed")), "true", str(path))


@rule(
    "EPT016",
    requires=_JUDGED,
    source="official: checks/compliance_check.py compliance_endpoints_check; TEST09_LOW, TEST09_HIGH",
    hint="let the model answer as long as it does by itself",
)
def output_length(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The answers of the performance run are as long as the benchmark's, on average."""
    for test in _audited(run):
        if test not in _rules(book).mean_output_tokens:
            continue
        low, high = _rules(book).mean_output_tokens[test]
        found = run.number("mean_output_tokens")
        if found is None or not low <= found <= high:
            value = run.figure("mean_output_tokens")
            yield _summary(run, f"{test}: the mean length of the answers is off", value, f"{low} to {high} tokens")


def _scores(
    run: EndpointsAccuracy, message: str, found: str, required: str, severity: Severity | None = None
) -> Problem:
    return Problem(message, found, required, str(run.document_path), severity=severity)


@rule(
    "EPT020", requires=_FILES, source="official: checks/accuracy_check.py accuracy_result_check", hint="score the run"
)
def score_present(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The answers have a score."""
    if run.score is None:
        yield _scores(run, "there is no score", "nothing", "a score under accuracy_scores")


def _plain(score: object, metric: str) -> float | None:
    """A score as a number: one, a text that spells one, or what an object has under the metric's name."""
    if isinstance(score, dict):
        names = (metric, metric.lower(), metric.rpartition("_")[2].lower(), "f1", "score", "accuracy")
        values = (_plain(score[name], metric) for name in names if isinstance(score.get(name), (int, float, str)))
        return next((value for value in values if value is not None), None)
    if not isinstance(score, (int, float, str)):
        return None
    try:
        return float(score)
    except (ValueError, OverflowError):
        return None


@rule(
    "EPT021",
    requires=[*_JUDGED, "EPT020"],
    source="official: checks/accuracy_check.py accuracy_result_check; MODEL_CONFIG accuracy-target",
    hint="a less lossy quantisation, or the open division",
)
def score_on_target(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The score reaches the benchmark's target, where the official checker compares it; in the closed division."""
    if run.result.is_closed and run.result.official_name in _rules(book).scored:
        (metric, target), *_ = run.result.benchmark.accuracy_targets(run.result.scenario).items()
        found = _plain(run.score, metric)
        if found is None:
            yield _scores(run, f"the score has no {metric}", shown(run.score), "a number")
        elif not found >= target.lower:
            yield _scores(run, f"{metric} misses the target", f"{found:.6g}", f"at least {target.lower:.6g}")


@rule(
    "EPT022",
    requires=[*_JUDGED, "EPT020"],
    origin="policy",
    severity="warning",
    source="inference_policies inference_rules.adoc, section Benchmarks: quality target",
    hint="a less lossy quantisation, or the open division",
)
def other_scores_on_target(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The score reaches the benchmark's targets, which the official checker does not compare for most.

    endpoints scores some benchmarks as a fraction where the target is per cent.
    """
    if not run.result.is_closed or run.result.official_name in _rules(book).scored:
        return
    targets = run.result.benchmark.accuracy_targets(run.result.scenario)
    for metric, target in targets.items():
        if isinstance(run.score, dict):
            found = _plain(next((v for k, v in run.score.items() if k.lower() == metric.lower()), None), metric)
        else:
            values = [_plain(entry.get("score"), metric) for entry in run.scores]
            numbers = [value for value in values if value is not None]
            found = sum(numbers) / len(numbers) if numbers and len(targets) == 1 else None
        if found is not None and found <= 1 < target.lower:
            found *= 100
        if found is not None and found < target.lower:
            yield _scores(run, f"{metric} misses the target", f"{found:.6g}", f"at least {target.lower:.6g}")


@rule(
    "EPT023",
    requires=_JUDGED,
    source="official: checks/accuracy_check.py dataset_check; MODEL_CONFIG accuracy-sample-count, dataset-size",
    hint="run the accuracy phase over the whole data set",
)
def dataset_covered(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The scores cover the data set."""
    required = run.result.benchmark.accuracy_samples(run.result.scenario)
    if run.samples != required:
        yield _scores(run, "the scores do not cover the data set", shown(run.samples), f"{required} samples")


@rule("EPT024", requires=_FILES, source="official: checks/accuracy_check.py loadgen_errors_check", hint="run it again")
def no_failed_answers(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """No request of the accuracy run is counted as failed."""
    failed = run.figure("num_errors")
    if failed:
        yield _scores(run, "requests failed", shown(failed), "0")


@rule("EPT025", requires=["STR007"], source="official: checks/accuracy_check.py extra_files_check")
def extra_files(run: EndpointsAccuracy, book: Rulebook) -> Iterator[Problem]:
    """The samples that reviewers look at are there, for benchmarks that make pictures or videos."""
    for folder, stems in run.result.benchmark.accuracy_files.items():
        there = {name.partition(".")[0] for name in run.files.names(run.path / folder)}
        missing = [stem for stem in stems if stem not in there]
        if missing:
            found = f"{len(stems) - len(missing)} of {len(stems)}"
            yield Problem(f"{folder} are missing", found, ", ".join(missing), str(run.path / folder))
