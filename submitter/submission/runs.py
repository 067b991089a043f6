"""The LoadGen runs of a result: the files of each, read once, with values checked for their type."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Protocol

from submitter import layout
from submitter.errors import os_reason
from submitter.logs import AccuracyEntry, DetailLog, LogFormatError, NoEntries, parse_detail, read_accuracy
from submitter.model import ResultKey, Scenario
from submitter.rulebook_tables import Benchmark
from submitter.submission.accuracy_text import Score, read_score
from submitter.submission.files import LOG_LIMIT_BYTES, TEXT_LIMIT_BYTES, Unavailable, Unreadable
from submitter.submission.node import Context, Node


class SystemFacts(Protocol):
    """What a run uses of the system that it was made on; `tree.System` is one."""

    @property
    def description(self) -> dict[str, Any]: ...

    @property
    def description_path(self) -> PurePosixPath: ...

    @property
    def design_power_watts(self) -> Any: ...

    def field(self, name: str) -> str: ...


class ResultFacts(Protocol):
    """What a run uses of the result that it belongs to; `tree.Result` is one."""

    context: Context
    path: PurePosixPath
    lineage: tuple[Node, ...]
    key: ResultKey
    division: str

    @property
    def system(self) -> SystemFacts: ...

    @property
    def scenario(self) -> Scenario: ...

    @property
    def official_name(self) -> str: ...

    @property
    def benchmark(self) -> Benchmark: ...

    @property
    def is_closed(self) -> bool: ...

    @property
    def has_power(self) -> bool: ...

    @property
    def performance(self) -> PerformanceRun: ...

    @property
    def accuracy(self) -> AccuracyRun: ...


class Run(Node):
    """One LoadGen run: the folder that holds its logs."""

    def __init__(self, result: ResultFacts, path: PurePosixPath) -> None:
        super().__init__(result.context, path, result.lineage)
        self.result = result

    @cached_property
    def detail_path(self) -> PurePosixPath:
        return self.path / layout.DETAIL_LOG

    @property
    def log(self) -> DetailLog:
        cached = self.cache.get("log")  # a shortcut: rules use the log of a run a hundred times
        return cached if isinstance(cached, DetailLog) else self.load("log", self._read_log)

    def _read_log(self) -> DetailLog:
        data = self.files.read(self.detail_path, LOG_LIMIT_BYTES)
        try:
            return parse_detail(data)
        except NoEntries:
            return DetailLog({}, (), ())  # as the official checkers do until v5.1; a rule reports it
        except LogFormatError as error:
            raise Unreadable(self.detail_path, str(error)) from None

    def number(self, key: str) -> float:
        """The finite number that the detail log has for a key; Unavailable if it has none."""
        value = self.log[key]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                if math.isfinite(value):
                    return value
            except OverflowError:
                pass
        raise Unavailable(self.detail_path, f"has no number for '{key}'")

    def figure(self, key: str) -> float:
        """The number for a key, also from a text or a boolean, as the official checker converts a result's figure."""
        value = self.log[key]
        if isinstance(value, (str, bool)):
            try:
                return float(value)
            except ValueError:
                raise Unavailable(self.detail_path, f"has no number for '{key}'") from None
        return self.number(key)

    def text(self, key: str) -> str:
        value = self.log[key]
        if isinstance(value, str):
            return value
        raise Unavailable(self.detail_path, f"has no text for '{key}'")

    def flag(self, key: str) -> bool:
        value = self.log[key]
        if isinstance(value, bool):
            return value
        raise Unavailable(self.detail_path, f"has no true or false for '{key}'")

    def line(self, key: str) -> int | None:
        return self.log.line(key)

    def readers(self) -> list[Callable[[], object]]:
        return [lambda: self.log]


class PerformanceRun(Run):
    """The run whose figure is the result."""


class AccuracyRun(Run):
    """The run over the whole data set, and the score of its answers."""

    @cached_property
    def score_path(self) -> PurePosixPath:
        return self.path / layout.ACCURACY_TEXT

    @cached_property
    def answers_path(self) -> PurePosixPath:
        return self.path / layout.ACCURACY_LOG

    @property
    def score_text(self) -> str:
        return self.load("score text", lambda: self.files.text(self.score_path, TEXT_LIMIT_BYTES))

    @property
    def score(self) -> Score:
        """The contents of accuracy.txt; Unavailable if there is none, or if the round has no metrics for the result."""
        return self.load("score", self._read_score)

    def _read_score(self) -> Score:
        targets = self.result.benchmark.accuracy_targets(self.result.scenario)
        return read_score(self.score_text, targets, self.book.accuracy_patterns)

    def readers(self) -> list[Callable[[], object]]:
        return [*super().readers(), lambda: self.score_text]


class ComplianceRun(Run):
    """A compliance test of a result. `folder` holds the output of its verification, `path` the logs of its run."""

    def __init__(self, result: ResultFacts, test: str) -> None:
        grammar, key = result.context.layout, result.key
        super().__init__(result, grammar.compliance_performance(key, test))
        self.test = test
        self.folder = grammar.compliance(key, test)
        self.accuracy_folder = grammar.compliance_accuracy(key, test)

    @cached_property
    def answers_path(self) -> PurePosixPath:
        return self.accuracy_folder / layout.ACCURACY_LOG

    @property
    def answers(self) -> list[AccuracyEntry]:
        """The answers in the accuracy log of the test."""
        return self.load("answers", self._read_answers)

    def _read_answers(self) -> list[AccuracyEntry]:
        if self.files.size(self.answers_path) > LOG_LIMIT_BYTES:
            raise Unreadable(self.answers_path, "is too large: the test logs 100 answers")
        self.files.opened.add(str(self.answers_path))
        try:
            return list(read_accuracy(self.files.root / self.answers_path))
        except LogFormatError as error:
            # The official verification accepts any JSON, so a log that a tool has rewritten is accepted here, too.
            return self._answers_of_json(error)
        except OSError as error:
            raise Unreadable(self.answers_path, f"cannot be read: {os_reason(error)}") from None

    def _answers_of_json(self, format_error: LogFormatError) -> list[AccuracyEntry]:
        try:
            return [
                AccuracyEntry(
                    qsl_idx=int(entry["qsl_idx"]),
                    data=bytes.fromhex(entry["data"]),
                    token_data=bytes.fromhex(entry["token_data"]) if "token_data" in entry else None,
                    token_count=int(entry["token_count"]) if "token_count" in entry else None,
                )
                for entry in json.loads(self.files.text(self.answers_path, LOG_LIMIT_BYTES))
            ]
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            raise Unreadable(self.answers_path, f"cannot be read: {format_error}") from None

    def readers(self) -> list[Callable[[], object]]:
        """None: which files must be readable depends on the test, so the compliance rules report it."""
        return []

    def score_text(self, which: str) -> str:
        """The text of one of TEST01's two scores, `baseline` or `compliance`."""
        path = self.layout.compliance_score(self.result.key, self.test, which)
        return self.load(f"score {which}", lambda: self.files.text(path, TEXT_LIMIT_BYTES))

    def text_of(self, name: str) -> str:
        """The text of a file in the test's folder, such as `verify_accuracy.txt`."""
        return self.load(f"text {name}", lambda: self.files.text(self.folder / name, TEXT_LIMIT_BYTES))
