"""The power measurement of a result as an object of the tree: its logs, each read once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from pathlib import PurePosixPath
from typing import TypeVar

from submitter.model import Metric
from submitter.submission.files import JSON_LIMIT_BYTES, LOG_LIMIT_BYTES, Unavailable, Unreadable
from submitter.submission.node import Node
from submitter.submission.power import WATTS, PowerSession, energy_metric, is_energy_per_query
from submitter.submission.ptdaemon import (
    Malformed,
    PowerSamples,
    PtdLog,
    Window,
    moment_us,
    read_ptd_log,
    read_samples,
    window_of_log,
)
from submitter.submission.runs import ResultFacts, Run

T = TypeVar("T")


class Unmeasured(Unavailable):
    """The logs can be read, but give no power figure. Rule PWR002 reports this."""


class PowerRun(Node):
    """The power measurement of a result: the ranging run, the performance run, and the workflow's logs of both."""

    CLIENT, SERVER, PTD_LOG, SPL = "client.json", "server.json", "ptd_logs.txt", "spl.txt"

    def __init__(self, result: ResultFacts) -> None:
        grammar = result.context.layout
        super().__init__(result.context, grammar.power(result.key), result.lineage)
        self.result = result
        self.testing: Run = result.performance
        self.ranging = Run(result, grammar.ranging(result.key))
        self._sha1: dict[PurePosixPath, str] = {}

    @property
    def folder(self) -> PurePosixPath:
        """The folder that the paths in the workflow's checksums are relative to."""
        return self.path.parent

    @cached_property
    def client(self) -> PowerSession:
        return self._session(self.CLIENT)

    @cached_property
    def server(self) -> PowerSession:
        return self._session(self.SERVER)

    def _session(self, name: str) -> PowerSession:
        path = self.path / name
        return PowerSession(path, self.load(name, lambda: self.files.json_object(path, JSON_LIMIT_BYTES)))

    def samples(self, run: Run) -> PowerSamples:
        """The power samples of a run."""
        path = run.path / self.SPL
        return self._parsed(path, lambda: read_samples(self._text(path)))

    def window(self, run: Run) -> Window:
        """The begin and end of a run, as the official power checker reads them."""
        return self._parsed(run.detail_path, lambda: window_of_log(self._text(run.detail_path)))

    @property
    def ptd_log(self) -> PtdLog:
        """PTDaemon's log of the session that server.json names."""
        path = self.path / self.PTD_LOG
        try:
            session = str(self.server.get("session_name"))
        except (Malformed, Unreadable) as error:
            raise Unavailable(self.path / self.SERVER, str(error)) from None
        return self._parsed(path, lambda: read_ptd_log(self._text(path), session))

    def _parsed(self, path: PurePosixPath, parse: Callable[[], T]) -> T:
        def read() -> T:
            try:
                return parse()
            except Malformed as error:
                raise Unreadable(path, str(error)) from None

        return self.load(f"parsed {path}", read)

    def _text(self, path: PurePosixPath) -> str:
        data = self.files.read(path, LOG_LIMIT_BYTES)
        self._sha1[path] = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable(path, f"is not UTF-8 text (byte {error.start})") from None
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def sha1(self, path: PurePosixPath) -> str:
        """The SHA-1 of a file, which is the checksum that the workflow records."""
        if path not in self._sha1:
            data = self.files.read(path, LOG_LIMIT_BYTES)
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
        """The power figure: W in Offline, Server and Interactive, mJ per query in SingleStream and MultiStream.

        Unmeasured if the logs can be read but give no figure, Unavailable if they cannot be read.
        """
        return self.load("metric", self._metric)

    def _metric(self) -> Metric:
        run, scenario = self.testing, self.result.scenario
        spl = run.path / self.SPL
        try:
            window = Window(moment_us(run.text("power_begin")), moment_us(run.text("power_end")))
        except Malformed as error:
            raise Unmeasured(run.detail_path, f"does not state the time of the run: {error}") from None
        try:
            watts = self.samples(run).mean_watts(window)
        except Malformed as error:
            raise Unmeasured(spl, str(error)) from None
        if watts is None:
            raise Unmeasured(spl, f"has no sample above 0 W from {window}")
        if not is_energy_per_query(scenario):
            return Metric(watts, WATTS)
        queries = int(run.number("result_query_count"))
        if queries == 0:
            raise Unmeasured(run.detail_path, "has a query count of 0")
        return energy_metric(watts, window.duration_s, queries, scenario, run.text("effective_scenario"))
