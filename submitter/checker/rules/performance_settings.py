"""PRF: the settings of the performance run: its scenario, seeds, duration, issue of samples and SUT name."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import (
    LOG_READABLE,
    PERFORMANCE_CHECK,
    SCENARIO_RULES,
    is_networked,
    log_problem,
)
from submitter.model import Scenario
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.metric import INFERABLE, is_interactive, ran_scenario
from submitter.submission.runs import PerformanceRun


@rule(
    "PRF002",
    step="performance",
    requires=[*LOG_READABLE, "PRF021"],
    source=PERFORMANCE_CHECK + "inferred_check; policies submission_rules.adoc: Interactive",
)
def scenario_matches_folder(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run's scenario is that of its folder.

    LoadGen runs Interactive as Server. On an edge system, some scenarios may be inferred from others.
    """
    ran, scenario = ran_scenario(run), run.result.scenario
    if ran is scenario or is_interactive(ran, run.result):
        return
    is_edge = "edge" in run.result.system.field("system_type").lower()
    if (ran, scenario) in INFERABLE and is_edge:
        return
    yield log_problem(
        run,
        "effective_scenario",
        "the run's scenario is not that of its folder",
        found=ran.value,
        required=scenario.loadgen_name,
        hint=f"move the run to the folder of {ran.value}, or run {scenario}",
    )


@rule(
    "PRF021",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "get_inferred_result",
    hint="run the Interactive scenario: LoadGen's Server with the benchmark's interactive model name",
)
def interactive_is_a_server_run(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """An Interactive result comes from a Server run: LoadGen has no scenario of that name."""
    ran = ran_scenario(run)
    if run.result.scenario is Scenario.INTERACTIVE and ran not in (Scenario.SERVER, Scenario.INTERACTIVE):
        message = "an Interactive result cannot come from a run of this scenario"
        yield log_problem(run, "effective_scenario", message, found=ran.value, required="Server")


@rule(
    "PRF004",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "seeds_check; MODEL_CONFIG seeds",
    hint="run it again with the LoadGen of this round: its built-in configuration has the seeds",
)
def seeds_of_the_round(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The seeds are those of the round."""
    for name, required in book.seeds:
        key = f"effective_{name}"
        found = run.log[key]
        if found != required:
            yield log_problem(run, key, f"{name} is not the round's", found=shown(found), required=str(required))


@rule(
    "PRF006",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "min_duration_check; " + SCENARIO_RULES,
    smoke="a smoke run is short: it only shows that everything works",
)
def requested_duration_long_enough(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The requested minimum duration is at least the round's."""
    key, required = "effective_min_duration_ms", book.min_duration_ms(run.result.official_name)
    found = run.number(key)
    if not found >= required:
        yield log_problem(
            run,
            key,
            "the requested minimum duration is shorter than the round's",
            found=f"{found:g} ms",
            required=f"at least {required} ms",
            hint=f"run it again with min_duration = {required} in user.conf, or without that setting",
        )


@rule(
    "PRF014",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "llm_check",
    hint="run it again with LoadGen's built-in settings for the benchmark",
)
def token_latencies_recorded(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The run of a language model records token latencies."""
    key = "requested_use_token_latencies"
    if run.result.benchmark.is_llm and not run.log[key]:
        yield log_problem(run, key, "token latencies were not recorded", found=shown(run.log[key]), required="true")


@rule(
    "PRF016",
    step="performance",
    requires=LOG_READABLE,
    source=PERFORMANCE_CHECK + "equal_issue_check; LoadGen's mlperf.conf, sample_concatenate_permutation",
    hint="do not set sample_concatenate_permutation in user.conf, and remove any audit.config",
)
def equal_issue_on(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """Every sample is issued equally often where the benchmark's samples differ in length.

    From v6.0 on, the official check is inverted.
    """
    key = "effective_sample_concatenate_permutation"
    applies = run.result.division in book.round.equal_issue_divisions and run.result.benchmark.equal_issue
    if applies and run.log[key] is not True:
        yield log_problem(run, key, "equal issue mode was off", found=shown(run.log[key]), required="true")


@rule(
    "PRF017",
    requires=LOG_READABLE,
    origin="policy",
    source="compliance/README.md: remove audit.config afterwards; LoadGen loadgen.cc",
    hint="remove audit.config from the working directory and run it again",
)
def no_audit_settings(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """No audit settings were in effect.

    LoadGen reads any audit.config in the working directory.
    """
    for key in (
        "effective_accuracy_log_rng_seed",
        "effective_accuracy_log_sampling_target",
        "effective_performance_issue_same",
    ):
        if run.log[key] not in (None, 0, False):
            message = "the run was made with audit settings"
            yield log_problem(run, key, message, found=shown(run.log[key]), required="0 or false")


@rule(
    "PRF018",
    step="performance",
    requires=[*LOG_READABLE, "SYS001"],
    source=PERFORMANCE_CHECK + "network_check",
    hint="give the SUT a name that contains the required text",
)
def network_sut_named(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The SUT name of a networked system says that it is networked."""
    description = run.result.system.description
    required, key = book.system.network_sut_name, "sut_name"
    if (description.get("is_network") is True or is_networked(description)) and required not in run.text(key):
        message = "the SUT name does not say that the system is networked"
        yield log_problem(run, key, message, found=run.text(key), required=required)
