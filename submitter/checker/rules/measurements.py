"""MEA: what accompanies a result: user.conf, README.md, the description of the measurement, and its code."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from submitter import layout
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.loadgen_conf import read_lines, settings
from submitter.model import Scenario
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.files import TEXT_LIMIT_BYTES, EntryKind, Unavailable, Unreadable
from submitter.submission.metric import log_scenario
from submitter.submission.tree import Result, System

_CHECK = "official: checks/measurements_checks.py "
_OLD_CHECK = "submission_checker.py check_measurement_dir"


@rule(
    "MEA001",
    step="files",
    absence=True,
    source=f"{_CHECK}missing_check; {_OLD_CHECK}",
    hint="describe how the model was made; submitter templates writes the file with every field",
)
def measurements_present(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The description of the measurement is present.

    Its name is measurements.json. Before v6.0 the name begins with the system's and contains the implementation's.
    """
    if result.files.kind(result.measurements_path) is None:
        name = result.measurements_path.name
        yield Problem("a required file is missing", required=name, path=str(result.measurements_path))


@rule(
    "MEA002",
    step="files",
    absence=True,
    source=f"{_CHECK}required_files_check; {_OLD_CHECK}; constants.py REQUIRED_MEASURE_FILES",
)
def required_files_present(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The files that let others repeat the run are present, and not empty."""
    folder = result.layout.measurements(result.key)
    for name in book.measurements.required_files:
        if name == layout.USER_CONF and result.is_endpoints:
            continue  # only LoadGen reads it
        path = folder / name
        hint = "copy the file that LoadGen was given" if name.endswith(".conf") else "describe how to repeat the run"
        kind = result.files.kind(path)
        if kind is None:
            yield Problem("a required file is missing", required=name, path=str(path), hint=hint)
        elif kind is not EntryKind.FILE or result.files.size(path) == 0:
            yield Problem("a required file is empty", required=name, path=str(path), hint=hint)


@rule(
    "MEA003",
    step="files",
    requires=["MEA001"],
    source=f"{_CHECK}required_fields_check; {_OLD_CHECK}; constants.py SYSTEM_IMP_REQUIRED_FILES",
    hint="fill it in: reviewers read it, and the results table shows it",
)
def fields_meaningful(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The description of the measurement has a meaningful value for each required field."""
    path = str(result.measurements_path)
    for field in book.measurements.required_fields:
        if field not in result.measurements:
            yield Problem("a required field is missing", required=field, path=path)
            continue
        value = result.measurements[field]
        if not value:
            yield Problem(f"{field} needs a meaningful value", found=shown(value), path=path)
    for field in book.measurements.text_fields:
        if not isinstance(result.measurements.get(field, ""), str):
            # The official checker ends in a traceback when it writes the row of the summary.
            yield Problem(f"{field} is not text", found=shown(result.measurements[field]), path=path)


# The settings of user.conf that the detail log repeats, and their keys in the log.
_LOGGED = {
    "min_duration": "effective_min_duration_ms",
    "max_duration": "effective_max_duration_ms",
    "min_query_count": "requested_min_query_count",
    "target_qps": "effective_target_qps",
    "performance_sample_count_override": "requested_performance_sample_count_override",
    "sample_concatenate_permutation": "effective_sample_concatenate_permutation",
}


@rule(
    "MEA004",
    origin="policy",
    severity="warning",
    source="policies submission_rules.adoc, section Inference: user.conf is mandatory, to replicate the run",
    hint="copy the user.conf with which each run was made",
    smoke="a smoke run overrides the durations of user.conf",
)
def user_conf_of_the_runs(system: System, book: Rulebook) -> Iterator[Problem]:
    """user.conf agrees with the performance run's log.

    A user.conf that contradicts the log cannot be the one with which the run was made. One harness usually writes all
    files of a system, so each system gets one finding, with the first difference.
    """
    results = [result for benchmark in system.benchmarks for result in benchmark.results if not result.is_endpoints]
    differing = [differences[0] for result in results if (differences := _differences(result))]
    if differing:
        first = differing[0]
        count = f" in {len(differing)} of {len(results)} results" if len(results) > 1 else ""
        yield replace(first, message=f"user.conf differs from the run's log{count}: {first.message}")


def _differences(result: Result) -> list[Problem]:
    """The settings in which user.conf differs from the log; none where one of them cannot be read."""
    try:
        return list(_compared(result))
    except Unavailable:
        return []


def _compared(result: Result) -> Iterator[Problem]:
    run = result.performance
    scenario = log_scenario(run)
    benchmark = result.benchmark
    interactive = scenario is Scenario.INTERACTIVE
    model = benchmark.loadgen_model_interactive if interactive else benchmark.loadgen_model
    if model is None or result.files.kind(result.user_conf_path) is None:
        return
    lines = (line for line in read_lines(result.user_conf) if not line.fault)
    for key, line in settings(lines, model, scenario.loadgen_name).items():
        if key not in _LOGGED:
            continue
        value = line.number_value if key == "target_qps" else line.count_value
        logged, where = run.log[_LOGGED[key]], run.line(_LOGGED[key])
        if isinstance(logged, (int, float)) and abs(value - logged) > 1e-3 * max(abs(value), abs(logged)):
            yield Problem(
                key,
                found=line.values[-1],
                required=f"{float(logged):.12g}, as in {run.detail_path.name}:{where}",
                path=str(result.user_conf_path),
                line=line.number,
            )


@rule(
    "MEA005",
    step="files",
    absence=True,
    source=_OLD_CHECK,
    requires=["MEA001"],
    hint="put the code of the benchmark there, or a file of this name that contains the path of its folder",
)
def implementation_present(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The code of the benchmark is present.

    code/<benchmark>/ must exist or, if code/<benchmark> is a file, the folder that it names.
    """
    files, code = result.files, result.layout.code(result.division, result.submitter.name)
    folder = code / result.key.benchmark
    if files.kind(folder) is EntryKind.FILE:
        named = files.text(folder, TEXT_LIMIT_BYTES).strip()
        folder = PurePosixPath(posixpath.normpath(f"{code}/{named}"))
    if not files.exists(folder):
        yield Problem("the code of the benchmark is missing", required=f"{folder.name}/", path=str(folder))


@rule(
    "MEA006",
    step="files",
    source=_OLD_CHECK + ", REQUIRED_POWER_MEASURE_FILES",
    hint="add it, here or in one of the three folders above",
)
def power_settings_present(result: Result, book: Rulebook) -> Iterator[Problem]:
    """A measurement with power has the files that say how the analyzer and the system's power were set.

    The files are in the folder of the measurement, or in one of the three folders above it.
    """
    if not result.has_power:
        return
    folder = result.layout.measurements(result.key)
    above = [folder, *folder.parents][:4]
    for pattern in book.measurements.power_files:
        found = [path / name for path in above for name in result.files.names(path) if re.match(pattern, name)]
        if not found:
            yield Problem("a required file is missing", required=pattern, path=str(folder / pattern))
        elif result.files.size(found[-1]) == 0:
            yield Problem("a required file is empty", required=pattern, path=str(found[-1]))


_PERMUTATION = "sample_concatenate_permutation"


@rule(
    "MEA007",
    step="files",
    source=_OLD_CHECK + ", check_performance_dir, requires_equal_issue",
    hint=f"run it with *.*.{_PERMUTATION} = 1, and submit the mlperf.conf or user.conf that sets it",
)
def equal_issue_configured(result: Result, book: Rulebook) -> Iterator[Problem]:
    """A benchmark whose samples differ much in length is run in equal issue mode: in whole passes over the data set.

    In some rounds, mlperf.conf or user.conf must set it.
    """
    models = book.measurements.equal_issue_benchmarks
    if not result.is_closed or (result.official_name not in models and result.key.benchmark not in models):
        return
    folder = result.layout.measurements(result.key)
    is_on = False
    if result.key.benchmark in models:  # the official check uses the folder's name here
        for name in (layout.MLPERF_CONF, layout.USER_CONF):
            if result.files.kind(folder / name) is EntryKind.FILE:
                set_here = _permutation(result, folder / name)
                is_on = is_on if set_here is None else set_here
    # The official check compares with the text "true", so LoadGen's own Boolean does not count.
    if result.official_name in models and not is_on and result.performance.log["effective_" + _PERMUTATION] != "true":
        yield Problem("equal issue mode is not configured", required=f"{_PERMUTATION} = 1", path=str(folder))


def _permutation(result: Result, path: PurePosixPath) -> bool | None:
    """Whether a configuration file turns equal issue mode on; None if it does not set it.

    Unavailable where an earlier line is not a setting: the official checker ends in a traceback there.
    """
    model = result.key.benchmark.replace("-99.9", "").replace("-99", "")
    for number, line in enumerate(result.files.text(path, TEXT_LIMIT_BYTES).splitlines(), start=1):
        setting = line.replace(" ", "")
        if not setting or setting.startswith("#"):
            continue
        key, _, value = setting.partition("=")
        parts = key.split(".")
        if "=" in value or len(parts) != 3 or "=" not in setting:
            raise Unreadable(path, f"line {number} is not a LoadGen setting")
        applies = parts[2] == _PERMUTATION and parts[0] in (model, "*") and parts[1] in (result.key.scenario, "*")
        if applies and value.isnumeric():
            return value.isdecimal() and int(value) == 1
    return None
