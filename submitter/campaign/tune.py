"""`submitter tune`: makes the runs of `search.py` on one loaded engine, and keeps a journal to resume from."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from submitter import input_file
from submitter.campaign.journal import write_journal
from submitter.campaign.plan import BenchmarkPlan, CampaignPlan
from submitter.campaign.probe import LatencyLimits, Probe, judge_probe
from submitter.campaign.run import waiting_limits
from submitter.campaign.search import SearchOutcome, Step, next_step
from submitter.campaign.selection import tuned_benchmark
from submitter.errors import InputError
from submitter.harness import loadgen
from submitter.harness.events import Watcher
from submitter.harness.loadgen import EffectiveSettings
from submitter.harness.plan import LATENCIES, RunPlan, SessionPlan
from submitter.harness.supervisor import Finished, run_session
from submitter.loadgen_conf import WILDCARD, read_file
from submitter.model import Mode, Scenario
from submitter.record import write_atomically, write_json_atomically
from submitter.units import MS_PER_S, NS_PER_MS
from submitter.validation import in_words

# A probe takes the longest of: this time, this many samples, which the percentile needs, and two answers' latency.
_PROBE_S = 15.0
_PROBE_SAMPLES = 600
# But never more than this share of a full run's minimum duration: then a full run is the better choice.
_MAX_SHARE_OF_FULL = 0.25


class TuneJournal(BaseModel):
    """The runs of a search, kept on disk so that a later search resumes from them."""

    model_config = ConfigDict(extra="forbid")

    version: int = 1
    fingerprint: str
    """Of everything that must be unchanged for the runs to count."""
    benchmark: str
    scenario: Scenario
    probes: list[Probe] = []


@dataclass(frozen=True, kw_only=True)
class TuneResult:
    """The result of `tune`."""

    outcome: SearchOutcome
    probes: tuple[Probe, ...]
    """All runs that led to the outcome, also those of earlier searches."""
    start_qps: float
    """The target rate in user.conf, in samples per second."""
    limits: LatencyLimits
    journal: Path
    """The file that a later search resumes from."""
    user_conf: Path
    """The file for the target rate."""
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
) -> TuneResult:
    """Search for the highest target rate that passes, within `budget_s` seconds, engine loading included.

    `on_probe` gets each run, short or full, as soon as it has a verdict. The runs of an earlier search with the same
    settings count, unless `rerun` is true. The caller holds the campaign's lock (`locked`).

    InputError if the campaign has no such scenario, or the scenario has no token latencies. NotInstalledError and
    RunError as `make_runs` raises them.
    """
    name = tuned_benchmark(plan.campaign, scenario, benchmark)
    chosen = next(each for each in plan.benchmarks if each.table.name == name)
    search = _open_search(plan, chosen, scenario, rerun=rerun)
    deadline_s = time.monotonic() + budget_s
    step = search.next_step(budget_s)

    def next_run() -> RunPlan | None:
        nonlocal step
        step = search.next_step(deadline_s - time.monotonic())
        return search.run_plan(step) if isinstance(step, Step) else None

    if isinstance(step, Step):
        session = search.session.model_copy(update={"runs": ()})
        run_session(
            session,
            plan.campaign.engine_folder / "tune",
            waiting_limits(plan.campaign),
            watcher,
            lambda done: on_probe(search.record(done)),
            next_run,
            failed_folder=plan.campaign.failed_folder,
            journal=partial(write_journal, plan.campaign.output),
        )
    assert isinstance(step, SearchOutcome)  # a session ends only after `next_run` returned None
    return search.result(step)


@dataclass(frozen=True, kw_only=True)
class _Search:
    """The search for one benchmark and scenario: what is fixed, and the journal that grows."""

    session: SessionPlan
    base: RunPlan
    """The campaign's performance run of the scenario, which every run of the search is a variant of."""
    settings: EffectiveSettings
    """LoadGen's settings for `base`."""
    limits: LatencyLimits
    dataset_size: int
    folder: Path
    """Where the journal is, and while they last the logs of the search's runs."""
    journal: TuneJournal

    @property
    def journal_path(self) -> Path:
        return self.folder / f"{self.base.scenario}.json"

    def full_s(self, qps: float) -> float:
        """How long a full run at this rate takes, in s."""
        settings = replace(self.settings, target_qps=qps)
        return settings.expected_seconds(self.base.scenario, Mode.PERFORMANCE, self.dataset_size)

    def probe_s(self) -> float:
        """How long the next probe lasts, in s."""
        last = self.journal.probes[-1] if self.journal.probes else None
        qps = last.target_qps if last else self.settings.target_qps
        # The journal has no whole latency: the first token and 300 further ones are an estimate on the safe side.
        answer_s = (last.ttft_p99_ms + 300 * last.tpot_p99_ms) / MS_PER_S if last else 0.0
        longest_s = _MAX_SHARE_OF_FULL * self.settings.min_duration_ms / MS_PER_S
        return min(max(_PROBE_S, _PROBE_SAMPLES / qps, 2 * answer_s), longest_s)

    def next_step(self, left_s: float) -> Step | SearchOutcome:
        """The next run, or the outcome, if `left_s` seconds of the budget are left."""
        return next_step(
            self.journal.probes,
            self.settings.target_qps,
            self.limits,
            probe_s=self.probe_s(),
            full_s=self.full_s,
            left_s=left_s,
        )

    def run_plan(self, step: Step) -> RunPlan:
        """The run of a step, with a user.conf of its own.

        A probe draws its samples at random: it would not be short if it issued the whole data set.
        """
        base = self.base
        changed = {"target_qps": f"{step.target_qps:.10g}"}
        if step.kind == "probe":
            changed["min_duration"] = str(math.ceil(step.seconds * MS_PER_S))
            changed["min_query_count"] = "1"
            changed["sample_concatenate_permutation"] = "0"
        prefix = f"{base.loadgen_model}.{base.scenario.loadgen_name}"
        lines = "".join(f"{prefix}.{key} = {value}\n" for key, value in changed.items())
        conf = self.folder / f".{base.scenario}.user.conf"
        write_atomically(conf, f"{base.user_conf.read_text('utf-8').rstrip()}\n{lines}".encode())
        expected_s = step.seconds if step.kind == "probe" else self.full_s(step.target_qps)
        return base.model_copy(
            update={
                "user_conf": conf,
                "folder": self.folder / f".{base.scenario}.{step.kind}",
                "keep_latencies": True,
                "expected_s": expected_s,
                "expected_samples": math.ceil(expected_s * step.target_qps),
            }
        )

    def record(self, done: Finished) -> Probe:
        """Judge a finished run and write it into the journal."""
        probe = _judge(done, self.limits, self.full_s)
        self.journal.probes.append(probe)
        write_json_atomically(self.journal_path, self.journal.model_dump(mode="json"))
        return probe

    def result(self, outcome: SearchOutcome) -> TuneResult:
        return TuneResult(
            outcome=outcome,
            probes=tuple(self.journal.probes),
            start_qps=self.settings.target_qps,
            limits=self.limits,
            journal=self.journal_path,
            user_conf=self.base.user_conf,
            loadgen_model=self.base.loadgen_model,
        )


def _open_search(plan: CampaignPlan, benchmark: BenchmarkPlan, scenario: Scenario, *, rerun: bool) -> _Search:
    """A search that resumes from its journal, if there is one for the same settings and it is not to be repeated."""
    session, base = next(
        (session, run)
        for session in benchmark.sessions
        for run in session.runs
        if run.scenario is scenario and run.mode is Mode.PERFORMANCE
    )
    settings = benchmark.settings[scenario, Mode.PERFORMANCE]
    if not (settings.use_token_latencies and settings.ttft_limit_ns):
        raise InputError(
            f"{base.user_conf}: {scenario} has no token latencies to search by", "remove use_token_latencies from it"
        )
    folder = plan.campaign.output / "tune" / plan.campaign.system.id / benchmark.table.name
    folder.mkdir(parents=True, exist_ok=True)
    fingerprint = _fingerprint(benchmark, session, base)
    search = _Search(
        session=session,
        base=base,
        settings=settings,
        limits=LatencyLimits(settings.ttft_limit_ns / NS_PER_MS, settings.tpot_limit_ns / NS_PER_MS),
        dataset_size=len(benchmark.dataset),
        folder=folder,
        journal=TuneJournal(fingerprint=fingerprint, benchmark=benchmark.table.name, scenario=scenario),
    )
    earlier = None if rerun else _read_journal(search.journal_path)
    return replace(search, journal=earlier) if earlier and earlier.fingerprint == fingerprint else search


def _fingerprint(benchmark: BenchmarkPlan, session: SessionPlan, base: RunPlan) -> str:
    """Equal for comparable runs: it covers everything but the target rate, which the search changes."""
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


def _read_journal(path: Path) -> TuneJournal | None:
    """The journal in this file; None if there is no file. InputError if it is not a journal."""
    if not path.exists():
        return None
    content = input_file.read_bytes(path, "tune journal", "give --rerun")
    try:
        return TuneJournal.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{path} is not a tune journal: {in_words(error.errors()[0])}", "give --rerun") from None


def _judge(done: Finished, limits: LatencyLimits, full_s: Callable[[float], float]) -> Probe:
    """The verdict on a finished run: ours on a probe, LoadGen's on a full run."""
    qps = float(done.log["effective_target_qps"])
    import numpy

    latencies = numpy.load(done.folder / LATENCIES, allow_pickle=False)
    probe = judge_probe(latencies, qps, done.duration_s, limits, full_s(qps))
    if done.run.folder.name.endswith(".probe"):
        return probe
    validity = str(done.log["result_validity"])
    ttft_p99_ns = float(done.log["result_first_token_99.00_percentile_latency_ns"])
    tpot_p99_ns = float(done.log["result_time_per_output_token_99.00_percentile_ns"])
    return probe.model_copy(
        update={
            "kind": "full",
            "verdict": "pass" if validity == "VALID" else "fail",
            "why": f"LoadGen: {validity}",
            "ttft_p99_ms": round(ttft_p99_ns / NS_PER_MS, 2),
            "tpot_p99_ms": round(tpot_p99_ns / NS_PER_MS, 3),
        }
    )


def write_target(user_conf: Path, loadgen_model: str, scenario: Scenario, target_qps: float) -> None:
    """Set the scenario's target_qps in a user.conf: in every line that sets it, or in a new line at the end."""
    names = {f"{m}.{s}.target_qps" for m in (WILDCARD, loadgen_model) for s in (WILDCARD, scenario.loadgen_name)}
    text = user_conf.read_bytes().decode("utf-8")
    rows = text.split("\n")
    setting = [line for line in read_file(user_conf) if line.name in names and line.values]
    for line in setting:
        rows[line.number - 1] = re.sub(r"\S+(\s*)$", rf"{target_qps:g}\g<1>", rows[line.number - 1])
    changed = "\n".join(rows)
    if not setting:
        changed = f"{text.rstrip()}\n*.{scenario.loadgen_name}.target_qps = {target_qps:g}\n".lstrip()
    write_atomically(user_conf, changed.encode())
