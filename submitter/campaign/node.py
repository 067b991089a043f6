"""What `submitter node` does: one machine's part of the campaigns whose engines serve on several."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from submitter.campaign.file import load_campaign
from submitter.campaign.inputs import verify_model
from submitter.campaign.outline import BenchmarkOutline, outline_campaign
from submitter.errors import InputError, SubmitterError, raise_all
from submitter.harness import engines
from submitter.harness.nodes.messages import SessionFacts
from submitter.harness.nodes.node import Node, NodeSession, accelerators_here, default_ranks, require_one_meeting
from submitter.units import BYTES_PER_GB
from submitter.weights import checkpoint_sha256, weight_files

# Slurm sets it in each task of a step: the number of the task's machine in it.
_NUMBER = "SLURM_NODEID"


def serve_node(path: Path, say: Callable[[str], None], *, ranks: int | None, idle_s: float) -> None:
    """Serve ranks of a campaign's engines until no driver appears for `idle_s`; `say` gets a line for each step.

    `ranks` is how many this machine serves; None for as many as the driver's. InputError if the campaign file is wrong,
    if no engine of it serves on several machines, or if the driver refuses this machine; NotInstalledError if the
    engine is not installed; RunError if no driver appears.
    """
    campaign = load_campaign(path)
    outline = outline_campaign(campaign)
    problems = list(outline.problems)
    spread = []
    for benchmark in outline.benchmarks:
        for engine in benchmark.distinct_engines:
            try:
                engines.check_settings(engine.engine, engine.settings, engine.sampling)
                if elsewhere := engines.shape(engine.engine, engine.settings).elsewhere:
                    verify_model(benchmark)
                    spread.append((benchmark, engine, elsewhere))
            except SubmitterError as error:
                problems.append(error)
    raise_all(list({problem.message: problem for problem in problems}.values()))
    if not spread:
        raise InputError(
            f"{campaign.path}: no engine.toml has ranks on other machines",
            "set data_parallel_size above data_parallel_size_local, and data_parallel_address",
        )
    hashes: dict[Path, str] = {}
    sessions = []
    for benchmark, engine, elsewhere in spread:
        assert benchmark.engine_plan is not None  # an outline without one has a problem
        model = benchmark.model_folder
        hashes[model] = hashes.get(model) or _hash(benchmark, say)
        facts = SessionFacts(
            benchmark=benchmark.table.name,
            scenarios=benchmark.scenarios_of(engine),
            engine=engine,
            model_sha256=hashes[model],
        )
        logs = campaign.engine_folder / benchmark.table.name
        sessions.append(NodeSession(facts=facts, engine_plan=benchmark.engine_plan, elsewhere=elsewhere, logs=logs))
    require_one_meeting(sessions)
    number = os.environ.get(_NUMBER, "")
    node = Node(
        sessions,
        ranks=ranks or default_ranks(sessions),
        accelerators=accelerators_here(),
        number=int(number) if number.isdecimal() else None,
        say=say,
    )
    node.serve(idle_s)


def _hash(benchmark: BenchmarkOutline, say: Callable[[str], None]) -> str:
    size_bytes = sum(file.stat().st_size for file in weight_files(benchmark.model_folder))
    say(f"reading the model of {benchmark.table.name}, {size_bytes / BYTES_PER_GB:.1f} GB")
    return checkpoint_sha256(benchmark.model_folder)
