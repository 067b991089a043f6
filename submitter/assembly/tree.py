"""A tree in the making: which file of a run or of the submitter's goes where."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from submitter import compliance, documents, layout, schema
from submitter.assembly.plan import AssemblyPlan, TreeBenchmark
from submitter.errors import InputError
from submitter.layout import Layout
from submitter.logs import TRUNCATION_MARK, parse_accuracy_text
from submitter.manifest import Manifest, ManifestResult
from submitter.model import Mode, ResultKey, Scenario
from submitter.record import RunRecord, read_record, sha256_of, write_json_atomically
from submitter.rulebook import Rulebook, load_rulebook
from submitter.version import VERSION

# What the official truncate_accuracy_log.py (mlcommons/inference b66003e1) keeps of a log at either end.
TRUNCATED_BYTES = 4096

_SMOKE_LINE = (
    "SMOKE RUN: shortened runs that rehearse the process; this is no submission, and its figures mean nothing."
)

_LEFT_OUT = ("__pycache__", layout.AUDIT_CONFIG)
# A person's documents are texts of some pages; what is larger is none, and is copied unread.
_DOCUMENT_BYTES = 1 << 20


def truncated(log: Path, max_bytes: int) -> bytes:
    """An accuracy log as a submission carries it: whole if it is shorter than `max_bytes`, else its two ends."""
    size_bytes = log.stat().st_size
    with log.open("rb") as file:
        if size_bytes < max_bytes:
            return file.read()
        head = file.read(TRUNCATED_BYTES)
        file.seek(size_bytes - TRUNCATED_BYTES)
        return head + TRUNCATION_MARK + file.read()


def _run_files(grammar: Layout, book: Rulebook, key: ResultKey, mode: Mode) -> Iterator[tuple[str, PurePosixPath]]:
    """Each file of a run's folder that is handed in, and its place."""
    for name in (layout.DETAIL_LOG, layout.SUMMARY_LOG):
        yield name, grammar.run(key, mode) / name
    if mode is Mode.ACCURACY:
        yield layout.ACCURACY_TEXT, grammar.accuracy(key) / layout.ACCURACY_TEXT
        yield layout.ACCURACY_LOG, grammar.accuracy(key) / layout.ACCURACY_LOG
    elif mode.is_compliance:
        for name in book.compliance[mode].verify:
            yield name, grammar.compliance(key, mode) / name
        yield layout.ACCURACY_LOG, grammar.compliance_accuracy(key, mode) / layout.ACCURACY_LOG
    else:
        yield layout.ACCURACY_LOG, grammar.run(key, mode) / layout.ACCURACY_LOG


class TreeBuilder:
    """The tree of a plan, below `root`."""

    def __init__(self, root: Path, grammar: Layout, plan: AssemblyPlan) -> None:
        self.root = root
        self.grammar = grammar
        self.plan = plan
        self.book = load_rulebook(plan.round)

    def build(self, runs: Path) -> None:
        """All of it, from the runs below `runs`."""
        results = [self._result(runs, benchmark, scenario) for benchmark, scenario in self._results()]
        self._beside_results()
        self._write_manifest(results)

    def draft(self) -> list[PurePosixPath]:
        """All but what runs leave; returns the paths of that."""
        to_come = []
        for benchmark, scenario in self._results():
            key = self._key(benchmark, scenario)
            self._copy_measurements(benchmark.measurements / scenario, key)
            audits = (audit.mode for audit in compliance.runs(self.book, benchmark.official_name))
            for mode in (Mode.PERFORMANCE, Mode.ACCURACY, *audits):
                to_come += [path for _, path in _run_files(self.grammar, self.book, key, mode)]
        self._beside_results()
        return [*to_come, self.grammar.manifest(self.plan.division, self.plan.submitter)]

    def _results(self) -> Iterator[tuple[TreeBenchmark, Scenario]]:
        for benchmark in self.plan.benchmarks:
            for scenario in benchmark.scenarios:
                yield benchmark, scenario

    def _key(self, benchmark: TreeBenchmark, scenario: Scenario) -> ResultKey:
        return ResultKey(self.plan.division, self.plan.submitter, self.plan.system, benchmark.name, scenario)

    def _beside_results(self) -> None:
        plan, grammar = self.plan, self.grammar
        owner = (plan.division, plan.submitter)
        description = json.dumps(dict(plan.system_description), indent=2) + "\n"
        documents.require_filled(description, f"the description of system {plan.system}")
        self._write(grammar.system(*owner, plan.system), description.encode())
        mapping = {b.name: b.official_name for b in plan.benchmarks if b.name != b.official_name}
        if mapping:
            schema.validate(mapping, "model_mapping", layout.MODEL_MAPPING)
            self._write(grammar.model_mapping(*owner), (json.dumps(mapping, indent=2) + "\n").encode())
        self._write(grammar.code(*owner) / layout.README, self._reproduce().encode("utf-8", "backslashreplace"))
        if plan.source:
            # Before v6.0 the code lies under the name that the results have, since then under the official one.
            names = (b.official_name if grammar.nested else b.name for b in plan.benchmarks)
            for name in dict.fromkeys(names):
                self._copy_folder(plan.source, grammar.implementation(*owner, name))
        if plan.documentation:
            self._copy_folder(plan.documentation, grammar.documentation(*owner), is_document=True)

    def _result(self, runs: Path, benchmark: TreeBenchmark, scenario: Scenario) -> ManifestResult:
        key = self._key(benchmark, scenario)
        self._copy_measurements(benchmark.measurements / scenario, key)
        folder = runs / self.plan.system / benchmark.name / scenario
        optional = [mode for mode in Mode if mode in self.book.compliance and (folder / mode).is_dir()]
        records = {}
        log_sha256 = None
        for mode in (Mode.PERFORMANCE, Mode.ACCURACY, *optional):
            run = folder / mode
            record = records[str(mode)] = self._checked_record(run, key, benchmark, mode)
            if mode is Mode.ACCURACY:
                log_sha256 = _checked_accuracy(run)
            for name, destination in _run_files(self.grammar, self.book, key, mode):
                source = _need(run / name)
                if mode is Mode.ACCURACY and name == layout.ACCURACY_LOG:
                    self._write(destination, truncated(source, self.book.round.accuracy_log_max_bytes))
                else:
                    self._copy(source, destination)
            _check_unchanged(run, record)
        return ManifestResult(
            path=str(key),
            runs=records,
            accuracy_target=dict(benchmark.accuracy_target),
            accuracy_log_sha256=log_sha256,
        )

    def _checked_record(self, run: Path, key: ResultKey, benchmark: TreeBenchmark, mode: Mode) -> RunRecord:
        record = read_record(run)
        for what, found, wanted in (
            ("round", record.round, self.plan.runs_round or self.plan.round),
            ("system", record.system, key.system),
            ("benchmark", record.benchmark, benchmark.name),
            ("official benchmark", record.official_benchmark, benchmark.official_name),
            ("scenario", record.scenario, key.scenario),
            ("mode", record.mode, mode),
        ):
            if found != wanted:
                raise InputError(f"{run} is a run of {what} {found}, not {wanted}", "repeat the run or mend the plan")
        if record.smoke and not self.plan.smoke:
            raise InputError(f"{run} is a smoke run, and a submission takes none", "make the full run")
        return record.model_copy(update={"round": self.plan.round})

    def _copy_measurements(self, folder: Path, key: ResultKey) -> None:
        path = _need(folder / layout.MEASUREMENTS_JSON)
        try:
            content = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            raise InputError(f"{path} is no JSON file") from None
        schema.validate(content, "measurements", str(path))
        place = self.grammar.measurements(key)
        for name, destination in (
            (layout.USER_CONF, place / layout.USER_CONF),
            (layout.MEASUREMENTS_JSON, self.grammar.measurement_description(key)),
            (layout.README, place / layout.README),
        ):
            if not _need(folder / name).read_bytes().strip():
                raise InputError(f"{folder / name} is empty", "the rules want it to say something")
            _require_filled(folder / name)
            self._copy(folder / name, destination)
        if (folder / layout.ENGINE_TOML).is_file():
            self._copy(folder / layout.ENGINE_TOML, place / layout.ENGINE_TOML)

    def _reproduce(self) -> str:
        plan = self.plan
        lines = [
            "# How these results were made",
            "",
            f"With submitter {VERSION} for round {plan.round}, on system {plan.system}, by this command:",
            "",
            f"    {plan.command}",
            "",
            f"`{self.grammar.manifest(plan.division, plan.submitter).name}` in the documentation names, for each run,",
            "the packages with their versions, the data set and the model. Install those and give the command again.",
            "Beside each result lie `user.conf`, LoadGen's settings, and `engine.toml`, the engine's.",
        ]
        if plan.full_run:
            lines += ["", f"The full run takes about {plan.full_run.expected_s:.0f} s:"]
            lines += ["", f"    {plan.full_run.command}"]
        return (f"{_SMOKE_LINE}\n\n" if plan.smoke else "") + "\n".join(lines) + "\n"

    def _write_manifest(self, results: Iterable[ManifestResult]) -> None:
        """Last of all: the hash of every file, each flushed to the disk before the tree gets its name."""
        files = {}
        for path in sorted(self.root.rglob("*")):
            if path.is_file():
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
        write_json_atomically(path, manifest.model_dump(mode="json"))

    def _copy_folder(self, source: Path, destination: PurePosixPath, *, is_document: bool = False) -> None:
        """Copy a folder's files, without hidden ones and leavings of a run; InputError for a link or an odd file."""
        if not source.is_dir():
            raise InputError(f"{source} is no folder")
        for path in sorted(source.iterdir()):
            if path.name.startswith(".") or path.name in _LEFT_OUT:
                continue
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise InputError(f"{path} is a link or no plain file", "put a copy of the file there")
            if path.is_dir():
                self._copy_folder(path, destination / path.name, is_document=is_document)
            else:
                if is_document:
                    _require_filled(path)
                self._copy(path, destination / path.name)

    def _copy(self, source: Path, destination: PurePosixPath) -> None:
        if self.plan.smoke and source.name.lower().startswith("readme"):
            self._write(destination, f"{_SMOKE_LINE}\n\n".encode() + source.read_bytes())
            return
        path = self._place(destination)
        shutil.copyfile(source, path)
        shutil.copymode(source, path)

    def _write(self, destination: PurePosixPath, content: bytes) -> None:
        self._place(destination).write_bytes(content)

    def _place(self, destination: PurePosixPath) -> Path:
        path = self.root / destination
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _need(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path} is missing")
    return path


def _require_filled(path: Path) -> None:
    if path.stat().st_size <= _DOCUMENT_BYTES:
        documents.require_filled(path.read_text("utf-8", errors="replace"), str(path))


def _checked_accuracy(run: Path) -> str:
    """The SHA-256 of the untruncated log; InputError unless accuracy.txt names it."""
    text, log = _need(run / layout.ACCURACY_TEXT), _need(run / layout.ACCURACY_LOG)
    sha256 = sha256_of(log)
    named = parse_accuracy_text(text.read_text("utf-8", errors="replace")).sha256
    if named != sha256:
        raise InputError(
            f"{text} names the log {named or '(none)'}, but {log.name} beside it is {sha256}", "score the run again"
        )
    return sha256


def _check_unchanged(run: Path, record: RunRecord) -> None:
    """InputError if a file that the record vouches for is not what the run wrote."""
    for name, sha256 in record.files.items():
        path = run / name
        if path.is_file() and sha256_of(path) != sha256:
            raise InputError(f"{path} was changed after its run", "repeat the run")
