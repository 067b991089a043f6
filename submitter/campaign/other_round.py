"""Finished runs used for another round, if their logs allow it."""

from __future__ import annotations

from dataclasses import replace

from submitter.campaign.logged import read_log
from submitter.campaign.plan import BenchmarkPlan, CampaignPlan
from submitter.errors import InputError
from submitter.logs import DetailLog
from submitter.model import Division, Mode
from submitter.record import read_record
from submitter.rulebook import Rulebook, load_rulebook


def for_round(plan: CampaignPlan, round_name: str) -> CampaignPlan:
    """The plan with the rule book of another round. InputError names every reason why the runs do not fit that round.

    The seeds are the usual reason: each round has its own, they are built into its LoadGen, and a finished run cannot
    be given others.
    """
    book = load_rulebook(round_name)
    if book.name == plan.book.name:
        return plan
    reasons = list(dict.fromkeys(reason for benchmark in plan.benchmarks for reason in _reasons(plan, benchmark, book)))
    if reasons:
        raise InputError(
            f"these runs cannot be used for round {book.name}: {'; '.join(reasons)}",
            f'run them again with round = "{book.name}" and mlcommons-loadgen {book.round.loadgen_package}',
        )
    targets = {
        benchmark.table.name: {
            **{metric: target.lower for metric, target in book.benchmark(benchmark.official).accuracy.items()},
            **benchmark.table.accuracy_target,
        }
        for benchmark in plan.benchmarks
        if benchmark.is_official and benchmark.table.sample_limit is None
    }
    return replace(
        plan,
        book=book,
        benchmarks=tuple(
            replace(benchmark, accuracy_target=targets.get(benchmark.table.name, benchmark.accuracy_target))
            for benchmark in plan.benchmarks
        ),
    )


def _reasons(plan: CampaignPlan, benchmark: BenchmarkPlan, book: Rulebook) -> list[str]:
    rules = book.benchmarks.get(benchmark.official)
    if rules is None:
        return [f"the round has no benchmark {benchmark.official}"]
    reasons = []
    for session in benchmark.sessions:
        for run in session.runs:
            read_record(run.folder, plan.campaign.makes_runs)
            log = read_log(run.folder, plan.campaign.repeats(run.scenario, run.mode))
            reasons += _log_mismatches(log, book)
            if run.mode is Mode.PERFORMANCE and plan.campaign.division is not Division.OPEN:
                limits = rules.token_latency.get(run.scenario)
                found = benchmark.settings[run.scenario, run.mode]
                if limits and (found.ttft_limit_ns, found.tpot_limit_ns) != (limits.ttft_ns, limits.tpot_ns):
                    reasons.append(f"{run.scenario} has other latency limits in that round")
    return reasons


def _log_mismatches(log: DetailLog, book: Rulebook) -> list[str]:
    reasons = []
    for name, required in book.seeds:
        found = log[f"effective_{name}"]
        if found != required:
            reasons.append(f"{name} is {found}, the round requires {required}")
    version = str(log["loadgen_version"]).partition(" ")[0]
    if version not in book.round.loadgen_versions and not version.startswith(book.round.loadgen_versions_tolerated):
        required_versions = f"{book.round.loadgen_versions[0]} to {book.round.loadgen_versions[-1]}"
        reasons.append(f"LoadGen is {version}, the round requires {required_versions}")
    return reasons
