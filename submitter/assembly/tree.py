"""Builds a tree: copies each file of the runs and of the submitter to its path, and writes the manifest."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from submitter import documents, layout, schema
from submitter.assembly.plan import AssemblyPlan, TreeBenchmark
from submitter.assembly.runs import existing, kept_settings, require_unchanged, run_files, score_of, truncated
from submitter.errors import InputError
from submitter.layout import Layout
from submitter.manifest import Manifest, ManifestResult, code_differences
from submitter.model import Division, Mode, ResultKey, Scenario
from submitter.record import RunRecord, read_record, sha256_of, write_json_atomically
from submitter.rulebook import load_rulebook
from submitter.units import BYTES_PER_MIB
from submitter.version import VERSION

_SMOKE_LINE = (
    "SMOKE RUN: shortened runs that rehearse the process; this is not a submission, and its figures mean nothing."
)

_LEFT_OUT = ("__pycache__", layout.AUDIT_CONFIG)
# Documents are texts of a few pages. A larger file is something else and is not searched for parts to fill in.
_DOCUMENT_BYTES = BYTES_PER_MIB


@dataclass(frozen=True, kw_only=True)
class DraftFiles:
    """The files of a draft, by their paths in the tree."""

    run_files: tuple[PurePosixPath, ...]
    """Those that are written after the runs, and the manifest."""
    missing: tuple[PurePosixPath, ...]
    """Those that the submitter has still to write."""
    sources: Mapping[PurePosixPath, Path]
    """The file that each of the others was copied from; those that are made have none."""


class TreeBuilder:
    """Builds the tree of a plan in the folder `root`."""

    def __init__(self, root: Path, grammar: Layout, plan: AssemblyPlan) -> None:
        self.root = root
        self.grammar = grammar
        self.plan = plan
        self.book = load_rulebook(plan.round)
        self.sources: dict[PurePosixPath, Path] = {}
        """The file that each file of the tree was copied from; of a whole tree, without those that the runs wrote."""

    def build(self, runs: Path) -> None:
        """Build the whole tree from the runs in `runs`."""
        results = [self._write_result(runs, benchmark, scenario) for benchmark, scenario in self._results()]
        self._write_submitter_files()
        self._write_manifest(results)

    def draft(self) -> DraftFiles:
        """Build what exists already, finished or not, except the runs' files."""
        later = []
        missing = []
        for benchmark, scenario in self._results():
            key = self._key(benchmark, scenario)
            for source, destination in self._measurement_files(benchmark.measurements / scenario, key):
                if source.is_file():
                    self._copy(source, destination)
                elif source.name != layout.ENGINE_TOML:
                    missing.append(destination)
            audits = [Mode(test) for test in self.book.benchmark(benchmark.official_name).compliance]
            for mode in (Mode.PERFORMANCE, Mode.ACCURACY, *audits):
                later += [path for _, path in run_files(self.grammar, self.book, key, mode)]
        self._write_submitter_files(is_draft=True)
        manifest = self.grammar.manifest(self.plan.division, self.plan.submitter)
        return DraftFiles(run_files=(*later, manifest), missing=tuple(missing), sources=dict(self.sources))

    def _results(self) -> Iterator[tuple[TreeBenchmark, Scenario]]:
        for benchmark in self.plan.benchmarks:
            for scenario in benchmark.scenarios:
                yield benchmark, scenario

    def _key(self, benchmark: TreeBenchmark, scenario: Scenario) -> ResultKey:
        return ResultKey(self.plan.division, self.plan.submitter, self.plan.system, benchmark.name, scenario)

    def _write_submitter_files(self, *, is_draft: bool = False) -> None:
        """Write what belongs to no single result: system description, model mapping, code and documentation."""
        plan, grammar = self.plan, self.grammar
        owner = (plan.division, plan.submitter)
        description = json.dumps(dict(plan.system_description), indent=2) + "\n"
        if not is_draft:
            documents.require_filled(description, f"the description of system {plan.system}")
        self._write(grammar.system(*owner, plan.system), description.encode())
        mapping = {b.name: b.official_name for b in plan.benchmarks if b.name != b.official_name}
        if mapping:
            schema.validate(mapping, "model_mapping", layout.MODEL_MAPPING)
            self._write(grammar.model_mapping(*owner), (json.dumps(mapping, indent=2) + "\n").encode())
        readme = self._readme().encode("utf-8", "backslashreplace")
        self._write(grammar.code(*owner) / layout.README, readme)
        if plan.source:
            # Before v6.0 the code folder has the name of the results folder, since then that of the official benchmark.
            names = (b.official_name if grammar.nested else b.name for b in plan.benchmarks)
            for name in dict.fromkeys(names):
                self._copy_folder(plan.source, grammar.implementation(*owner, name))
        if plan.documentation and not (is_draft and not plan.documentation.is_dir()):
            self._copy_folder(plan.documentation, grammar.documentation(*owner), must_be_filled=not is_draft)

    def _write_result(self, runs: Path, benchmark: TreeBenchmark, scenario: Scenario) -> ManifestResult:
        key = self._key(benchmark, scenario)
        folder = runs / self.plan.system / benchmark.name / scenario
        optional = [mode for mode in Mode if mode in self.book.compliance and (folder / mode).is_dir()]
        records = {}
        for mode in (Mode.PERFORMANCE, Mode.ACCURACY, *optional):
            run = folder / mode
            record = records[str(mode)] = self._checked_record(run, key, benchmark, mode)
            if mode is Mode.ACCURACY:
                score = score_of(run)
            for name, destination in run_files(self.grammar, self.book, key, mode):
                source = existing(run / name)
                if mode is Mode.ACCURACY and name == layout.ACCURACY_LOG:
                    self._write(destination, truncated(source, self.book.round.accuracy_log_max_bytes))
                else:
                    self._copy(source, destination, of_run=True)
            require_unchanged(run, record)
        if self.plan.division is not Division.OPEN:  # of an open result, the check reports it
            _require_one_code(folder, records)
        self._write_measurements(benchmark.measurements / scenario, folder / Mode.PERFORMANCE, records, key)
        return ManifestResult(
            path=str(key),
            runs=records,
            scores=score.metrics,
            accuracy_target=dict(benchmark.accuracy_target),
            accuracy_log_sha256=score.sha256,
        )

    def _checked_record(self, run: Path, key: ResultKey, benchmark: TreeBenchmark, mode: Mode) -> RunRecord:
        record = read_record(run, f"make it with: {self.plan.command}")
        for what, found, required in (
            ("round", record.round, self.plan.runs_round or self.plan.round),
            ("system", record.system, key.system),
            ("benchmark", record.benchmark, benchmark.name),
            ("official benchmark", record.official_benchmark, benchmark.official_name),
            ("scenario", record.scenario, key.scenario),
            ("mode", record.mode, mode),
        ):
            if found != required:
                raise InputError(f"{run} is a run of {what} {found}, not {required}", "run it again or fix the plan")
        if record.smoke and not self.plan.smoke:
            raise InputError(f"{run} is a smoke run, which a submission may not contain", "make the full run")
        return record.model_copy(update={"round": self.plan.round})

    def _write_measurements(self, folder: Path, run: Path, records: Mapping[str, RunRecord], key: ResultKey) -> None:
        """Copy the settings that the performance run kept, and the documents in `folder`.

        An older run kept only its user.conf: the other settings are then those in `folder`, which the caller has
        compared with the record.
        """
        path = existing(folder / layout.MEASUREMENTS_JSON)
        try:
            content = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            raise InputError(f"{path} is not a JSON file") from None
        schema.validate(content, "measurements", str(path))
        kept = kept_settings(records[Mode.PERFORMANCE])
        for name in kept:
            self._copy_measurement(run / name, self.grammar.measurements(key) / name, of_run=True)
        for source, destination in self._measurement_files(folder, key):
            if source.name in kept or (layout.ENGINE_TOML in kept and source.suffix == layout.SERVER_OPTIONS):
                continue
            if source.name != layout.ENGINE_TOML or source.is_file():
                self._copy_measurement(source, destination)

    def _copy_measurement(self, source: Path, destination: PurePosixPath, *, of_run: bool = False) -> None:
        if not existing(source).read_bytes().strip():
            raise InputError(f"{source} is empty", "fill it in: the rules require its content")
        _require_filled(source)
        self._copy(source, destination, of_run=of_run)

    def _measurement_files(self, folder: Path, key: ResultKey) -> Iterator[tuple[Path, PurePosixPath]]:
        """The files of a scenario's measurements folder, each with its path in the tree.

        engine.toml is optional, and so are YAML files: the options with which the engine's servers were started.
        """
        measurements = self.grammar.measurements(key)
        for name in dict.fromkeys((layout.USER_CONF, *self.book.measurements.required_files)):
            if name not in (layout.MEASUREMENTS_JSON, layout.README):
                yield folder / name, measurements / name
        yield folder / layout.MEASUREMENTS_JSON, self.grammar.measurement_description(key)
        yield folder / layout.README, measurements / layout.README
        yield folder / layout.ENGINE_TOML, measurements / layout.ENGINE_TOML
        for path in sorted(folder.glob(f"*{layout.SERVER_OPTIONS}")):
            yield path, measurements / path.name

    def _readme(self) -> str:
        """The README of the code folder: how to repeat the runs."""
        plan = self.plan
        lines = [
            "# How these results were made",
            "",
            f"With submitter {VERSION} for round {plan.round}, on system {plan.system}, with this command, in the",
            "folder of the campaign file:",
            "",
            f"    {plan.command}",
            "",
            f"`{self.grammar.manifest(plan.division, plan.submitter).name}` in the documentation folder lists, for",
            "each run, the packages with their versions, the data set and the model. Install them and run the command",
            "again.",
            "Each result comes with LoadGen's settings in `user.conf` and the engine's in `engine.toml`.",
        ]
        if plan.full_run:
            lines += ["", f"The full run takes about {plan.full_run.expected_s:.0f} s:"]
            lines += ["", f"    {plan.full_run.command}"]
        return (f"{_SMOKE_LINE}\n\n" if plan.smoke else "") + "\n".join(lines) + "\n"

    def _write_manifest(self, results: Iterable[ManifestResult]) -> None:
        """Write the manifest, as the last file. Every file is flushed to the disk before the tree is renamed.

        Permissions are the same whoever assembles: of the source files only that a script can be executed is kept.
        """
        files = {}
        for path in sorted(self.root.rglob("*")):
            if path.is_file():
                path.chmod(0o755 if _is_script(path) else 0o644)
                with path.open("rb") as file:
                    os.fsync(file.fileno())
                files[path.relative_to(self.root).as_posix()] = sha256_of(path)
        manifest = Manifest(
            submitter_version=VERSION,
            round=self.plan.round,
            smoke=self.plan.smoke,
            full_run=self.plan.full_run,
            results=tuple(results),
            files=files,
        )
        path = self.root / self.grammar.manifest(self.plan.division, self.plan.submitter)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json_atomically(path, manifest.sealed())
        path.chmod(0o644)
        for folder in (self.root, *self.root.rglob("*/")):
            folder.chmod(0o755)

    def _copy_folder(self, source: Path, destination: PurePosixPath, *, must_be_filled: bool = False) -> None:
        """Copy a folder, without hidden files and remains of a run. InputError for a link or a special file."""
        if not source.is_dir():
            raise InputError(f"{source} is not a folder")
        for path in sorted(source.iterdir()):
            if path.name.startswith(".") or path.name in _LEFT_OUT:
                continue
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise InputError(f"{path} is a link or a special file", "put a copy of the file there")
            if path.is_dir():
                self._copy_folder(path, destination / path.name, must_be_filled=must_be_filled)
            else:
                if must_be_filled:
                    _require_filled(path)
                self._copy(path, destination / path.name)

    def _copy(self, source: Path, destination: PurePosixPath, *, of_run: bool = False) -> None:
        if not of_run:
            self.sources[destination] = source
        if self.plan.smoke and source.name.lower().startswith("readme"):
            self._write(destination, f"{_SMOKE_LINE}\n\n".encode() + source.read_bytes())
            return
        path = self._new_file(destination)
        shutil.copyfile(source, path)
        shutil.copymode(source, path)

    def _write(self, destination: PurePosixPath, content: bytes) -> None:
        self._new_file(destination).write_bytes(content)

    def _new_file(self, destination: PurePosixPath) -> Path:
        path = self.root / destination
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return bool(path.stat().st_mode & stat.S_IXUSR) and file.read(2) == b"#!"


def _require_one_code(folder: Path, records: Mapping[str, RunRecord]) -> None:
    """InputError if the runs of a result contradict each other: the same code makes the performance and accuracy runs.

    Whether another host is one of the same system is for the check to say.

    Source: inference_rules.adoc, section "LoadGen Operation" (mlcommons/inference_policies at ac93e89).
    """
    for what, stated in code_differences(records):
        found = ", ".join(f"{mode} {text}" for mode, text in stated.items())
        raise InputError(
            f"the runs in {folder} differ in their {what}: {found}",
            "make them again with one version and one setting; the rules require it outside the open division",
        )


def _require_filled(path: Path) -> None:
    if path.stat().st_size <= _DOCUMENT_BYTES:
        documents.require_filled(path.read_text("utf-8", errors="replace"), str(path))
