"""One object of the tree, and the runs of a result: what each has on disk, read once and checked for its type."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from submitter import layout
from submitter.checker.files import Unavailable, Unreadable
from submitter.logs import AccuracyEntry, DetailLog, LogFormatError, NoEntries, parse_detail, read_accuracy

if TYPE_CHECKING:
    from submitter.checker.tree import Result, Tree

_MB = 1 << 20
# Ten times and more what published rounds hold (the largest: a detail log of 6 MB, an accuracy.txt of 95 kB), and
# little enough that a hostile file costs seconds.
JSON_LIMIT_BYTES = 2 * _MB
TEXT_LIMIT_BYTES = 2 * _MB
_LOG_LIMIT_BYTES = 64 * _MB
MANIFEST_LIMIT_BYTES = 64 * _MB
_ANSWERS_LIMIT_BYTES = 64 * _MB

T = TypeVar("T")


class Node:
    """An object rules are asked of. `path` is its folder as the tree spells it, `parent` what holds it."""

    def __init__(self, tree: Tree, path: PurePosixPath, parent: Node | None) -> None:
        self.tree = tree
        self.files = tree.files
        self.layout = tree.layout
        self.path = path
        self.parent = parent
        self.cache: dict[str, Any] = {}
        # This object and everything that holds it.
        self.lineage: tuple[Node, ...] = (self, *parent.lineage) if parent else (self,)

    def load(self, name: str, read: Callable[[], T]) -> T:
        """Read once; remember the value or the reason why there is none."""
        value: Any = self.cache.get(name)
        if value is None and name not in self.cache:
            try:
                value = read()
            except Unavailable as reason:
                value = reason
            self.cache[name] = value
        if isinstance(value, Unavailable):
            raise value.with_traceback(None)
        return value  # type: ignore[no-any-return]

    def readers(self) -> list[Callable[[], object]]:
        """What reads this object's files, so that STR002 can report each that is unreadable."""
        return []

    def own_readers(self) -> list[Callable[[], object]]:
        """The same for files that the official checker does not read, for STR035."""
        return []


class Run(Node):
    """One LoadGen run: the folder that holds its logs."""

    result: Result

    def __init__(self, result: Result, path: PurePosixPath) -> None:
        super().__init__(result.tree, path, result)
        self.result = result

    @cached_property
    def detail_path(self) -> PurePosixPath:
        return self.path / layout.DETAIL_LOG

    @property
    def log(self) -> DetailLog:
        known = self.cache.get("log")  # asked a hundred times a run
        return known if isinstance(known, DetailLog) else self.load("log", self._read_log)

    def _read_log(self) -> DetailLog:
        data = self.files.read(self.detail_path, _LOG_LIMIT_BYTES)
        try:
            return parse_detail(data)
        except NoEntries:
            return DetailLog({}, (), ())  # the official checkers until v5.1 read it so; a rule tells of it
        except LogFormatError as error:
            raise Unreadable(self.detail_path, str(error)) from None

    def number(self, key: str) -> float:
        """A finite number of the detail log; Unavailable if it has none under this key."""
        value = self.log[key]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                if math.isfinite(value):
                    return value
            except OverflowError:
                pass
        raise Unavailable(self.detail_path, f"has no number under '{key}'")

    def figure(self, key: str) -> float:
        """A number of the detail log, or what Python makes one of, as the official checker takes a result's figure."""
        value = self.log[key]
        if isinstance(value, (str, bool)):
            try:
                return float(value)
            except ValueError:
                raise Unavailable(self.detail_path, f"has no number under '{key}'") from None
        return self.number(key)

    def text(self, key: str) -> str:
        value = self.log[key]
        if isinstance(value, str):
            return value
        raise Unavailable(self.detail_path, f"has no text under '{key}'")

    def flag(self, key: str) -> bool:
        value = self.log[key]
        if isinstance(value, bool):
            return value
        raise Unavailable(self.detail_path, f"has no true or false under '{key}'")

    def line(self, key: str) -> int | None:
        return self.log.line(key)

    def readers(self) -> list[Callable[[], object]]:
        return [lambda: self.log]


class PerformanceRun(Run):
    """The run whose figure is the result."""


class AccuracyRun(Run):
    """The run over the whole data set, and the score made of its answers."""

    @cached_property
    def score_path(self) -> PurePosixPath:
        return self.path / layout.ACCURACY_TEXT

    @cached_property
    def answers_path(self) -> PurePosixPath:
        return self.path / layout.ACCURACY_LOG

    @property
    def score_text(self) -> str:
        return self.load("score", lambda: self.files.text(self.score_path, TEXT_LIMIT_BYTES))

    def readers(self) -> list[Callable[[], object]]:
        return [*super().readers(), lambda: self.score_text]


class ComplianceRun(Run):
    """A compliance test of a result. `folder` holds the verification's output, `path` the performance logs."""

    def __init__(self, result: Result, test: str, folder: PurePosixPath) -> None:
        super().__init__(result, folder / "performance" / "run_1")
        self.test = test
        self.folder = folder

    @cached_property
    def answers_path(self) -> PurePosixPath:
        return self.folder / "accuracy" / layout.ACCURACY_LOG

    @property
    def answers(self) -> list[AccuracyEntry]:
        """The answers that the test logged."""
        return self.load("answers", self._read_answers)

    def _read_answers(self) -> list[AccuracyEntry]:
        if self.files.size(self.answers_path) > _ANSWERS_LIMIT_BYTES:
            raise Unreadable(self.answers_path, "are too large for the 100 that the test logs")
        self.files.opened.add(str(self.answers_path))
        try:
            return list(read_accuracy(self.files.root / self.answers_path))
        except LogFormatError as error:
            # The official verification takes any JSON, so a log that a tool wrote anew is still one.
            return self._answers_of_json(error)
        except OSError as error:
            raise Unreadable(self.answers_path, f"cannot be read: {error.strerror}") from None

    def _answers_of_json(self, why: LogFormatError) -> list[AccuracyEntry]:
        try:
            return [
                AccuracyEntry(
                    int(entry["qsl_idx"]),
                    bytes.fromhex(entry["data"]),
                    bytes.fromhex(entry["token_data"]) if "token_data" in entry else None,
                    int(entry["token_count"]) if "token_count" in entry else None,
                )
                for entry in json.loads(self.files.text(self.answers_path, _ANSWERS_LIMIT_BYTES))
            ]
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            raise Unreadable(self.answers_path, f"cannot be read: {why}") from None

    def readers(self) -> list[Callable[[], object]]:
        """None: what must be readable differs from test to test, and the rules of compliance say so."""
        return []

    def text_of(self, name: str) -> str:
        """A text file of the test's folder, such as `verify_accuracy.txt`."""
        return self.load(f"text {name}", lambda: self.files.text(self.folder / name, TEXT_LIMIT_BYTES))
