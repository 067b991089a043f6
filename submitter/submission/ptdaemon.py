"""The files of the power analyzer's side: its samples (spl.txt) and the log of SPEC PTDaemon (ptd_logs.txt).

Times are whole microseconds since 1970 by the clock of the logs; neither file states a time zone.
Official: tools/submission/power/power_checker.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
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
_STAMP_SHAPE = re.compile(r"\d\d-\d\d-\d\d\d\d \d\d:\d\d:\d\d.\d\d\d")
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
        milliseconds = stamp[_MINUTE_LENGTH : _MINUTE_LENGTH + 2] + stamp[_MINUTE_LENGTH + 3 :]
        if _is_usual(stamp, milliseconds):
            return _minute_us(stamp[:_MINUTE_LENGTH]) + int(milliseconds) * US_PER_MS
        return (datetime.strptime(stamp, _FORMAT).replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
    except ValueError:
        raise Malformed(f"'{stamp[:40]}' is not a time") from None


def _is_usual(stamp: str, milliseconds: str) -> bool:
    """Whether a stamp is as PTDaemon writes it; `milliseconds` are its seconds and milliseconds without the point."""
    return (
        len(stamp) == _STAMP_LENGTH
        and stamp[_MINUTE_LENGTH + 2] == "."
        and milliseconds.isascii()
        and milliseconds.isdecimal()
        and milliseconds < "60"
    )


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


def window_of_log(lines: Iterable[str]) -> Window:
    """The time of the run in a detail log, searched line by line and not by key, as the official power checker does.

    Until both begin and end are found, a later line overrides an earlier one. Malformed if one is missing or is not a
    time.
    """
    found: dict[str, int] = {}
    for line in lines:
        lowered = line.lower()
        if "power_" not in lowered:
            continue
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
        for moment, row in zip(self.moments_us, self.rows, strict=True):
            if window.begin_us < moment < window.end_us:
                columns = row.split(",", _POWER_FACTOR_AT + 1)
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


def read_samples(lines: Iterable[str]) -> PowerSamples:
    """The samples in spl.txt; Malformed if the time of one cannot be read."""
    samples = PowerSamples()
    for number, line in enumerate(lines, start=1):
        if not line.startswith(_SAMPLE):
            continue
        _, _, rest = line.partition(",")
        try:
            samples.moments_us.append(moment_us(rest.partition(",")[0]))
        except Malformed as error:
            raise Malformed(f"line {number}: {error}") from None
        samples.rows.append(line)
    return samples


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


def read_ptd_log(lines: Iterable[str], session_name: str) -> PtdLog:
    """Read the log of a session; Malformed if a line before the end of ranging has an impossible time."""
    ranging_begins = f": Go with mark {f'{session_name}_ranging'!r}"
    begin_us: int | None = None
    end_us: int | None = None
    checked: PtdEntry | None = None
    entries: list[PtdEntry] = []
    # PTDaemon repeats lines for each channel; a repeated line adds nothing.
    seen: set[str] = set()
    ten_seconds = ""
    for number, line in enumerate(lines, start=1):
        # The official check parses every time up to the end of ranging; one time per ten seconds finds the same.
        if end_us is None and line[:_TEN_SECONDS_LENGTH] != ten_seconds:
            ten_seconds = line[:_TEN_SECONDS_LENGTH]
            if _STAMP_SHAPE.match(line):
                moment_us(line[:_STAMP_LENGTH])
        if ("WARNING:" in line or "ERROR:" in line) and line not in seen:
            seen.add(line)
            moment = _moment(line[:_STAMP_LENGTH])
            if message := line.partition("WARNING:")[2]:
                entries.append(PtdEntry(line=number, is_error=False, message=message.strip(), moment_us=moment))
            if message := line.partition("ERROR:")[2]:
                entries.append(PtdEntry(line=number, is_error=True, message=message.strip(), moment_us=moment))
        if end_us is None:
            mark = ranging_begins if begin_us is None else _RANGING_ENDS
            if mark in line and line[_STAMP_LENGTH:].strip() == mark:
                moment = _moment(line[:_STAMP_LENGTH])
                begin_us, end_us = (moment, None) if begin_us is None else (begin_us, moment)
        if checked is None and "Uncertainty" in line and (match := _UNCERTAINTY.search(line)):
            moment = _moment(line[:_STAMP_LENGTH])
            checked = PtdEntry(line=number, is_error=False, message=match[0], moment_us=moment)
    ranging = None if begin_us is None or end_us is None else Window(begin_us, end_us)
    return PtdLog(ranging=ranging, uncertainty_checked=checked, entries=tuple(entries))


@lru_cache(maxsize=16)
def _moment(stamp: str) -> int | None:
    """The time at the beginning of a line; None if there is none, or if it is impossible."""
    try:
        return moment_us(stamp) if _STAMP_SHAPE.fullmatch(stamp) else None
    except Malformed:
        return None
