"""PRF: how the performance run was made. `performance_result.py` has what came of it."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import entry
from submitter.checker.rules.performance_result import TPOT_KEY, TTFT_KEY
from submitter.model import Scenario
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.files import Unavailable
from submitter.submission.metric import INFERABLE, is_early_stopped, is_interactive, ran_scenario
from submitter.submission.runs import ComplianceRun, PerformanceRun, Run

_CHECK = "official: check_performance_dir; checks/performance_check.py "
_SCENARIOS = "inference_policies inference_rules.adoc, section Scenarios"
_LOG = ["STR001", "STR002", "STR005", "STR007"]
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


@rule(
    "PRF001",
    requires=_LOG,
    origin="integrity",
    source="submitter: what LoadGen writes of every run",
    hint="the log was cut, or the run never ended: run it again",
)
def log_complete(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The performance log has its settings and its results.

    A log that was cut before the results has none, and the official checker stumbles over some of them only.
    """
    needed: list[tuple[str, str]] = [*((key, "text") for key in _TEXTS), *((key, "number") for key in _NUMBERS)]
    result = run.result
    try:
        ran = ran_scenario(run)
        needed.append((book.metric_key(result.official_name, ran), "number"))
        if is_early_stopped(ran):
            needed.append(("early_stopping_met", "flag"))
        if result.scenario in result.benchmark.token_latency:
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
            yield entry(run, key, message, "" if value is None else shown(value), f"a {kind}")


@rule(
    "PRF002",
    step="performance",
    requires=[*_LOG, "PRF021"],
    source=_CHECK + "inferred_check; policies submission_rules.adoc: Interactive",
)
def scenario_is_the_folders(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run's scenario is the folder's.

    LoadGen runs Interactive as Server. An edge system may infer some scenarios from others.
    """
    ran, scenario = ran_scenario(run), run.result.scenario
    if ran is scenario or is_interactive(ran, run.result):
        return
    is_edge = "edge" in run.result.system.field("system_type").lower()
    if (ran, scenario) in INFERABLE and is_edge:
        return
    yield entry(
        run,
        "effective_scenario",
        "the run is of another scenario than its folder",
        ran.value,
        scenario.loadgen_name,
        "move the run to its folder, or run this scenario",
    )


@rule(
    "PRF021",
    step="performance",
    requires=_LOG,
    source=_CHECK + "get_inferred_result",
    hint="run the scenario Interactive: LoadGen's Server under the benchmark's interactive name",
)
def interactive_is_a_server_run(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """An Interactive result comes from a Server run: LoadGen has no scenario of that name."""
    ran = ran_scenario(run)
    if run.result.scenario is Scenario.INTERACTIVE and ran not in (Scenario.SERVER, Scenario.INTERACTIVE):
        yield entry(run, "effective_scenario", "an Interactive result cannot come from this run", ran.value, "Server")


@rule(
    "PRF003",
    requires=_LOG,
    origin="policy",
    source="inference_rules.adoc, section LoadGen Operation: a run for each mode; LoadGen's TestMode",
    hint="copy the performance run here",
)
def mode_is_performance(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run was made in LoadGen's performance mode."""
    mode = run.text("effective_test_mode")
    if mode != "PerformanceOnly":
        yield entry(run, "effective_test_mode", "the run was not a performance run", mode, "PerformanceOnly")


@rule(
    "PRF004",
    step="performance",
    requires=_LOG,
    source=_CHECK + "seeds_check; MODEL_CONFIG seeds",
    hint="run again with the LoadGen of this round: its built-in configuration has the seeds",
)
def seeds(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The seeds are the round's."""
    for name, required in book.seeds:
        key = f"effective_{name}"
        found = run.log[key]
        if found != required:
            yield entry(run, key, f"{name} is not the round's", shown(found), str(required))


@rule("PRF005", requires=_LOG, origin="policy", source="inference_policies inference_rules.adoc, section LoadGen")
def loadgen_version(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen is of the round.

    A newer build than the rule book knows, or an older one that can be given the round's seeds, is only doubtful:
    whether it had them is judged by PRF004.
    """
    version = run.text("loadgen_version").partition(" ")[0]
    known = book.round.loadgen_versions
    if version in known:
        return
    message, severity = "LoadGen is of another round", Severity.ERROR
    if version.startswith(book.round.loadgen_versions_tolerated):
        message, severity = "LoadGen is of an older round, given this round's seeds", Severity.WARNING
    same_series = version.rpartition(".")[0] in {other.rpartition(".")[0] for other in known}
    if same_series and _patch(version) > max(map(_patch, known)):
        message, severity = "LoadGen is of a version that the rule book does not know", Severity.WARNING
    newest = f"run with mlcommons-loadgen {known[-1]}"
    path, line = str(run.detail_path), run.line("loadgen_version")
    yield Problem(
        message, found=version, required=" or ".join(known), path=path, line=line, hint=newest, severity=severity
    )


def _patch(version: str) -> int:
    text = version.rpartition(".")[2]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


@rule(
    "PRF006",
    step="performance",
    requires=_LOG,
    source=_CHECK + "min_duration_check; " + _SCENARIOS,
    smoke="a smoke run is short: it only shows that everything works",
)
def duration_requested(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The requested minimum duration is at least the round's."""
    required = book.min_duration_ms(run.result.official_name)
    found = run.number("effective_min_duration_ms")
    if not found >= required:
        yield entry(
            run,
            "effective_min_duration_ms",
            "the requested minimum duration is shorter than the round's",
            f"{found:g} ms",
            f"at least {required} ms",
            f"run again with min_duration = {required} in user.conf, or without any",
        )


@rule(
    "PRF008",
    step="performance",
    requires=_LOG,
    source=_CHECK + "performance_sample_count_check; MODEL_CONFIG performance-sample-count",
    hint="the data set must hold that many samples: set performance_sample_count_override no lower",
    smoke="a smoke run may load a part of the data set",
)
def performance_sample_count(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run drew from enough samples."""
    required = run.result.benchmark.performance_sample_count
    key = "effective_performance_sample_count"
    if not run.number(key) >= required:
        yield entry(run, key, "the run drew from too few samples", f"{run.number(key):g}", f"at least {required}")


@rule(
    "PRF009",
    step="performance",
    requires=_LOG,
    source=_CHECK + "min_query_count_check; OFFLINE_MIN_SPQ_SINCE_V4; MODEL_CONFIG min-queries",
    hint="do not lower min_query_count in user.conf",
    smoke="a smoke run asks fewer queries",
)
def query_count(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Enough queries were required of the run; in Offline, enough samples.

    Scenarios with early stopping need no minimum: early stopping demands more queries itself.
    """
    if ran_scenario(run) is not Scenario.OFFLINE:
        return
    benchmark = run.result.benchmark
    required = benchmark.min_query_count.get(Scenario.OFFLINE, 1)
    key = "effective_min_query_count"
    if not run.number(key) >= required:
        yield entry(run, key, "too few queries were required", f"{run.number(key):g}", f"at least {required}")
    required = benchmark.offline_min_samples_per_query or 0
    key = "effective_samples_per_query"
    if run.result.division in book.round.offline_minimum_divisions and not run.number(key) >= required:
        yield entry(run, key, "the Offline query has too few samples", f"{run.number(key):g}", f"at least {required}")


@rule(
    "PRF012",
    step="performance",
    requires=_LOG,
    source=_CHECK + "latency_check; MODEL_CONFIG latency-constraint",
    hint="do not raise target_latency in user.conf",
)
def target_latency(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The latency that LoadGen held the run to is no longer than the benchmark's."""
    limit_ns = run.result.benchmark.latency_ns.get(ran_scenario(run))
    key = "effective_target_latency_ns"
    if limit_ns is not None and not run.number(key) <= limit_ns:
        yield entry(
            run,
            key,
            "the run was held to a longer latency than the benchmark allows",
            f"{run.number(key) / _NS_PER_MS:g} ms",
            f"at most {limit_ns / _NS_PER_MS:g} ms",
        )


@rule(
    "PRF014",
    step="performance",
    requires=_LOG,
    source=_CHECK + "llm_check",
    hint="run with LoadGen's own settings of the benchmark",
)
def token_latencies_on(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """A language model's run records the latencies of tokens."""
    key = "requested_use_token_latencies"
    if run.result.benchmark.is_llm and not run.log[key]:
        yield entry(run, key, "token latencies were not recorded", shown(run.log[key]), "true")


@rule(
    "PRF016",
    step="performance",
    requires=_LOG,
    source=_CHECK + "equal_issue_check; inference_rules.adoc, section Equal issue mode",
    hint="do not set sample_concatenate_permutation in user.conf, and keep audit.config away",
)
def equal_issue(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Every sample is asked equally often, where the benchmark's samples differ in length.

    The official check is inverted from v6.0 on.
    """
    key = "effective_sample_concatenate_permutation"
    if (
        run.result.division in book.round.equal_issue_divisions
        and run.result.benchmark.equal_issue
        and run.log[key] is not True
    ):
        yield entry(run, key, "equal issue of samples was off", shown(run.log[key]), "true")


@rule(
    "PRF017",
    requires=_LOG,
    origin="policy",
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
            yield entry(run, key, "the run was made under audit settings", shown(run.log[key]), "0 or false")


@rule(
    "PRF018",
    step="performance",
    requires=[*_LOG, "SYS001"],
    source=_CHECK + "network_check",
    hint="name the SUT as the rules demand",
)
def network_sut(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """A networked system's SUT says so in its name."""
    value = run.result.system.description.get("is_network")
    is_network = value is True or (isinstance(value, str) and value.lower() == "true")
    if is_network and book.system.network_sut_name not in run.text("sut_name"):
        yield entry(
            run,
            "sut_name",
            "the SUT's name is not a networked one's",
            run.text("sut_name"),
            book.system.network_sut_name,
        )


@rule(
    "PRF022",
    step="performance",
    requires=["STR002"],
    source="official: parsers/loadgen_parser.py, the first line's marker",
    hint="restore the file from the run that wrote it: something was put before its first line",
)
def log_begins(run: Run, book: Rulebook) -> Iterator[Problem]:
    """A detail log begins with LoadGen's first line.

    Asked of the logs that the official checker opens, which those of some compliance tests are not.
    """
    opened = [name for name, test in book.compliance.items() if test.performance_judged]
    if isinstance(run, ComplianceRun) and run.test not in opened:
        return
    if run.files.kind(run.detail_path) is not None and run.log.begins_at != 1:
        begins = f"line {run.log.begins_at}" if run.log.begins_at else "nowhere"
        yield Problem(
            "the log does not begin with LoadGen's first line",
            found=begins,
            required="line 1",
            path=str(run.detail_path),
            line=1,
        )
