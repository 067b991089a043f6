"""PWR: the power measurement of a result: its files, its figure, and when its runs were.

An official check that ends at a file it cannot make sense of refuses the result; so do these rules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from submitter import layout
from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import differences
from submitter.model import Scenario
from submitter.rulebook import Rulebook
from submitter.submission.files import Unavailable
from submitter.submission.metric import ran_scenario, run_metric
from submitter.submission.power import PowerSession
from submitter.submission.power_run import PowerRun, Unmeasured
from submitter.submission.ptdaemon import US_PER_S, Malformed, Window, shown_moment
from submitter.submission.runs import Run
from submitter.submission.tree import Unrated

_CHECKER = "official: tools/submission/power/power_checker.py "
_DST_S = 3600
_AGAIN = "measure power again: the logs of a session cannot be mended"


@rule(
    "PWR001",
    step="performance",
    source="official: check_power_dir (from v6.0 on checks/power_check.py required_files_check)",
)
def power_files(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The folders of a power measurement hold just its files.

    `power` has the logs of the client, the server and PTDaemon, `ranging` and `run_1` LoadGen's and the samples.
    """
    workflow = (power.CLIENT, "client.log", power.PTD_LOG, power.SERVER, "server.log")
    yield from differences(power.files, power.path, workflow)
    run_files = (layout.SUMMARY_LOG, layout.DETAIL_LOG, power.SPL)
    for run in (power.testing, power.ranging):
        for problem in differences(power.files, run.path, run_files, (layout.ACCURACY_LOG,)):
            # STR001 tells of the performance run's own log.
            if problem.path != str(power.testing.detail_path) or power.files.exists(power.testing.detail_path):
                yield problem


@rule(
    "PWR002",
    step="performance",
    requires=["STR001", "STR002", "STR005"],
    source="official: get_power_metric (from v6.0 on checks/power_check.py get_power_metric_check)",
    hint=_AGAIN,
)
def power_figure(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The samples inside the performance run give its power.

    The figure is their mean, or the energy a query. LoadGen's clock and the analyzer's must agree for that.
    """
    try:
        _ = power.metric
    except Unmeasured as problem:
        yield Problem(problem.reason, path=problem.path)


@rule("PWR009", origin="integrity", requires=["PWR002"], source="submitter: a figure is a number", hint=_AGAIN)
def power_is_finite(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The power figure is finite.

    The official checker adds up a sample of `inf` W like any other, and reports the result as valid.
    """
    if not math.isfinite(power.metric.value):
        yield Problem(
            "the power figure is infinite", found=str(power.metric.value), path=str(power.testing.path / power.SPL)
        )


@rule(
    "PWR003",
    step="performance",
    requires=["STR005"],
    source="official: submission_checker.py check_ranging_dir, get_performance_metric",
    hint=_AGAIN,
)
def ranging_figure(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The ranging run's log has the figure of a performance run.

    The official check reads both figures where the benchmark has one of its own.
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


def _phase_starts_s(session: PowerSession, phase: str) -> list[float]:
    """When each phase of the ranging or of the testing run began; Malformed where a time is none."""
    return [session.number("phases", phase, i, 0) for i in range(session.count("phases", phase))]


@rule(
    "PWR004",
    step="performance",
    source="official: checks/system_check.py nameplate_power_check; submission_structure.md, template of _power.yaml",
    hint="write it as the template has it, or name system_power_capacity in the system description",
)
def rated_power(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """Where a system with power says what its supplies are rated for, it can be added up."""
    try:
        if book.power.nameplate:
            _ = power.result.system.design_power_watts
    except Unrated as problem:
        yield Problem(problem.reason, path=problem.path)


_PHASES = {"ranging": "ranging", "testing": "run_1"}


@rule("PWR005", step="performance", requires=["STR002"], source=_CHECKER + "phases_check compare_time", hint=_AGAIN)
def clocks_agree(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The clocks of the client and of the server agree at each phase."""
    limit_ms = book.power.clock_tolerance_ms
    for phase in _PHASES:
        try:
            client, server = _phase_starts_s(power.client, phase), _phase_starts_s(power.server, phase)
            apart_s = [float(abs(one - other)) for one, other in zip(client, server, strict=False)]
        except (Malformed, OverflowError) as error:
            yield Problem(str(error), path=str(power.server.path))
            continue
        if len(client) != len(server):
            found, required = f"{len(server)} phases", f"{len(client)} phases, as in {power.CLIENT}"
            yield Problem(f"{phase} has other phases", found=found, required=required, path=str(power.server.path))
            continue
        for number, difference_s in enumerate(apart_s, start=1):
            if not difference_s <= limit_ms / 1000:
                yield Problem(
                    f"the clocks differ at phase {number} of {phase}",
                    found=f"{difference_s * 1000:.0f} ms apart",
                    required=f"at most {limit_ms} ms",
                    path=str(power.server.path),
                )


@rule(
    "PWR006",
    step="performance",
    requires=["STR001", "STR002"],
    source=_CHECKER + "phases_check compare_time_boundaries",
    hint=_AGAIN,
)
def runs_within_phases(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen's runs lie within the phases that the client recorded.

    An hour's difference is let pass, for the sake of daylight saving time.
    """
    for phase, run in zip(_PHASES, (power.ranging, power.testing), strict=True):
        window = power.window(run)
        try:
            begins_s, ends_s = (power.client.number("phases", phase, i, 0) for i in (1, 2))
        except Malformed as error:
            yield Problem(str(error), path=str(power.client.path))
            continue
        for what, moment_us in (("begins", window.begin_us), ("ends", window.end_us)):
            moment_s = moment_us / US_PER_S
            if not (begins_s < moment_s < ends_s or begins_s < moment_s - _DST_S < ends_s):
                yield Problem(
                    f"LoadGen's run {what} outside its phase of {power.CLIENT}",
                    found=shown_moment(moment_us),
                    required=_shown_span(begins_s, ends_s),
                    path=str(run.detail_path),
                )


def _shown_span(begins_s: float, ends_s: float) -> str:
    try:
        return f"{shown_moment(int(begins_s * US_PER_S))} to {shown_moment(int(ends_s * US_PER_S))}"
    except (OverflowError, ValueError):
        return "a time that exists"


def _shortening(ranging: Window, testing: Window) -> float:
    """By which part the testing run is shorter than the ranging run."""
    return (ranging.duration_s - testing.duration_s) / ranging.duration_s


@rule(
    "PWR007",
    severity="warning",
    requires=["STR001", "STR002"],
    source=_CHECKER + "phases_check compare_duration",
    hint="run the performance run as long as the ranging run",
)
def testing_not_shortened(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The performance run lasts about as long as the ranging run.

    The official checker warns of it, and then does not compare the power of the two.
    """
    ranging, testing = power.window(power.ranging), power.window(power.testing)
    if ranging.duration_s == 0:
        message = "the ranging run has no duration"
        yield Problem(message, path=str(power.ranging.detail_path), severity=Severity.ERROR)
    elif _shortening(ranging, testing) > book.power.max_shortening:
        yield Problem(
            "the performance run is much shorter than the ranging run",
            found=f"{testing.duration_s:.0f} s",
            required=f"{ranging.duration_s:.0f} s, as ranging",
        )


@rule(
    "PWR008",
    step="performance",
    requires=["PWR007", "STR001", "STR002"],
    source=_CHECKER + "phases_check get_avg_power",
    hint=_AGAIN,
)
def power_not_dropped(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The performance run does not draw clearly less power than the ranging run.

    The ranges that were found fit another load then.
    """
    ranging, testing = power.window(power.ranging), power.window(power.testing)
    if _shortening(ranging, testing) > book.power.max_shortening:
        return
    means = []
    for run, window in ((power.ranging, ranging), (power.testing, testing)):
        try:
            means.append(_mean_watts(power, run, window))
        except Malformed as error:
            yield Problem(str(error), path=str(run.path / power.SPL))
    if len(means) < 2:
        return
    before, now = means
    if before == 0:
        yield Problem("the ranging run draws no power", path=str(power.ranging.path / power.SPL))
        return
    change_percent = round((now / before - 1) * 100, 2)
    limit = book.power.max_power_drop_percent
    if not change_percent > -limit:
        yield Problem(
            "the performance run draws less power than the ranging run",
            found=f"{now:.2f} W, {change_percent} %",
            required=f"less than {limit:g} % below {before:.2f} W",
        )


def _mean_watts(power: PowerRun, run: Run, window: Window) -> float:
    mean = power.samples(run).mean_watts(window, with_power_factor=True)
    # A run without a sample counts as one of -1 W, so that it never compares well with one that has some.
    return -1.0 if mean is None else round(mean, 5)
