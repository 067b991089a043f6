"""The files of the power analyzer's side: its samples (spl.txt) and the log of SPEC PTDaemon (ptd_logs.txt).

Times are whole microseconds since 1970 by the clock of the logs; neither file states a time zone.
Official: tools/submission/power/power_checker.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from submitter.units import US_PER_MS, US_PER_S

_FORMAT = "%m-%d-%Y %H:%M:%S.%f"
_MINUTE_FORMAT = "%m-%d-%Y %H:%M:"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STAMP_LENGTH = len("01-31-2026 00:00:00.000")
_MINUTE_LENGTH = len("01-31-2026 00:00:")
_TEN_SECONDS_LENGTH = _MINUTE_LENGTH + 1
_USUAL_SECONDS = re.compile(r"[0-5]\d\.\d\d\d", re.ASCII)
_STAMP_SHAPE = re.compile(r"\d\d-\d\d-\d\d\d\d \d\d:\d\d:\d\d.\d\d\d")
_FILLED_LINE = re.compile(r"[^\n]+")
_LOADGEN_STAMP = re.compile(r"\d*-\d*-\d* \d*:\d*:\d*\.\d*")


class Malformed(ValueError):
    """A line or a value that the power workflow does not write; the message says what it is."""


@lru_cache(maxsize=4096)
def _minute_us(stamp: str) -> int:
    return (datetime.strptime(stamp, _MINUTE_FORMAT).replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


def moment_us(stamp: str) -> int:
    """The time of a stamp such as `07-25-2025 15:27:44.482`; Malformed if it is not a time."""
    try:
        # strptime is slow. Logs have thousands of stamps but few different minutes, so it parses only those.
        if _USUAL_SECONDS.fullmatch(stamp, _MINUTE_LENGTH):
            milliseconds = stamp[_MINUTE_LENGTH : _MINUTE_LENGTH + 2] + stamp[_MINUTE_LENGTH + 3 :]
            return _minute_us(stamp[:_MINUTE_LENGTH]) + int(milliseconds) * US_PER_MS
        return (datetime.strptime(stamp, _FORMAT).replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
    except ValueError:
        raise Malformed(f"'{stamp[:40]}' is not a time") from None


def shown_moment(moment_us: int) -> str:
    """A time as the logs write it."""
    return (_EPOCH + timedelta(microseconds=moment_us)).strftime(_FORMAT)[:-3]


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a LoadGen run; neither end belongs to it."""

    begin_us: int
    end_us: int

    @property
    def duration_s(self) -> float:
        return (self.end_us - self.begin_us) / US_PER_S

    def __str__(self) -> str:
        return f"{shown_moment(self.begin_us)} to {shown_moment(self.end_us)}"


def window_of_log(text: str) -> Window:
    """The time of the run in a detail log, searched line by line and not by key, as the official power checker does.

    Until both begin and end are found, a later line overrides an earlier one. Malformed if one is missing or is not a
    time.
    """
    found: dict[str, int] = {}
    for match in _FILLED_LINE.finditer(text):
        lowered = (line := match[0]).lower()
        name = next((name for name in ("power_begin", "power_end") if name in lowered), None)
        if name is None:
            continue
        stamp = _LOADGEN_STAMP.search(line)
        if stamp is None:
            raise Malformed(f"{name} has no time")
        found[name] = moment_us(stamp[0])
        if len(found) == 2:
            return Window(found["power_begin"], found["power_end"])
    missing = "power_end" if "power_begin" in found else "power_begin"
    raise Malformed(f"there is no {missing}")


_SAMPLE = "Time"
_TIME_AT, _WATTS_AT, _POWER_FACTOR_AT = 1, 3, 9


@dataclass(frozen=True)
class PowerSamples:
    """The analyzer's samples in spl.txt. Lines that are not samples are ignored."""

    moments_us: list[int] = field(default_factory=list)
    """The time of each sample."""
    rows: list[str] = field(default_factory=list)
    """The line of each sample."""

    def mean_watts(self, window: Window, *, with_power_factor: bool = False) -> float | None:
        """The mean power in W of the samples inside the window that are above 0 W; None if there are none.

        Malformed if a sample inside the window has no power or, with `with_power_factor`, no power factor.
        """
        total, count = 0.0, 0
        last = _POWER_FACTOR_AT if with_power_factor else _WATTS_AT
        for moment, row in zip(self.moments_us, self.rows, strict=True):
            if window.begin_us < moment < window.end_us:
                columns = row.split(",", last + 1)
                watts = _number(columns, _WATTS_AT)
                if with_power_factor:
                    _number(columns, _POWER_FACTOR_AT)
                if watts > 0:
                    total += watts
                    count += 1
        return total / count if count else None


def _number(columns: list[str], index: int) -> float:
    try:
        return float(columns[index])
    except (IndexError, ValueError):
        raise Malformed(f"a sample has no number in column {index + 1}: '{','.join(columns)[:60]}'") from None


def read_samples(text: str) -> PowerSamples:
    """The samples in spl.txt; Malformed if the time of one cannot be read."""
    lines = text.split("\n")
    rows = [line for line in lines if line.startswith(_SAMPLE)]
    moments_us = []
    for row in rows:
        try:
            moments_us.append(moment_us(row.split(",", _TIME_AT + 1)[_TIME_AT] if "," in row else ""))
        except Malformed as error:
            raise Malformed(f"line {lines.index(row) + 1}: {error}") from None
    return PowerSamples(moments_us, rows)


class PtdEntry(NamedTuple):
    """A line of PTDaemon's log: an error, a warning, or the start of uncertainty checking."""

    line: int
    is_error: bool
    message: str
    moment_us: int | None
    """None if the line has no time."""


@dataclass(frozen=True, kw_only=True)
class PtdLog:
    """The contents of ptd_logs.txt that rules judge."""

    ranging: Window | None
    """The time of the ranging run; None if the log does not have both its start and its end."""
    uncertainty_checked: PtdEntry | None
    """The first line that says that uncertainty checking is active."""
    entries: tuple[PtdEntry, ...]
    """The errors and warnings; of identical lines only the first."""


_UNCERTAINTY = re.compile(r"Uncertainty checking for Yokogawa\S+ is activated")
_RANGING_ENDS = ": Completed test"
_WARNS, _FAILS = "WARNING:", "ERROR:"
# All lines in a row that begin with the same ten seconds.
_TEN_SECONDS = re.compile(rf"^(.{{{_TEN_SECONDS_LENGTH}}}).*+(?:\n\1.*+)*+", re.MULTILINE)


def read_ptd_log(text: str, session_name: str) -> PtdLog:
    """Read the log of a session; Malformed if a line before the end of ranging has an impossible time."""
    begin_us, at = _marked(text, f": Go with mark {f'{session_name}_ranging'!r}", 0)
    end_us, at = (None, len(text)) if begin_us is None else _marked(text, _RANGING_ENDS, at)
    # The official check parses every time up to the end of ranging; one time per ten seconds finds the same.
    for lines in _TEN_SECONDS.finditer(text, 0, at):
        if _STAMP_SHAPE.match(text, lines.start(), at):
            moment_us(text[lines.start() : lines.start() + _STAMP_LENGTH])
    checked = None
    if match := _UNCERTAINTY.search(text):
        line_starts = text.rfind("\n", 0, match.start()) + 1
        moment = _moment(text[line_starts : match.start()][:_STAMP_LENGTH])
        number = text.count("\n", 0, line_starts) + 1
        checked = PtdEntry(line=number, is_error=False, message=match[0], moment_us=moment)
    ranging = None if begin_us is None or end_us is None else Window(begin_us, end_us)
    return PtdLog(ranging=ranging, uncertainty_checked=checked, entries=_entries(text))


def _marked(text: str, mark: str, begin: int) -> tuple[int | None, int]:
    """The time of the first line from `begin` on that is a time and a mark, and where the next line begins.

    None and the length of the text if there is no such line.
    """
    while (at := text.find(mark, begin)) >= 0:
        line_starts, line_ends = text.rfind("\n", 0, at) + 1, text.find("\n", at)
        begin = line_ends + 1 if line_ends >= 0 else len(text)
        line = text[line_starts:begin]
        moment = _moment(line[:_STAMP_LENGTH])
        if moment is not None and line[_STAMP_LENGTH:].strip() == mark:
            return moment, begin
    return None, len(text)


def _entries(text: str) -> tuple[PtdEntry, ...]:
    numbered = enumerate(text.split("\n"), start=1)
    # PTDaemon repeats lines for each channel; a repeated line adds nothing.
    first: dict[str, int] = {}
    for number, line in [(number, line) for number, line in numbered if _WARNS in line or _FAILS in line]:
        first.setdefault(line, number)
    # A log has ten thousand such lines, with few times and fewer texts.
    moments = {stamp: _moment(stamp) for stamp in {line[:_STAMP_LENGTH] for line in first}}
    messages: dict[str, list[tuple[bool, str]]] = {}
    entries = []
    for line, number in first.items():
        moment = moments[line[:_STAMP_LENGTH]]
        text = line if moment is None else line[_STAMP_LENGTH:]
        if text not in messages:
            messages[text] = _messages(text)
        for is_error, message in messages[text]:
            entries.append(PtdEntry(number, is_error, message, moment))
    return tuple(entries)


def _messages(line: str) -> list[tuple[bool, str]]:
    """The warning and the error on a line, each as whether it is an error, and its message."""
    parts = [(is_error, line.partition(mark)[2]) for is_error, mark in ((False, _WARNS), (True, _FAILS))]
    return [(is_error, message.strip()) for is_error, message in parts if message]


def _moment(stamp: str) -> int | None:
    """The time at the beginning of a line; None if there is none, or if it is impossible."""
    try:
        return moment_us(stamp) if _STAMP_SHAPE.fullmatch(stamp) else None
    except Malformed:
        return None
