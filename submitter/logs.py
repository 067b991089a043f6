"""LoadGen's logs as typed records.

`mlperf_log_detail.txt` is a line of JSON behind `:::MLLOG` for each event or setting; a key may stand
more than once, and the official parser takes the first (`log_parser.py`, `loadgen_parser.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import msgspec

MARKER = b":::MLLOG"


class LogFormatError(ValueError):
    """A log that is not what LoadGen writes; the message says where."""


class NoEntries(LogFormatError):
    """A text without a single line of LoadGen's, such as an empty one."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of a detail log; `line` counts from 1."""

    key: str
    value: Any
    line: int
    is_error: bool
    is_warning: bool


class _Metadata(msgspec.Struct, gc=False):
    is_error: bool
    is_warning: bool


class _Line(msgspec.Struct, gc=False):
    """A line as it is read: a round has a million of them, and of most of them nobody asks the value."""

    key: str
    value: msgspec.Raw


class _Event(_Line, gc=False):
    metadata: _Metadata


class DetailLog:
    """A parsed detail log: the first entry of each key, and all errors and warnings."""

    def __init__(
        self, first: dict[str, tuple[int, bytes]], errors: tuple[LogEntry, ...], warnings: tuple[LogEntry, ...]
    ) -> None:
        # Of each key: the line of its first entry, and its value as JSON.
        self._first = first
        self._values: dict[str, Any] = {}
        self.errors = errors
        self.warnings = warnings

    def __getitem__(self, key: str) -> Any:
        """The value of the first entry of `key`, or None where the log has no such key."""
        if key not in self._values:
            entry = self._first.get(key)
            self._values[key] = None if entry is None else _value(entry[1])
        return self._values[key]

    @property
    def begins_at(self) -> int:
        """The line of the log's first entry; 0 where it has none."""
        return min((line for line, _ in self._first.values()), default=0)

    def __contains__(self, key: str) -> bool:
        return key in self._first

    def __iter__(self) -> Iterator[str]:
        """The keys, in the order of the log."""
        return iter(self._first)

    def line(self, key: str) -> int | None:
        entry = self._first.get(key)
        return entry[0] if entry else None


def _value(text: bytes) -> Any:
    """A JSON value; what nearly all of a log's values are is read without a parser."""
    if text.isdigit() and len(text) < 19:
        return int(text)
    if text[:1] == b'"' and b"\\" not in text:
        return text[1:-1].decode()
    return json.loads(text.decode())


_decode_lines = msgspec.json.Decoder(_Line).decode_lines
_decode_events = msgspec.json.Decoder(_Event).decode_lines
_UNEVENTFUL = b'"is_error": false, "is_warning": false'
_HEAD = MARKER + b' {"key": "'
_LONG_BYTES = 100_000
# A value so short cannot be nested too deeply for Python's parser.
_SHALLOW_BYTES = 500


def parse_detail(data: bytes) -> DetailLog:
    """Parse the bytes of a detail log. LogFormatError if a line is no LoadGen line, NoEntries if there is none.

    Lines without LoadGen's mark are no part of the log, but text they must be.
    """
    try:
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise LogFormatError(f"line {number} is not a LoadGen entry: it is not UTF-8 text") from None
    try:
        return _parse_long(data) if len(data) > _LONG_BYTES else _parse_at_once(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _parse_lines(data)


def _parse_long(data: bytes) -> DetailLog:
    """Parse a log that repeats itself, as long ones do: LoadGen writes the same dozen keys for each batch it loads.

    Of a key's later lines only the form is looked at, and that they tell of no error. ValueError for another log.
    """
    lines = data.removesuffix(b"\n").split(b"\n")
    uneventful = data.count(_UNEVENTFUL) == len(lines) and all(map(bytes.endswith, lines, repeat(b"}}")))
    heads = [line.partition(b'", "value": ')[0] for line in lines]
    numbers = sorted(dict(zip(reversed(heads), range(len(heads), 0, -1), strict=True)).values())
    if not uneventful or not all(heads[number - 1].startswith(_HEAD) for number in numbers):
        return _parse_at_once(data)
    firsts = _decode_lines(b"\n".join(lines[number - 1][len(MARKER) :] for number in numbers))
    first: dict[str, tuple[int, bytes]] = {}
    for number, line in zip(numbers, firsts, strict=True):
        first.setdefault(line.key, (number, _shallow(bytes(line.value))))
    return DetailLog(first, (), ())


def _shallow(value: bytes) -> bytes:
    """A value that is not nested too deeply for Python's parser; RecursionError for another."""
    if len(value) > _SHALLOW_BYTES:
        json.loads(value)
    return value


def _parse_at_once(data: bytes) -> DetailLog:
    """Parse a log in which every line is LoadGen's, as it is in nearly all; ValueError for another.

    It is several times faster to take all lines at once, and faster still where none tells of an event.
    """
    text = data.replace(MARKER, b"")
    events = data.count(_UNEVENTFUL) != (count := data.count(b"\n", 0, -1) + 1)
    lines: list[Any] = (_decode_events if events else _decode_lines)(text)
    begun = data.startswith(MARKER) + data.count(b"\n:")  # no line of JSON begins with a colon
    if not len(lines) == count == begun or len(data) - len(text) != count * len(MARKER):
        raise ValueError("there are other lines")
    first: dict[str, tuple[int, bytes]] = {}
    for number, line in enumerate(lines, start=1):
        if line.key not in first:
            first[line.key] = (number, _shallow(bytes(line.value)))
    told = [
        LogEntry(line.key, json.loads(bytes(line.value)), number, line.metadata.is_error, line.metadata.is_warning)
        for number, line in enumerate(lines if events else (), start=1)
        if line.metadata.is_error or line.metadata.is_warning
    ]
    errors = tuple(entry for entry in told if entry.is_error)
    return DetailLog(first, errors, tuple(entry for entry in told if not entry.is_error))


def _parse_lines(data: bytes) -> DetailLog:
    """Parse line by line, with the parser that the official one uses: it takes NaN, for one."""
    first: dict[str, tuple[int, bytes]] = {}
    errors: list[LogEntry] = []
    warnings: list[LogEntry] = []
    for number, text in enumerate(data.split(b"\n"), start=1):
        if not text.startswith(MARKER):
            continue
        try:
            line = json.loads(text[len(MARKER) :])
            key, value, metadata = line["key"], line["value"], line["metadata"]
            entry = LogEntry(key, value, number, bool(metadata["is_error"]), bool(metadata["is_warning"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise LogFormatError(f"line {number} is not a LoadGen entry: {error}") from None
        if not isinstance(key, str):
            raise LogFormatError(f"line {number} is not a LoadGen entry: its key is no text")
        if key not in first:
            first[key] = (number, json.dumps(value).encode())
        if entry.is_error:
            errors.append(entry)
        elif entry.is_warning:
            warnings.append(entry)
    if not first:
        raise NoEntries("no line begins with ':::MLLOG'")
    return DetailLog(first, tuple(errors), tuple(warnings))


def read_detail(path: Path) -> DetailLog:
    """Parse a detail log; OSError if it cannot be read, LogFormatError if it is not one."""
    return parse_detail(path.read_bytes())


# What `truncate_accuracy_log.py` writes between the head and the tail that it keeps of an accuracy log.
TRUNCATION_MARK = b"\n\n...\n\n"


@dataclass(frozen=True, slots=True)
class AccuracyEntry:
    """One logged answer: the sample's index and the SUT's response, which is a buffer of token ids."""

    qsl_idx: int
    data: bytes
    token_data: bytes | None
    token_count: int | None


# LoadGen writes one object a line, always with these keys in this order (logging.cc); reading it so is
# several times faster than a JSON parser on logs of gigabytes.
_ACCURACY_LINE = re.compile(
    rb'\s*\{ ?"seq_id"\s*:\s*\d+, "qsl_idx"\s*:\s*(\d{1,18}), "data"\s*:\s*"([0-9A-Fa-f]*)"'
    rb'(?:, "token_data"\s*:\s*"([0-9A-Fa-f]*)")?(?:, "token_count"\s*:\s*(\d{1,18}))? ?\},?\s*'
)


def _answer(line: re.Match[bytes] | None) -> AccuracyEntry:
    """An entry from its line; ValueError where it is none, or its hex has an odd digit."""
    if line is None:
        raise ValueError
    index, data, token_data, token_count = line.groups()
    return AccuracyEntry(
        int(index),
        bytes.fromhex(data.decode()),
        None if token_data is None else bytes.fromhex(token_data.decode()),
        None if token_count is None else int(token_count),
    )


def read_accuracy(path: Path) -> Iterator[AccuracyEntry]:
    """The entries of an untruncated `mlperf_log_accuracy.json`, in the order of the log.

    OSError if it cannot be read, LogFormatError if a line is no entry or the list is never closed.
    """
    with path.open("rb") as file:
        opening = file.readline().strip()
        if opening != b"[":
            raise LogFormatError(f"{path.name}: line 1 is not '['")
        closed = False
        for number, line in enumerate(file, start=2):
            if not line.strip():
                continue
            if closed:
                raise LogFormatError(f"{path.name}: line {number} stands after the closing ']'")
            if line.strip() == b"]":
                closed = True
                continue
            match = _ACCURACY_LINE.fullmatch(line)
            try:
                yield _answer(match)
            except ValueError:
                told = f"{path.name}: line {number} is not an accuracy entry (is the log truncated?)"
                raise LogFormatError(told) from None
        if not closed:
            raise LogFormatError(f"{path.name} does not end with ']' (is the log cut off?)")


@dataclass(frozen=True)
class AccuracyText:
    """What `accuracy.txt` says: the metrics by the official names, and the hash of the untruncated log."""

    metrics: dict[str, float]
    sha256: str | None


_METRIC = re.compile(r"'(\w+)':\s+'?([\d.]+)'?")
_HASH = re.compile(r"^hash=(\w+)$", re.MULTILINE)


def parse_accuracy_text(text: str) -> AccuracyText:
    """Read metrics as the official patterns do: plain numbers only, so `np.float64(44.4)` is no metric."""
    metrics: dict[str, float] = {}
    for name, number in _METRIC.findall(text):
        try:
            metrics[name] = float(number)
        except ValueError:
            continue
    found = _HASH.findall(text)
    return AccuracyText(metrics, found[-1] if found else None)
