"""PWR: the files of a power measurement, and its figure.

Where the official check stops at a file that it cannot interpret, it refuses the result; so do these rules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from submitter import layout
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import MEASURE_POWER_AGAIN, differences
from submitter.model import Scenario
from submitter.rulebook import Rulebook
from submitter.submission.files import Unavailable
from submitter.submission.metric import ran_scenario, run_metric
from submitter.submission.power_run import PowerRun, Unmeasured
from submitter.submission.tree import Unrated


@rule(
    "PWR001",
    step="performance",
    source="official: check_power_dir (from v6.0 on checks/power_check.py required_files_check)",
)
def only_listed_files(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The folders of a power measurement contain exactly its files.

    `power` has the logs of the client, the server and PTDaemon. `ranging` and `run_1` have LoadGen's logs and the
    samples.
    """
    workflow = (power.CLIENT, "client.log", power.PTD_LOG, power.SERVER, "server.log")
    yield from differences(power.files, power.path, workflow)
    run_files = (layout.SUMMARY_LOG, layout.DETAIL_LOG, power.SPL)
    for run in (power.testing, power.ranging):
        for problem in differences(power.files, run.path, run_files, (layout.ACCURACY_LOG,)):
            # STR001 reports a missing detail log of the performance run.
            if problem.path != str(power.testing.detail_path) or power.files.exists(power.testing.detail_path):
                yield problem


@rule(
    "PWR002",
    step="performance",
    requires=["STR001", "STR002", "STR005"],
    source="official: get_power_metric (from v6.0 on checks/power_check.py get_power_metric_check)",
    hint=MEASURE_POWER_AGAIN,
)
def figure_present(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The samples taken during the performance run give its power figure.

    The figure is their mean, or the energy per query. For that, LoadGen's clock and the analyzer's must agree.
    """
    try:
        _ = power.metric
    except Unmeasured as problem:
        yield Problem(problem.reason, path=problem.path)


@rule(
    "PWR009",
    origin="integrity",
    requires=["PWR002"],
    source="submitter: a figure is a number",
    hint=MEASURE_POWER_AGAIN,
)
def figure_is_finite(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The power figure is finite.

    The official checker adds a sample of `inf` W like any other, and reports the result as valid.
    """
    if not math.isfinite(power.metric.value):
        path = str(power.testing.path / power.SPL)
        yield Problem("the power figure is not finite", found=str(power.metric.value), path=path)


@rule(
    "PWR003",
    step="performance",
    requires=["STR005"],
    source="official: submission_checker.py check_ranging_dir, get_performance_metric",
    hint=MEASURE_POWER_AGAIN,
)
def ranging_figure(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The ranging run's log has the figure of a performance run.

    Where the benchmark has a figure of its own, the official check reads both that and the scenario's.
    """
    run, result = power.ranging, power.result
    if not power.files.exists(run.detail_path):
        return
    try:
        ran = ran_scenario(run)
        if (ran, result.scenario) != (Scenario.SINGLE_STREAM, Scenario.OFFLINE):
            run_metric(run, book)
        for key in (book.metric[ran], book.metric_key(result.official_name, ran)):
            run.figure(key)
    except Unavailable as problem:
        yield Problem(problem.reason, path=problem.path)


@rule(
    "PWR004",
    step="performance",
    source="official: checks/system_check.py nameplate_power_check; submission_structure.md, template of _power.yaml",
    hint="write it as in the template, or state system_power_capacity in the system description",
)
def rated_power_can_be_added_up(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """If a system with power states the ratings of its power supplies, they can be added up."""
    try:
        if book.power.nameplate:
            _ = power.result.system.design_power_watts
    except Unrated as problem:
        yield Problem(problem.reason, path=problem.path)
