"""Small real sessions: LoadGen against the echo engine, in the harness's own child process."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from echo_sessions import EOS, SAMPLES, USER_CONF, Watched

from submitter.harness.dataset import Dataset, write_dataset
from submitter.harness.engines import EnginePlan
from submitter.harness.failed_run import Journal, no_journal
from submitter.harness.plan import EngineSettings, RunPlan, SessionPlan
from submitter.harness.supervisor import Finished, Limits, run_session
from submitter.model import Mode, Scenario
from submitter.rulebook import load_rulebook


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = random.Random(7)
    prompts = [[rng.randrange(3, 1000) for _ in range(rng.randint(4, 30))] for _ in range(SAMPLES)]
    folder = tmp_path_factory.mktemp("data") / "set"
    write_dataset(folder, "random", prompts, ["x"] * SAMPLES, "0" * 64)
    return folder


@pytest.fixture
def run_echo(tmp_path: Path, dataset: Path) -> Callable[..., Watched]:
    """Run scenarios and modes on the echo engine; keyword arguments are its settings."""

    def run(
        runs: list[tuple[Scenario, Mode]],
        *,
        user_conf: str = USER_CONF,
        limits: Limits | None = None,
        engine: dict[str, Any] | None = None,
        max_new_tokens: int = 64,
        watched: Watched | None = None,
        audit: dict[str, int] | None = None,
        failed_folder: Path | None = None,
        journal: Journal = no_journal,
        **settings: Any,
    ) -> Watched:
        conf = tmp_path / "user.conf"
        conf.write_text(user_conf)
        watched = watched or Watched()
        audit = audit or load_rulebook("v6.1").compliance["TEST06"].audit
        plan = SessionPlan(
            engine=EngineSettings(engine="echo", settings=settings, **(engine or {})),
            engine_plan=EnginePlan(model="none", max_new_tokens=max_new_tokens, eos_token_id=EOS),
            dataset=dataset,
            runs=tuple(
                RunPlan(
                    scenario=scenario,
                    mode=mode,
                    loadgen_model="llama2-70b",
                    user_conf=conf,
                    folder=tmp_path / "runs" / scenario / mode,
                    audit=audit if mode.is_compliance else None,
                    expected_samples=SAMPLES,
                    expected_s=1.0,
                )
                for scenario, mode in runs
            ),
        )

        def keep(done: Finished) -> None:
            watched.finished.append(done)
            shutil.copytree(done.folder, done.run.folder)

        run_session(
            plan,
            tmp_path / "work",
            limits or Limits(60, 20),
            watched,
            keep,
            failed_folder=failed_folder,
            journal=journal,
        )
        return watched

    return run


@pytest.fixture
def prompts(dataset: Path) -> Dataset:
    return Dataset.open(dataset)
