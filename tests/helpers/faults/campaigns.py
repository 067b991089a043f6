"""The campaigns that the faults come to: small, whole, and on each engine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from echo_campaign import make_campaign
from two_hosts import DRIVER

from faults.record import Engine
from faults.site import REPOSITORY

# How long a campaign waits for its engine to load, and for a sample, in s: a real one waits longer.
_ECHO_LIMITS, _VLLM_LIMITS = "start_s = 12\nstall_s = 4", "start_s = 240\nstall_s = 30"
_TWO_RANKS = f"""
data_parallel_size = 2
data_parallel_size_local = 1
data_parallel_address = "{DRIVER}"
"""


def write_campaign(folder: Path, engine: Engine) -> None:
    """Write `campaign.toml` and everything that it names."""
    _write_vllm(folder) if engine.is_vllm else _write_echo(folder)
    if engine.has_nodes:
        for toml in folder.rglob("engine.toml"):
            text = toml.read_text() if engine.is_vllm else toml.read_text() + "[env]\n"
            # All hosts have the same cores here, so no rank may be bound to some of them.
            shared = 'VLLM_CPU_OMP_THREADS_BIND = "nobind"\nOMP_NUM_THREADS = "1"\n' if engine.is_vllm else ""
            toml.write_text(text.replace("[env]\n", f"{_TWO_RANKS}[env]\n{shared}"))
        system = folder / ("systems/cpu-demo.json" if engine.is_vllm else "system.json")
        system.write_text(json.dumps({**json.loads(system.read_text()), "number_of_nodes": "2"}))


def _write_echo(folder: Path) -> None:
    """Some four seconds: six runs, of which Server's performance run lasts longest."""
    made = make_campaign(folder)
    conf = made.measurement("Server", "user.conf")
    made.edit(conf, "Server.min_duration = 2000", "Server.min_duration = 1200")
    made.edit(conf, "target_qps = 400", "target_qps = 600")
    _replace(made.file, "start_s = 60\nstall_s = 20", _ECHO_LIMITS)


def _write_vllm(folder: Path) -> None:
    """Offline of the embedded benchmark in FP8: less than a minute, most of it to load."""
    for name in ("measurements", "systems"):
        ready = "cpu-smoke" if name == "measurements" else "cpu-demo.json"
        source = REPOSITORY / name / ready
        target = folder / name / ready
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)
    file = folder / "campaign.toml"
    shutil.copyfile(REPOSITORY / "examples" / "demo.toml", file)
    full_run = next(line for line in file.read_text().splitlines() if line.startswith("full_run"))
    for old, new in (
        (f"{full_run}\n", ""),
        ('["Offline", "Server"]', '["Offline"]'),
        ("sample_limit = 512", "sample_limit = 64"),
        ("../build/demo", "out"),
        ("../", ""),
        ("start_s = 300\nstall_s = 120", _VLLM_LIMITS),
    ):
        _replace(file, old, new)
    (folder / "measurements/cpu-smoke/tiny-llama/Offline/user.conf").write_text(
        "*.*.performance_sample_count_override = 64\n*.Offline.min_query_count = 1024\n"
        "*.Offline.min_duration = 100\n*.Offline.target_qps = 60\n"
    )


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file} has no {old!r}"
    file.write_text(text.replace(old, new))
