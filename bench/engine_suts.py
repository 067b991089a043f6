"""The SUTs that bench/engines.py compares: this harness, and hosts of other code in processes of their own."""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from hosts.protocol import LOADGEN_MODEL, HostPlan, HostRun

from submitter import layout
from submitter.embedded.benchmark import load_benchmark, model_folder
from submitter.harness.engines import EnginePlan
from submitter.harness.plan import EngineSettings, RunPlan, SessionPlan
from submitter.harness.supervisor import Finished, Limits, run_session
from submitter.logs import DetailLog, read_detail
from submitter.model import Mode, Scenario
from submitter.units import NS_PER_MS

ENGINE_ARGUMENTS: dict[str, Any] = {
    "dtype": "bfloat16",
    "kv_cache_dtype": "fp8",
    "enforce_eager": True,
    "max_model_len": 512,
    "max_num_seqs": 256,
    "max_num_batched_tokens": 4096,
}
ENV = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
# A SUT waits for its turn while the engines of the others load: that is not a stall.
LIMITS = Limits(start_s=300, stall_s=3600)
# A Server run issues whole copies of this many samples, so the steps of its length are short.
SERVER_COPY = 256


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One run. Latencies are in ms, 0 for Offline; `cpu_s` is the CPU time of the harness's processes in the run."""

    samples: int
    tokens_per_s: float
    cpu_s: float
    valid: bool = True
    ttft_p99_ms: float = 0.0
    tpot_p99_ms: float = 0.0

    @classmethod
    def from_log(cls, log: DetailLog, cpu_s: float) -> Figures:
        offline = log["effective_scenario"] == Scenario.OFFLINE.loadgen_name
        latency = (
            {}
            if offline
            else {
                "ttft_p99_ms": log["result_first_token_99.00_percentile_latency_ns"] / NS_PER_MS,
                "tpot_p99_ms": log["result_time_per_output_token_99.00_percentile_ns"] / NS_PER_MS,
            }
        )
        return cls(
            samples=log["generated_query_count"] * log["generated_samples_per_query"],
            tokens_per_s=log["result_tokens_per_second" if offline else "result_completed_tokens_per_second"],
            cpu_s=cpu_s,
            valid=log["result_validity"] == "VALID",
            **latency,
        )

    def __str__(self) -> str:
        latency = f", p99 TTFT {self.ttft_p99_ms:.1f} ms, TPOT {self.tpot_p99_ms:.2f} ms" if self.ttft_p99_ms else ""
        return f"{self.tokens_per_s:,.0f} tokens/s{latency}, {self.cpu_s / self.samples * 1000:.2f} CPU s per 1,000"


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What every SUT has to do: the data set, the samples of an Offline run, and the seconds of a Server run."""

    data: Path
    folder: Path
    samples: int
    seconds: float
    ttft_limit_ms: int
    tpot_limit_ms: int

    def user_conf(self, scenario: Scenario, rate: float) -> Path:
        path = self.folder / f"{scenario}-{rate:g}.conf"
        if scenario is Scenario.OFFLINE:
            keys = {
                "*.performance_sample_count_override": self.samples,
                "Offline.min_query_count": self.samples,
                "Offline.min_duration": 0,
                "Offline.target_qps": 1,
            }
        else:
            keys = {
                "*.performance_sample_count_override": SERVER_COPY,
                "Server.min_duration": int(self.seconds * 1000),
                "Server.target_qps": rate,
                "Server.ttft_latency": self.ttft_limit_ms,
                "Server.tpot_latency": self.tpot_limit_ms,
            }
        path.write_text("".join(f"*.{key} = {value}\n" for key, value in keys.items()))
        return path


class Sut(ABC):
    """A loaded SUT. A context manager, which loads the engine and ends all its processes."""

    name: str

    @abstractmethod
    def __enter__(self) -> Sut: ...

    @abstractmethod
    def __exit__(self, *error: object) -> None: ...

    @abstractmethod
    def run(self, scenario: Scenario, user_conf: Path) -> Figures: ...


def harness_cpu_s(pid: int) -> float:
    """CPU seconds so far of a process and its children, without vLLM's own processes, which are named `VLLM::`."""
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        if not process.name().startswith("VLLM::"):
            times = process.cpu_times()
            total += times.user + times.system
    return total


class ThisHarness(Sut):
    """A session of this harness, which goes on with each run that is asked for."""

    def __init__(self, name: str, work: Workload, engine: EngineSettings) -> None:
        self.name = name
        benchmark = load_benchmark()
        self._folder = work.folder / name
        self._plan = SessionPlan(
            engine=engine,
            engine_plan=EnginePlan(
                model=str(model_folder()), max_new_tokens=benchmark.max_new_tokens, eos_token_id=benchmark.eos_token_id
            ),
            dataset=work.data,
            sample_limit=work.samples,
            runs=(),
        )
        self._runs: queue.Queue[RunPlan | None] = queue.Queue()
        self._ended: queue.Queue[Finished | BaseException | None] = queue.Queue()
        self._count = 0
        self._pid = 0

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        """As the session's watcher."""
        if kind == "ready":
            self._ended.put(None)

    def __enter__(self) -> ThisHarness:
        self._thread = threading.Thread(target=self._session, daemon=True)
        self._thread.start()
        self._wait()
        children = psutil.Process().children()
        self._pid = next(each.pid for each in children if "submitter.harness.child" in each.cmdline())
        return self

    def _session(self) -> None:
        try:
            run_session(self._plan, self._folder, LIMITS, self, self._ended.put, self._runs.get)
        except BaseException as error:
            self._ended.put(error)

    def _wait(self) -> Finished | None:
        ended = self._ended.get()
        if isinstance(ended, BaseException):
            raise ended
        return ended

    def run(self, scenario: Scenario, user_conf: Path) -> Figures:
        self._count += 1
        began_s = harness_cpu_s(self._pid)
        self._runs.put(
            RunPlan(
                scenario=scenario,
                mode=Mode.PERFORMANCE,
                loadgen_model=LOADGEN_MODEL,
                user_conf=user_conf,
                folder=self._folder / f"run-{self._count}",
                expected_samples=1,
                expected_s=1.0,
            )
        )
        finished = self._wait()
        assert finished is not None
        return Figures.from_log(finished.log, harness_cpu_s(self._pid) - began_s)

    def __exit__(self, *error: object) -> None:
        self._runs.put(None)
        self._thread.join()


class HostedSut(Sut):
    """Other code in a process of its own: a file of bench/hosts."""

    def __init__(self, name: str, work: Workload, host: str, plan: HostPlan, batch_size: int = 0) -> None:
        self.name = name
        self._folder = work.folder / name
        self._host = Path(__file__).parent / "hosts" / host
        self._plan = plan
        self._batch_size = batch_size
        self._count = 0

    def __enter__(self) -> HostedSut:
        self._folder.mkdir()
        read_end, write_end = os.pipe()
        with (self._folder / "host.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(self._host), self._plan.to_json(), str(write_end)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(write_end,),
                start_new_session=True,
                env={**os.environ, **ENV},
            )
        os.close(write_end)
        self._answers = os.fdopen(read_end)
        try:
            self._answer()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _answer(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            log = (self._folder / "host.log").read_text(errors="replace")
            raise SystemExit(f"{self.name} ended; the end of its log:\n{log[-3000:]}")
        facts: dict[str, Any] = json.loads(line)
        return facts

    def run(self, scenario: Scenario, user_conf: Path) -> Figures:
        self._count += 1
        output = self._folder / f"run-{self._count}"
        output.mkdir()
        run = HostRun(user_conf=str(user_conf), output=str(output), batch_size=self._batch_size)
        assert self._process.stdin is not None
        began_s = harness_cpu_s(self._process.pid)
        self._process.stdin.write(json.dumps(asdict(run)).encode() + b"\n")
        self._process.stdin.flush()
        facts = self._answer()
        cpu_s = harness_cpu_s(self._process.pid) - began_s
        if facts:
            return Figures(samples=self._plan.sample_count, cpu_s=cpu_s, **facts)
        return Figures.from_log(read_detail(output / layout.DETAIL_LOG), cpu_s)

    def __exit__(self, *error: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._answers.close()


def suts_of(
    scenario: Scenario,
    work: Workload,
    mlcommons: Path | None,
    amd: Path | None,
    endpoint: str | None,
    named: list[str],
) -> list[Sut]:
    """What there is for the scenario: the yardstick is Offline only; peers need their folders, a server its URL.

    With `named` only those; two ranks and the batches of 16 take several times as long, so they must be named.
    """
    benchmark = load_benchmark()
    folder = work.folder / scenario
    folder.mkdir()

    def host(name: str, file: str, peer: Path | None = None, **more: Any) -> HostedSut:
        plan = HostPlan(
            scenario=scenario.loadgen_name,
            model=str(model_folder()),
            dataset=str(work.data),
            sample_count=work.samples,
            max_new_tokens=benchmark.max_new_tokens,
            eos_token_id=benchmark.eos_token_id,
            settings=ENGINE_ARGUMENTS,
            peer=str(peer.resolve()) if peer else "",
        )
        return HostedSut(name, dataclasses.replace(work, folder=folder), file, plan, **more)

    def this(name: str, engine: str, settings: dict[str, Any], **env: str) -> ThisHarness:
        return ThisHarness(
            name,
            dataclasses.replace(work, folder=folder),
            EngineSettings(engine=engine, in_flight=512, warm_up_prompts=64, settings=settings, env={**ENV, **env}),
        )

    suts: list[Sut] = [this("submitter", "vllm", ENGINE_ARGUMENTS)]
    if scenario is Scenario.OFFLINE:
        suts.insert(0, host("LLM.generate", "llm_generate.py"))
    if amd is not None:
        suts.append(host("AMD", "amd.py", amd))
    if mlcommons is not None:
        suts.append(host("MLCommons", "mlcommons.py", mlcommons, batch_size=work.samples))
        if scenario is Scenario.OFFLINE and "MLCommons batch 16" in named:
            suts.append(host("MLCommons batch 16", "mlcommons.py", mlcommons, batch_size=16))
    # Two ranks share two cores with the front end, so this shows that they work, and no gain.
    ranks = {**ENGINE_ARGUMENTS, "data_parallel_size": 2}
    if "submitter 2 ranks" in named:
        suts.append(this("submitter 2 ranks", "vllm", ranks, VLLM_CPU_OMP_THREADS_BIND="nobind"))
    if endpoint is not None:
        suts.append(this("submitter endpoint", "endpoint", {"urls": [endpoint]}))
    return [sut for sut in suts if not named or sut.name in named]
