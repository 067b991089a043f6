"""What bench/engines.py and a hosted SUT say to each other: a plan as JSON, then a line for each run, and its answer.

A host is started as `python bench/hosts/NAME.py PLAN EVENTS_FD`. It loads its engine once, writes a line to EVENTS_FD,
and then makes the runs that it reads from standard input. After each it writes a line again.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from submitter.harness.dataset import Dataset

LOADGEN_MODEL = "llama2-70b"


@dataclass(frozen=True)
class HostPlan:
    """`settings` are vLLM's engine arguments, the same for every host; `peer` is the folder of the peer's code."""

    scenario: str
    model: str
    dataset: str
    sample_count: int
    max_new_tokens: int
    eos_token_id: int
    settings: dict[str, Any]
    peer: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @cached_property
    def prompts(self) -> list[list[int]]:
        data = Dataset.open(Path(self.dataset))
        return [data.prompt(index) for index in range(self.sample_count)]


@dataclass(frozen=True)
class HostRun:
    """One LoadGen run. `batch_size` is the peer's own option, where it has one."""

    user_conf: str
    output: str
    batch_size: int


def read_plan() -> HostPlan:
    return HostPlan(**json.loads(sys.argv[1]))


def serve(make_run: Callable[[HostRun], dict[str, Any]]) -> None:
    """Say that the engine is loaded, then make each run that standard input names; ends the process with its input."""
    events = int(sys.argv[2])

    def answer(facts: dict[str, Any]) -> None:
        os.write(events, (json.dumps(facts) + "\n").encode())

    answer({})
    for line in sys.stdin:
        answer(make_run(HostRun(**json.loads(line))))
    os._exit(0)  # a peer's threads and queues would keep the process alive


def loadgen_run(sut: Any, scenario: str, run: HostRun) -> dict[str, Any]:
    """One performance run of LoadGen on a peer's SUT, which has the methods of the reference implementations."""
    import mlperf_loadgen

    settings = mlperf_loadgen.TestSettings()
    settings.scenario = getattr(mlperf_loadgen.TestScenario, scenario)
    # As in submitter/harness/loadgen.py: the built-in configuration by its type, which also works a second time.
    settings.FromConfig("", LOADGEN_MODEL, scenario, 0)
    settings.FromConfig(run.user_conf, LOADGEN_MODEL, scenario, 2)
    settings.mode = mlperf_loadgen.TestMode.PerformanceOnly
    logs = mlperf_loadgen.LogSettings()
    logs.enable_trace = False
    logs.log_output.outdir = run.output
    loadgen_sut = mlperf_loadgen.ConstructSUT(sut.issue_queries, sut.flush_queries)
    mlperf_loadgen.StartTestWithLogSettings(loadgen_sut, sut.qsl, settings, logs, f"{run.output}/no-audit.config")
    mlperf_loadgen.DestroySUT(loadgen_sut)
    return {}
