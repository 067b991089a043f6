"""The harness without a model: its speed with LoadGen, the SUT and the echo engine on one core.

    python bench/harness_overhead.py [--samples 200000]

Samples/s through FirstTokenComplete and QuerySamplesComplete: LoadGen's own `result_samples_per_second`. With vLLM:
bench/engines.py.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from submitter.embedded.benchmark import load_benchmark, model_folder
from submitter.embedded.dataset import prepare
from submitter.harness.dataset import Dataset
from submitter.harness.engines import EnginePlan
from submitter.harness.plan import EngineSettings, RunPlan, SessionPlan
from submitter.harness.supervisor import Finished, Limits, run_session
from submitter.model import Mode, Scenario


class Silent:
    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        pass


def through_the_harness(engine: EngineSettings, data: Path, samples: int, folder: Path) -> dict[str, float]:
    """LoadGen's figures of one Offline run of `samples` samples, on copies of the data set if it has fewer."""
    benchmark = load_benchmark()
    size = min(samples, len(Dataset.open(data)))
    conf = folder / "user.conf"
    conf.write_text(
        f"*.*.performance_sample_count_override = {size}\n*.Offline.min_query_count = {samples}\n"
        "*.Offline.min_duration = 0\n*.Offline.target_qps = 1\n"
    )
    plan = SessionPlan(
        engine=engine,
        engine_plan=EnginePlan(
            model=str(model_folder()), max_new_tokens=benchmark.max_new_tokens, eos_token_id=benchmark.eos_token_id
        ),
        dataset=data,
        sample_limit=size,
        runs=(
            RunPlan(
                scenario=Scenario.OFFLINE,
                mode=Mode.PERFORMANCE,
                loadgen_model="llama2-70b",
                user_conf=conf,
                folder=folder / "run",
                expected_samples=samples,
                expected_s=1.0,
            ),
        ),
    )
    found: dict[str, float] = {}

    def keep(done: Finished) -> None:
        found["samples_per_s"] = done.log["result_samples_per_second"]
        found["tokens_per_s"] = done.log["result_tokens_per_second"]
        found["samples"] = done.sample_count

    run_session(plan, folder / "work", Limits(300, 300), Silent(), keep)
    return found


def echo(samples: int) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    engine = EngineSettings(engine="echo", in_flight=256, settings={"output_tokens": 16})
    with tempfile.TemporaryDirectory() as scratch:
        found = through_the_harness(engine, prepare(Path(scratch, "data")), samples, Path(scratch))
    print(f"echo: {found['samples']:,.0f} samples, {found['samples_per_s']:,.0f} samples/s on one core")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200_000)
    echo(parser.parse_args().samples)


if __name__ == "__main__":
    main()
