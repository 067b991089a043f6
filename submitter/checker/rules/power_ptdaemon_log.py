"""PWR: what PTDaemon wrote to ptd_logs.txt during a session."""

from __future__ import annotations

import re
from collections.abc import Iterator

from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import MEASURE_POWER_AGAIN, POWER_CHECKER
from submitter.rulebook import Rulebook
from submitter.submission.power_run import PowerRun
from submitter.submission.ptdaemon import PtdEntry, Window
from submitter.units import US_PER_S

_CHECK = POWER_CHECKER + "check_ptd_logs"
_SESSION_COMPLETE = ("STR001", "STR002", "PWR010")

# PTDaemon reports these during ranging, for each range that does not fit.
_RANGING_ERRORS = (
    "Can't evaluate uncertainty of this sample!",
    "Bad watts reading nan from ",
    "Bad amps reading nan from ",
    "Bad pf reading nan from ",
    "Bad volts reading nan from ",
    "Current appears to be too high for set range",
)
_ACCEPTED_ERROR = "USB."
_UNCERTAIN = re.compile(r"Uncertainty \d+.\d+%, which is above 1.00% limit for the last sample!")


def _outcome(entry: PtdEntry, ranging: Window, load: Window, margin_us: int) -> tuple[bool, str] | None:
    """Whether an entry refuses the measurement, and a message; None where the entry does not matter.

    Warnings count during the load, except within the margin at either end.
    """
    if entry.moment_us is None:
        return True, "the entry has no time"
    if not entry.is_error:
        if not load.begin_us + margin_us < entry.moment_us < load.end_us - margin_us:
            return None
        uncertain = _UNCERTAIN.search(entry.message) is not None
        return uncertain, "the uncertainty was too high" if uncertain else "PTDaemon warned during the run"
    if entry.message == _ACCEPTED_ERROR:
        return False, "PTDaemon reported an error that is accepted"
    if not ranging.begin_us < entry.moment_us < ranging.end_us:
        return True, "PTDaemon reported an error outside ranging"
    return None if entry.message.startswith(_RANGING_ERRORS) else (False, "PTDaemon reported an error in ranging")


def _official_margin_us(book: Rulebook) -> int:
    """The margin that the official check uses, which reads its 800 ms as seconds here."""
    return book.power.clock_tolerance_ms * US_PER_S


def _first(power: PowerRun, ranging: Window, margin_us: int) -> tuple[PtdEntry, bool, str] | None:
    """The entry that decides the official check, which reads no further."""
    load = power.window(power.testing)
    for entry in power.ptd_log.entries:
        if outcome := _outcome(entry, ranging, load, margin_us):
            return entry, *outcome
    return None


@rule("PWR030", step="performance", requires=_SESSION_COMPLETE, source=_CHECK, hint=MEASURE_POWER_AGAIN)
def ranging_logged(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """PTDaemon's log says when ranging began and ended."""
    if power.ptd_log.ranging is None:
        yield Problem("the start or the end of ranging is not logged", path=str(power.path / power.PTD_LOG))


@rule("PWR031", step="performance", requires=(*_SESSION_COMPLETE, "PWR030"), source=_CHECK, hint=MEASURE_POWER_AGAIN)
def uncertainty_checked(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """PTDaemon checked the uncertainty of its samples, starting before ranging."""
    log, path = power.ptd_log, str(power.path / power.PTD_LOG)
    assert log.ranging is not None
    entry = log.uncertainty_checked
    if entry is None:
        yield Problem("the uncertainty of samples was not checked", path=path)
    elif entry.moment_us is None:
        yield Problem("the entry about the uncertainty check has no time", path=path, line=entry.line)
    elif entry.moment_us >= log.ranging.begin_us:
        yield Problem("the uncertainty check started only after ranging had begun", path=path, line=entry.line)


@rule(
    "PWR032",
    step="performance",
    requires=(*_SESSION_COMPLETE, "PWR030"),
    source=_CHECK + " find_error_or_warning",
    hint=MEASURE_POWER_AGAIN,
)
def no_errors(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """PTDaemon reported no error outside ranging, and no high uncertainty during the run.

    The official checker reads only up to the first entry for which it warns or refuses the measurement.
    """
    ranging = power.ptd_log.ranging
    assert ranging is not None
    decisive = _first(power, ranging, _official_margin_us(book))
    if decisive and decisive[1]:
        entry, _, message = decisive
        yield Problem(message, found=entry.message, path=str(power.path / power.PTD_LOG), line=entry.line)


@rule(
    "PWR033",
    origin="policy",
    severity="warning",
    requires=(*_SESSION_COMPLETE, "PWR030", "PWR032"),
    source="policies power_measurement.adoc; " + _CHECK,
    hint=MEASURE_POWER_AGAIN,
)
def no_hidden_errors(power: PowerRun, book: Rulebook) -> Iterator[Problem]:
    """No error or high uncertainty as in PWR032 is hidden from the official checker.

    The official check stops at the first warning, and ignores 800 s at either end of the run where it means 800 ms.
    """
    ranging, load = power.ptd_log.ranging, power.window(power.testing)
    assert ranging is not None
    margin_us = book.power.clock_tolerance_ms * (US_PER_S // 1000)
    outcomes = ((entry, _outcome(entry, ranging, load, margin_us)) for entry in power.ptd_log.entries)
    hidden = [(entry, outcome[1]) for entry, outcome in outcomes if outcome and outcome[0]]
    if hidden:
        entry, message = hidden[0]
        others = f", and {len(hidden) - 1} more" if len(hidden) > 1 else ""
        path = str(power.path / power.PTD_LOG)
        yield Problem(f"{message}{others}", found=entry.message, path=path, line=entry.line)
