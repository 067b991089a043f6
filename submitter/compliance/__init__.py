"""Compliance tests, one file a test: what its run is (`plan`), and what the run must show (`verify`).

Both are pure: they get data and return data, and callers read the files. A test's file is named after it in small
letters and has

- `plan(book, official) -> AuditPlan`: the run for a benchmark of a round. Where this version cannot make the run, the
  plan's `lacks` says why. A test without a file here has no run.
- `verify(...) -> Verdict`, where a run or a rule judges more than what the verification's text claims. It gets what the
  test judges: logged answers (TEST06), two scores (TEST01), a mean length (TEST09). Of a test that can be run it is
  called as `verify(answers, scenario, eos_token_id)`.

What the tests do: mlcommons/inference b66003e1, compliance/ (README.md, audit.config, run_verification.py). A round's
rule book has the settings that an audit file gives to LoadGen, and the lines that a verification must have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple

from submitter import plugins
from submitter.errors import InputError
from submitter.logs import AccuracyEntry, DetailLog
from submitter.model import Mode, Scenario
from submitter.rulebook import ComplianceTest, Rulebook


@dataclass(frozen=True, kw_only=True)
class AuditPlan:
    """The run of one compliance test. It is a performance run under audit settings.

    mode: which test.
    settings: what its audit file sets in LoadGen, for every model and scenario.
    dataset: the data set that the test brings; empty where it issues the performance run's samples.
    lacks: what else this version has not got for the run; empty where nothing.
    """

    mode: Mode
    settings: Mapping[str, int]
    dataset: str = ""
    lacks: str = ""

    @property
    def text(self) -> str:
        """The audit file."""
        return audit_text(self.settings)

    @property
    def sample_count(self) -> int | None:
        """How many samples the run issues at least; None where the audit file leaves that to the scenario."""
        return self.settings.get("min_query_count")

    @property
    def missing(self) -> str:
        """All that this version has not got for the run; empty where it can be made."""
        own = f"a data set of its own ({self.dataset}, {self.sample_count} samples)" if self.dataset else ""
        return " and ".join(filter(None, (own, self.lacks)))


class Reason(NamedTuple):
    """One thing that a verification does not let pass.

    `line` is where it stands in the file that was judged, from 1; `sample` the index of the sample that shows it.
    """

    message: str
    found: str = ""
    required: str = ""
    line: int | None = None
    sample: int | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a verification comes to: passed if nothing speaks against it.

    `lines` are the text that the official verification writes, where ours writes it too.
    """

    reasons: tuple[Reason, ...]
    lines: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


def runs(book: Rulebook, official: str) -> tuple[AuditPlan, ...]:
    """The compliance runs of a benchmark, in the rule book's order.

    InputError where the round has no such benchmark, or requires a test of it that this version has no run for.
    """
    tests = book.benchmark(official).compliance
    plans = {test: load(test).plan(book, official) if _has_file(test) else None for test in tests}
    impossible = {test: plan.missing if plan else "" for test, plan in plans.items() if plan is None or plan.missing}
    if impossible:
        needs = "".join(f"; {test} needs {missing}" for test, missing in impossible.items() if missing)
        folders = " and ".join(f"compliance/{test}" for test in impossible)
        raise InputError(
            f"this version has no run for {' and '.join(impossible)}, which round {book.name} requires for "
            f"{official}{needs}",
            f"leave {official} out of the campaign, or run it with its reference implementation and the tests as "
            f"{folders} of mlcommons/inference describe them",
        )
    return tuple(plan for plan in plans.values() if plan)


def load(test: str) -> ModuleType:
    """The module of a test such as TEST06; InputError if this version has none."""
    return plugins.load(__name__, test.lower(), "compliance test")


def _has_file(test: str) -> bool:
    return test.lower() in plugins.names(__name__)


def audit_settings(book: Rulebook, official: str, test: str) -> dict[str, int]:
    """What the audit file of a test sets for a benchmark: the test's settings, then those of the benchmark alone."""
    return {**book.compliance[test].audit, **book.benchmark(official).audit.get(test, {})}


def audit_text(settings: Mapping[str, int]) -> str:
    """The text of an audit file with these settings."""
    return "".join(f"*.*.{key} = {value}\n" for key, value in settings.items())


class Setting(NamedTuple):
    """An audit setting that a run did not have: LoadGen's name, its key in the detail log, and both values."""

    name: str
    key: str
    found: Any
    required: Any


# LoadGen's audit settings, and where the detail log has them in effect.
_LOGGED = {
    "mode": "effective_test_mode",
    "min_duration": "effective_min_duration_ms",
    # In Offline LoadGen makes it a number of samples, and the effective number of queries 1.
    "min_query_count": "requested_min_query_count",
}
_MODES = {1: "AccuracyOnly", 2: "PerformanceOnly"}


def not_in_force(log: DetailLog, settings: Mapping[str, int]) -> list[Setting]:
    """Which of an audit file's settings a run did not have, by its own log.

    LoadGen says nothing where it does not find the audit file, and then a plain performance run passes for a test.
    """
    expected = [
        (name, _LOGGED.get(name, f"effective_{name}"), _MODES[value] if name == "mode" else value)
        for name, value in settings.items()
    ]
    return [Setting(name, key, log[key], value) for name, key, value in expected if log[key] != value]


def was_audited(log: DetailLog) -> bool:
    """Whether a run had audit settings in force: the sampling of answers into the log, which no other run has."""
    return bool(log["effective_accuracy_log_sampling_target"])


def verify(test: str, answers: Iterable[AccuracyEntry], scenario: Scenario, eos_token_id: int) -> Verdict:
    """Judge the answers that the run of a test logged; InputError if this version has no such test."""
    verdict: Verdict = load(test).verify(answers, scenario, eos_token_id)
    return verdict


def verify_text(test: str, rules: ComplianceTest, name: str, lines: Sequence[str]) -> Verdict:
    """Judge what the text of a test's verification claims, as the official checkers do.

    `lines` are those of the file `name`, and `rules` say which of them it must have. A reason is a line it lacks: what
    stands there instead, and where.
    """
    there = {line.strip(): number for number, line in enumerate(lines, start=1)}
    within = "\n".join(lines) if name in rules.verify_within else ""
    reasons = []
    for alternatives in rules.verify[name]:
        if any(line in there or line in within for line in alternatives):
            continue
        what = alternatives[0].partition(":")[0]
        said = next((line for line in there if line.startswith(what)), "")
        message = f"{test} did not pass" if what == alternatives[0] else f"{test}: {what} did not pass"
        reasons.append(Reason(message, said, " or ".join(alternatives), there.get(said)))
    return Verdict(reasons=tuple(reasons))
