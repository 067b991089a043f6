"""`submitter tune`: carries the search of `search.py` out on one loaded engine, and keeps a journal that it resumes."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from submitter.campaign.plan import BenchmarkPlan, CampaignPlan
from submitter.campaign.search import LatencyLimits, Probe, SearchOutcome, Step, judged, next_step
from submitter.errors import InputError
from submitter.harness import loadgen
from submitter.harness.loadgen import EffectiveSettings
from submitter.harness.plan import LATENCIES, RunPlan, SessionPlan
from submitter.harness.supervisor import Finished, Limits, Watcher, run_session
from submitter.model import Mode, Scenario
from submitter.record import write_atomically, write_json_atomically

# A probe lasts so long, or as many samples as the percentile needs to be judged, or so many answers' times; but never
# more than a part of the full run, which would be the better probe then.
_PROBE_S = 15.0
_PROBE_SAMPLES = 600
_MOST_OF_FULL = 0.25
_TARGET_LINE = re.compile(r"^(\s*(?:\*|{model})\.(?:\*|{scenario})\.target_qps\s+=\s+)(\S+)")


class Journal(BaseModel):
    """What the search knows: every run of it, and the fingerprint of all that must be the same for them to count."""

    model_config = ConfigDict(extra="forbid")

    version: int = 1
    fingerprint: str
    benchmark: str
    scenario: Scenario
    probes: list[Probe] = []


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What a search found."""

    outcome: SearchOutcome
    probes: tuple[Probe, ...]
    """All runs that the outcome rests on, those of earlier searches included."""
    start_qps: float
    """The target rate that user.conf has."""
    limits: LatencyLimits
    journal: Path
    """The file that a later search goes on from."""
    user_conf: Path
    """Where the rate belongs."""
    loadgen_model: str
    """The benchmark's name in LoadGen's configuration."""


def tune(
    plan: CampaignPlan,
    scenario: Scenario,
    *,
    budget_s: float,
    watcher: Watcher,
    on_probe: Callable[[Probe], None],
    benchmark: str | None = None,
    rerun: bool = False,
) -> Tuned:
    """Search within `budget_s` seconds, the engine's loading included; earlier runs of the same search count.

    InputError if the campaign has no such scenario, or it has no token latencies to search by.
    """
    chosen = _benchmark(plan, scenario, benchmark)
    session, base = _base(chosen, scenario)
    settings = chosen.settings[scenario, Mode.PERFORMANCE]
    if scenario is Scenario.OFFLINE or not (settings.use_token_latencies and settings.ttft_limit_ns):
        raise InputError(f"{scenario} has no token latencies to search by", "give --scenario Server or Interactive")
    limits = LatencyLimits(settings.ttft_limit_ns / 1e6, settings.tpot_limit_ns / 1e6)
    folder = plan.campaign.output / "tune" / plan.campaign.system.id / chosen.table.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{scenario}.json"
    fingerprint = _fingerprint(chosen, session, base)
    journal = None if rerun else _read(path, fingerprint)
    journal = journal or Journal(fingerprint=fingerprint, benchmark=chosen.table.name, scenario=scenario)
    began_s = time.monotonic()
    size = len(chosen.dataset)

    def full_s(qps: float) -> float:
        return replace(settings, target_qps=qps).expected_seconds(scenario, Mode.PERFORMANCE, size)

    def step() -> Step | SearchOutcome:
        left_s = budget_s - (time.monotonic() - began_s)
        probe_s = _probe_seconds(journal.probes, settings, full_s)
        return next_step(journal.probes, settings.target_qps, limits, probe_s=probe_s, full_s=full_s, left_s=left_s)

    def next_run() -> RunPlan | None:
        wanted = step()
        return _run(base, settings, wanted, folder, full_s) if isinstance(wanted, Step) else None

    def keep(done: Finished) -> None:
        probe = _told(done, limits, full_s)
        journal.probes.append(probe)
        write_json_atomically(path, journal.model_dump(mode="json"))
        on_probe(probe)

    if isinstance(step(), Step):
        waits = Limits(plan.campaign.limits.start_s, plan.campaign.limits.stall_s)
        alone = session.model_copy(update={"runs": ()})
        run_session(alone, plan.campaign.output / "engine" / "tune", waits, watcher, keep, next_run)
    outcome = step()
    if isinstance(outcome, Step):  # the engine's loading alone took the budget, or the clock went on
        outcome = next_step(
            journal.probes, settings.target_qps, limits, probe_s=1.0, full_s=lambda _: math.inf, left_s=0.0
        )
    assert isinstance(outcome, SearchOutcome)
    return Tuned(
        outcome=outcome,
        probes=tuple(journal.probes),
        start_qps=settings.target_qps,
        limits=limits,
        journal=path,
        user_conf=base.user_conf,
        loadgen_model=base.loadgen_model,
    )


def write_target(user_conf: Path, loadgen_model: str, scenario: Scenario, target_qps: float) -> None:
    """Set the scenario's target_qps in a user.conf, in the line that counts, or in a new one at its end."""
    pattern = re.compile(
        _TARGET_LINE.pattern.replace("{model}", re.escape(loadgen_model)).replace("{scenario}", scenario.loadgen_name),
        re.MULTILINE,
    )
    text = user_conf.read_text("utf-8")
    changed, count = pattern.subn(lambda match: f"{match[1]}{target_qps:g}", text)
    if not count:
        changed = f"{text.rstrip()}\n*.{scenario.loadgen_name}.target_qps = {target_qps:g}\n".lstrip()
    write_atomically(user_conf, changed.encode())


def _benchmark(plan: CampaignPlan, scenario: Scenario, name: str | None) -> BenchmarkPlan:
    having = [b for b in plan.benchmarks if scenario in b.table.scenarios and name in (None, b.table.name)]
    if not having:
        raise InputError(f"the campaign has no {name or 'benchmark with'} {scenario}", "name one that it has")
    if len(having) > 1:
        names = ", ".join(b.table.name for b in having)
        raise InputError(f"{scenario} is a scenario of {names}", "choose one with --benchmark")
    return having[0]


def _base(benchmark: BenchmarkPlan, scenario: Scenario) -> tuple[SessionPlan, RunPlan]:
    return next(
        (session, run)
        for session in benchmark.sessions
        for run in session.runs
        if run.scenario is scenario and run.mode is Mode.PERFORMANCE
    )


def _fingerprint(benchmark: BenchmarkPlan, session: SessionPlan, base: RunPlan) -> str:
    """Equal where runs can be compared: everything but the target rate, which the search changes."""
    conf = "\n".join(line for line in base.user_conf.read_text("utf-8").splitlines() if "target_qps" not in line)
    parts = [
        session.engine.model_dump_json(),
        session.engine_plan.model_dump_json(exclude={"model"}),
        base.loadgen_model,
        conf,
        str(session.sample_limit),
        benchmark.dataset.sha256,
        benchmark.model.sha256,
        loadgen.version(),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _read(path: Path, fingerprint: str) -> Journal | None:
    try:
        journal = Journal.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise InputError(f"{path} is no journal of tune: {str(error).splitlines()[0]}", "give --rerun") from None
    return journal if journal.fingerprint == fingerprint else None


def _probe_seconds(probes: list[Probe], settings: EffectiveSettings, full_s: Callable[[float], float]) -> float:
    last = probes[-1] if probes else None
    qps = last.target_qps if last else settings.target_qps
    # An answer's time is not in the journal; its first token and a generous count of further ones come near it.
    answer_s = (last.ttft_p99_ms + 300 * last.tpot_p99_ms) / 1000 if last else 0.0
    return min(max(_PROBE_S, _PROBE_SAMPLES / qps, 2 * answer_s), _MOST_OF_FULL * settings.min_duration_ms / 1000)


def _run(
    base: RunPlan, settings: EffectiveSettings, step: Step, folder: Path, full_s: Callable[[float], float]
) -> RunPlan:
    """The run of a step. A probe draws its samples freely: whole passes over the data set would be no short run."""
    changed = {"target_qps": f"{step.target_qps:.10g}"}
    if step.kind == "probe":
        changed["min_duration"] = str(math.ceil(step.seconds * 1000))
        changed["min_query_count"] = "1"
        changed["sample_concatenate_permutation"] = "0"
    prefix = f"{base.loadgen_model}.{base.scenario.loadgen_name}"
    lines = "".join(f"{prefix}.{key} = {value}\n" for key, value in changed.items())
    conf = folder / f".{base.scenario}.user.conf"
    write_atomically(conf, f"{base.user_conf.read_text('utf-8').rstrip()}\n{lines}".encode())
    expected_s = step.seconds if step.kind == "probe" else full_s(step.target_qps)
    return base.model_copy(
        update={
            "user_conf": conf,
            "folder": folder / f".{base.scenario}.{step.kind}",
            "keep_latencies": True,
            "expected_s": expected_s,
            "expected_samples": math.ceil(expected_s * step.target_qps),
        }
    )


def _told(done: Finished, limits: LatencyLimits, full_s: Callable[[float], float]) -> Probe:
    qps = float(done.log["effective_target_qps"])
    latencies = np.load(done.folder / LATENCIES, allow_pickle=False)
    probe = judged(latencies, qps, done.duration_s, limits, full_s(qps))
    if done.run.folder.name.endswith(".probe"):
        return probe
    verdict = str(done.log["result_validity"])
    return probe.model_copy(
        update={
            "kind": "full",
            "verdict": "pass" if verdict == "VALID" else "fail",
            "why": f"LoadGen: {verdict}",
            "ttft_p99_ms": round(float(done.log["result_first_token_99.00_percentile_latency_ns"]) / 1e6, 2),
            "tpot_p99_ms": round(float(done.log["result_time_per_output_token_99.00_percentile_ns"]) / 1e6, 3),
        }
    )
