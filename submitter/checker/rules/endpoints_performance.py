"""EPT: performance runs of mlcommons/endpoints. They have no LoadGen log, so these rules take the place of PRF's.

The descriptions of the system and of the measurement are judged as for any other result.
"""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import (
    ENDPOINTS_FILES,
    ENDPOINTS_JUDGED,
    SCENARIO_RULES,
    endpoints_problem,
    endpoints_rules,
    is_networked,
)
from submitter.model import Scenario
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.endpoints_runs import EndpointsPerformance, EndpointsRun
from submitter.submission.latencies import LATENCY, TPOT, TTFT
from submitter.units import NS_PER_MS

_PERFORMANCE = "official: checks/performance_check.py "
_READER = "official: parsers/endpoints_parser.py "


def _config_problem(run: EndpointsRun, message: str, *, found: object, required: str) -> Problem:
    """A problem with a setting of config.yaml."""
    return Problem(message, found=shown(found), required=required, path=str(run.config_path))


def _ms(value_ns: float) -> str:
    return f"{value_ns / NS_PER_MS:.1f} ms"


@rule("EPT001", absence=True, source=_READER + "EndpointsParser", hint="copy it from the report folder of the run")
def files_present(run: EndpointsRun, book: Rulebook) -> Iterator[Problem]:
    """The configuration, the result summary and the scores are present.

    They take the place of LoadGen's logs. The official checker treats a missing one as empty, and finds no figures in
    it.
    """
    for path in (run.document_path, run.config_path):
        if run.files.kind(path) is None:
            yield Problem("a file of the endpoints run is missing", required=path.name, path=str(path))


@rule("EPT002", source=_PERFORMANCE + "get_performance_metric_check; constants.py RESULT_FIELD_ENDPOINTS")
def round_accepts_endpoints(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The round defines a figure for endpoints results.

    If it does not, its official checker refuses every such result.
    """
    if not endpoints_rules(book).metric:
        hint = "measure with LoadGen, or submit to a round that accepts endpoints results"
        yield Problem("the round does not accept endpoints results", found=run.document_path.name, hint=hint)


@rule("EPT003", requires=["STR007"], source=_PERFORMANCE + "endpoints_model_check; ENDPOINTS_ALLOWED_MODELS")
def model_allowed(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The benchmark is one that may be measured with endpoints."""
    allowed, name = endpoints_rules(book).models, run.result.official_name
    if name not in allowed:
        message, hint = "the benchmark may not be measured with endpoints", "measure it with LoadGen"
        yield Problem(message, found=name, required="one of " + ", ".join(allowed), hint=hint)


def _required_type(run: EndpointsPerformance) -> str:
    return "offline" if run.result.scenario is Scenario.OFFLINE else "online"


@rule("EPT004", requires=[*ENDPOINTS_FILES, "STR005"], source=_PERFORMANCE + "map_endpoints_scenario, inferred_check")
def type_fits_folder(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The configuration's type fits the folder's scenario: offline, or online for Server and Interactive.

    Nothing can be inferred from the run of another scenario. Only the folder says that a run is SingleStream or
    Interactive.
    """
    stated, name, scenario = run.figure("effective_scenario"), run.scenario_name, run.result.scenario
    is_named = name is not None and name.lower() == scenario.value.lower()
    if not is_named or not (stated is None or isinstance(stated, str)):
        message = "the run's scenario is not that of its folder"
        yield _config_problem(run, message, found=stated, required=f"type: {_required_type(run)}")


@rule(
    "EPT005",
    requires=[*ENDPOINTS_FILES, "EPT004"],
    origin="integrity",
    source="mlcommons/endpoints config/schema.py, TestType",
    hint="run it again with that type",
)
def type_known(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The configuration's type is one that endpoints has.

    The official checker does not compare the token latencies of a run whose type is written differently.
    """
    stated, required = run.figure("effective_scenario"), _required_type(run)
    if stated != required:
        yield Problem(
            "the configuration's type is not that of the scenario",
            found=shown(stated),
            required=f"type: {required}",
            path=str(run.config_path),
            severity=Severity.WARNING if run.result.scenario is Scenario.SINGLE_STREAM else None,
        )


@rule(
    "EPT006",
    requires=ENDPOINTS_FILES,
    source=_PERFORMANCE + "seeds_check; MODEL_CONFIG seeds",
    hint="run it again with the round's seeds under settings.runtime",
)
def seeds_of_the_round(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The seeds for the order of samples and for their schedule are the round's.

    LoadGen's third seed, for the choice of samples, has no counterpart in endpoints.
    """
    for name, setting, required in (
        ("sample_index_rng_seed", "dataloader_random_seed", book.seeds.sample_index_rng_seed),
        ("schedule_rng_seed", "scheduler_random_seed", book.seeds.schedule_rng_seed),
    ):
        found = run.figure(f"effective_{name}")
        if found != required:
            message = f"{setting} is not the round's {name}"
            yield _config_problem(run, message, found=found, required=str(required))


@rule(
    "EPT007",
    requires=ENDPOINTS_JUDGED,
    source=_PERFORMANCE + "min_duration_check",
    hint="run it again with the round's settings.runtime.min_duration_ms",
)
def requested_duration_long_enough(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The requested minimum duration is at least the round's."""
    required, key = book.min_duration_ms(run.result.official_name), "effective_min_duration_ms"
    found = run.number(key)
    if required and (found is None or not found >= required):
        message = "the requested minimum duration is shorter than the round's"
        yield _config_problem(run, message, found=run.figure(key), required=f"at least {required} ms")


@rule(
    "EPT008",
    requires=[*ENDPOINTS_JUDGED, "EPT007"],
    origin="integrity",
    severity="warning",
    source=SCENARIO_RULES,
    hint="run it again, with more samples",
)
def minimum_duration_reached(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The run lasted at least the minimum duration.

    The official checker reads only the requested duration, and endpoints may end a run before it.
    """
    found, required_ms = run.number("generated_query_duration"), book.min_duration_ms(run.result.official_name)
    if found is not None and found < required_ms * NS_PER_MS:
        message = "the run was shorter than the round's minimum duration"
        yield endpoints_problem(run, message, found=_ms(found), required=f"at least {required_ms} ms")


@rule(
    "EPT009",
    requires=[*ENDPOINTS_JUDGED, "EPT004"],
    source=_PERFORMANCE + "latency_check; MODEL_CONFIG latency-constraint",
)
def latency_within_limit(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The 99th percentile of the latency is not above the benchmark's limit.

    Language models have limits on token latencies instead.
    """
    benchmark, scenario = run.result.benchmark, run.result.scenario
    limit_ns, key = benchmark.latency_ns.get(scenario), LATENCY.key("99.00")
    if benchmark.is_llm or not limit_ns:
        return
    found_ns = run.number(key)
    if found_ns is None or not found_ns <= limit_ns:
        text = _ms(found_ns) if found_ns is not None else shown(run.figure(key))
        message, required = "latency p99 is above the limit", f"at most {_ms(limit_ns)}"
        yield endpoints_problem(run, message, found=text, required=required, hint="lower target_qps")


@rule("EPT010", requires=[*ENDPOINTS_JUDGED, "EPT004"], source=_PERFORMANCE + "llm_check; LLM_LATENCY_LIMITS")
def token_latencies_below_limits(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The 99th percentiles of TTFT and TPOT are below the limits of the scenario."""
    benchmark, scenario = run.result.benchmark, run.result.scenario
    # The official check looks for LoadGen's exact name of the scenario, and passes any other.
    if not benchmark.is_llm or run.scenario_name not in (Scenario.SERVER.value, Scenario.INTERACTIVE.value):
        return
    limits = benchmark.token_latency.get(scenario)
    if limits is None:
        message = f"the round has no token latency limits for this benchmark in {scenario}"
        yield endpoints_problem(run, message, found=scenario.value, required="a scenario with limits")
        return
    for kind, limit_ns in ((TTFT, limits.ttft_ns), (TPOT, limits.tpot_ns)):
        key = kind.key("99.00")
        found_ns = run.number(key)
        if found_ns is None or not found_ns < limit_ns:
            yield endpoints_problem(
                run,
                f"{kind.name} p99 is not below the {scenario} limit",
                found=_ms(found_ns) if found_ns is not None else shown(run.figure(key)),
                required=f"below {_ms(limit_ns)}",
                hint="lower target_qps; the percentiles are those of early_stopping_percentiles",
            )


@rule(
    "EPT011",
    requires=[*ENDPOINTS_JUDGED, "EPT002", "EPT004"],
    source=_PERFORMANCE + "get_performance_metric_check; RESULT_FIELD_ENDPOINTS, RESULT_FIELD_BENCHMARK_OVERWRITE",
    hint="copy result_summary.json of the performance run here; if it has no figure, run it again",
)
def figure_is_positive(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The result's figure is present, and above 0."""
    value = run.value(book)
    if value is None or not value > 0:
        message = "the files have no figure for the result" if value is None else "the result's figure is not above 0"
        yield endpoints_problem(run, message, found=shown(value), required=run.metric_key(book) or "a figure")


@rule(
    "EPT012",
    requires=ENDPOINTS_FILES,
    origin="integrity",
    severity="warning",
    source="mlcommons/endpoints metrics/report.py, n_samples_failed",
    hint="fix the cause and run it again",
)
def no_failed_requests(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """No request of the performance run failed.

    The official checker counts failed requests, but does not refuse them.
    """
    failed = run.number("num_errors")
    if failed:
        yield endpoints_problem(run, "requests failed", found=f"{failed:g}", required="0")


@rule(
    "EPT013",
    requires=["EPT001", "SYS001"],
    source=_PERFORMANCE + "network_check, which asks LoadGen's log for the SUT's name",
    hint="measure with LoadGen's network mode",
)
def not_networked(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """The system is not networked.

    The rules for networked systems are about the SUT name, which endpoints does not write.
    """
    description = run.result.system.description
    if is_networked(description):
        message, found = (
            "a networked system cannot be measured with endpoints",
            f"is_network: {description['is_network']}",
        )
        yield Problem(message, found=found, path=str(run.result.system.description_path))


@rule(
    "EPT014",
    source="official: checks/power_check.py get_power_metric_check, which asks LoadGen's log for the times",
    hint="remove the folder, or measure with LoadGen",
)
def no_power(run: EndpointsPerformance, book: Rulebook) -> Iterator[Problem]:
    """An endpoints result has no power measurement: only LoadGen's log says when the run began and ended."""
    if run.result.has_power:
        path = str(run.layout.power(run.result.key))
        yield Problem("power cannot be measured with endpoints", found="power/", path=path)
