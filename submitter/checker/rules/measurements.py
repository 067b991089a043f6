"""MEA: what stands beside a result: user.conf, README.md, measurements.json."""

from __future__ import annotations

import re
from collections.abc import Iterator

from submitter.checker.files import Kind
from submitter.checker.finding import Problem, shown
from submitter.checker.metric import log_scenario
from submitter.checker.registry import rule
from submitter.checker.tree import Result
from submitter.model import Scenario
from submitter.rulebook import Rulebook

_CHECK = "official: checks/measurements_checks.py "


@rule(
    "MEA001", source=_CHECK + "missing_check", hint="say how the model was made: see schemas/measurements.schema.json"
)
def measurements_present(result: Result, book: Rulebook) -> Iterator[Problem]:
    """measurements.json is there."""
    if result.files.kind(result.measurements_path) is None:
        name = result.measurements_path.name
        yield Problem("a required file is missing", required=name, path=str(result.measurements_path))


@rule("MEA002", source=_CHECK + "required_files_check; constants.py REQUIRED_MEASURE_FILES")
def required_files(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The files that let others repeat the run are there, and not empty."""
    folder = result.layout.measurements(result.key)
    for name in book.measurements.required_files:
        path = folder / name
        hint = "copy the one LoadGen was given" if name.endswith(".conf") else "write how to repeat the run"
        if result.files.kind(path) is None:
            yield Problem("a required file is missing", required=name, path=str(path), hint=hint)
        elif result.files.kind(path) is not Kind.FILE or result.files.size(path) == 0:
            yield Problem("a required file is empty", required=name, path=str(path), hint=hint)


@rule(
    "MEA003",
    requires=["MEA001"],
    source=_CHECK + "required_fields_check; constants.py SYSTEM_IMP_REQUIRED_FILES",
    hint="fill it in: reviewers and the results table read it",
)
def fields_meaningful(result: Result, book: Rulebook) -> Iterator[Problem]:
    """measurements.json has a meaningful value for each required field."""
    for field in book.measurements.required_fields:
        path = str(result.measurements_path)
        if field not in result.measurements:
            yield Problem("a required field is missing", required=field, path=path)
            continue
        value = result.measurements[field]
        if not value or (isinstance(value, str) and not value.strip()):
            yield Problem(f"{field} needs a meaningful value", found=shown(value), path=path)


# The settings of user.conf that the detail log repeats: key there, key here, unit of the comparison.
_LOGGED = {"min_duration": "effective_min_duration_ms", "target_qps": "effective_target_qps"}
_LINE = re.compile(r"^\s*([^\s.#=][^\s=]*)\.(\*|\w+)\.(\w+)\s*=\s*([\d.]+)\s*$")


@rule(
    "MEA004",
    origin="integrity",
    severity="warning",
    requires=["STR001", "STR002", "STR005"],
    source="submitter: one result, one configuration",
    hint="copy the user.conf this run was made with",
    smoke="a smoke run overrides the durations of user.conf",
)
def user_conf_is_the_runs(result: Result, book: Rulebook) -> Iterator[Problem]:
    """user.conf says what the performance run's log says.

    A user.conf that contradicts the log cannot be the one that the run was made with.
    """
    run = result.performance
    scenario = log_scenario(run)
    benchmark = result.benchmark
    interactive = scenario is Scenario.INTERACTIVE
    model = benchmark.loadgen_model_interactive if interactive else benchmark.loadgen_model
    if model is None or result.files.kind(result.user_conf_path) is None:
        return
    settings: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(result.user_conf.splitlines(), start=1):
        match = _LINE.match(line)
        if match and match[1] in (model, "*") and match[2] in (scenario.loadgen_name, "*") and match[3] in _LOGGED:
            settings[match[3]] = (match[4], number)
    for key, (text, number) in settings.items():
        try:
            value = float(text)
        except ValueError:
            continue
        logged = run.number(_LOGGED[key])
        if abs(value - logged) > 1e-3 * max(abs(value), abs(logged)):
            yield Problem(
                f"{key} is not the run's",
                found=text,
                required=f"{logged:.12g}, as in {run.detail_path.name}:{run.line(_LOGGED[key])}",
                path=str(result.user_conf_path),
                line=number,
            )
