"""Real LoadGen runs through the child process: the SUT's contract as LoadGen's own logs show it, and its failures."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from echo_sessions import EOS, SAMPLES, USER_CONF, Watched

from submitter.compliance import test06, was_audited
from submitter.errors import InputError, RunError
from submitter.harness import loadgen, session
from submitter.harness.clock import ClockSteps
from submitter.harness.dataset import Dataset
from submitter.harness.run_log import mode_is
from submitter.harness.supervisor import Limits
from submitter.layout import ACCURACY_LOG, AUDIT_CONFIG, DETAIL_LOG
from submitter.logs import read_accuracy, read_detail
from submitter.model import Mode, Scenario

RunEcho = Callable[..., Watched]
ALL = [(s, m) for s in (Scenario.OFFLINE, Scenario.SERVER) for m in (Mode.PERFORMANCE, Mode.ACCURACY, Mode.TEST06)]


def test_one_engine_serves_all_runs_and_no_log_has_an_error(run_echo: RunEcho) -> None:
    watched = run_echo(ALL, output_tokens=6, spread_tokens=20)
    assert [done.run.label for done in watched.finished] == [f"{s} {m}" for s, m in ALL]
    assert [kind for kind, _ in watched.events].count("ready") == 1
    assert [entry.value for done in watched.finished for entry in done.log.errors] == []
    assert all(done.sample_count > 0 for done in watched.finished)


def test_loadgen_gets_the_very_tokens_of_the_engine(run_echo: RunEcho, tmp_path: Path, prompts: Dataset) -> None:
    run_echo([(Scenario.SERVER, Mode.ACCURACY)], output_tokens=9)
    entries = list(read_accuracy(tmp_path / "runs/Server/accuracy" / ACCURACY_LOG))
    assert sorted(entry.qsl_idx for entry in entries) == list(range(SAMPLES))
    for entry in entries:
        prompt = prompts.prompt(entry.qsl_idx)
        expected = [*(prompt * 9)[:8], EOS]
        assert list(array("i", entry.data)) == expected  # int32, all tokens, the first included, one EOS and last
        assert entry.token_count == 9
        assert entry.token_data is not None
        assert list(array("i", entry.token_data)) == expected[:1]  # the first token was reported once, alone


@pytest.mark.parametrize("scenario", [Scenario.OFFLINE, Scenario.SERVER])
def test_test06_passes_and_its_settings_were_in_force(run_echo: RunEcho, tmp_path: Path, scenario: Scenario) -> None:
    run_echo([(scenario, Mode.TEST06)], output_tokens=5, spread_tokens=9)
    folder = tmp_path / "runs" / scenario / "TEST06"
    answers = list(read_accuracy(folder / ACCURACY_LOG))
    assert len(answers) == 100
    verdict = test06.verify(answers, scenario, EOS)
    assert verdict.passed
    assert verdict.lines[0] == f"First token check pass: {'Skipped' if scenario is Scenario.OFFLINE else 'True'}"
    assert read_detail(folder / DETAIL_LOG)["effective_sample_concatenate_permutation"] is False


def test_settings_of_a_later_run_are_those_of_a_fresh_process(run_echo: RunEcho, tmp_path: Path) -> None:
    """LoadGen's FromConfig loses seeds and limits from the second call of a process on, unless told its file's type."""
    modes = [(Scenario.OFFLINE, Mode.PERFORMANCE), (Scenario.SERVER, Mode.PERFORMANCE)]
    later = run_echo(modes).finished[1].log
    for folder in (tmp_path / "runs").iterdir():
        for run in folder.iterdir():
            for file in run.iterdir():
                file.unlink()
            run.rmdir()
    fresh = run_echo(modes[1:]).finished[0].log
    keys = [key for key in fresh if key.startswith(("requested_", "effective_"))]
    assert len(keys) > 40
    assert {key: later[key] for key in keys} == {key: fresh[key] for key in keys}
    assert later["effective_qsl_rng_seed"] == 2085463073848966840


def test_a_stray_audit_file_changes_nothing(run_echo: RunEcho, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / AUDIT_CONFIG).write_text("*.*.accuracy_log_sampling_target = 10\n*.*.qsl_rng_seed = 1\n")
    monkeypatch.chdir(tmp_path)
    log = run_echo([(Scenario.OFFLINE, Mode.PERFORMANCE)]).finished[0].log
    assert not was_audited(log)
    assert log["effective_qsl_rng_seed"] == 2085463073848966840


def test_a_compliance_run_without_one_of_its_settings_is_not_believed(run_echo: RunEcho, tmp_path: Path) -> None:
    """LoadGen passes over what it does not know, and says nothing."""
    audit = {"mode": 2, "accuracy_log_sampling_target": 100, "unknown_setting": 1}
    with pytest.raises(RunError, match="Offline TEST06: audit settings were not in force"):
        run_echo([(Scenario.OFFLINE, Mode.TEST06)], audit=audit)
    assert list((tmp_path / "runs/Offline").iterdir()) == []


@pytest.mark.parametrize(("mode", "says"), [(Mode.ACCURACY, "AccuracyOnly"), (Mode.TEST06, "PerformanceOnly")])
def test_a_log_says_its_mode(run_echo: RunEcho, mode: Mode, says: str) -> None:
    log = run_echo([(Scenario.OFFLINE, mode)]).finished[0].log
    assert log["effective_test_mode"] == says
    assert [other for other in (Mode.PERFORMANCE, Mode.ACCURACY, Mode.TEST06) if mode_is(log, other)] == (
        [Mode.ACCURACY] if mode is Mode.ACCURACY else [Mode.PERFORMANCE, Mode.TEST06]
    )


def test_an_engine_that_fails_ends_the_run_and_leaves_nothing(run_echo: RunEcho, tmp_path: Path) -> None:
    began_s = time.monotonic()
    with pytest.raises(RunError, match="set to fail after 30"):
        run_echo([(Scenario.SERVER, Mode.PERFORMANCE)], fail_after=30)
    assert time.monotonic() - began_s < 20
    assert list((tmp_path / "runs/Server").iterdir()) == []


def test_an_engine_that_fails_in_its_second_run_leaves_the_first(run_echo: RunEcho, tmp_path: Path) -> None:
    watched = Watched()
    with pytest.raises(RunError):
        run_echo(
            [(Scenario.OFFLINE, Mode.ACCURACY), (Scenario.OFFLINE, Mode.TEST06)],
            watched=watched,
            engine={"warm_up_prompts": 0},
            fail_after=SAMPLES,
        )
    assert [done.run.mode for done in watched.finished] == [Mode.ACCURACY]
    assert [folder.name for folder in (tmp_path / "runs/Offline").iterdir()] == ["accuracy"]


def test_an_engine_that_hangs_is_ended_in_time(run_echo: RunEcho, tmp_path: Path) -> None:
    began_s = time.monotonic()
    with pytest.raises(RunError, match="next finished sample"):
        run_echo([(Scenario.OFFLINE, Mode.PERFORMANCE)], hang_after=40, limits=Limits(60, 2))
    assert time.monotonic() - began_s < 30
    assert list((tmp_path / "runs/Offline").iterdir()) == []


def test_loading_is_told_of_every_second_though_the_engine_holds_up_its_process(
    run_echo: RunEcho, tmp_path: Path
) -> None:
    watched = run_echo([(Scenario.OFFLINE, Mode.PERFORMANCE)], load_s=2.5)
    kinds = [kind for kind, _ in watched.events]
    ready = kinds.index("ready")
    loading = [facts for kind, facts in watched.events[:ready] if kind == "loading"]
    assert set(kinds[:ready]) == {"loading", "warm_up"}
    assert len(loading) >= 3
    assert [facts["seconds"] for facts in loading] == sorted(facts["seconds"] for facts in loading)
    assert loading[0]["seconds"] < 1 < loading[-1]["seconds"]
    assert {(facts["engine"], facts["log"]) for facts in loading} == {("echo", tmp_path / "work" / "engine.log")}
    assert [facts["prompts"] for kind, facts in watched.events if kind == "warm_up"] == [16]


def test_a_long_warm_up_is_told_of(run_echo: RunEcho) -> None:
    watched = run_echo([(Scenario.OFFLINE, Mode.PERFORMANCE)], first_token_ms=2500)
    warm_up = [facts["seconds"] for kind, facts in watched.events if kind == "warm_up"]
    assert len(warm_up) >= 3
    assert warm_up[0] < 1 < warm_up[-1] < 4


def test_an_engine_may_load_for_longer_than_a_run_may_stall(run_echo: RunEcho) -> None:
    watched = run_echo([(Scenario.OFFLINE, Mode.PERFORMANCE)], load_s=3, limits=Limits(60, 2))
    assert len(watched.finished) == 1


def test_an_engine_that_loads_for_too_long_is_ended(run_echo: RunEcho) -> None:
    began_s = time.monotonic()
    with pytest.raises(RunError, match=r"timed out waiting for the engine to load \(limit 3 s\)") as caught:
        run_echo([(Scenario.OFFLINE, Mode.PERFORMANCE)], load_s=60, limits=Limits(3, 20))
    assert time.monotonic() - began_s < 20
    assert "engine.log" in caught.value.hint


def test_a_run_is_judged_after_it_is_recorded(run_echo: RunEcho) -> None:
    """What the watcher does then may read the finished run."""
    recorded = []

    class Judged(Watched):
        def event(self, kind: str, run: Any, facts: dict[str, Any]) -> None:
            super().event(kind, run, facts)
            if kind == "judged":
                recorded.append((run.label, facts["valid"], run.folder.is_dir()))

    short = USER_CONF.replace("Offline.min_duration = 100", "Offline.min_duration = 60000")
    run_echo(
        [(Scenario.OFFLINE, Mode.PERFORMANCE), (Scenario.SERVER, Mode.ACCURACY)], watched=Judged(), user_conf=short
    )
    assert recorded == [("Offline performance", False, True), ("Server accuracy", None, True)]


def test_an_engine_that_cannot_start_is_an_error_with_its_own_words(run_echo: RunEcho) -> None:
    with pytest.raises(RunError, match="set to fail at its start") as caught:
        run_echo([(Scenario.OFFLINE, Mode.PERFORMANCE)], fail_at_start=True)
    assert "remove fail_at_start" in caught.value.hint
    assert "work/engine.log" in caught.value.hint


def test_a_killed_child_is_an_error_that_names_its_log(run_echo: RunEcho) -> None:
    class Killer(Watched):
        def event(self, kind: str, run: Any, facts: dict[str, Any]) -> None:
            super().event(kind, run, facts)
            if kind == "run":
                threading.Timer(0.2, lambda: os.kill(_child_of_ours(), signal.SIGKILL)).start()

    with pytest.raises(RunError, match=r"ended by SIGKILL \(.*for memory.*\) in the run Server performance") as caught:
        run_echo([(Scenario.SERVER, Mode.PERFORMANCE)], watched=Killer(), first_token_ms=2000)
    assert "engine.log" in caught.value.hint


def _child_of_ours() -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError):
                continue
            if b"submitter.harness.child" in words and parent == os.getpid():
                return int(entry.name)
    raise AssertionError("the child is not there")


def test_a_user_conf_that_asks_for_more_samples_than_there_are_is_refused(run_echo: RunEcho) -> None:
    conf = USER_CONF.replace(f"override = {SAMPLES}", "override = 9999")
    with pytest.raises(InputError, match="9999"):
        run_echo([(Scenario.OFFLINE, Mode.PERFORMANCE)], user_conf=conf)


def test_as_many_samples_as_there_are_can_be_loaded(tmp_path: Path) -> None:
    loadgen.require_samples(64, 64, tmp_path)
    with pytest.raises(InputError) as caught:
        loadgen.require_samples(24576, 64, tmp_path)
    assert caught.value.message.endswith("performance_sample_count_override is 24576, and the data set has 64 samples")
    assert caught.value.hint == "write: *.*.performance_sample_count_override = 64"


def test_an_answer_without_tokens_ends_the_run(run_echo: RunEcho) -> None:
    with pytest.raises(RunError, match="empty answer"):
        run_echo([(Scenario.OFFLINE, Mode.ACCURACY)], output_tokens=1)


def test_an_answer_of_one_token_gets_its_eos_and_loadgen_logs_no_error(run_echo: RunEcho, tmp_path: Path) -> None:
    done = run_echo([(Scenario.OFFLINE, Mode.ACCURACY)], output_tokens=1, end_with_eos=False).finished[0]
    assert done.log.errors == ()
    entries = list(read_accuracy(tmp_path / "runs/Offline/accuracy" / ACCURACY_LOG))
    assert {array("i", entry.data)[1] for entry in entries} == {EOS}
    assert {entry.token_count for entry in entries} == {2}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB below the tests' folder."""
    place = tmp_path / "runs"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("mode", [Mode.PERFORMANCE, Mode.ACCURACY])
def test_a_disk_that_fills_up_in_a_run_leaves_no_verdict(run_echo: RunEcho, small_disk: Path, mode: Mode) -> None:
    """LoadGen goes on as if nothing was wrong; its cut off logs are not believed."""
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (240 << 10))
    watched = Watched()
    with pytest.raises(RunError) as caught:
        run_echo([(Scenario.OFFLINE, mode)], watched=watched, output_tokens=60)
    assert watched.finished == []
    assert "the disk is full" in caught.value.message
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["filler"]


def test_a_folder_that_is_removed_under_a_run_is_named(run_echo: RunEcho, tmp_path: Path) -> None:
    class Remover(Watched):
        def event(self, kind: str, run: Any, facts: dict[str, Any]) -> None:
            super().event(kind, run, facts)
            if kind == "progress":
                shutil.rmtree(tmp_path / "runs")

    with pytest.raises(RunError) as caught:
        run_echo(
            [(Scenario.OFFLINE, Mode.ACCURACY)],
            watched=Remover(),
            failed_folder=tmp_path / "failed",
            first_token_ms=1500,
        )
    removed = tmp_path / "runs/Offline/accuracy.partial"
    assert caught.value.message == f"Offline accuracy: {removed} was removed during the run"
    assert not (tmp_path / "runs").exists()


def test_a_full_disk_at_the_record_keeps_the_runs_logs(run_echo: RunEcho, tmp_path: Path) -> None:
    class Full(list[Any]):
        def append(self, done: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", "record.json")

    with pytest.raises(RunError, match=r"the disk is full at record\.json") as caught:
        run_echo(
            [(Scenario.OFFLINE, Mode.ACCURACY)], watched=Watched(finished=Full()), failed_folder=tmp_path / "failed"
        )
    (kept,) = (tmp_path / "failed").iterdir()
    assert {ACCURACY_LOG, DETAIL_LOG, "engine.log", "failure.json"} <= {file.name for file in kept.iterdir()}
    assert str(kept) in caught.value.hint


@pytest.mark.parametrize(("mode", "counts"), [(Mode.PERFORMANCE, False), (Mode.ACCURACY, True)])
def test_a_clock_that_is_set_in_a_run_ends_it(
    run_echo: RunEcho, monkeypatch: pytest.MonkeyPatch, mode: Mode, counts: bool
) -> None:
    """LoadGen measures with that clock; an accuracy run has no times."""
    ahead_s = 0.0

    class Setter(Watched):
        def event(self, kind: str, run: Any, facts: dict[str, Any]) -> None:
            nonlocal ahead_s
            super().event(kind, run, facts)
            if kind == "run":
                ahead_s = 3600.0

    noted: list[tuple[str, Any]] = []
    monkeypatch.setattr(session, "ClockSteps", lambda: ClockSteps(lambda: time.time() + ahead_s))
    watched = Setter()
    with contextlib.nullcontext() if counts else pytest.raises(RunError, match=r"was set by \+3600\.0 s"):
        run_echo(
            [(Scenario.OFFLINE, mode)],
            watched=watched,
            journal=lambda event, /, **facts: noted.append((event, facts.get("seconds"))),
        )
    assert len(watched.finished) == counts
    assert ("clock_set", pytest.approx(3600, abs=0.01)) in noted
