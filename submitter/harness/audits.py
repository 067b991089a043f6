"""Compliance tests: the audit file LoadGen reads, and what its log must then show. Both are pure.

TEST06 (mlcommons/inference, compliance/TEST06/README.md) looks at 100 logged answers of a performance run:
the first token reported early is the answer's first, an answer holds at most one EOS at its end, and the token count is
the answer's length. LoadGen's two ways of being told no audit file differ by one letter in public scripts
(`audit.conf`, `audit.config`), and then a plain performance run passes for a test: so a run is asked, after it ended,
whether the settings were in force.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from submitter.logs import AccuracyEntry, DetailLog
from submitter.model import Mode, Scenario

TOKEN_BYTES = array("i").itemsize


def audit_file(settings: Mapping[str, int]) -> str:
    """The text of the audit file for these settings of the round's rule book."""
    return "".join(f"*.*.{key} = {value}\n" for key, value in settings.items())


def was_audited(log: DetailLog) -> bool:
    """Whether a run had audit settings in force: the sampling of answers into the log, which no other run asks for."""
    return bool(log["effective_accuracy_log_sampling_target"])


@dataclass(frozen=True)
class Test06:
    """The three verdicts of TEST06; `first_token` is None where the scenario is not asked (Offline)."""

    first_token: bool | None
    eos: bool
    length: bool
    sample_count: int

    @property
    def passed(self) -> bool:
        return self.first_token is not False and self.eos and self.length and self.sample_count > 0

    def text(self) -> str:
        """`verify_accuracy.txt` as the official checker reads it."""
        first = "Skipped" if self.first_token is None else str(self.first_token)
        return (
            f"First token check pass: {first}\nEOS check pass: {self.eos}\nSample length check pass: {self.length}\n"
            f"TEST06 verification {'complete' if self.passed else 'failed'}\n"
        )


def verify_test06(entries: Iterable[AccuracyEntry], scenario: Scenario, eos_token_id: int) -> Test06:
    """Judge the logged answers of a TEST06 run."""
    first: bool | None = None if scenario is Scenario.OFFLINE else True
    eos = length = True
    count = 0
    for entry in entries:
        count += 1
        if len(entry.data) % TOKEN_BYTES:
            length = False
            continue
        tokens = array("i", entry.data)
        if first is not None and (not entry.token_data or entry.data[: len(entry.token_data)] != entry.token_data):
            first = False
        # Stricter than the official script, which lets a second EOS pass when it stands anywhere but at the end.
        if eos_token_id in tokens[:-1]:
            eos = False
        if entry.token_count != len(tokens):
            length = False
    return Test06(first, eos, length, count)


def mode_is(log: DetailLog, mode: Mode) -> bool:
    """Whether the log is of a run of this mode, by LoadGen's own word."""
    expected = "AccuracyOnly" if mode is Mode.ACCURACY else "PerformanceOnly"
    return bool(log["effective_test_mode"] == expected)
