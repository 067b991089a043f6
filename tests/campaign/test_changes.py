"""Which finished runs stay, which are made again, and why: `submitter.campaign.changes` on real runs of echo."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlperf_loadgen")
pytest.importorskip("rouge_score")

import echo_campaign

from submitter import campaign as c
from submitter.campaign import changes as changes_module
from submitter.campaign.changes import edits_of
from submitter.campaign.journal import read_journal
from submitter.campaign.system_changes import Here, here
from submitter.campaign.watcher import SILENT
from submitter.errors import InputError, RunError, SeveralErrors
from submitter.harness.plan import EngineSettings
from submitter.model import Keep, Mode, Scenario
from submitter.record import sha256_of

MODES = ("performance", "accuracy", "TEST06")
Edit = Callable[[echo_campaign.Campaign], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> echo_campaign.Campaign:
    """A campaign whose Offline runs are finished and scored."""
    campaign = echo_campaign.make_campaign(tmp_path_factory.mktemp("changes"))
    campaign.edit(campaign.file, '["Offline", "Server"]', '["Offline"]')
    c.run_all(campaign.file)
    return campaign


@pytest.fixture
def mine(made: echo_campaign.Campaign, tmp_path: Path) -> echo_campaign.Campaign:
    shutil.copytree(made.folder, tmp_path, dirs_exist_ok=True)
    return echo_campaign.Campaign(tmp_path)


def folder(campaign: echo_campaign.Campaign, mode: str) -> Path:
    return campaign.output / "runs/echo-system/echo-model/Offline" / mode


def edit_json(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def reasons(campaign: echo_campaign.Campaign, **options: Any) -> list[str]:
    return ["; ".join(map(str, each.changes)) for each in c.changes_since(campaign.file, **options)]


def make(campaign: echo_campaign.Campaign, **options: Any) -> None:
    plan = c.make_plan(c.load_campaign(campaign.file))
    with c.locked(plan.campaign.output):
        c.make_runs(plan, SILENT, **options)


def test_unchanged_runs_stay(mine: echo_campaign.Campaign) -> None:
    found = c.changes_since(mine.file)
    assert [each.stays for each in found] == [True] * 3
    assert [each.is_valid for each in found] == [True, None, None]
    assert [each.edits for each in found] == [()] * 3


def test_before_the_first_run_neither_model_nor_data_set_is_read(mine: echo_campaign.Campaign) -> None:
    shutil.rmtree(mine.output)
    shutil.rmtree(mine.folder / "model")
    assert [(each.run.label, each.folder, each.stays) for each in c.changes_since(mine.file)] == [
        (f"Offline {mode}", None, False) for mode in MODES
    ]


def _other_prompt(mine: echo_campaign.Campaign) -> None:
    from submitter.harness.dataset import write_dataset

    write_dataset(mine.folder / "data", "words", [[5, 6, 7]] * 64, ["word5"] * 64, "0" * 64)


def _other_model(mine: echo_campaign.Campaign) -> None:
    (mine.folder / "model/config.json").write_text('{"dtype": "bfloat16", "a": 1}')


def _in(name: str, old: str, new: str) -> Edit:
    return lambda mine: mine.edit(mine.file if name == "campaign.toml" else mine.measurement("Offline", name), old, new)


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (_in("engine.toml", "in_flight = 64", "in_flight = 32"), "engine.toml: in_flight 64 -> 32"),
        (
            _in("engine.toml", "first_token_ms = 20", "per_token_ms = 1"),
            r"engine.toml: first_token_ms 20\S* -> not set, per_token_ms not set -> 1",
        ),
        (_in("user.conf", "target_qps = 3000", "target_qps = 9"), r"user.conf: \*.Offline.target_qps 3000 -> 9"),
        (_in("user.conf", "*.Offline.min_duration", "# a\n*.Offline.min_duration"), "user.conf: only comments or .*"),
        (
            _in("campaign.toml", 'dataset = "data"', 'dataset = "data"\nsample_limit = 32'),
            "echo-model in campaign.toml: sample_limit not set -> 32",
        ),
        (_in("campaign.toml", "eos_token_id = 2", "eos_token_id = 3"), "echo-model in .*: eos_token_id 2 -> 3"),
        (_in("campaign.toml", 'official = "llama2-70b-99.9"', 'official = "llama3.1-8b"'), "official benchmark: .*"),
        (_in("campaign.toml", "smoke = true", "smoke = false"), "smoke: true -> false"),
        (_other_prompt, "data set words: other samples"),
        (_other_model, "model model: other files"),
    ],
)
def test_what_changed_is_named(mine: echo_campaign.Campaign, edit: Edit, text: str) -> None:
    edit(mine)
    found = reasons(mine)
    assert len(found) == 3
    for each in found:
        assert re.fullmatch(text, each), each


def test_a_record_of_an_earlier_version_says_which_part_it_can(mine: echo_campaign.Campaign) -> None:
    for mode in MODES:
        edit_json(folder(mine, mode) / "record.json", campaign_settings={}, version=3)
    mine.edit(mine.file, "eos_token_id = 2", "eos_token_id = 3")
    assert reasons(mine) == ["echo-model in campaign.toml"] * 3


@pytest.fixture
def newer_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another version of the engine had been installed since."""

    def other(engine: EngineSettings) -> Here:
        now = here(engine)
        return Here(**{**vars(now), "packages": now.packages | {"vllm": "0.12.0"}})

    monkeypatch.setattr(changes_module, "here", other)


def test_another_package_makes_runs_again_unless_they_are_kept(
    mine: echo_campaign.Campaign, newer_engine: None
) -> None:
    assert reasons(mine) == ["vllm: not there -> 0.12.0"] * 3
    assert reasons(mine, keep=[Keep.DRIVER]) == ["vllm: not there -> 0.12.0"] * 3
    kept = c.changes_since(mine.file, keep=[Keep.PACKAGES])
    assert [each.stays for each in kept] == [True] * 3
    assert [list(map(str, each.despite)) for each in kept] == [["vllm: not there -> 0.12.0"]] * 3
    make(mine, keep=[Keep.PACKAGES], mode=Mode.ACCURACY)
    (line,) = [event for event in read_journal(mine.output) if event["event"] == "kept"]
    assert (line["run"], line["keep"]) == ("Offline accuracy", ["packages"])
    assert line["despite"] == ["vllm: not there -> 0.12.0"]


@pytest.mark.parametrize("mode", MODES)
def test_a_log_that_was_edited_is_an_error_of_run_and_of_score(mine: echo_campaign.Campaign, mode: str) -> None:
    log = folder(mine, mode) / "mlperf_log_detail.txt"
    log.write_text(log.read_text() + "\n")
    for call in (lambda: make(mine), lambda: c.score_campaign(mine.file), lambda: c.assemble(mine.file)):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.message == f"{log} was changed after its run"
        assert f"--scenario Offline --mode {mode} --rerun" in caught.value.hint


def test_all_edits_are_reported_at_once(mine: echo_campaign.Campaign) -> None:
    (folder(mine, "performance") / "mlperf_log_summary.txt").unlink()
    (folder(mine, "TEST06") / "mlperf_log_accuracy.json").write_text("[\n]\n")
    (folder(mine, "accuracy") / "user.conf").write_text("")
    with pytest.raises(SeveralErrors) as caught:
        c.score_campaign(mine.file)
    assert [
        problem.message.removeprefix(f"{mine.output}/runs/echo-system/echo-model/") for problem in caught.value.problems
    ] == [
        "Offline/performance/mlperf_log_summary.txt is missing, and its run's record lists it",
        "Offline/accuracy/user.conf was changed after its run",
        "Offline/TEST06/mlperf_log_accuracy.json was changed after its run",
    ]


def _figure(record: dict[str, Any]) -> None:
    record["metric"]["value"] *= 10


def _verdict(record: dict[str, Any]) -> None:
    record["valid"] = not record["valid"]


@pytest.mark.parametrize(
    ("edit", "what"), [(_figure, "the figure is "), (_verdict, "the verdict is INVALID, and VALID")]
)
def test_a_record_that_contradicts_its_log_is_an_error(
    mine: echo_campaign.Campaign, edit: Callable[[dict[str, Any]], None], what: str
) -> None:
    """Also if nothing knows the record's hash."""
    path = folder(mine, "performance") / "record.json"
    record = json.loads(path.read_text())
    edit(record)
    path.write_text(json.dumps(record))
    (mine.output / "journal.jsonl").unlink()
    for call in (lambda: make(mine), lambda: c.score_campaign(mine.file), lambda: c.assemble(mine.file)):
        with pytest.raises(InputError) as caught:
            call()
        assert f"{path} contradicts mlperf_log_detail.txt: {what}" in caught.value.message


def test_a_record_that_was_edited_is_known_by_the_journals_hash(mine: echo_campaign.Campaign) -> None:
    path = folder(mine, "TEST06") / "record.json"
    hashes = {
        event["run"]: event["record_sha256"] for event in read_journal(mine.output) if event["event"] == "finished"
    }
    assert hashes["Offline TEST06"] == sha256_of(path)
    edit_json(path, duration_s=0.5)
    (edit,) = edits_of(c.make_plan(c.load_campaign(mine.file)))
    assert edit.message == f"{path} was changed after its run"


def test_a_run_that_is_made_again_needs_no_whole_files(mine: echo_campaign.Campaign) -> None:
    (folder(mine, "TEST06") / "mlperf_log_detail.txt").write_text("")
    make(mine, rerun=True, mode=Mode.TEST06)
    assert [each.edits for each in c.changes_since(mine.file)] == [()] * 3


def test_a_finished_run_that_has_not_its_name_yet_stays(mine: echo_campaign.Campaign) -> None:
    """Its process was killed after the record, before the journal and the renames."""
    run = folder(mine, "performance")
    started = json.loads((run / "record.json").read_text())["started_utc"]
    run.rename(run.with_name("performance.partial"))
    (mine.output / "journal.jsonl").unlink()
    assert c.changes_since(mine.file, mode=Mode.PERFORMANCE)[0].stays
    make(mine, mode=Mode.PERFORMANCE)
    assert json.loads((run / "record.json").read_text())["started_utc"] == started
    assert not run.with_name("performance.partial").exists()
    (line,) = [event for event in read_journal(mine.output) if event["event"] == "finished"]
    assert line["record_sha256"] == sha256_of(run / "record.json")


def test_a_rerun_that_fails_leaves_the_earlier_run(mine: echo_campaign.Campaign) -> None:
    before = {path: path.read_bytes() for path in mine.output.glob("runs/**/*") if path.is_file()}
    mine.edit(mine.measurement("Offline", "engine.toml"), "[settings]", "[settings]\nfail_after = 10")
    with pytest.raises(RunError):
        make(mine, rerun=True, scenario=Scenario.OFFLINE)
    assert {path: path.read_bytes() for path in mine.output.glob("runs/**/*") if path.is_file()} == before


@pytest.mark.parametrize("step", ["the journal", "the renames"])
def test_a_run_whose_record_is_written_is_never_lost(
    mine: echo_campaign.Campaign, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """An exception between the record and the run's name: the run is finished, and the earlier one is still there."""
    from submitter.campaign import run as run_module

    name = "write_journal" if step == "the journal" else "settle"
    real = getattr(run_module, name)

    def interrupted(*arguments: Any, **facts: Any) -> None:
        is_partial = folder(mine, "performance").with_name("performance.partial").joinpath("record.json").is_file()
        if is_partial and arguments[1:] in ((), ("finished",)):
            raise KeyboardInterrupt
        real(*arguments, **facts)

    old = json.loads((folder(mine, "performance") / "record.json").read_text())["started_utc"]
    with monkeypatch.context() as patched:
        patched.setattr(run_module, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            make(mine, rerun=True, mode=Mode.PERFORMANCE)
    new = json.loads((folder(mine, "performance").with_name("performance.partial") / "record.json").read_text())
    assert json.loads((folder(mine, "performance") / "record.json").read_text())["started_utc"] == old
    make(mine)
    assert json.loads((folder(mine, "performance") / "record.json").read_text()) == new
    assert sorted(path.name for path in folder(mine, "performance").parent.iterdir()) == sorted(MODES)
    assert edits_of(c.make_plan(c.load_campaign(mine.file))) == []
