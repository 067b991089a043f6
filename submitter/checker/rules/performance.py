"""PRF: the performance run, whose figure is the result."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

from submitter.checker.files import Unavailable
from submitter.checker.finding import Problem, Severity, shown
from submitter.checker.metric import INFERABLE, log_scenario
from submitter.checker.registry import rule
from submitter.checker.runs import PerformanceRun
from submitter.model import Scenario
from submitter.rulebook import Rulebook

_CHECK = "official: checks/performance_check.py "
_SCENARIOS = "inference_policies inference_rules.adoc, section Scenarios"
_LOG = ["STR001", "STR002"]
_COMPLETE = [*_LOG, "STR005", "STR007", "PRF001"]
_NS_PER_MS = 1e6

_NUMBERS = (
    "effective_qsl_rng_seed",
    "effective_sample_index_rng_seed",
    "effective_schedule_rng_seed",
    "effective_performance_sample_count",
    "effective_min_duration_ms",
    "effective_min_query_count",
    "effective_samples_per_query",
    "effective_target_latency_ns",
)
_TEXTS = ("loadgen_version", "effective_scenario", "effective_test_mode", "sut_name", "result_validity")
TTFT_KEY = "result_first_token_99.00_percentile_latency_ns"
TPOT_KEY = "result_time_per_output_token_99.00_percentile_ns"


def _entry(run: PerformanceRun, key: str, message: str, found: str, required: str, hint: str = "") -> Problem:
    """A problem with one entry of the detail log, at its line."""
    return Problem(message, found, required, str(run.detail_path), run.line(key), hint)


@rule(
    "PRF001",
    requires=[*_LOG, "STR005", "STR007"],
    source=_CHECK + "get_performance_metric_check and others",
    hint="the log was cut, or the run never ended: run it again",
)
def log_complete(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The performance log has its settings and its results.

    A log that was cut before the results has none, and the official checker does not say so.
    """
    needed: list[tuple[str, str]] = [*((key, "text") for key in _TEXTS), *((key, "number") for key in _NUMBERS)]
    needed.append(("early_stopping_met", "flag"))
    result = run.result
    try:
        scenario = log_scenario(run)
        needed.append((book.metric_key(result.official_name, scenario), "number"))
        if scenario in result.benchmark.token_latency:
            needed += [(TTFT_KEY, "number"), (TPOT_KEY, "number")]
    except Unavailable as absence:
        if isinstance(run.log["effective_scenario"], str):
            yield Problem(f"the log {absence.reason}", path=str(run.detail_path), line=run.line("effective_scenario"))
    for key, kind in needed:
        try:
            {"text": run.text, "number": run.number, "flag": run.flag}[kind](key)
        except Unavailable:
            value = run.log[key]
            message = f"the log has no {key}" if key not in run.log else f"{key} is no {kind}"
            yield _entry(run, key, message, "" if value is None else shown(value), f"a {kind}")


@rule("PRF002", requires=_COMPLETE, source=_CHECK + "inferred_check; policies submission_rules.adoc: Interactive")
def scenario_is_the_folders(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run's scenario is the folder's.

    LoadGen runs Interactive as Server. An edge system may infer some scenarios from others.
    """
    ran, scenario = log_scenario(run), run.result.scenario
    if ran is scenario:
        return
    is_edge = "edge" in run.result.system.field("system_type").lower()
    if (ran, scenario) in INFERABLE and is_edge:
        return
    yield _entry(
        run,
        "effective_scenario",
        "the run is of another scenario than its folder",
        ran.value,
        scenario.loadgen_name,
        "move the run to its folder, or run this scenario",
    )


@rule(
    "PRF003",
    requires=_COMPLETE,
    origin="integrity",
    source="submitter: LoadGen's TestMode",
    hint="copy the performance run here",
)
def mode_is_performance(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run was made in LoadGen's performance mode."""
    mode = run.text("effective_test_mode")
    if mode != "PerformanceOnly":
        yield _entry(run, "effective_test_mode", "the run was not a performance run", mode, "PerformanceOnly")


@rule(
    "PRF004",
    requires=_COMPLETE,
    source=_CHECK + "seeds_check; MODEL_CONFIG seeds",
    hint="run again with the LoadGen of this round: its built-in configuration has the seeds",
)
def seeds(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The seeds are the round's."""
    for name, required in book.seeds:
        key = f"effective_{name}"
        found = run.log[key]
        if found != required:
            yield _entry(run, key, f"{name} is not the round's", shown(found), str(required))


@rule("PRF005", requires=_COMPLETE, origin="policy", source="inference_policies inference_rules.adoc, section LoadGen")
def loadgen_version(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen is of the round."""
    version = run.text("loadgen_version").partition(" ")[0]
    known = book.round.loadgen_versions
    if version in known:
        return
    same_series = version.rpartition(".")[0] in {other.rpartition(".")[0] for other in known}
    newer = same_series and _patch(version) > max(map(_patch, known))
    yield Problem(
        "LoadGen is of a version that the rule book does not know" if newer else "LoadGen is of another round",
        version,
        " or ".join(known),
        str(run.detail_path),
        run.line("loadgen_version"),
        f"run with mlcommons-loadgen {known[-1]}",
        Severity.WARNING if newer else None,
    )


def _patch(version: str) -> int:
    text = version.rpartition(".")[2]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


@rule(
    "PRF006",
    requires=_COMPLETE,
    source=_CHECK + "min_duration_check; " + _SCENARIOS,
    smoke="a smoke run is short: it only shows that everything works",
)
def duration_requested(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The requested minimum duration is at least the round's."""
    required = book.min_duration_ms(run.result.official_name)
    found = run.number("effective_min_duration_ms")
    if not found >= required:
        yield _entry(
            run,
            "effective_min_duration_ms",
            "the requested minimum duration is shorter than the round's",
            f"{found:g} ms",
            f"at least {required} ms",
            f"run again with min_duration = {required} in user.conf, or without any",
        )


_CLOCK = "%m-%d-%Y %H:%M:%S.%f"
_CLOCK_TOLERANCE_MS = 1000.0


@rule(
    "PRF007",
    requires=[*_COMPLETE, "PRF006"],
    origin="integrity",
    source=_SCENARIOS + "; LoadGen's result_min_duration_met, power_begin and power_end",
    hint="run again; raise target_qps where the run ended early",
    smoke="a smoke run is short: it only shows that everything works",
)
def duration_measured(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run lasted as long as it had to.

    The official checker reads only the duration that was asked for.
    """
    if run.log["result_min_duration_met"] is False:
        yield _entry(run, "result_min_duration_met", "the run ended before its minimum duration", "false", "true")
    begin, end = run.log["power_begin"], run.log["power_end"]
    required = book.min_duration_ms(run.result.official_name)
    try:
        measured_ms = (
            datetime.strptime(str(end), _CLOCK) - datetime.strptime(str(begin), _CLOCK)
        ).total_seconds() * 1e3
    except ValueError:
        return  # logs of other LoadGen builds have no clock, or another form of it
    if 0 <= measured_ms < required - _CLOCK_TOLERANCE_MS:
        yield _entry(
            run,
            "power_end",
            "the run was shorter than it had to be",
            f"{measured_ms:.0f} ms",
            f"at least {required} ms",
        )


@rule(
    "PRF008",
    requires=_COMPLETE,
    source=_CHECK + "performance_sample_count_check; MODEL_CONFIG performance-sample-count",
    hint="the data set must hold that many samples: set performance_sample_count_override no lower",
    smoke="a smoke run may load a part of the data set",
)
def performance_sample_count(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run drew from enough samples."""
    required = run.result.benchmark.performance_sample_count
    key = "effective_performance_sample_count"
    if not run.number(key) >= required:
        yield _entry(run, key, "the run drew from too few samples", f"{run.number(key):g}", f"at least {required}")


@rule(
    "PRF009",
    requires=_COMPLETE,
    source=_CHECK + "min_query_count_check; OFFLINE_MIN_SPQ_SINCE_V4; MODEL_CONFIG min-queries",
    hint="do not lower min_query_count in user.conf",
    smoke="a smoke run asks fewer queries",
)
def query_count(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Enough queries were required of the run; in Offline, of the closed division, enough samples.

    Scenarios with early stopping need no minimum: early stopping demands more queries itself.
    """
    if log_scenario(run) is not Scenario.OFFLINE:
        return
    benchmark = run.result.benchmark
    required = benchmark.min_query_count.get(Scenario.OFFLINE, 1)
    key = "effective_min_query_count"
    if not run.number(key) >= required:
        yield _entry(run, key, "too few queries were required", f"{run.number(key):g}", f"at least {required}")
    required = benchmark.offline_min_samples_per_query or 0
    key = "effective_samples_per_query"
    if run.result.is_closed and not run.number(key) >= required:
        yield _entry(run, key, "the Offline query has too few samples", f"{run.number(key):g}", f"at least {required}")


@rule("PRF010", requires=_COMPLETE, origin="integrity", source="LoadGen results.cc, result_validity; " + _SCENARIOS)
def valid_by_loadgen(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen calls the run VALID.

    The official checker reads this line, and passes INVALID runs nevertheless.
    """
    verdict = run.text("result_validity")
    if verdict == "VALID":
        return
    reason = run.log["result_invalid_reason"]
    advice = " ".join(reason.split()) if isinstance(reason, str) else ""
    unmet = [
        name.removeprefix("result_")
        for name in (
            "result_perf_constraints_met",
            "result_min_duration_met",
            "result_min_queries_met",
            "early_stopping_met",
        )
        if run.log[name] is False
    ]
    found = verdict + (f" ({', '.join(unmet)} false)" if unmet else "")
    hint = f"LoadGen: {advice}" if advice else "see the reasons in mlperf_log_summary.txt"
    yield _entry(run, "result_validity", "LoadGen calls the run invalid", found, "VALID", hint)


@rule(
    "PRF011",
    requires=_COMPLETE,
    source=_CHECK + "latency_check; inference_rules.adoc, appendix Early Stopping Criterion",
    hint="lower target_qps, or run more queries, so that early stopping can decide",
)
def early_stopping(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Early stopping's condition was met."""
    scenario = log_scenario(run)
    if scenario is Scenario.OFFLINE or run.flag("early_stopping_met"):
        return
    messages = [run.log[f"early_stopping_{part}result"] for part in ("", "ttft_", "tpot_")]
    words = (message.replace("*", " ").split() for message in messages if isinstance(message, str))
    said = " ".join(" ".join(part) for part in words if part)
    yield _entry(
        run,
        "early_stopping_met",
        "early stopping's condition was not met",
        "false",
        "true",
        f"LoadGen: {said}" if said else "",
    )


@rule(
    "PRF012",
    requires=_COMPLETE,
    source=_CHECK + "latency_check; MODEL_CONFIG latency-constraint",
    hint="do not raise target_latency in user.conf",
)
def target_latency(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The latency that LoadGen held the run to is no longer than the benchmark's."""
    limit_ns = run.result.benchmark.latency_ns.get(log_scenario(run))
    key = "effective_target_latency_ns"
    if limit_ns is not None and not run.number(key) <= limit_ns:
        yield _entry(
            run,
            key,
            "the run was held to a longer latency than the benchmark allows",
            f"{run.number(key) / _NS_PER_MS:g} ms",
            f"at most {limit_ns / _NS_PER_MS:g} ms",
        )


@rule(
    "PRF013",
    requires=[*_COMPLETE, "PRF002", "PRF014"],
    source=_CHECK + "llm_check; LLM_LATENCY_LIMITS, by the folder's scenario (the official check takes the log's)",
    hint="lower target_qps until both 99th percentiles are below their limits",
)
def token_latencies(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Time to first token and time per output token are below their limits, at the 99th percentile.

    LoadGen logs an Interactive run as Server, and the official checker then takes Server's limits.
    """
    scenario = log_scenario(run)
    limits = run.result.benchmark.token_latency.get(scenario)
    if limits is None:
        return
    for what, key, limit_ns in (("TTFT", TTFT_KEY, limits.ttft_ns), ("TPOT", TPOT_KEY, limits.tpot_ns)):
        found_ns = run.number(key)
        if not found_ns < limit_ns:
            yield _entry(
                run,
                key,
                f"{what} p99 is not below the {scenario} limit",
                f"{found_ns / _NS_PER_MS:.1f} ms",
                f"below {limit_ns / _NS_PER_MS:g} ms",
            )


@rule(
    "PRF014", requires=_COMPLETE, source=_CHECK + "llm_check", hint="run with LoadGen's own settings of the benchmark"
)
def token_latencies_on(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """A language model's run records the latencies of tokens."""
    key = "requested_use_token_latencies"
    if run.result.benchmark.is_llm and run.log[key] is not True:
        yield _entry(run, key, "token latencies were not recorded", shown(run.log[key]), "true")


@rule(
    "PRF015",
    requires=_LOG,
    origin="integrity",
    source="LoadGen's is_error; " + _CHECK + "loadgen_errors_check, which never fails",
)
def no_errors(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen logged no error."""
    for error in run.log.errors:
        text = shown(error.value)
        if any(ignored in text for ignored in book.ignored_errors):
            continue
        yield Problem(
            "LoadGen logged an error",
            found=text,
            path=str(run.detail_path),
            line=error.line,
            hint="mend its cause and run again",
        )


@rule(
    "PRF016",
    requires=_COMPLETE,
    origin="integrity",
    source="LoadGen mlperf.conf, sample_concatenate_permutation",
    hint="do not set sample_concatenate_permutation in user.conf, and keep audit.config away",
)
def equal_issue(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Every sample is asked equally often, where the benchmark's samples differ in length.

    The official check of it is only there for v4.1, and is inverted.
    """
    key = "effective_sample_concatenate_permutation"
    if run.result.is_closed and run.result.benchmark.equal_issue and run.log[key] is not True:
        yield _entry(run, key, "equal issue of samples was off", shown(run.log[key]), "true")


@rule(
    "PRF017",
    requires=_LOG,
    origin="integrity",
    source="compliance/README.md: remove audit.config afterwards; LoadGen loadgen.cc",
    hint="remove audit.config from the working directory and run again",
)
def no_audit_settings(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """No audit settings were in effect.

    LoadGen takes an audit.config of the working directory without being asked.
    """
    for key in (
        "effective_accuracy_log_rng_seed",
        "effective_accuracy_log_sampling_target",
        "effective_performance_issue_same",
    ):
        if run.log[key] not in (None, 0, False):
            yield _entry(run, key, "the run was made under audit settings", shown(run.log[key]), "0 or false")


@rule(
    "PRF018", requires=[*_COMPLETE, "SYS001"], source=_CHECK + "network_check", hint="name the SUT as the rules demand"
)
def network_sut(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """A networked system's SUT says so in its name."""
    value = run.result.system.description.get("is_network")
    is_network = value is True or (isinstance(value, str) and value.lower() == "true")
    if is_network and book.system.network_sut_name not in run.text("sut_name"):
        yield _entry(
            run,
            "sut_name",
            "the SUT's name is not a networked one's",
            run.text("sut_name"),
            book.system.network_sut_name,
        )


@rule("PRF019", requires=_COMPLETE, source=_CHECK + "get_performance_metric_check", hint="run again")
def metric_positive(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The result's figure is above 0.

    The official checker counts a figure of 0 as no result.
    """
    key = book.metric_key(run.result.official_name, log_scenario(run))
    value = run.number(key)
    if not value > 0 or math.isinf(value):
        yield _entry(run, key, "the result's figure is not above 0", f"{value:g}", "above 0")
