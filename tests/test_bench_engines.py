"""bench/engines.py without vLLM: the search for the highest rate, and a session of it with the echo engine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("mlperf_loadgen")
pytest.importorskip("psutil")

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import engine_suts
import engines

from submitter.embedded.dataset import prepare
from submitter.harness.plan import EngineSettings
from submitter.model import Scenario


@pytest.mark.parametrize("limit", [-1, 0, 7, 23, 24])
def test_the_search_finds_the_highest_valid_step(limit: int) -> None:
    tried: list[int] = []

    def is_valid(step: int) -> bool:
        tried.append(step)
        return step <= limit

    assert engines.highest_valid(is_valid, 0, 24) == limit
    assert len(tried) <= 5
    assert len(set(tried)) == len(tried)


def test_the_steps_are_5_percent_and_the_spread_has_its_median() -> None:
    assert engines.rate_of(1) / engines.rate_of(0) == pytest.approx(1.05)
    assert engines.spread([3.0, 1.0, 2.0], 1) == "2.0 (1.0 to 3.0)"


def test_a_session_makes_run_after_run_and_counts_its_cpu_time(tmp_path: Path) -> None:
    work = engine_suts.Workload(
        data=prepare(tmp_path / "data"), folder=tmp_path, samples=512, seconds=1.0, ttft_limit_ms=200, tpot_limit_ms=20
    )
    echo = EngineSettings(engine="echo", settings={"output_tokens": 8, "per_token_ms": 2})
    with engine_suts.ThisHarness("echo", work, echo) as sut:
        offline = sut.run(Scenario.OFFLINE, work.user_conf(Scenario.OFFLINE, 0.0))
        server = sut.run(Scenario.SERVER, work.user_conf(Scenario.SERVER, 600.0))
    assert offline.samples == 512
    assert offline.tokens_per_s > 512 * 8 / 10
    assert server.samples % engine_suts.SERVER_COPY == 0
    assert server.samples >= 600
    assert server.valid
    assert 2 <= server.tpot_p99_ms < 20
    assert 0 < server.cpu_s < 10
