"""Run folders become a v6.1 tree: whole or not at all, with nothing that does not belong, and the runs untouched."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import resource
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
import real_loadgen

from submitter import assembly, layout, record
from submitter.assembly.replaced import require_unedited
from submitter.errors import InputError, RunError
from submitter.manifest import Manifest, ManifestFullRun, is_edited
from submitter.model import Division, Mode, Scenario
from submitter.record import DatasetFacts, ModelFacts, Provenance, RunRecord
from submitter.scoring import Accuracy, write_accuracy_text

pytest.importorskip("mlperf_loadgen")

SYSTEM, NAME, OFFICIAL = "box", "tiny", "llama2-70b-99.9"
RESULT = f"open/Example/results/{SYSTEM}/{NAME}"
SCENARIOS = (Scenario.OFFLINE, Scenario.SERVER)
MODES = (Mode.PERFORMANCE, Mode.ACCURACY, Mode.TEST06)
DESCRIPTION = json.loads((Path(__file__).parent / "data" / "system.json").read_text())


def finish(folder: Path, scenario: Scenario, mode: Mode, *, smoke: bool = False, **changes: object) -> None:
    """Write the record of a run whose logs are in `folder`."""
    facts = {
        "smoke": smoke,
        "round": "v6.1",
        "system": SYSTEM,
        "benchmark": NAME,
        "official_benchmark": OFFICIAL,
        "scenario": scenario,
        "mode": mode,
        "plan_sha256": "0" * 64,
        "engine": "echo",
        "engine_settings": {},
        "dataset": DatasetFacts(name="d", sample_count=200, sha256="1" * 64),
        "model": ModelFacts(name="m", sha256="2" * 64),
        "loadgen_version": "6.0.17",
        "started_utc": "2026-11-21T00:00:00Z",
        "duration_s": 1.0,
        "sample_count": 200,
        "token_count": 2000,
        "files": {path.name: record.sha256_of(path) for path in folder.iterdir() if path.name != record.RECORD},
    }
    finished = RunRecord.model_validate({**facts, **changes})
    record.write_json_atomically(folder / record.RECORD, finished.model_dump(mode="json"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`runs/` with real logs of all modes of two scenarios, and `measurements/`; copied for each test."""
    root = tmp_path_factory.mktemp("made")
    for scenario in SCENARIOS:
        for mode in MODES:
            folder = root / "runs" / SYSTEM / NAME / scenario / mode
            real_loadgen.run(folder, scenario, accuracy=mode is Mode.ACCURACY, audit=mode.is_compliance, samples=200)
            finish(folder, scenario, mode)
            if mode is Mode.ACCURACY:
                accuracy = Accuracy({"rouge1": 44.5, "gen_len": 3}, record.sha256_of(folder / layout.ACCURACY_LOG))
                write_accuracy_text(accuracy, folder / layout.ACCURACY_TEXT)
            if mode.is_compliance:
                (folder / layout.VERIFY_ACCURACY).write_text("EOS check pass: True\n")
            if mode is not Mode.PERFORMANCE:
                text = layout.ACCURACY_TEXT if mode is Mode.ACCURACY else layout.VERIFY_ACCURACY
                record.write_scored(folder, {"log_sha256": "3" * 64}, [text])
            (folder / layout.AUDIT_CONFIG).write_text("*.*.mode = 2\n")
            (folder / "engine.log").write_text("chatter\n")
            (folder / ".hidden").write_text("x")
        measurements = root / "measurements" / scenario
        measurements.mkdir(parents=True)
        (measurements / layout.USER_CONF).write_text("*.Offline.target_qps = 1\n")
        (measurements / layout.README).write_text("# How to repeat this\n")
        (measurements / layout.ENGINE_TOML).write_text('engine = "echo"\n')
        (measurements / "serve.yaml").write_text("stream_interval: 10\n")
        (measurements / layout.MEASUREMENTS_JSON).write_text(
            json.dumps(
                {
                    "input_data_types": "int32",
                    "retraining": "N",
                    "starting_weights_filename": "tiny",
                    "weight_data_types": "fp8",
                    "weight_transformations": "quantised",
                }
            )
        )
        (measurements / "notes.txt").write_text("mine\n")
    (root / "documentation").mkdir()
    (root / "documentation" / "calibration.adoc").write_text("= Calibration\n")
    (root / "documentation" / "README.md").write_text("# Documents\n")
    source = root / "source"
    (source / "__pycache__").mkdir(parents=True)
    (source / "__pycache__" / "a.pyc").write_bytes(b"\0")
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    (source / ".env").write_text("secret\n")
    (source / layout.AUDIT_CONFIG).write_text("*.*.mode = 2\n")
    return root


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "work")
    return tmp_path / "work"


def plan_of(work: Path, **changes: object) -> assembly.AssemblyPlan:
    benchmark = assembly.TreeBenchmark(
        name=NAME,
        official_name=OFFICIAL,
        scenarios=SCENARIOS,
        measurements=work / "measurements",
        accuracy_target={"rouge1": 40.0},
    )
    plan = assembly.AssemblyPlan(
        round="v6.1",
        division=Division.OPEN,
        submitter="Example",
        system=SYSTEM,
        system_description=DESCRIPTION,
        benchmarks=(benchmark,),
        command="submitter run-all examples/x.toml",
        documentation=work / "documentation",
        source=work / "source",
    )
    return dataclasses.replace(plan, **changes)


def assemble(work: Path, **changes: object) -> Path:
    return assembly.assemble(work / "runs", work / "tree", plan=plan_of(work, **changes))


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


SETTINGS = {layout.USER_CONF: "*.*.target_qps = 7\n", layout.ENGINE_TOML: "engine = 'echo'\n", "serve.yaml": "a: 7\n"}


def keep_settings(work: Path) -> None:
    """As a run does: the settings that it was made with are in its folder, and in its record."""
    for scenario in SCENARIOS:
        for mode in MODES:
            folder = work / "runs" / SYSTEM / NAME / scenario / mode
            for name, text in SETTINGS.items():
                (folder / name).write_text(text)
            finish(folder, scenario, mode)


def test_settings_are_those_that_the_performance_run_kept(work):
    keep_settings(work)
    (work / "measurements/Offline/later.yaml").write_text("not: of this run\n")
    tree = files_of(assemble(work))
    for scenario in SCENARIOS:
        folder = f"{RESULT}/{scenario}"
        assert {name: tree[f"{folder}/{name}"].decode() for name in SETTINGS} == SETTINGS
    assert not [name for name in tree if name.endswith("later.yaml")]


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_were_changed_after_the_run_are_refused(name, work):
    keep_settings(work)
    kept = work / "runs" / SYSTEM / NAME / "Server" / "performance" / name
    kept.write_text("better")
    with pytest.raises(InputError, match=f"{kept} was changed after its run"):
        assemble(work)
    kept.unlink()
    with pytest.raises(InputError, match=f"{kept} is missing"):
        assemble(work)


def test_settings_of_a_run_that_kept_none_are_the_campaigns(work):
    tree = files_of(assemble(work))
    for scenario in SCENARIOS:
        for name in SETTINGS:
            assert tree[f"{RESULT}/{scenario}/{name}"] == (work / "measurements" / scenario / name).read_bytes()


def test_the_tree_is_the_rounds_and_holds_nothing_else(work):
    tree = assemble(work)
    logs = ("mlperf_log_detail.txt", "mlperf_log_summary.txt")
    expected = {
        "open/Example/model_mapping.json",
        "open/Example/systems/box.json",
        "open/Example/src/README.md",
        f"open/Example/src/{OFFICIAL}/submitter/run.sh",
        "open/Example/documentation/calibration.adoc",
        "open/Example/documentation/README.md",
        "open/Example/documentation/submitter_manifest.json",
    }
    for scenario in ("Offline", "Server"):
        folder = f"{RESULT}/{scenario}"
        expected |= {f"{folder}/{name}" for name in (*SETTINGS, "README.md", "measurements.json")}
        expected |= {f"{folder}/performance/run_1/{name}" for name in (*logs, "mlperf_log_accuracy.json")}
        expected |= {f"{folder}/accuracy/{name}" for name in (*logs, "mlperf_log_accuracy.json", "accuracy.txt")}
        expected |= {f"{folder}/TEST06/performance/run_1/{name}" for name in logs}
        expected |= {f"{folder}/TEST06/verify_accuracy.txt", f"{folder}/TEST06/accuracy/mlperf_log_accuracy.json"}
    assert set(files_of(tree)) == expected
    assert json.loads((tree / "open/Example/model_mapping.json").read_text()) == {NAME: OFFICIAL}
    assert json.loads((tree / "open/Example/systems/box.json").read_text()) == DESCRIPTION
    assert (tree / f"open/Example/src/{OFFICIAL}/submitter/run.sh").stat().st_mode & 0o111
    assert "submitter run-all examples/x.toml" in (tree / "open/Example/src/README.md").read_text()
    assert [path.name for path in sorted(work.iterdir()) if path.name.startswith(".")] == []


def test_accuracy_logs_are_cut_as_the_official_script_cuts_them(work):
    tree = assemble(work)
    for scenario in SCENARIOS:
        whole = (work / "runs" / SYSTEM / NAME / scenario / "accuracy" / layout.ACCURACY_LOG).read_bytes()
        cut = (tree / RESULT / scenario / "accuracy" / layout.ACCURACY_LOG).read_bytes()
        assert len(whole) > 10 * 1024
        assert cut == whole[:4096] + b"\n\n...\n\n" + whole[len(whole) - 4096 :]
        text = (tree / RESULT / scenario / "accuracy" / layout.ACCURACY_TEXT).read_text()
        assert text.splitlines()[-1] == f"hash={hashlib.sha256(whole).hexdigest()}"


@pytest.mark.parametrize(("size", "is_cut"), [(0, False), (10239, False), (10240, True), (50000, True)])
def test_only_long_logs_are_cut(size, is_cut, tmp_path):
    log = tmp_path / "log"
    log.write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    assert (assembly.truncated(log, 10240) != log.read_bytes()) is is_cut
    assert len(assembly.truncated(log, 10240)) <= 10240


def test_the_manifest_names_every_file_and_every_record(work):
    tree = assemble(work)
    path = "open/Example/documentation/submitter_manifest.json"
    manifest = Manifest.model_validate_json((tree / path).read_bytes())
    assert not is_edited((tree / path).read_text())
    files = files_of(tree)
    assert manifest.files == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != path
    }
    assert not manifest.smoke
    assert [result.path for result in manifest.results] == [f"{RESULT}/Offline", f"{RESULT}/Server"]
    for result in manifest.results:
        assert set(result.runs) == {"performance", "accuracy", "TEST06"}
        for mode, run in result.runs.items():
            assert run == record.read_record(work / "runs" / SYSTEM / NAME / run.scenario / mode)
        assert result.accuracy_target == {"rouge1": 40.0}
        assert result.scores == {"rouge1": 44.5, "gen_len": 3}
        log = work / "runs" / SYSTEM / NAME / result.path.split("/")[-1] / "accuracy" / layout.ACCURACY_LOG
        assert result.accuracy_log_sha256 == record.sha256_of(log)


def test_the_same_runs_make_the_same_tree_and_stay_as_they_are(work):
    before = files_of(work / "runs")
    first = files_of(assemble(work))
    second = files_of(assemble(work))
    assert first == second, "an earlier tree is replaced as a whole"
    assert files_of(work / "runs") == before


def test_a_run_without_a_compliance_test_is_assembled_without_it(work):
    for scenario in SCENARIOS:
        shutil.rmtree(work / "runs" / SYSTEM / NAME / scenario / "TEST06")
    assert not [name for name in files_of(assemble(work)) if "TEST06" in name]


def test_a_smoke_tree_says_so_wherever_one_reads(work):
    for scenario in SCENARIOS:
        for mode in MODES:
            finish(work / "runs" / SYSTEM / NAME / scenario / mode, scenario, mode, smoke=True)
    full_run = ManifestFullRun(command="submitter run-all examples/full.toml", expected_s=2700)
    tree = assemble(work, smoke=True, full_run=full_run)
    readmes = [path for path in tree.rglob("README*")]
    assert len(readmes) == 4
    for path in readmes:
        assert path.read_text().splitlines()[0].startswith("SMOKE RUN")
        assert "not a submission" in path.read_text().splitlines()[0]
    manifest = Manifest.model_validate_json((tree / "open/Example/documentation/submitter_manifest.json").read_bytes())
    assert manifest.smoke
    assert manifest.full_run == full_run
    assert full_run.command in (tree / "open/Example/src/README.md").read_text()


def test_a_full_tree_does_not_call_itself_smoke_and_takes_no_smoke_run(work):
    assert not [name for name, content in files_of(assemble(work)).items() if b"SMOKE RUN" in content]
    finish(work / "runs" / SYSTEM / NAME / "Server" / "accuracy", Scenario.SERVER, Mode.ACCURACY, smoke=True)
    with pytest.raises(InputError, match=r"Server/accuracy is a smoke run"):
        assemble(work)


RUN = f"runs/{SYSTEM}/{NAME}/Offline"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (f"{RUN}/performance/record.json", None, "holds no finished run"),
        (f"{RUN}/accuracy/record.json", b"{", "is damaged: it is not JSON"),
        (f"{RUN}/TEST06/record.json", None, "holds no finished run"),
        (f"{RUN}/TEST06/verify_accuracy.txt", None, r"verify_accuracy\.txt is missing"),
        (f"{RUN}/performance/mlperf_log_summary.txt", None, r"mlperf_log_summary\.txt is missing"),
        (f"{RUN}/performance/mlperf_log_detail.txt", b"better", r"mlperf_log_detail\.txt was changed after its run"),
        (f"{RUN}/accuracy/mlperf_log_accuracy.json", b"[\n]\n", "score the run again|states the SHA-256"),
        (f"{RUN}/accuracy/accuracy.txt", None, r"is not scored yet: it has no accuracy\.txt"),
        (f"{RUN}/accuracy/accuracy.txt", b"{'rouge1': 44.0}\n", r"states the SHA-256 \(none\)"),
        (f"{RUN}/accuracy/accuracy.txt", b"\xff\xfe\0", r"states the SHA-256 \(none\)"),
        (f"{RUN}/accuracy/scored.json", None, r"is not scored: it has no scored\.json"),
        (f"{RUN}/TEST06/scored.json", b"{}", r"is not scored: it has no scored\.json"),
        (f"{RUN}/TEST06/verify_accuracy.txt", b"pass", r"verify_accuracy\.txt was changed after the run was scored"),
        ("measurements/Offline/user.conf", None, r"user\.conf is missing"),
        ("measurements/Offline/README.md", b" \n", r"README\.md is empty"),
        ("measurements/Offline/measurements.json", b"[", r"measurements\.json is not a JSON file"),
        ("measurements/Offline/measurements.json", b'{"retraining": "N"}', "input_data_types is missing"),
    ],
)
def test_what_is_missing_or_changed_is_named_and_leaves_no_tree(name, content, message, work):
    if content is None:
        (work / name).unlink()
    else:
        (work / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        assemble(work)
    assert not (work / "tree").exists()
    assert not [path for path in work.iterdir() if path.name.startswith(".")]


def test_an_edited_score_is_refused(work):
    text = work / f"{RUN}/accuracy/accuracy.txt"
    assert "44.5" in text.read_text()
    text.write_text(text.read_text().replace("44.5", "99.9"))
    with pytest.raises(InputError, match=r"accuracy\.txt was changed after the run was scored") as caught:
        assemble(work)
    assert "submitter score" in caught.value.hint


def other_benchmark(work: Path, **changes: object) -> tuple[assembly.TreeBenchmark, ...]:
    return (dataclasses.replace(plan_of(work).benchmarks[0], **changes),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda work: {"round": "v9.9"}, "unknown round 'v9.9'"),
        (lambda work: {"submitter": "../Example"}, "is not a folder name"),
        (lambda work: {"system": ".."}, "is not a folder name"),
        (lambda work: {"benchmarks": ()}, "nothing to assemble"),
        (lambda work: {"benchmarks": other_benchmark(work, name="a/b")}, "is not a folder name"),
        (lambda work: {"benchmarks": other_benchmark(work, official_name="llama2-70")}, "unknown benchmark"),
        (lambda work: {"benchmarks": other_benchmark(work, official_name="llama3.1-8b")}, "is a run of official"),
        (lambda work: {"system_description": {**DESCRIPTION, "cooling": ""}}, "cooling is"),
        (
            lambda work: {"system_description": {**DESCRIPTION, "submitter": "Other"}},
            "has submitter Other, not Example",
        ),
        (lambda work: {"documentation": work / "nowhere"}, "is not a folder"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(change, message, work):
    with pytest.raises(InputError, match=message):
        assemble(work, **change(work))
    assert not (work / "tree").exists()


def test_the_closed_division_takes_official_benchmarks_only(work):
    closed = {**DESCRIPTION, "division": "closed"}
    with pytest.raises(InputError, match="the closed division has no benchmark 'tiny'"):
        assemble(work, division=Division.CLOSED, system_description=closed)


def test_a_link_in_the_documents_is_refused(work):
    (work / "documentation" / "leak.md").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match=r"leak\.md is a link"):
        assemble(work)


def test_what_is_not_ours_is_never_replaced(work):
    (work / "tree").mkdir()
    (work / "tree" / "thesis.md").write_text("years of work")
    with pytest.raises(InputError, match="has no open/Example/documentation"):
        assemble(work)
    (work / "tree" / "thesis.md").unlink()
    tree = assemble(work)
    stranger = tree / "open" / "Other" / "thesis.md"
    stranger.parent.mkdir()
    stranger.write_text("years of work")
    with pytest.raises(InputError, match=r"would overwrite that: open/Other/thesis\.md \(added\)"):
        assemble(work)
    assert stranger.read_text() == "years of work"


MANIFEST = "open/Example/documentation/submitter_manifest.json"


def edits(tree: Path) -> dict[str, Callable[[], object]]:
    """An edit of each kind of file that a tree has."""

    def changed(name: str) -> Callable[[], object]:
        return lambda: (tree / name).write_bytes((tree / name).read_bytes() + b" ")

    log = f"{RESULT}/Server/performance/run_1/mlperf_log_detail.txt"
    return {
        **{f"{name} (changed)": changed(name) for name in files_of(tree) if name != MANIFEST},
        f"{MANIFEST} (changed)": lambda: (tree / MANIFEST).write_text(
            (tree / MANIFEST).read_text().replace('"rouge1": 40.0', '"rouge1": 39.0')
        ),
        f"{log} (removed)": (tree / log).unlink,
        "open/Example/src/notes.md (added)": lambda: (tree / "open/Example/src/notes.md").write_text("mine"),
        "open/Example/src/link.md (added)": lambda: (tree / "open/Example/src/link.md").symlink_to("README.md"),
    }


def test_an_edit_in_the_tree_is_never_overwritten(work):
    """Whatever file it is in, it is found and named. Then a new tree is refused, and the tree stays as it is."""
    tree = assemble(work)
    original = files_of(tree)
    for edit, make in edits(tree).items():
        make()
        with pytest.raises(InputError) as caught:
            require_unedited(tree, PurePosixPath(MANIFEST), {})
        assert caught.value.message.endswith(f"a new tree would overwrite that: {edit}")
        name = edit.partition(" (")[0]
        (tree / name).unlink(missing_ok=True)
        if name in original:
            (tree / name).write_bytes(original[name])
    make()
    before = files_of(tree)
    with pytest.raises(InputError, match=r"link\.md \(added\)") as caught:
        assemble(work)
    assert "move it away (mv tree tree.edited)" in caught.value.hint
    assert files_of(tree) == before
    assert not [path for path in work.iterdir() if path.name.startswith(".")]


def test_an_edit_of_a_document_is_named_with_its_source(work):
    tree = assemble(work)
    (tree / "open/Example/documentation/calibration.adoc").write_text("better")
    (tree / RESULT / "Server/README.md").write_text("better")
    (tree / RESULT / "Server/performance/run_1/mlperf_log_detail.txt").write_text("better")
    with pytest.raises(InputError) as caught:
        assemble(work)
    assert f"calibration.adoc comes from {work / 'documentation/calibration.adoc'}" in caught.value.hint
    assert f"README.md comes from {work / 'measurements/Server/README.md'}" in caught.value.hint
    assert "mlperf_log_detail.txt" not in caught.value.hint, "nobody should edit the log of a run"
    (work / "tree").rename(work / "tree.edited")
    assemble(work)


def test_many_edits_are_counted(work):
    tree = assemble(work)
    for number in range(13):
        (tree / f"note{number:02}.md").write_text("mine")
    with pytest.raises(InputError) as caught:
        assemble(work)
    assert caught.value.message.endswith("note09.md (added) and 3 more")
    assert "\n" not in caught.value.message + caught.value.hint


def test_a_manifest_that_cannot_be_read_any_more_is_an_edit(work):
    (assemble(work) / MANIFEST).write_text("{")
    with pytest.raises(InputError, match=r"submitter_manifest\.json \(changed: it cannot be read any more\)"):
        assemble(work)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"loadgen_version": "5.0"}, "LoadGen: TEST06 6.0.17, accuracy 5.0, performance 6.0.17"),
        ({"packages": {"vllm": "0.9"}}, "packages: TEST06 vllm 0.10, accuracy vllm 0.9, performance vllm 0.10"),
        ({"engine_settings": {"in_flight": 7}}, "engine settings"),
        ({"model": ModelFacts(name="m", sha256="9" * 64)}, "model"),
        ({"provenance": Provenance(loadgen_sha256="5" * 64)}, "build of LoadGen"),
    ],
)
def test_a_closed_result_has_runs_of_one_setup(changes, what, work):
    common = {"packages": {"vllm": "0.10"}, "provenance": Provenance(loadgen_sha256="4" * 64)}
    for scenario in SCENARIOS:
        for mode in MODES:
            of_run = changes if (scenario, mode) == (Scenario.SERVER, Mode.ACCURACY) else {}
            facts = {**common, "benchmark": OFFICIAL, **of_run}
            finish(work / "runs" / SYSTEM / NAME / scenario / mode, scenario, mode, **facts)
    (work / "runs" / SYSTEM / NAME).rename(work / "runs" / SYSTEM / OFFICIAL)
    closed = {
        "division": Division.CLOSED,
        "system_description": {**DESCRIPTION, "division": "closed"},
        "benchmarks": other_benchmark(work, name=OFFICIAL),
    }
    with pytest.raises(InputError, match=rf"Server differ in their {what}"):
        assemble(work, **closed)
    opened = {**closed, "division": Division.OPEN, "system_description": DESCRIPTION}
    assert assemble(work, **opened).is_dir(), "in the open division, the check reports it"


def test_a_link_in_the_place_of_the_tree_is_not_followed(work):
    (work / "elsewhere").mkdir()
    (work / "tree").symlink_to(work / "elsewhere")
    with pytest.raises(InputError, match="exists and is not a folder"):
        assemble(work)
    assert list((work / "elsewhere").iterdir()) == []


def test_a_disk_that_takes_no_more_leaves_the_earlier_tree(work):
    """The limit on a file's size fails a write as a full disk does: part of the file is written."""
    earlier = files_of(assemble(work))
    (work / "documentation" / "bandwidth.adoc").write_bytes(b"x" * 200_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(RunError, match="could not be written") as error:
            assemble(work)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.exit_code == 4
    assert "\n" not in error.value.message
    assert files_of(work / "tree") == earlier
    assert not [path for path in work.iterdir() if path.name.startswith(".")]


def test_a_call_that_was_killed_between_its_renames_is_mended(work):
    earlier = files_of(assemble(work))
    (work / "tree").rename(work / ".tree.replaced")
    (work / ".tree.building").mkdir()
    (work / ".tree.building" / "half").write_text("x")
    (work / RUN / "performance" / "record.json").unlink()
    with pytest.raises(InputError):
        assemble(work)
    assert files_of(work / "tree") == earlier
    finish(work / RUN / "performance", Scenario.OFFLINE, Mode.PERFORMANCE)
    assemble(work)
    assert not [path for path in work.iterdir() if path.name.startswith(".")]
