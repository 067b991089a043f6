"""Bad input gets one clear line and its exit code: what, where, what to do. And nothing is left half done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def no_run_left(campaign: Any) -> None:
    runs = campaign.output / "runs"
    left = [path for path in runs.rglob("*") if path.is_file()] if runs.exists() else []
    assert left == []


def test_a_wrong_key_gets_the_nearest_known_one(campaign: Any) -> None:
    campaign.edit(campaign.file, "scenarios =", "scenarois =")
    refused(campaign.submitter("run-all", str(campaign.file)), 2, "scenarois", "did you mean 'scenarios'?")


def test_a_wrong_key_at_the_top(campaign: Any) -> None:
    campaign.edit(campaign.file, "submitter =", "submiter =")
    done = campaign.submitter("run-all", str(campaign.file))
    refused(done, 2, "submit")


def test_a_wrong_value_names_its_key(campaign: Any) -> None:
    campaign.edit(campaign.file, '"Server"]', '"Serve"]')
    refused(
        campaign.submitter("run-all", str(campaign.file)),
        2,
        "'benchmarks.0.scenarios.1' is 'Serve'",
        "did you mean 'Server'?",
    )


def test_an_unknown_round_and_benchmark(campaign: Any) -> None:
    campaign.edit(campaign.file, "v6.1", "v6.11")
    refused(campaign.submitter("run-all", str(campaign.file)), 2, "v6.11", "did you mean 'v6.1'?")
    campaign.edit(campaign.file, "v6.11", "v6.1")
    campaign.edit(campaign.file, "llama2-70b-99.9", "llama2-70b-99")
    refused(campaign.submitter("run-all", str(campaign.file)), 2, "did you mean 'llama2-70b-99.9'?")


@pytest.mark.parametrize(("scenario", "mode"), [("Interactive", "performance"), ("Offline", "TEST07")])
def test_a_run_that_the_campaign_does_not_have(campaign: Any, scenario: str, mode: str) -> None:
    done = campaign.submitter("run", str(campaign.file), "--scenario", scenario, "--mode", mode)
    refused(done, 2, f"the campaign has no run {scenario} {mode}", "it has: Offline performance, Offline accuracy")
    assert "preflight" not in done.stderr
    no_run_left(campaign)


def test_tune_refuses_what_it_cannot_search_before_preflight(campaign: Any) -> None:
    for options, words in (
        (("--scenario", "Offline"), ("Offline has no token latencies", "give --scenario Server or Interactive")),
        (("--scenario", "Interactive"), ("has no benchmark with Interactive", "it has: echo-model Server")),
        (("--scenario", "Server", "--benchmark", "echo-modle"), ("did you mean 'echo-model'?",)),
        (("--scenario", "Server", "--budget", "soon"), ("'soon' is not a time",)),
    ):
        done = campaign.submitter("tune", str(campaign.file), *options)
        refused(done, 2, *words)
        assert "preflight" not in done.stderr


def test_a_missing_campaign(run_submitter: Run, tmp_path: Path) -> None:
    refused(run_submitter("run-all", str(tmp_path / "none.toml")), 2, "there is no campaign file")


def test_a_broken_campaign(campaign: Any) -> None:
    campaign.file.write_text("round = [")
    refused(campaign.submitter("run-all", str(campaign.file)), 2, "is not a TOML file")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda model: (model / "config.json").unlink(), "config.json is missing"),
        (lambda model: (model / "model.safetensors").unlink(), "holds no *.safetensors file"),
        (lambda model: (model / "model.safetensors").write_bytes(b"junk" * 9), "not a safetensors file"),
        (lambda model: os.truncate(model / "model.safetensors", 60), "safetensors"),
        (
            lambda model: (model / "model.safetensors.index.json").write_text('{"weight_map": {"w": "a.safetensors"}}'),
            "lacks 1 of 1 weight files, such as a.safetensors",
        ),
        (
            lambda model: (model / "config.json").write_text('{"quantization_config": {"quant_method": "fp8"}}'),
            "says it is quantised by fp8, but all its weights are wide",
        ),
        (lambda model: (model / "config.json").write_text('{"num_hidden_layers": 99}'), "of the 99 layers"),
    ],
)
def test_a_missing_or_corrupt_model(campaign: Any, damage: Callable[[Path], None], words: str) -> None:
    damage(campaign.folder / "model")
    refused(campaign.submitter("run-all", str(campaign.file)), 2, words)
    no_run_left(campaign)


def test_a_dataset_with_a_wrong_checksum(campaign: Any) -> None:
    dataset = campaign.folder / "data"
    content = bytearray(dataset.read_bytes())
    content[-4] ^= 1
    dataset.write_bytes(content)
    refused(campaign.submitter("run-all", str(campaign.file)), 2, "checksum")
    no_run_left(campaign)


def test_a_round_whose_loadgen_is_not_installed(campaign: Any, tmp_path: Path) -> None:
    """A LoadGen of another round, as its metadata tells; and none at all."""
    old = tmp_path / "old/mlcommons_loadgen-5.1.0.dist-info"
    old.mkdir(parents=True)
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: mlcommons-loadgen\nVersion: 5.1.0\n")
    done = campaign.submitter("run-all", str(campaign.file), env=with_path(tmp_path / "old"))
    refused(done, 3, "LoadGen 5.1.0 is installed, round v6.1 requires", "pip install mlcommons-loadgen==6.0.17")
    none = tmp_path / "none"
    none.mkdir()
    lacks_loadgen = ("making runs needs the package mlcommons-loadgen", "cannot be imported: not here", "pip install")
    (none / "mlperf_loadgen.py").write_text("raise ImportError('not here')\n")
    refused(campaign.submitter("run-all", str(campaign.file), env=with_path(none)), 3, *lacks_loadgen)
    no_run_left(campaign)


def with_path(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{REPOSITORY}"}


def test_all_that_preflight_finds_is_told_at_once(campaign: Any) -> None:
    campaign.measurement("Offline", "README.md").write_text("")
    campaign.edit(campaign.folder / "system.json", '"cooling"', '"coolingg"')
    campaign.edit(campaign.measurement("Server", "engine.toml"), "output_tokens", "output_token")
    done = campaign.submitter("run-all", str(campaign.file))
    refused(done, 2, "README.md is missing or empty", "cooling", "did you mean 'output_tokens'?", "nothing was run")
    assert done.stderr.count("preflight WRONG") == 1
    assert done.stderr.count("preflight due") == 2
    no_run_left(campaign)


def test_a_stray_audit_file(campaign: Any) -> None:
    campaign.measurement("Server", "audit.config").write_text("*.*.mode = 2\n")
    refused(campaign.submitter("run-all", str(campaign.file)), 2, "stray audit file")


def test_a_full_length_campaign_needs_the_rounds_duration_and_data_set(campaign: Any) -> None:
    campaign.edit(campaign.file, "smoke = true", "smoke = false")
    done = campaign.submitter("plan", str(campaign.file))
    refused(done, 2, "min_duration is 40 ms, the round requires 600000 ms", "has 64 samples, llama2-70b-99.9 has 24576")


def test_a_full_disk_is_seen_before_the_first_run(campaign: Any, small_disk: Path) -> None:
    campaign.edit(campaign.file, 'output = "out"', f'output = "{small_disk / "out"}"')
    refused(campaign.submitter("run-all", str(campaign.file)), 2, "GB free, the runs may need")


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A file system of 8 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def living_children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The harness's processes that a submitter process has started."""
    with suppress(psutil.Error):
        return [each for each in psutil.Process(process.pid).children() if "submitter.harness.child" in each.cmdline()]
    return []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_leaves_no_record_and_no_child(campaign: Any, how: signal.Signals) -> None:
    for scenario in ("Offline", "Server"):
        campaign.edit(campaign.measurement(scenario, "engine.toml"), "[settings]", "[settings]\nper_token_ms = 60000")
    command = [sys.executable, "-m", "submitter.cli", "run-all", str(campaign.file)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    campaign_child: list[psutil.Process] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not campaign_child:
        campaign_child = living_children(process)
        time.sleep(0.05)
    assert campaign_child
    time.sleep(1.0)
    process.send_signal(how)
    _, told = process.communicate(timeout=30)
    if how is not signal.SIGKILL:
        assert process.returncode == 128 + how
        assert "interrupted" in told
        assert "Traceback" not in told
    _, alive = psutil.wait_procs(campaign_child, timeout=10)
    assert not alive
    assert list(campaign.output.rglob("record.json")) == []


def test_an_engine_that_dies_is_a_failed_run(campaign: Any) -> None:
    campaign.edit(campaign.measurement("Server", "engine.toml"), "[settings]", "[settings]\nfail_after = 100")
    done = campaign.submitter("run-all", str(campaign.file))
    refused(done, 4, "set to fail after 100 requests")
    finished = [record.parent.parent.name for record in campaign.output.rglob("record.json")]
    assert set(finished) == {"Offline"}
    assert not campaign.tree.exists()


def test_two_at_once_in_one_folder(campaign: Any) -> None:
    import fcntl

    campaign.output.mkdir()
    with (campaign.output / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(campaign.submitter("run-all", str(campaign.file)), 2, "another submitter process is using")


def test_check_says_what_it_cannot_check(run_submitter: Run, tmp_path: Path) -> None:
    refused(run_submitter("check", str(tmp_path / "none")), 2, "none")
    refused(run_submitter("check", str(tmp_path)), 2, str(tmp_path))
    refused(run_submitter("check", str(tmp_path), "--round", "v9.9"), 2, "v9.9")
    refused(run_submitter("check", str(tmp_path), "--format", "jsn"), 2, "did you mean 'json'?")


def test_an_unknown_option_is_wrong_input(run_submitter: Run) -> None:
    refused(run_submitter("check", "--rond", "v6.1", "."), 2, "--rond")
    assert run_submitter("--help").returncode == 0


def test_describe_system_marks_what_only_a_person_knows(run_submitter: Run, tmp_path: Path) -> None:
    file = tmp_path / "system.json"
    done = run_submitter("describe-system", "--output", str(file))
    assert done.returncode == 0, done.stderr
    assert "fields are for a person to fill in:" in done.stderr
    fields = json.loads(file.read_text())
    of_a_person = {name for name, value in fields.items() if "TODO(person): " in value}
    # Nothing of the hardware is left to a person, and what is marked is what stderr lists.
    assert of_a_person - {"framework"} == {
        *("division", "submitter", "status", "system_name", "system_type", "system_type_detail"),
        *("cooling", "hw_notes", "sw_notes"),
    }
    assert {line.split(":")[0].strip() for line in done.stderr.splitlines()[1:]} == of_a_person
    assert '""' not in file.read_text()
    # Its output is a base to complete: marks are read like any other field, and stay.
    again = run_submitter("describe-system", str(file))
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == fields
    whole = run_submitter("describe-system", str(REPOSITORY / "systems/cpu-demo.json"))
    assert whole.returncode == 0, whole.stderr
    assert "host_processor_model_name" in whole.stdout


def test_debug_shows_the_traceback(run_submitter: Run, tmp_path: Path) -> None:
    done = run_submitter("--debug", "run-all", str(tmp_path / "none.toml"))
    assert "Traceback" in done.stderr
