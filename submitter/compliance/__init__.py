"""Compliance tests, one per file: the test's run (`plan`), and the verdict on what the run logged (`verify`).

Both are pure functions on data; their callers read the files. A test's file has its name in lower case. It has

- `plan(book, official) -> AuditPlan`: the test's run for a benchmark of a round. If this version cannot make the run,
  the plan's `missing` says why. A test without a file here cannot be run either.
- `verify(...) -> Verdict`, if a run or a rule judges more than the text of the verification. Its argument is what the
  test judges: logged answers (TEST06), two scores (TEST01), a mean length (TEST09). For a test that can be run, the
  signature is `verify(answers, scenario, eos_token_id)`.

Source of the tests: mlcommons/inference b66003e1, compliance/ (README.md, audit.config, run_verification.py). The rule
book of a round has the settings of the audit files, and the lines that a verification must have.
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
from submitter.rulebook import Rulebook
from submitter.rulebook_tables import ComplianceTest


@dataclass(frozen=True, kw_only=True)
class AuditPlan:
    """The run of one compliance test: a performance run with audit settings."""

    mode: Mode
    """The test."""
    settings: Mapping[str, int]
    """The LoadGen settings of its audit file, which apply to every model and scenario."""
    dataset: str = ""
    """The file of the test's own data set; empty if the run uses the samples of the performance run."""
    lacks: str = ""
    """What else this version lacks to make the run; empty if nothing."""

    @property
    def text(self) -> str:
        """The text of the audit file."""
        return audit_text(self.settings)

    @property
    def sample_count(self) -> int | None:
        """The smallest number of samples that the run issues; None if the audit file does not set it."""
        return self.settings.get("min_query_count")

    @property
    def missing(self) -> str:
        """Everything that this version lacks to make the run; empty if it can be made."""
        own = f"a data set of its own ({self.dataset}, {self.sample_count} samples)" if self.dataset else ""
        return " and ".join(filter(None, (own, self.lacks)))


class Reason(NamedTuple):
    """One reason why a verification fails."""

    message: str
    found: str = ""
    required: str = ""
    line: int | None = None
    """Its line in the file that was judged, from 1."""
    sample: int | None = None
    """The index of a sample that shows it."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The verdict of a verification."""

    reasons: tuple[Reason, ...]
    """Why it fails; empty if it passes."""
    lines: tuple[str, ...] = ()
    """The lines that the official verification writes; empty if ours writes none for this test."""

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def text(self) -> str:
        """The content of the verification's text file."""
        return "".join(f"{line}\n" for line in self.lines)


def runs(book: Rulebook, official: str) -> tuple[AuditPlan, ...]:
    """The plans of a benchmark's compliance runs, in the order of the rule book.

    InputError if the round has no such benchmark, or requires a test for it that this version cannot run.
    """
    tests = book.benchmark(official).compliance
    plans = {test: load(test).plan(book, official) if _has_file(test) else None for test in tests}
    impossible = {test: plan.missing if plan else "" for test, plan in plans.items() if plan is None or plan.missing}
    if impossible:
        needs = "".join(f"; {test} needs {missing}" for test, missing in impossible.items() if missing)
        folders = " and ".join(f"compliance/{test}" for test in impossible)
        tests_text = " and ".join(impossible)
        raise InputError(
            f"this version cannot run {tests_text}, which round {book.name} requires for {official}{needs}",
            f"remove {official} from the campaign, or run it with its reference implementation and the tests as "
            f"described in {folders} of mlcommons/inference",
        )
    return tuple(plan for plan in plans.values() if plan)


def load(test: str) -> ModuleType:
    """The module of a test such as TEST06; InputError if this version has none."""
    return plugins.load(__name__, test.lower(), "compliance test")


def _has_file(test: str) -> bool:
    return test.lower() in plugins.names(__name__)


def audit_settings(book: Rulebook, official: str, test: str) -> dict[str, int]:
    """The settings of a test's audit file for a benchmark: those of the test, then those for this benchmark only."""
    return {**book.compliance[test].audit, **book.benchmark(official).audit.get(test, {})}


def audit_text(settings: Mapping[str, int]) -> str:
    """The text of an audit file with these settings."""
    return "".join(f"*.*.{key} = {value}\n" for key, value in settings.items())


class WrongSetting(NamedTuple):
    """An audit setting that was not in force in a run."""

    name: str
    """LoadGen's name of the setting."""
    key: str
    """Its key in the detail log."""
    found: Any
    required: Any


# The keys of the detail log with the values in force, where they are not `effective_<setting>`.
_LOG_KEYS = {
    "mode": "effective_test_mode",
    "min_duration": "effective_min_duration_ms",
    # In Offline LoadGen turns it into a number of samples, and logs 1 as the effective number of queries.
    "min_query_count": "requested_min_query_count",
}
_MODES = {1: "AccuracyOnly", 2: "PerformanceOnly"}


def not_in_force(log: DetailLog, settings: Mapping[str, int]) -> list[WrongSetting]:
    """The settings of an audit file that were not in force in a run, according to its log.

    LoadGen reports nothing if it does not find the audit file: a plain performance run then looks like the test.
    """
    expected = [
        (name, _LOG_KEYS.get(name, f"effective_{name}"), _MODES[value] if name == "mode" else value)
        for name, value in settings.items()
    ]
    return [WrongSetting(name, key, log[key], value) for name, key, value in expected if log[key] != value]


def was_audited(log: DetailLog) -> bool:
    """Whether audit settings were in force in a run: only then LoadGen samples answers into the accuracy log."""
    return bool(log["effective_accuracy_log_sampling_target"])


def verify(test: str, answers: Iterable[AccuracyEntry], scenario: Scenario, eos_token_id: int) -> Verdict:
    """Judge the answers that the run of a test logged. InputError if this version has no such test."""
    verdict: Verdict = load(test).verify(answers, scenario, eos_token_id)
    return verdict


def verify_text(test: str, rules: ComplianceTest, name: str, lines: Sequence[str]) -> Verdict:
    """Judge the text of a test's verification as the official checkers do.

    `lines` are the lines of the file `name`, and `rules` list the lines that it must have. There is one reason for each
    missing line, with the line that is there instead.
    """
    numbers = {line.strip(): number for number, line in enumerate(lines, start=1)}
    within = "\n".join(lines) if name in rules.verify_within else ""
    reasons = []
    for alternatives in rules.verify[name]:
        if any(line in numbers or line in within for line in alternatives):
            continue
        subject = alternatives[0].partition(":")[0]
        found = next((line for line in numbers if line.startswith(subject)), "")
        message = f"{test} did not pass" if subject == alternatives[0] else f"{test}: {subject} did not pass"
        reasons.append(Reason(message, found, " or ".join(alternatives), numbers.get(found)))
    return Verdict(reasons=tuple(reasons))
