"""Each part is really used, in a process of its own; whatever happens to that process is one line of the report."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from submitter import packages
from submitter.doctor import trials


def other_vllm(folder: Path, code: str) -> str:
    """A folder for Python's path with a vLLM whose import runs `code`."""
    (folder / "vllm").mkdir()
    (folder / "vllm/__init__.py").write_text(code)
    info = folder / "vllm-0.99.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.99\n")
    return str(folder)


def test_a_part_that_works() -> None:
    pytest.importorskip("mlperf_loadgen")
    pytest.importorskip("numpy")
    trial = trials.run_trial(packages.RUNS, set())
    assert (trial.problem, trial.hint) == ("", "")
    assert trial.summary.startswith("LoadGen ")
    assert list(trial.rounds) == ["v6.1"]


def test_the_engine_that_is_installed_is_imported_and_names_its_device() -> None:
    version = packages.version_of("vllm")
    if not version:
        pytest.skip("vLLM is not installed")
    assert trials.run_trial(packages.ENGINE, set()).summary.startswith(f"vLLM {version} ")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (
            "raise RuntimeError('operator torchvision::nms does not exist\\nmore')",
            "the vLLM engine needs the package vllm, but 0.99 cannot be imported: "
            "operator torchvision::nms does not exist",
        ),
        (
            "import no_such_package",
            "the vLLM engine needs the package no_such_package, which is not installed",
        ),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGILL)",
            "the vLLM engine: its process ended by SIGILL",
        ),
        (
            "import sys; print('a last word', file=sys.stderr); sys.exit(5)",
            "the vLLM engine: its process ended with 5: a last word",
        ),
    ],
)
def test_a_broken_library_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, problem: str) -> None:
    monkeypatch.syspath_prepend(other_vllm(tmp_path, code))
    trial = trials.run_trial(packages.ENGINE, set())
    assert trial.problem == problem
    assert packages.install_command(packages.ENGINE) in trial.hint
    assert trial.is_installed


PLATFORM = """
class Platform:
    def is_cpu(self): return False
    def is_cuda_alike(self): return {devices} > 0
    def is_rocm(self): return {is_rocm}
    def device_count(self): return {devices}
    def get_device_name(self, index): return "X100"
current_platform = Platform()
"""


@pytest.mark.parametrize(
    ("devices", "is_rocm", "summary", "problem"),
    [
        (8, False, "vLLM 0.99 with CUDA on 8 x X100", ""),
        (2, True, "vLLM 0.99 with ROCm on 2 x X100", ""),
        (0, False, "", "vLLM 0.99 finds no device that it is built for"),
    ],
)
def test_the_devices_that_vllm_sees(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, devices: int, is_rocm: bool, summary: str, problem: str
) -> None:
    """A substitute answers in vLLM's place, as no accelerator is here."""
    folder = other_vllm(tmp_path, "")
    for name, text in {
        "platforms": PLATFORM.format(devices=devices, is_rocm=is_rocm),
        "engine/arg_utils": "AsyncEngineArgs = object",
        "v1/engine/async_llm": "AsyncLLM = object",
    }.items():
        path = tmp_path / "vllm" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(folder)
    trial = trials.run_trial(packages.ENGINE, set())
    assert (trial.summary, trial.problem) == (summary, problem)


def test_a_library_that_hangs_is_ended_with_its_children(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "child"
    code = (
        "import subprocess, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(file)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    monkeypatch.syspath_prepend(other_vllm(tmp_path, code))
    monkeypatch.setattr(trials, "LIMIT_S", 2.0)
    began = time.monotonic()
    trial = trials.run_trial(packages.ENGINE, set())
    assert time.monotonic() - began < 10
    assert trial.problem == "the vLLM engine: no answer in 2 s"
    for _ in range(50):
        if is_gone(int(file.read_text())):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the child lives on")


def is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_file_in_the_working_folder_is_not_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise RuntimeError('not numpy')\n")
    monkeypatch.chdir(tmp_path)
    assert "not numpy" not in trials.run_trial(packages.RUNS, set()).problem
    assert os.getcwd() == str(tmp_path)


def test_every_part_that_a_command_needs_has_a_trial() -> None:
    assert set(trials.TRIALS) == {part for parts in packages.COMMANDS.values() for part in parts}
