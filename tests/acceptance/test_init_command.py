"""`submitter init` as a user types it: on this machine, and with the recorded tools of machines of the sets."""

from __future__ import annotations

import os
import pty
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import recorded_machines

from submitter.campaign import load_campaign
from submitter.system import read

HAS_DRIVER = any(Path(file).exists() for file in ("/dev/nvidiactl", "/dev/kfd"))
no_driver = pytest.mark.skipif(HAS_DRIVER, reason="this machine has accelerators of its own")
MOST_S = 60  # of processor time, which other work on the machine does not lengthen


def submitter(
    *arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "submitter.cli", *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, cwd=cwd, timeout=300, check=False
    )


def used_s() -> float:
    """The processor time of all commands so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@no_driver
def test_from_nothing_to_a_first_plan_without_a_choice(tmp_path: Path) -> None:
    """Two commands, in an empty folder, without a terminal."""
    began_s = used_s()
    made = submitter("init", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "cpu-smoke, for the embedded benchmark on the CPU" in made.stdout
    assert made.stdout.splitlines()[-1].strip() == "submitter plan campaign.toml"
    planned = submitter("plan", "campaign.toml", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "the check finds no error" in planned.stderr
    assert used_s() - began_s < MOST_S
    again = submitter("init", cwd=tmp_path)
    assert again.returncode == 0
    assert "campaign.toml  kept: it existed already" in again.stdout


@no_driver
@pytest.mark.parametrize(
    ("machine", "count", "arguments", "ready", "parallel"),
    [
        ("8xH100", None, (), "8xH100-SXM-80GB (this machine's)", (2, 4)),
        ("8xH100", 4, (), "8xH100-SXM-80GB (the same accelerator, 8 of them)", (2, 2)),
        ("8xH100", 1, (), "8xH100-SXM-80GB (the same accelerator, 8 of them)", (1, 1)),  # llama3.1-8b
        ("8xB200", None, (), "8xB200-SXM-180GB (this machine's)", (1, 8)),
        ("1xH200", None, (), "1xH200-SXM-141GB (this machine's)", (None, None)),
        ("8xMI300X", None, ("--round", "v5.1"), "8xMI300X (this machine's)", (1, 8)),
        ("8xMI300X-VF", None, ("--benchmark", "llama3.1-8b"), "8xMI300X (this machine's)", (1, 8)),
    ],
)
def test_a_recorded_machine_gets_its_set(
    machine: str, count: int | None, arguments: tuple[str, ...], ready: str, parallel: tuple[int, int], tmp_path: Path
) -> None:
    env = recorded_machines.install(machine, tmp_path / "bin", count)
    made = submitter("init", str(tmp_path / "new"), *arguments, env=env)
    assert made.returncode == 0, made.stderr
    assert f"the ready set {ready}, for " in made.stdout
    campaign = load_campaign(tmp_path / "new/campaign.toml")
    assert campaign.division == "closed"
    (table,) = campaign.benchmarks
    assert table.scenarios == ("Offline", "Server", "Interactive")
    for scenario in table.scenarios:
        settings = tomllib.loads((table.measurements / scenario / "engine.toml").read_text())["settings"]
        assert (settings.get("tensor_parallel_size"), settings.get("data_parallel_size")) == parallel
        assert ("numa_bind" in settings) == (machine != "1xH200")
    fits_in_one = machine != "8xH100"
    assert ("69 GB of weights" in made.stdout) == (not fits_in_one)
    assert "submitter dataset convert" in made.stdout
    planned = submitter("plan", str(tmp_path / "new/campaign.toml"), env=env)
    assert planned.returncode == 2
    wrong = [line for line in planned.stderr.splitlines() if line.startswith("preflight WRONG")]
    assert [line.split()[2:7] for line in wrong] == [
        "there is no data set".split(),
        "there is no checkpoint folder".split(),
    ]
    # The rest is due before the assembly: what a person must write.
    due = [line for line in planned.stderr.splitlines() if line.startswith("preflight due")]
    *parts, name = due
    assert parts
    assert all("a person must write this part" in line for line in parts)
    assert 'submitter = "YourOrganisation"' in name
    # The vLLM of the tests is for the CPU, and that machine has accelerators.
    here = [line for line in planned.stderr.splitlines() if line.startswith("preflight not here")]
    assert any("the installed vllm is for the CPU" in line or "the package vllm" in line for line in here)
    assert "submitter quantize" in made.stdout


@no_driver
@pytest.mark.parametrize(
    ("system", "checkpoint"),
    [("8xH100-SXM-80GB_TRT-LLM", "Llama-2-70b-chat-hf-fp8"), ("8xA100-SXM-80GB_TRT-LLM", "Llama-2-70b-chat-hf")],
)
def test_a_set_with_servers_lacks_only_files_servers_and_words(system: str, checkpoint: str, tmp_path: Path) -> None:
    made = submitter("init", str(tmp_path / "new"), "--system-id", system)
    assert made.returncode == 0, made.stderr
    planned = submitter("plan", str(tmp_path / "new/campaign.toml"))
    assert planned.returncode == 2
    lines = planned.stderr.splitlines()
    wrong = [line.partition("WRONG")[2].strip() for line in lines if line.startswith("preflight WRONG")]
    assert wrong == [
        f"there is no data set {tmp_path}/new/data/llama2-70b.safetensors",
        f"there is no checkpoint folder {tmp_path}/new/models/{checkpoint}",
    ]
    assert "the checkpoint that the servers serve" in planned.stderr
    here = [line.partition("not here")[2].strip() for line in lines if line.startswith("preflight not here")]
    assert here == [f"http://127.0.0.1:{port} cannot be reached: connection refused" for port in range(8001, 8005)]
    due = [line for line in lines if line.startswith("preflight due")]
    assert all("a person must write this part" in line or "YourOrganisation" in line for line in due)
    assert "the check finds no error" in planned.stderr


@no_driver
def test_numa_nodes_are_shown_with_their_accelerators(tmp_path: Path) -> None:
    env = recorded_machines.install("8xMI300X", tmp_path / "bin")
    made = submitter("init", str(tmp_path / "new"), env=env)
    assert "accelerators  8x AMD Instinct MI300X\n" in made.stdout
    assert "accelerators 0,1,2,3; 1: cores" in made.stdout


def test_wrong_options_are_all_named_with_the_nearest_right_ones(tmp_path: Path) -> None:
    made = submitter("init", str(tmp_path / "new"), "--round", "v6.2", "--division", "Open", "--scenario", "Serve")
    assert made.returncode == 2
    for words in ("unknown round 'v6.2'", "did you mean 'open'?", "did you mean 'Server'?"):
        assert words in made.stderr
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    made = submitter("init", str(tmp_path / "file"))
    assert made.returncode == 2
    assert f"submitter: {tmp_path}/file/systems" in made.stderr
    assert "cannot be written" in made.stderr


@no_driver
def test_on_a_terminal_it_asks_and_asks_again_after_a_wrong_answer(tmp_path: Path) -> None:
    env = recorded_machines.install("8xMI300X", tmp_path / "bin")
    ours, theirs = pty.openpty()
    # Name, round (first a wrong one), system, benchmark, division, scenarios (first wrong), model, status, cooling.
    answers = ["Acme", "6.1", "v6.0", "", "llama3.1-8b", "open", "Server,Ofline", "Server,Offline", "", "rdi", "liquid"]
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    command = [
        sys.executable,
        "-m",
        "submitter.cli",
        "init",
        str(tmp_path / "new"),
        "--dataset",
        "data/cnn.safetensors",
    ]
    made = subprocess.run(command, stdin=theirs, capture_output=True, text=True, env=env, timeout=120, check=False)
    os.close(theirs)
    os.close(ours)
    assert made.returncode == 0, made.stderr
    assert "unknown round '6.1'; did you mean 'v6.1'?" in made.stderr
    assert "unknown scenario 'Ofline'; did you mean 'Offline'?" in made.stderr
    campaign = load_campaign(tmp_path / "new/campaign.toml")
    assert (campaign.submitter, campaign.round, campaign.division) == ("Acme", "v6.0", "open")
    assert campaign.benchmarks[0].scenarios == ("Offline", "Server")
    assert campaign.benchmarks[0].name == "llama3.1-8b"
    fields = read(campaign.system.description)
    assert (fields["status"], fields["cooling"]) == ("rdi", "liquid")
