"""LoadGen's logs as typed records.

`mlperf_log_detail.txt` has a line for each event or setting: `:::MLLOG` and a JSON object. A key may occur more than
once; the official parser takes the first occurrence (`log_parser.py`, `loadgen_parser.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat, takewhile
from pathlib import Path
from typing import Any

import msgspec

MARKER = b":::MLLOG"


class LogFormatError(ValueError):
    """A log that LoadGen did not write in this form; the message says where."""


class NoEntries(LogFormatError):
    """A text without a single LoadGen line, such as an empty one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line of a detail log."""

    key: str
    value: Any
    line: int
    """The line number, from 1."""
    is_error: bool
    is_warning: bool


class _Metadata(msgspec.Struct, gc=False):
    is_error: bool
    is_warning: bool


class _Line(msgspec.Struct, gc=False):
    """A line with its value still undecoded: a round has a million lines, and the values of most are never used."""

    key: str
    value: msgspec.Raw


class _Event(_Line, gc=False):
    metadata: _Metadata


class DetailLog:
    """A parsed detail log: the first entry of each key, and all errors and warnings.

    `foreign_line` is the number of the first line that is neither LoadGen's nor empty; 0 if there is none. `repeated`
    is the key and line of a setting or a result that has an earlier entry, None if there is none: LoadGen writes each
    once.
    """

    def __init__(
        self,
        first: dict[str, tuple[int, bytes]],
        errors: tuple[LogEntry, ...],
        warnings: tuple[LogEntry, ...],
        *,
        foreign_line: int = 0,
        repeated: tuple[str, int] | None = None,
    ) -> None:
        # By key: the line number of its first entry, and the value of that entry as JSON.
        self._first = first
        self._values: dict[str, Any] = {}
        self.errors = errors
        self.warnings = warnings
        self.foreign_line = foreign_line
        self.repeated = repeated

    def __getitem__(self, key: str) -> Any:
        """The value of the first entry of `key`; None if the log has no such key."""
        if key not in self._values:
            entry = self._first.get(key)
            self._values[key] = None if entry is None else _value(entry[1])
        return self._values[key]

    @property
    def begins_at(self) -> int:
        """The line number of the log's first entry; 0 if it has none."""
        return min((line for line, _ in self._first.values()), default=0)

    def __contains__(self, key: str) -> bool:
        return key in self._first

    def __iter__(self) -> Iterator[str]:
        """The keys, in the order of the log."""
        return iter(self._first)

    def texts(self) -> Iterator[tuple[str, bytes]]:
        """Each key and the value of its first entry, as JSON."""
        return ((key, value) for key, (_, value) in self._first.items())

    def line(self, key: str) -> int | None:
        """The line number of the first entry of `key`; None if the log has no such key."""
        entry = self._first.get(key)
        return entry[0] if entry else None


def _value(text: bytes) -> Any:
    """A JSON value. Plain integers and simple texts, which most values are, are decoded without a parser."""
    if text.isdigit() and len(text) < 19:
        return int(text)
    if text[:1] == b'"' and b"\\" not in text:
        return text[1:-1].decode()
    return json.loads(text.decode())


_decode_lines = msgspec.json.Decoder(_Line).decode_lines
_decode_events = msgspec.json.Decoder(_Event).decode_lines
_UNEVENTFUL = b'"is_error": false, "is_warning": false'
_HEAD = MARKER + b' {"key": "'
_VALUE = b'", "value": '
_LONG_BYTES = 100_000
# The most errors and warnings of a log together: eight times what published logs have (1,258). A log of gigabytes with
# an error in every line is not worth the memory.
_MOST_FLAGGED = 10_000
_ONCE = ("requested_", "effective_", "result_")
_ONCE_HEADS = tuple(_HEAD + prefix.encode() for prefix in _ONCE)
# Python's parser refuses numbers of more than 4,300 digits, and what is nested about 1,000 deep. A value of at most
# this many bytes, or with at most this many brackets, is not nested too deeply.
_SHALLOW = 500
_DIGITS_STEP = 4000


def parse_detail(data: bytes) -> DetailLog:
    """Parse the bytes of a detail log. LogFormatError if a marked line is malformed, NoEntries if there is none.

    Lines without LoadGen's mark are ignored, but they must be UTF-8 text.
    """
    try:
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise LogFormatError(f"line {number} is not a LoadGen entry: it is not UTF-8 text") from None
    try:
        return _parse_long(data) if len(data) > _LONG_BYTES else _parse_at_once(data)
    except LogFormatError:
        raise
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _parse_lines(data)


def _parse_long(data: bytes) -> DetailLog:
    """Parse a log in which keys repeat, as in long ones: LoadGen writes the same keys for each batch that it loads.

    Only the first line of each key is decoded. Of the others only the outer form is checked, and that they are neither
    errors nor warnings. ValueError if this does not work for the log.
    """
    lines = data.removesuffix(b"\n").split(b"\n")
    uneventful = data.count(_UNEVENTFUL) == len(lines) and all(map(bytes.endswith, lines, repeat(b"}}")))
    batches, batch = _repeated(lines)
    others = [*range(batches.start), *range(batches.stop, len(lines))]
    first_at: dict[bytes, int] = {}
    repeated = None
    for index in others:
        head = lines[index].partition(_VALUE)[0]
        if first_at.setdefault(head, index) != index and head.startswith(_ONCE_HEADS):
            repeated = head.removeprefix(_HEAD).decode(), index + 1
    for number, head in enumerate(batch, start=batches.start + 1):
        if head.startswith(_ONCE_HEADS):
            repeated = head.removeprefix(_HEAD).decode(), number
    if not uneventful or not all(head.startswith(_HEAD) for head in first_at):
        return _parse_at_once(data)
    firsts = _decode_lines(b"\n".join(lines[index][len(MARKER) :] for index in first_at.values()))
    first: dict[str, tuple[int, bytes]] = {}
    for index, line in zip(first_at.values(), firsts, strict=True):
        first.setdefault(line.key, (index + 1, _parsable(bytes(line.value))))
    return DetailLog(first, (), (), repeated=repeated)


def _repeated(lines: list[bytes]) -> tuple[range, list[bytes]]:
    """The lines, by index, that only repeat the keys of the lines before them, batch for batch in the same order.

    And the beginnings of the lines of one batch, as far as their keys.
    """
    seen: dict[bytes, int] = {}
    for index, line in enumerate(lines):
        head = line.partition(_VALUE)[0]
        if head in seen:
            break
        seen[head] = index
    else:
        return range(0), []
    begin, size = index, index - seen[head]
    batch = [line.partition(_VALUE)[0] + _VALUE for line in lines[begin - size : begin]]
    repeats = map(bytes.startswith, lines[begin::size], repeat(batch[0]))
    end = begin + size * sum(takewhile(bool, repeats))
    whole = all(all(map(bytes.startswith, lines[begin + i : end : size], repeat(head))) for i, head in enumerate(batch))
    return (range(begin, end), [head.removesuffix(_VALUE) for head in batch]) if whole else (range(0), [])


def _parsable(value: bytes) -> bytes:
    """The value, if Python's parser accepts it whenever it is asked for; else ValueError or RecursionError."""
    if len(value) <= _SHALLOW:
        return value
    is_text = value.startswith(b'"')
    if not is_text and (value.count(b"[") + value.count(b"{") > _SHALLOW or _has_long_number(value)):
        json.loads(value)
    return value


def _has_long_number(value: bytes) -> bool:
    """Whether the value may have a number that Python's parser refuses: its digits then fill one of these windows."""
    return any(value[begin : begin + 64].isdigit() for begin in range(0, len(value), _DIGITS_STEP))


def _parse_at_once(data: bytes) -> DetailLog:
    """Parse a log that consists of LoadGen lines alone, as nearly all do; ValueError for any other.

    Decoding all lines at once is several times faster, and faster still if none is an error or a warning.
    """
    text = data.replace(b"\n" + MARKER, b"\n")
    events = data.count(_UNEVENTFUL) != (count := data.count(b"\n", 0, -1) + 1)
    marked = data.startswith(MARKER) + (len(data) - len(text)) // len(MARKER)
    lines: list[Any] = (_decode_events if events else _decode_lines)(memoryview(text)[len(MARKER) :])
    if not len(lines) == count == marked:
        raise ValueError("some lines are not LoadGen's")
    first: dict[str, tuple[int, bytes]] = {}
    repeated = None
    for number, line in enumerate(lines, start=1):
        if (key := line.key) not in first:
            first[key] = (number, _parsable(bytes(line.value)))
        elif key.startswith(_ONCE):
            repeated = key, number
    flagged: list[LogEntry] = []
    for number, line in enumerate(lines if events else (), start=1):
        is_error, is_warning = line.metadata.is_error, line.metadata.is_warning
        if is_error or is_warning:
            _require_few(len(flagged), number)
            value = json.loads(bytes(line.value))
            flagged.append(LogEntry(key=line.key, value=value, line=number, is_error=is_error, is_warning=is_warning))
    errors = tuple(entry for entry in flagged if entry.is_error)
    return DetailLog(first, errors, tuple(entry for entry in flagged if not entry.is_error), repeated=repeated)


def _require_few(flagged_count: int, line: int) -> None:
    if flagged_count >= _MOST_FLAGGED:
        raise LogFormatError(f"line {line} is one of more than {_MOST_FLAGGED} errors and warnings")


def _parse_lines(data: bytes) -> DetailLog:
    """Parse line by line, with the same JSON parser as the official log parser: it accepts NaN, for example."""
    first: dict[str, tuple[int, bytes]] = {}
    errors: list[LogEntry] = []
    warnings: list[LogEntry] = []
    foreign_line, repeated = 0, None
    for number, text in enumerate(data.split(b"\n"), start=1):
        if not text.startswith(MARKER):
            foreign_line = foreign_line or (number if text.strip() else 0)
            continue
        try:
            line = json.loads(text[len(MARKER) :])
            key, value, metadata = line["key"], line["value"], line["metadata"]
            is_error, is_warning = bool(metadata["is_error"]), bool(metadata["is_warning"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise LogFormatError(f"line {number} is not a LoadGen entry: {error}") from None
        if not isinstance(key, str):
            raise LogFormatError(f"line {number} is not a LoadGen entry: its key is not text")
        if key not in first:
            first[key] = (number, json.dumps(value).encode())
        elif key.startswith(_ONCE):
            repeated = key, number
        if is_error or is_warning:
            _require_few(len(errors) + len(warnings), number)
            entry = LogEntry(key=key, value=value, line=number, is_error=is_error, is_warning=is_warning)
            (errors if is_error else warnings).append(entry)
    if not first:
        raise NoEntries("no line begins with ':::MLLOG'")
    return DetailLog(first, tuple(errors), tuple(warnings), foreign_line=foreign_line, repeated=repeated)


def read_detail(path: Path) -> DetailLog:
    """Parse a detail log; OSError if it cannot be read, LogFormatError if it is not one."""
    return parse_detail(path.read_bytes())


# The text that `truncate_accuracy_log.py` puts between the head and the tail of an accuracy log that it truncates.
TRUNCATION_MARK = b"\n\n...\n\n"


@dataclass(frozen=True, slots=True)
class AccuracyEntry:
    """One logged answer of the SUT."""

    qsl_idx: int
    """The index of the sample in the QSL."""
    data: bytes
    """The response: a buffer, which for language models has token ids."""
    token_data: bytes | None
    """The buffer with the first token ids, if LoadGen logged it."""
    token_count: int | None


# LoadGen writes one object per line, always with these keys in this order (logging.cc). On logs of gigabytes, this
# expression is several times faster than a JSON parser.
_ACCURACY_LINE = re.compile(
    rb'\s*\{ ?"seq_id"\s*:\s*\d+, "qsl_idx"\s*:\s*(\d{1,18}), "data"\s*:\s*"([0-9A-Fa-f]*)"'
    rb'(?:, "token_data"\s*:\s*"([0-9A-Fa-f]*)")?(?:, "token_count"\s*:\s*(\d{1,18}))? ?\},?\s*'
)


def _answer(line: re.Match[bytes] | None) -> AccuracyEntry:
    """The entry on a line; ValueError if there is none, or if its hex text has an odd number of digits."""
    if line is None:
        raise ValueError
    index, data, token_data, token_count = line.groups()
    return AccuracyEntry(
        qsl_idx=int(index),
        data=bytes.fromhex(data.decode()),
        token_data=None if token_data is None else bytes.fromhex(token_data.decode()),
        token_count=None if token_count is None else int(token_count),
    )


def read_accuracy(path: Path) -> Iterator[AccuracyEntry]:
    """The entries of an untruncated `mlperf_log_accuracy.json`, in the order of the log.

    OSError if it cannot be read, LogFormatError if a line is not an entry or the list is not closed.
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
                raise LogFormatError(f"{path.name}: line {number} is after the closing ']'")
            if line.strip() == b"]":
                closed = True
                continue
            match = _ACCURACY_LINE.fullmatch(line)
            try:
                yield _answer(match)
            except ValueError:
                message = f"{path.name}: line {number} is not an accuracy entry (is the log truncated?)"
                raise LogFormatError(message) from None
        if not closed:
            raise LogFormatError(f"{path.name} does not end with ']' (is the log incomplete?)")


@dataclass(frozen=True)
class AccuracyText:
    """The contents of `accuracy.txt`: the metrics by their official names, and the SHA-256 of the untruncated log."""

    metrics: dict[str, float]
    sha256: str | None


_METRIC = re.compile(r"'(\w+)':\s+'?([\d.]+)'?")
_HASH = re.compile(r"^hash=(\w+)$", re.MULTILINE)


def parse_accuracy_text(text: str) -> AccuracyText:
    """Read metrics as the official patterns do: only plain numbers, so `np.float64(44.4)` is not read."""
    metrics: dict[str, float] = {}
    for name, number in _METRIC.findall(text):
        try:
            metrics[name] = float(number)
        except ValueError:
            continue
    found = _HASH.findall(text)
    return AccuracyText(metrics, found[-1] if found else None)
