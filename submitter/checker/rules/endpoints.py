"""EPT: results that mlcommons/endpoints measured. They have no log of LoadGen's, so these rules stand for PRF's and
ACC's; what stands in the system's and the measurement's descriptions is judged as everybody's."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.model import Scenario
from submitter.quoting import shown
from submitter.rulebook import EndpointsRules, Rulebook
from submitter.submission.endpoints_runs import EndpointsPerformance, EndpointsRun

_PERFORMANCE = "official: checks/performance_check.py "
_READER = "official: parsers/endpoints_parser.py "
FILES = ["EPT001", "STR002"]
JUDGED = [*FILES, "STR005", "STR007"]
_NS_PER_MS = 1e6
_TTFT_KEY = "result_first_token_99.00_percentile_latency_ns"
_TPOT_KEY = "result_time_per_output_token_99.00_percentile_ns"
_LATENCY_KEY = "result_99.00_percentile_latency_ns"


def rules_of(book: Rulebook) -> EndpointsRules:
    assert book.endpoints is not None, "a result is an endpoints result only where the book has its rules"
    return book.endpoints


def summary(run: EndpointsPerformance, message: str, found: object, required: str, hint: str = "") -> Problem:
    """A problem with a figure of result_summary.json."""
    text = found if isinstance(found, str) else shown(found)
    return Problem(message, found=text, required=required, path=str(run.document_path), line=None, hint=hint)


def _config(run: EndpointsRun, message: str, found: object, required: str, hint: str = "") -> Problem:
    """A problem with a setting of config.yaml."""
    return Problem(message, found=shown(found), required=required, path=str(run.config_path), line=None, hint=hint)


def _ms(value_ns: float) -> str:
    return f"{value_ns / _NS_PER_MS:.1f} ms"


@rule("EPT001", absence=True, source=_READER + "EndpointsParser", hint="copy it from the report folder of the run")
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
    if not rules_of(book).metric:
        hint = "measure with LoadGen, or submit to a round that takes them"
        yield Problem("the round takes no results of endpoints", found=run.document_path.name, hint=hint)


@rule("EPT003", requires=["STR007"], source=_PERFORMANCE + "endpoints_model_check; ENDPOINTS_ALLOWED_MODELS")
def model_allowed(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The benchmark is one that endpoints may measure."""
    allowed, name = rules_of(book).models, run.result.official_name
    if name not in allowed:
        hint = "measure it with LoadGen"
        message = "the benchmark may not be measured with endpoints"
        yield Problem(message, found=name, required="one of " + ", ".join(allowed), hint=hint)


@rule("EPT004", requires=[*FILES, "STR005"], source=_PERFORMANCE + "map_endpoints_scenario, inferred_check")
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
    requires=[*FILES, "EPT004"],
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
        yield Problem(
            message, found=shown(said), required=f"type: {required}", path=str(run.config_path), severity=severity
        )


@rule(
    "EPT006",
    requires=FILES,
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
    requires=JUDGED,
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
    requires=[*JUDGED, "EPT007"],
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
        yield summary(run, "the run was shorter than it had to be", _ms(found), f"at least {required} ms")


@rule("EPT009", requires=[*JUDGED, "EPT004"], source=_PERFORMANCE + "latency_check; MODEL_CONFIG latency-constraint")
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
        yield summary(run, "latency p99 is over the limit", text, f"at most {_ms(limit_ns)}", hint)


@rule("EPT010", requires=[*JUDGED, "EPT004"], source=_PERFORMANCE + "llm_check; LLM_LATENCY_LIMITS")
def token_latency_limits(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The 99th percentiles of the time to first token and per output token are below the limits."""
    benchmark, scenario = run.result.benchmark, run.result.scenario
    # The official check goes by LoadGen's spelling of the scenario, and lets any other pass.
    if not benchmark.is_llm or run.scenario_name not in (Scenario.SERVER.value, Scenario.INTERACTIVE.value):
        return
    limits = benchmark.token_latency.get(scenario)
    if limits is None:
        yield summary(run, f"the benchmark has no token latency limits in {scenario}", scenario.value, "a known limit")
        return
    for what, key, limit_ns in (("TTFT", _TTFT_KEY, limits.ttft_ns), ("TPOT", _TPOT_KEY, limits.tpot_ns)):
        found = run.number(key)
        if found is None or not found < limit_ns:
            text = _ms(found) if found is not None else shown(run.figure(key))
            hint = "lower target_qps; the percentiles are those of early_stopping_percentiles"
            yield summary(run, f"{what} p99 is not below the {scenario} limit", text, f"below {_ms(limit_ns)}", hint)


@rule(
    "EPT011",
    requires=[*JUDGED, "EPT002", "EPT004"],
    source=_PERFORMANCE + "get_performance_metric_check; RESULT_FIELD_ENDPOINTS, RESULT_FIELD_BENCHMARK_OVERWRITE",
    hint="copy result_summary.json of the performance run here; if it has none, run again",
)
def metric_positive(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The result's figure is there, and above 0."""
    value = run.value(book)
    if value is None or not value > 0:
        message = "the files have no figure of the result" if value is None else "the result's figure is not above 0"
        yield summary(run, message, value, run.metric_key(book) or "a figure")


@rule(
    "EPT012",
    requires=FILES,
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
        yield summary(run, "requests failed", f"{failed:g}", "0")


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
        yield Problem("a networked system cannot be measured with endpoints", found=f"is_network: {value}", path=path)


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
