"""A session that is told of its runs one by one, on the engine it loaded once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mlperf_loadgen")

from echo_sessions import EOS, SAMPLES, USER_CONF, Watched

from submitter.errors import RunError
from submitter.harness.engines import EnginePlan
from submitter.harness.plan import LATENCIES, EngineSettings, RunPlan, SessionPlan
from submitter.harness.supervisor import Finished, Limits, run_session
from submitter.model import Mode, Scenario

Session = Callable[..., tuple[Watched, list[np.ndarray]]]


@pytest.fixture
def go_on(tmp_path: Path, dataset: Path) -> Session:
    """Run Server at each rate in turn; returns what was told, and the latencies of each run."""

    def run(rates: list[float], **settings: Any) -> tuple[Watched, list[np.ndarray]]:
        watched, kept, asked = Watched(), [], iter(rates)

        def next_run() -> RunPlan | None:
            rate = next(asked, None)
            if rate is None:
                return None
            conf = tmp_path / f"{rate}.conf"
            conf.write_text(f"{USER_CONF}llama2-70b.Server.target_qps = {rate}\n")
            return RunPlan(
                scenario=Scenario.SERVER,
                mode=Mode.PERFORMANCE,
                loadgen_model="llama2-70b",
                user_conf=conf,
                folder=tmp_path / "probe",
                keep_latencies=True,
                expected_samples=SAMPLES,
                expected_s=1.0,
            )

        def keep(done: Finished) -> None:
            watched.finished.append(done)
            kept.append(np.load(done.folder / LATENCIES))

        plan = SessionPlan(
            engine=EngineSettings(engine="echo", settings=settings),
            engine_plan=EnginePlan(model="none", max_new_tokens=64, eos_token_id=EOS),
            dataset=dataset,
            runs=(),
        )
        run_session(plan, tmp_path / "work", Limits(60, 20), watched, keep, next_run)
        return watched, kept

    return run


def test_runs_follow_one_another_on_one_engine(go_on: Session, tmp_path: Path) -> None:
    watched, kept = go_on([300.0, 500.0], first_token_ms=5, per_token_ms=1)
    assert [kind for kind, _ in watched.events if kind in ("loading", "ready", "run", "finished")] == [
        "loading",
        "ready",
        "run",
        "finished",
        "run",
        "finished",
    ]
    assert [done.log["effective_target_qps"] for done in watched.finished] == [300, 500]
    for done, rows in zip(watched.finished, kept, strict=True):
        assert rows.shape == (done.sample_count, 4)
        issued_s, ttft_ms, tpot_ms, latency_ms = rows.T
        assert issued_s.min() == 0
        assert np.all(ttft_ms >= 4)
        assert np.all(tpot_ms > 0)
        assert np.allclose(latency_ms, ttft_ms + 15 * tpot_ms, rtol=1e-3)  # echo's answers have 16 tokens
    assert not list(tmp_path.glob("probe*"))


def test_a_session_without_any_run_ends(go_on: Session) -> None:
    watched, kept = go_on([])
    assert [kind for kind, _ in watched.events] == ["loading", "warm_up", "ready"]
    assert kept == []


def test_an_engine_that_fails_in_a_later_run_ends_the_session(go_on: Session, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="set to fail after 300 requests"):
        go_on([300.0, 500.0], fail_after=300)
    assert not list(tmp_path.glob("probe*"))
