"""The power measurement of a result: the logs of SPEC PTDaemon, and of the MLCommons client and server around it.

Official: get_power_metric of the submission checkers (from v6.0 on checks/power_check.py), power_checker.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from submitter.checker.files import Unavailable, Unreadable
from submitter.checker.finding import Metric, shown
from submitter.checker.ptd import (
    Malformed,
    PtdLog,
    Samples,
    Window,
    moment_us,
    read_ptd_log,
    read_samples,
    window_of_log,
)
from submitter.checker.runs import JSON_LIMIT_BYTES, Node, Run
from submitter.model import Scenario

if TYPE_CHECKING:
    from submitter.checker.tree import Result

T = TypeVar("T")

# Ten times what published rounds hold.
_LOG_LIMIT_BYTES = 64 << 20
_MJ_PER_J = 1000
_STREAMS = {Scenario.SINGLE_STREAM: 1, Scenario.MULTI_STREAM: 8}  # samples a query
WATTS, MILLIJOULES = "Watts", "millijoules"


class Unmeasured(Unavailable):
    """The logs can be read, but give no power figure: rule PWR002 reports it."""


class Session:
    """client.json or server.json: what one side of the power workflow recorded. Values are checked when asked for."""

    def __init__(self, path: PurePosixPath, content: dict[str, Any]) -> None:
        self.path = path
        self.content = content

    def get(self, *keys: str | int) -> Any:
        """The value under these keys, one inside the other; Malformed where there is none."""
        value: Any = self.content
        for depth, key in enumerate(keys):
            holds = isinstance(value, list if isinstance(key, int) else dict)
            if not holds or (key >= len(value) if isinstance(key, int) else key not in value):
                raise Malformed(f"there is no {_spelled(keys[: depth + 1])}")
            value = value[key]
        return value

    def text(self, *keys: str | int) -> str:
        value = self.get(*keys)
        if not isinstance(value, str):
            raise Malformed(f"{_spelled(keys)} is no text but {shown(value)}")
        return value

    def number(self, *keys: str | int) -> float:
        value = self.get(*keys)
        if not isinstance(value, (int, float)):
            raise Malformed(f"{_spelled(keys)} is no number but {shown(value)}")
        return value

    def count(self, *keys: str | int) -> int:
        """How many items there are: 0 is as good of an object as of a list."""
        value = self.get(*keys)
        if not isinstance(value, (list, dict, str)):
            raise Malformed(f"{_spelled(keys)} is no list but {shown(value)}")
        return len(value)

    def table(self, *keys: str | int) -> dict[str, Any]:
        value = self.get(*keys)
        if not isinstance(value, dict):
            raise Malformed(f"{_spelled(keys)} is no object but {shown(value)}")
        return value

    @property
    def commands(self) -> list[str]:
        """The commands that PTDaemon was sent, in order."""
        return [self.text("ptd_messages", i, "cmd") for i in range(self.count("ptd_messages"))]

    def reply(self, index: int) -> str:
        """What PTDaemon answered to one of them."""
        return self.text("ptd_messages", index, "reply")


def _spelled(keys: tuple[str | int, ...]) -> str:
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return f"'{text.removeprefix('.')}'"


class PowerRun(Node):
    """The power measurement of a result: a ranging run, the performance run, and the workflow's logs of both."""

    CLIENT, SERVER, PTD_LOG, SPL = "client.json", "server.json", "ptd_logs.txt", "spl.txt"

    def __init__(self, result: Result) -> None:
        super().__init__(result.tree, result.layout.power(result.key), result)
        self.result = result
        self.testing: Run = result.performance
        self.ranging = Run(result, result.layout.ranging(result.key))
        self._sha1: dict[PurePosixPath, str] = {}

    @property
    def folder(self) -> PurePosixPath:
        """The folder whose files the workflow's checksums name."""
        return self.path.parent

    @cached_property
    def client(self) -> Session:
        return self._session(self.CLIENT)

    @cached_property
    def server(self) -> Session:
        return self._session(self.SERVER)

    def _session(self, name: str) -> Session:
        path = self.path / name
        return Session(path, self.load(name, lambda: self.files.json_object(path, JSON_LIMIT_BYTES)))

    def samples(self, run: Run) -> Samples:
        path = run.path / self.SPL
        return self._parsed(path, lambda: read_samples(self._lines(path)))

    def window(self, run: Run) -> Window:
        """When the run was, as the power checker reads it."""
        return self._parsed(run.detail_path, lambda: window_of_log(self._lines(run.detail_path)))

    @property
    def ptd_log(self) -> PtdLog:
        """The log of the session that server.json names."""
        path = self.path / self.PTD_LOG
        try:
            session = str(self.server.get("session_name"))
        except (Malformed, Unreadable) as error:
            raise Unavailable(self.path / self.SERVER, str(error)) from None
        return self._parsed(path, lambda: read_ptd_log(self._lines(path), session))

    def _parsed(self, path: PurePosixPath, parse: Callable[[], T]) -> T:
        def read() -> T:
            try:
                return parse()
            except Malformed as error:
                raise Unreadable(path, str(error)) from None

        return self.load(f"parsed {path}", read)

    def _lines(self, path: PurePosixPath) -> list[str]:
        data = self.files.read(path, _LOG_LIMIT_BYTES)
        self._sha1[path] = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable(path, f"is not UTF-8 text (byte {error.start})") from None
        return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def sha1(self, path: PurePosixPath) -> str:
        """The checksum that the workflow records of a file."""
        if path not in self._sha1:
            data = self.files.read(path, _LOG_LIMIT_BYTES)
            self._sha1[path] = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        return self._sha1[path]

    def readers(self) -> list[Callable[[], object]]:
        return [
            lambda: self.client,
            lambda: self.server,
            lambda: self.ptd_log,
            *(lambda run=run: self.window(run) for run in (self.testing, self.ranging)),
            *(lambda run=run: self.samples(run) for run in (self.testing, self.ranging)),
        ]

    @property
    def metric(self) -> Metric:
        """The power figure: W in Offline, Server and Interactive, mJ a query in the streams.

        Unavailable where the logs do not give one, Unmeasured if they can be read nevertheless.
        """
        return self.load("metric", self._metric)

    def _metric(self) -> Metric:
        run, scenario = self.testing, self.result.scenario
        spl = run.path / self.SPL
        try:
            window = Window(moment_us(run.text("power_begin")), moment_us(run.text("power_end")))
        except Malformed as error:
            raise Unmeasured(run.detail_path, f"names no time of the run: {error}") from None
        try:
            watts = self.samples(run).mean_watts(window)
        except Malformed as error:
            raise Unmeasured(spl, str(error)) from None
        if watts is None:
            raise Unmeasured(spl, f"has no sample above 0 W from {window}")
        if scenario not in _STREAMS:
            return Metric(watts, WATTS)
        queries = int(run.number("result_query_count"))
        if queries == 0:
            raise Unmeasured(run.detail_path, "counts no query")
        energy_mj = watts * window.duration_s * _MJ_PER_J / queries
        # A query of MultiStream that was inferred is eight of the SingleStream queries that were run.
        if scenario is Scenario.MULTI_STREAM and run.text("effective_scenario") == Scenario.SINGLE_STREAM:
            energy_mj *= _STREAMS[scenario]
        return Metric(energy_mj, MILLIJOULES)


def power_metric(result: Result) -> Metric | None:
    """The power figure of a result; None where power was not measured, or its logs do not give one."""
    if result.power is None:
        return None
    try:
        return result.power.metric
    except Unavailable:
        return None


def samples_per_joule(result: Result, performance: Metric) -> float | None:
    """The efficiency of a result of this performance; None as for `power_metric`."""
    power = power_metric(result)
    if power is None:
        return None
    if power.unit == MILLIJOULES:
        return _STREAMS[result.scenario] * _MJ_PER_J / power.value
    return performance.value / power.value
