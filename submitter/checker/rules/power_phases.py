"""PWR: the ranging run and the performance run of a power measurement: their phases, durations and power."""

from __future__ import annotations

from collections.abc import Iterator

from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import MEASURE_POWER_AGAIN, POWER_CHECKER
from submitter.rulebook import Rulebook
from submitter.submission.power import PowerSession
from submitter.submission.power_run import PowerRun
from submitter.submission.ptdaemon import Malformed, Window, shown_moment
from submitter.submission.runs import Run
from submitter.units import MS_PER_S, US_PER_S

_HOUR_S = 3600
_RUNS = ("ranging", "testing")


def _phase_starts_s(session: PowerSession, name: str) -> list[float]:
    """When each phase of the run called `name` began; Malformed where a time is not a number."""
    return [session.number("phases", name, i, 0) for i in range(session.count("phases", name))]


@rule(
    "PWR005",
    step="performance",
    requires=["STR002"],
    source=POWER_CHECKER + "phases_check compare_time",
    hint=MEASURE_POWER_AGAIN,
)
def clocks_agree(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The clocks of the client and of the server agree at each phase."""
    limit_ms, path = book.power.clock_tolerance_ms, str(power.server.path)
    for name in _RUNS:
        try:
            client, server = _phase_starts_s(power.client, name), _phase_starts_s(power.server, name)
            apart_s = [float(abs(one - other)) for one, other in zip(client, server, strict=False)]
        except (Malformed, OverflowError) as error:
            yield Problem(str(error), path=path)
            continue
        if len(client) != len(server):
            found, required = f"{len(server)} phases", f"{len(client)} phases, as in {power.CLIENT}"
            yield Problem(f"the number of phases of {name} differs", found=found, required=required, path=path)
            continue
        for number, difference_s in enumerate(apart_s, start=1):
            if not difference_s <= limit_ms / MS_PER_S:
                yield Problem(
                    f"the clocks differ at phase {number} of {name}",
                    found=f"{difference_s * MS_PER_S:.0f} ms apart",
                    required=f"at most {limit_ms} ms",
                    path=path,
                )


@rule(
    "PWR006",
    step="performance",
    requires=["STR001", "STR002"],
    source=POWER_CHECKER + "phases_check compare_time_boundaries",
    hint=MEASURE_POWER_AGAIN,
)
def runs_within_phases(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """LoadGen's runs are within the phases that the client recorded.

    A difference of one hour is accepted, because of daylight saving time.
    """
    for name, run in zip(_RUNS, (power.ranging, power.testing), strict=True):
        window = power.window(run)
        try:
            begins_s, ends_s = (power.client.number("phases", name, i, 0) for i in (1, 2))
        except Malformed as error:
            yield Problem(str(error), path=str(power.client.path))
            continue
        for what, moment_us in (("begins", window.begin_us), ("ends", window.end_us)):
            moment_s = moment_us / US_PER_S
            if not (begins_s < moment_s < ends_s or begins_s < moment_s - _HOUR_S < ends_s):
                yield Problem(
                    f"LoadGen's {name} run {what} outside its phase in {power.CLIENT}",
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
    """The fraction by which the testing run is shorter than the ranging run."""
    return (ranging.duration_s - testing.duration_s) / ranging.duration_s


@rule(
    "PWR007",
    severity="warning",
    requires=["STR001", "STR002"],
    source=POWER_CHECKER + "phases_check compare_duration",
    hint="make the performance run as long as the ranging run",
)
def testing_not_shortened(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The performance run lasts about as long as the ranging run.

    Otherwise the official checker warns, and does not compare the power of the two runs.
    """
    ranging, testing = power.window(power.ranging), power.window(power.testing)
    if ranging.duration_s == 0:
        message = "the ranging run has no duration"
        yield Problem(message, path=str(power.ranging.detail_path), severity=Severity.ERROR)
    elif _shortening(ranging, testing) > book.power.max_shortening:
        yield Problem(
            "the performance run is much shorter than the ranging run",
            found=f"{testing.duration_s:.0f} s",
            required=f"{ranging.duration_s:.0f} s, as the ranging run",
        )


@rule(
    "PWR008",
    step="performance",
    requires=["PWR007", "STR001", "STR002"],
    source=POWER_CHECKER + "phases_check get_avg_power",
    hint=MEASURE_POWER_AGAIN,
)
def power_not_dropped(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """The performance run does not draw much less power than the ranging run.

    Otherwise the ranges that ranging found are for another load.
    """
    ranging, testing = power.window(power.ranging), power.window(power.testing)
    if _shortening(ranging, testing) > book.power.max_shortening:
        return
    means_watts = []
    for run, window in ((power.ranging, ranging), (power.testing, testing)):
        try:
            means_watts.append(_mean_watts(power, run, window))
        except Malformed as error:
            yield Problem(str(error), path=str(run.path / power.SPL))
    if len(means_watts) < 2:
        return
    before, now = means_watts
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
    # A run without samples counts as -1 W, so that it never compares well with a run that has some.
    return -1.0 if mean is None else round(mean, 5)
