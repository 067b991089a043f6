"""The plan predicts what LoadGen then does; preflight asks the round's questions of what is installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("mlperf_loadgen")

from submitter import campaign as c
from submitter.campaign.measurements import engine_settings
from submitter.campaign.preflight import preflight
from submitter.errors import InputError
from submitter.harness.loadgen import EffectiveSettings, effective_settings
from submitter.model import Mode, Scenario

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo() -> c.CampaignPlan:
    return c.make_plan(c.load_campaign(REPOSITORY / "examples/demo.toml"))


def test_the_shipped_campaigns_share_one_engine(demo: c.CampaignPlan) -> None:
    assert [len(benchmark.sessions) for benchmark in demo.benchmarks] == [1]
    assert len(demo.runs) == 6


def test_the_full_campaign_is_full_length() -> None:
    plan = c.make_plan(c.load_campaign(REPOSITORY / "examples/tiny-open.toml"))
    performance = [run for _, _, run in plan.runs if run.mode is Mode.PERFORMANCE]
    assert all(run.expected_samples % 24576 == 0 for run in performance)
    assert all(run.expected_s >= 600 for run in performance)
    assert [len(benchmark.dataset) for benchmark in plan.benchmarks] == [24576]


def test_seeds_of_another_round_are_seen(demo: c.CampaignPlan) -> None:
    seeds = msgspec.structs.replace(demo.book.seeds, sample_index_rng_seed=7)
    other = replace(demo, book=msgspec.structs.replace(demo.book, seeds=seeds))
    wrong = [outcome for outcome in preflight(other) if not isinstance(outcome, c.PassedCheck)]
    assert wrong[0].message == "LoadGen 6.0.17 has the seeds of another round than v6.1"
    assert len(wrong) == 2
    assert wrong[1].message.endswith("sample_index_rng_seed is 2747215439041700203, round v6.1 requires 7")


SETTINGS = EffectiveSettings(
    qsl_rng_seed=1,
    sample_index_rng_seed=2,
    schedule_rng_seed=3,
    min_duration_ms=600_000,
    max_duration_ms=0,
    max_query_count=0,
    min_query_count=24_576,
    target_qps=45.0,
    performance_sample_count=24_576,
    sample_concatenate_permutation=True,
    use_token_latencies=True,
    ttft_limit_ns=0,
    tpot_limit_ns=0,
)


@pytest.mark.parametrize(
    ("scenario", "mode", "qps", "samples"),
    [
        # Seen with LoadGen 6.0.17: 45 queries/s issue two copies of the data set, below 40.96 it is one.
        (Scenario.SERVER, Mode.PERFORMANCE, 45.0, 49_152),
        (Scenario.SERVER, Mode.PERFORMANCE, 40.9, 24_576),
        # 1.1 times the minimum duration, in whole copies.
        (Scenario.OFFLINE, Mode.PERFORMANCE, 210.0, 147_456),
        (Scenario.OFFLINE, Mode.ACCURACY, 210.0, 24_576),
    ],
)
def test_sample_counts_are_predicted(scenario: Scenario, mode: Mode, qps: float, samples: int) -> None:
    assert replace(SETTINGS, target_qps=qps).expected_samples(scenario, mode, 24_576) == samples


def test_loadgens_own_values_are_the_rounds(tmp_path: Path) -> None:
    conf = tmp_path / "user.conf"
    conf.write_text("*.Server.target_qps = 5\n")
    server = effective_settings("llama2-70b", Scenario.SERVER, conf)
    interactive = effective_settings("llama2-70b-interactive", Scenario.INTERACTIVE, conf)
    assert (server.ttft_limit_ns, server.tpot_limit_ns) == (2_000_000_000, 200_000_000)
    assert (interactive.ttft_limit_ns, interactive.tpot_limit_ns) == (450_000_000, 40_000_000)
    assert server.min_duration_ms == 600_000
    assert server.target_qps == 5.0


def test_a_missing_user_conf_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no user\.conf"):
        effective_settings("llama2-70b", Scenario.SERVER, tmp_path / "user.conf")


def test_an_unknown_key_of_engine_toml_gets_the_nearest(demo: c.CampaignPlan, tmp_path: Path) -> None:
    table = demo.campaign.benchmarks[0].model_copy(update={"measurements": tmp_path})
    (tmp_path / "Offline").mkdir()
    (tmp_path / "Offline/engine.toml").write_text('engine = "echo"\nin_fligth = 3\n')
    with pytest.raises(InputError, match="unknown key 'in_fligth'") as caught:
        engine_settings(table, Scenario.OFFLINE)
    assert caught.value.hint == "did you mean 'in_flight'?"
