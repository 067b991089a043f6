"""From run folders to a submission tree, through the grammar of `layout`.

The tree is built beside its place and renamed into it: it is there whole or not at all, and the runs stay as they are.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from submitter import __version__, layout, schema, system
from submitter.errors import InputError, RunError
from submitter.layout import Layout, layout_of
from submitter.logs import TRUNCATION_MARK, parse_accuracy_text
from submitter.manifest import FullRun, Manifest, ManifestResult
from submitter.model import Division, Mode, ResultKey, Scenario
from submitter.record import RunRecord, read_record, sha256_of, write_json_atomically
from submitter.rulebook import load_rulebook

# What the official truncate_accuracy_log.py (mlcommons/inference b66003e1) keeps of a log at either end.
TRUNCATED_BYTES = 4096

SMOKE_LINE = "SMOKE RUN: shortened runs that rehearse the process; this is no submission, and its figures mean nothing."

_MEASUREMENTS = (layout.USER_CONF, layout.MEASUREMENTS_JSON, layout.README)
_LOGS = (layout.DETAIL_LOG, layout.SUMMARY_LOG)
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")
_LEFT_OUT = ("__pycache__", layout.AUDIT_CONFIG)


@dataclass(frozen=True)
class BenchmarkPlan:
    """One benchmark's part of a tree.

    `measurements` holds a folder for each scenario with `user.conf`, `measurements.json`, `README.md` and
    `engine.toml`; `accuracy_target` is the lowest allowed value of each metric.
    """

    name: str
    official_name: str
    scenarios: tuple[Scenario, ...]
    measurements: Path
    accuracy_target: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class AssemblyPlan:
    """One submitter's tree of one system. `system_description` is complete, `command` made the runs.

    `documentation` and `source` are folders whose files are copied (code for `src`, for each benchmark); `full_run`
    says how to make the submission that a smoke tree previews.
    """

    round: str
    division: Division
    submitter: str
    system: str
    system_description: Mapping[str, object]
    benchmarks: tuple[BenchmarkPlan, ...]
    command: str
    smoke: bool = False
    full_run: FullRun | None = None
    documentation: Path | None = None
    source: Path | None = None


def assemble(runs: Path, target: Path, *, plan: AssemblyPlan) -> Path:
    """Lay out the runs `<runs>/<system>/<benchmark>/<scenario>/<mode>/` as a tree of the plan's round at `target`.

    Returns `target`. An earlier tree of ours there is replaced as a whole. InputError if a run is not finished, was
    changed since, or belongs to another plan, if a file is missing, or if `target` holds anything that is not ours;
    RunError if the tree cannot be written. In either case `target` stays as it was.
    """
    target = target.absolute()
    building, replaced = (target.with_name(f".{target.name}.{state}") for state in ("building", "replaced"))
    grammar = layout_of(plan.round)
    _check_plan(plan)
    try:
        if replaced.exists() and not target.exists():
            replaced.rename(target)  # an earlier call was ended between its two renames
        _check_replaceable(target, grammar.manifest(plan.division, plan.submitter))
        for stale in (building, replaced):
            if stale.exists():
                shutil.rmtree(stale)
        building.mkdir(parents=True)
        try:
            _Tree(building, grammar, plan).build(runs)
            if target.exists():
                target.rename(replaced)
            building.rename(target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
            if replaced.exists() and not target.exists():
                replaced.rename(target)
        shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        raise RunError(
            f"the tree {target} could not be written: {error.strerror or error} ({error.filename or target})",
            "free some space or choose another folder, and assemble again; nothing was left half-written",
        ) from None
    return target


def truncated(log: Path, max_bytes: int) -> bytes:
    """An accuracy log as a submission carries it: whole if it is shorter than `max_bytes`, else its two ends."""
    size_bytes = log.stat().st_size
    with log.open("rb") as file:
        if size_bytes < max_bytes:
            return file.read()
        head = file.read(TRUNCATED_BYTES)
        file.seek(size_bytes - TRUNCATED_BYTES)
        return head + TRUNCATION_MARK + file.read()


def _check_plan(plan: AssemblyPlan) -> None:
    book = load_rulebook(plan.round)
    for what, name in (("submitter", plan.submitter), ("system", plan.system)):
        if not _NAME.fullmatch(name):
            raise InputError(f"{what} '{name}' is no folder name", "use letters, digits and . _ + -")
    if not plan.benchmarks or not all(benchmark.scenarios for benchmark in plan.benchmarks):
        raise InputError("there is nothing to assemble", "name at least one benchmark and one scenario of it")
    for benchmark in plan.benchmarks:
        if not _NAME.fullmatch(benchmark.name):
            raise InputError(f"benchmark '{benchmark.name}' is no folder name", "use letters, digits and . _ + -")
        book.benchmark(benchmark.official_name)
        if benchmark.name != benchmark.official_name and plan.division is not Division.OPEN:
            raise InputError(
                f"the {plan.division} division has no benchmark '{benchmark.name}'",
                f"only an open submission may map its own model to {benchmark.official_name}",
            )
    system.validate(dict(plan.system_description), f"the description of system {plan.system}")
    for key, wanted in (("division", str(plan.division)), ("submitter", plan.submitter)):
        if str(plan.system_description[key]).lower() != wanted.lower():
            raise InputError(
                f"the description of system {plan.system} has {key} {plan.system_description[key]}, not {wanted}"
            )


def _check_replaceable(target: Path, manifest_path: PurePosixPath) -> None:
    """InputError unless `target` is free, or a tree of ours that holds nothing else."""
    if not target.exists() and not target.is_symlink():
        return
    hint = "move it away, or assemble into another folder"
    if target.is_symlink() or not target.is_dir():
        raise InputError(f"{target} exists and is no folder", hint)
    if not any(target.iterdir()):
        return
    try:
        manifest = Manifest.model_validate_json((target / manifest_path).read_bytes())
    except (OSError, ValueError):
        raise InputError(f"{target} exists and holds no {manifest_path}, so it is not ours to replace", hint) from None
    ours = {*manifest.files, str(manifest_path)}
    for path in sorted(target.rglob("*")):
        relative = path.relative_to(target).as_posix()
        if relative not in ours and (path.is_symlink() or not path.is_dir()):
            raise InputError(f"{target} holds {relative}, which was not assembled, and would be lost", hint)


class _Tree:
    """The tree in the making, below `root`."""

    def __init__(self, root: Path, grammar: Layout, plan: AssemblyPlan) -> None:
        self.root = root
        self.grammar = grammar
        self.plan = plan
        self.log_max_bytes = load_rulebook(plan.round).round.accuracy_log_max_bytes

    def build(self, runs: Path) -> None:
        plan, grammar = self.plan, self.grammar
        owner = (plan.division, plan.submitter)
        results = [
            self._result(runs, benchmark, scenario) for benchmark in plan.benchmarks for scenario in benchmark.scenarios
        ]
        description = json.dumps(dict(plan.system_description), indent=2) + "\n"
        self._write(grammar.system(*owner, plan.system), description.encode())
        mapping = {b.name: b.official_name for b in plan.benchmarks if b.name != b.official_name}
        if mapping:
            schema.validate(mapping, "model_mapping", layout.MODEL_MAPPING)
            self._write(grammar.model_mapping(*owner), (json.dumps(mapping, indent=2) + "\n").encode())
        self._write(grammar.code(*owner) / layout.README, self._reproduce().encode("utf-8", "backslashreplace"))
        if plan.source:
            for official_name in dict.fromkeys(benchmark.official_name for benchmark in plan.benchmarks):
                self._copy_folder(plan.source, grammar.implementation(*owner, official_name))
        if plan.documentation:
            self._copy_folder(plan.documentation, grammar.documentation(*owner))
        self._write_manifest(results)

    def _result(self, runs: Path, benchmark: BenchmarkPlan, scenario: Scenario) -> ManifestResult:
        key = ResultKey(self.plan.division, self.plan.submitter, self.plan.system, benchmark.name, scenario)
        self._copy_measurements(benchmark.measurements / scenario, key)
        folder = runs / self.plan.system / benchmark.name / scenario
        optional = [mode for mode in Mode if mode.is_compliance and (folder / mode).is_dir()]
        records = {}
        log_sha256 = None
        for mode in (Mode.PERFORMANCE, Mode.ACCURACY, *optional):
            run = folder / mode
            record = records[str(mode)] = self._checked_record(run, key, benchmark, mode)
            for name in _LOGS:
                self._copy(_need(run / name), self.grammar.run(key, mode) / name)
            if mode is Mode.ACCURACY:
                log_sha256 = self._copy_accuracy(run, key)
            elif mode.is_compliance:
                verdict = layout.VERIFY_ACCURACY
                self._copy(_need(run / verdict), self.grammar.compliance(key, mode) / verdict)
                log = self.grammar.compliance_accuracy(key, mode) / layout.ACCURACY_LOG
                self._copy(_need(run / layout.ACCURACY_LOG), log)
            else:
                log = self.grammar.run(key, mode) / layout.ACCURACY_LOG
                self._copy(_need(run / layout.ACCURACY_LOG), log)
            _check_unchanged(run, record)
        return ManifestResult(
            path=str(key),
            runs=records,
            accuracy_target=dict(benchmark.accuracy_target),
            accuracy_log_sha256=log_sha256,
        )

    def _checked_record(self, run: Path, key: ResultKey, benchmark: BenchmarkPlan, mode: Mode) -> RunRecord:
        record = read_record(run)
        for what, found, wanted in (
            ("round", record.round, self.plan.round),
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
        return record

    def _copy_measurements(self, folder: Path, key: ResultKey) -> None:
        path = _need(folder / layout.MEASUREMENTS_JSON)
        try:
            content = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            raise InputError(f"{path} is no JSON file") from None
        schema.validate(content, "measurements", str(path))
        for name in _MEASUREMENTS:
            if not _need(folder / name).read_bytes().strip():
                raise InputError(f"{folder / name} is empty", "the rules want it to say something")
            self._copy(folder / name, self.grammar.measurements(key) / name)
        if (folder / layout.ENGINE_TOML).is_file():
            self._copy(folder / layout.ENGINE_TOML, self.grammar.measurements(key) / layout.ENGINE_TOML)

    def _copy_accuracy(self, run: Path, key: ResultKey) -> str:
        """Copy accuracy.txt and the truncated log; return the untruncated log's SHA-256, the one accuracy.txt names."""
        text, log = _need(run / layout.ACCURACY_TEXT), _need(run / layout.ACCURACY_LOG)
        sha256 = sha256_of(log)
        named = parse_accuracy_text(text.read_text("utf-8", errors="replace")).sha256
        if named != sha256:
            raise InputError(
                f"{text} names the log {named or '(none)'}, but {log.name} beside it is {sha256}", "score the run again"
            )
        self._copy(text, self.grammar.accuracy(key) / text.name)
        self._write(self.grammar.accuracy(key) / log.name, truncated(log, self.log_max_bytes))
        return sha256

    def _reproduce(self) -> str:
        plan = self.plan
        lines = [
            "# How these results were made",
            "",
            f"With submitter {__version__} for round {plan.round}, on system {plan.system}, by this command:",
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
        return (f"{SMOKE_LINE}\n\n" if plan.smoke else "") + "\n".join(lines) + "\n"

    def _write_manifest(self, results: Iterable[ManifestResult]) -> None:
        """Last of all: the hash of every file, each flushed to the disk before the tree gets its name."""
        files = {}
        for path in sorted(self.root.rglob("*")):
            if path.is_file():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
                files[path.relative_to(self.root).as_posix()] = sha256_of(path)
        manifest = Manifest(
            submitter_version=__version__,
            round=self.plan.round,
            smoke=self.plan.smoke,
            full_run=self.plan.full_run,
            results=tuple(results),
            files=files,
        )
        path = self.root / self.grammar.manifest(self.plan.division, self.plan.submitter)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json_atomically(path, manifest.model_dump(mode="json"))

    def _copy_folder(self, source: Path, destination: PurePosixPath) -> None:
        """Copy a folder's files, without hidden ones and leavings of a run; InputError for a link or an odd file."""
        if not source.is_dir():
            raise InputError(f"{source} is no folder")
        for path in sorted(source.iterdir()):
            if path.name.startswith(".") or path.name in _LEFT_OUT:
                continue
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise InputError(f"{path} is a link or no plain file", "put a copy of the file there")
            if path.is_dir():
                self._copy_folder(path, destination / path.name)
            else:
                self._copy(path, destination / path.name)

    def _copy(self, source: Path, destination: PurePosixPath) -> None:
        if self.plan.smoke and source.name.lower().startswith("readme"):
            self._write(destination, f"{SMOKE_LINE}\n\n".encode() + source.read_bytes())
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


def _check_unchanged(run: Path, record: RunRecord) -> None:
    """InputError if a file that the record vouches for is not what the run wrote."""
    for name, sha256 in record.files.items():
        path = run / name
        if path.is_file() and sha256_of(path) != sha256:
            raise InputError(f"{path} was changed after its run", "repeat the run")
