"""A submission as objects: Submission > DivisionDir > SubmitterDir > System > BenchmarkDir > Result > runs.

Everything is lazy and cached. Reading what is absent or unreadable raises `Unavailable`, which skips the rule that
needs it; only the rules in `rules/structure_files.py` report absent and unreadable files.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from submitter import layout
from submitter.model import Division, ResultKey, Scenario
from submitter.rulebook_tables import Benchmark
from submitter.submission import nameplate
from submitter.submission.endpoints import read_yaml
from submitter.submission.endpoints_runs import EndpointsAccuracy, EndpointsPerformance, is_endpoints
from submitter.submission.files import JSON_LIMIT_BYTES, LOG_LIMIT_BYTES, Unavailable
from submitter.submission.node import Context, Node
from submitter.submission.power_run import PowerRun
from submitter.submission.runs import AccuracyRun, ComplianceRun, PerformanceRun
from submitter.submission.survey import Survey, survey

_RATING_FIELD = "system_power_capacity"


class Unrated(Unavailable):
    """The file of the power supplies can be read, but its ratings cannot be added up. Rule PWR004 reports this."""


class Result(Node):
    """One scenario folder: the unit that is valid or not."""

    def __init__(self, benchmark: BenchmarkDir, name: str) -> None:
        super().__init__(benchmark.context, benchmark.path / name, benchmark.lineage)
        self.benchmark_dir = benchmark
        self.system: System = benchmark.system
        self.submitter: SubmitterDir = benchmark.system.submitter
        self.division = self.submitter.division
        self.key: ResultKey = ResultKey(self.division, self.submitter.name, self.system.name, benchmark.name, name)

    @cached_property
    def scenario(self) -> Scenario:
        """The folder's scenario, in any capitalization; Unavailable if the folder is not named after a scenario."""
        for scenario in Scenario:
            if scenario.value.lower() == self.key.scenario.lower():
                return scenario
        if self.key.scenario.lower() == "online" and self.is_endpoints:
            return Scenario.SERVER
        raise Unavailable(self.path, f"'{self.key.scenario}' is not a scenario")

    @property
    def official_name(self) -> str:
        return self.benchmark_dir.official_name

    @property
    def benchmark(self) -> Benchmark:
        """The rule book's benchmark for this result; Unavailable if there is none."""
        return self.benchmark_dir.benchmark

    @property
    def is_closed(self) -> bool:
        """Whether the rules of the closed division apply; they also apply to the network division."""
        return self.division in (Division.CLOSED, Division.NETWORK)

    @cached_property
    def performance(self) -> PerformanceRun:
        return PerformanceRun(self, self.layout.performance(self.key))

    @cached_property
    def accuracy(self) -> AccuracyRun:
        return AccuracyRun(self, self.layout.accuracy(self.key))

    @cached_property
    def compliance(self) -> dict[str, ComplianceRun]:
        """The compliance tests that have a folder, by name."""
        root = self.layout.compliance_root(self.key)
        names = (name for name in self.files.folders(root) if name.upper().startswith("TEST"))
        return {name: ComplianceRun(self, name) for name in names}

    @cached_property
    def is_endpoints(self) -> bool:
        """Whether mlcommons/endpoints measured the result, in a round whose official checker accepts that."""
        return self.book.endpoints is not None and is_endpoints(self)

    @cached_property
    def endpoints_performance(self) -> EndpointsPerformance:
        return EndpointsPerformance(self)

    @cached_property
    def endpoints_accuracy(self) -> EndpointsAccuracy:
        return EndpointsAccuracy(self)

    @property
    def parts(self) -> list[Node]:
        """The runs and measurements that rules judge separately; the result is invalid if one of them is."""
        if self.is_endpoints:
            return [self.endpoints_performance, self.endpoints_accuracy]
        power = [self.power] if self.power else []
        return [self.performance, self.accuracy, *power, *self.compliance.values()]

    @cached_property
    def has_power(self) -> bool:
        return self.files.exists(self.layout.power(self.key))

    @cached_property
    def power(self) -> PowerRun | None:
        """The power measurement; None if there is no folder for one."""
        return PowerRun(self) if self.has_power else None

    @cached_property
    def measurements_path(self) -> PurePosixPath:
        """The path of the description of the measurement; if there is none, the path where it is expected."""
        folder = self.layout.measurements(self.key)
        names = (n for n in self.files.names(folder) if self.layout.describes_measurement(self.key, n))
        return folder / next(names, layout.MEASUREMENTS_JSON if self.layout.nested else f"{self.key.system}.json")

    @cached_property
    def user_conf_path(self) -> PurePosixPath:
        return self.layout.measurements(self.key) / layout.USER_CONF

    @property
    def measurements(self) -> dict[str, Any]:
        return self.load("measurements", lambda: self.files.json_object(self.measurements_path, JSON_LIMIT_BYTES))

    @property
    def user_conf(self) -> str:
        return self.load("user.conf", lambda: self.files.text(self.user_conf_path, JSON_LIMIT_BYTES))

    def readers(self) -> list[Callable[[], object]]:
        return [lambda: self.measurements]

    def own_readers(self) -> list[Callable[[], object]]:
        return [lambda: self.user_conf]


class BenchmarkDir(Node):
    """A system's folder for one benchmark, which holds its scenarios."""

    def __init__(self, system: System, name: str) -> None:
        super().__init__(system.context, system.path / name, system.lineage)
        self.system: System = system
        self.name = name

    @cached_property
    def results(self) -> list[Result]:
        return [Result(self, name) for name in self.files.folders(self.path)]

    @property
    def official_name(self) -> str:
        """The round's benchmark that the folder is judged as; Unavailable if there is none."""
        return self.load("official name", self._find_official_name)

    def _find_official_name(self) -> str:
        name = self.book.official_name(self.name, self.system.submitter.known_model_mapping)
        if name is None:
            raise Unavailable(self.path, f"'{self.name}' is not a benchmark of round {self.book.name}")
        return name

    @property
    def benchmark(self) -> Benchmark:
        return self.book.benchmarks[self.official_name]


class System(Node):
    """The results folder of one system, and the system description in `systems/`."""

    def __init__(self, submitter: SubmitterDir, name: str) -> None:
        path = submitter.layout.results(submitter.division, submitter.name) / name
        super().__init__(submitter.context, path, submitter.lineage)
        self.submitter: SubmitterDir = submitter
        self.name: str = name

    @cached_property
    def benchmarks(self) -> list[BenchmarkDir]:
        return [BenchmarkDir(self, name) for name in self.files.folders(self.path)]

    @cached_property
    def description_path(self) -> PurePosixPath:
        return self.layout.system(self.submitter.division, self.submitter.name, self.name)

    @property
    def result_count(self) -> int:
        return sum(len(benchmark.results) for benchmark in self.benchmarks)

    @property
    def description(self) -> dict[str, Any]:
        return self.load("description", lambda: self.files.json_object(self.description_path, JSON_LIMIT_BYTES))

    def field(self, name: str) -> str:
        """A text field of the description; Unavailable if it is absent or not text."""
        value = self.description.get(name)
        if not isinstance(value, str):
            raise Unavailable(self.description_path, f"has no text for '{name}'")
        return value

    @property
    def nameplate_path(self) -> PurePosixPath:
        return self.layout.nameplate(self.submitter.division, self.submitter.name, self.name)

    @property
    def nameplate(self) -> Any:
        """The plain data in the file of the power supplies, whatever its structure."""
        return self.load("nameplate", lambda: read_yaml(self.files, self.nameplate_path))

    @property
    def design_power_watts(self) -> Any:
        """The power supplies' rating: as the description states it, else the sum over their file; None without both.

        Unavailable if the file cannot be read, Unrated if it does not follow the official template.
        """
        if _RATING_FIELD in self.description:
            return self.description[_RATING_FIELD]
        if self.files.kind(self.nameplate_path) is None:
            return None
        try:
            return nameplate.rated_watts(self.nameplate)
        except (ValueError, OverflowError, RecursionError) as error:
            raise Unrated(self.nameplate_path, str(error)) from None

    def readers(self) -> list[Callable[[], object]]:
        readers: list[Callable[[], object]] = [lambda: self.description]
        # Read for every system, as by the official checker, which a broken file aborts.
        return [*readers, lambda: self.nameplate] if self.book.power.nameplate else readers


class SubmitterDir(Node):
    """One submitter in one division."""

    def __init__(self, division: DivisionDir, name: str) -> None:
        super().__init__(division.context, division.layout.submitter_root(division.name, name), division.lineage)
        self.division = division.name
        self.name = name

    @cached_property
    def systems(self) -> list[System]:
        return [System(self, name) for name in self.files.folders(self.layout.results(self.division, self.name))]

    @property
    def result_count(self) -> int:
        return sum(system.result_count for system in self.systems)

    @cached_property
    def survey(self) -> Survey:
        """Everything in the folder, at any depth."""
        return survey(self.files, self.path, self.book.round.file_max_bytes)

    @cached_property
    def model_mapping_path(self) -> PurePosixPath:
        return self.layout.model_mapping(self.division, self.name)

    @property
    def model_mapping(self) -> dict[str, Any]:
        """The official benchmark for each benchmark name of an open submission; empty if there is no such file."""
        if self.division != Division.OPEN or not self.files.exists(self.model_mapping_path):
            return {}
        value = self.load("mapping", lambda: self.files.json(self.model_mapping_path, JSON_LIMIT_BYTES))
        # The official checker accepts any JSON and fails later, where it needs a name from it: STR007 reports that.
        return value if isinstance(value, dict) else {}

    @property
    def known_model_mapping(self) -> dict[str, str]:
        """The usable entries of the mapping; none if the file is unreadable, which STR002 reports."""
        try:
            return {name: value for name, value in self.model_mapping.items() if isinstance(value, str)}
        except Unavailable:
            return {}

    @cached_property
    def manifest_path(self) -> PurePosixPath:
        return self.layout.manifest(self.division, self.name)

    @property
    def has_manifest(self) -> bool:
        return self.files.kind(self.manifest_path) is not None

    @property
    def manifest_text(self) -> str:
        return self.load("manifest", lambda: self.files.text(self.manifest_path, LOG_LIMIT_BYTES))

    def readers(self) -> list[Callable[[], object]]:
        return [lambda: self.model_mapping]

    def own_readers(self) -> list[Callable[[], object]]:
        return [lambda: self.manifest_text] if self.has_manifest else []


class DivisionDir(Node):
    """The folder of one division, which holds its submitters."""

    def __init__(self, submission: Submission, name: str) -> None:
        super().__init__(submission.context, PurePosixPath(name), submission.lineage)
        self.name = name

    @cached_property
    def submitters(self) -> list[SubmitterDir]:
        return [SubmitterDir(self, name) for name in self.files.folders(self.path)]


class Submission(Node):
    """The whole tree: the folder that holds the divisions."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, PurePosixPath())

    @cached_property
    def divisions(self) -> list[DivisionDir]:
        folders = self.files.folders(PurePosixPath())
        return [DivisionDir(self, division.value) for division in Division if division.value in folders]

    @property
    def submitters(self) -> list[SubmitterDir]:
        return [submitter for division in self.divisions for submitter in division.submitters]
