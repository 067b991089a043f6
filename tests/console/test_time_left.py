"""The time that is left: from the plan at first, from the measured rate later, never negative, without wild jumps."""

from __future__ import annotations

from itertools import pairwise

import pytest
from run_plans import run_plan

from submitter.console.time_left import CampaignTime, RunTime
from submitter.model import Mode, Scenario

OFFLINE = run_plan(Scenario.OFFLINE, Mode.PERFORMANCE, expected_samples=10_000, expected_s=600.0)
SERVER = run_plan(Scenario.SERVER, Mode.PERFORMANCE, expected_samples=6_000, expected_s=600.0)


def test_before_the_first_sample_it_is_the_plan() -> None:
    time = RunTime(OFFLINE)
    assert [time.left_s(elapsed_s, 0, 10_000) for elapsed_s in (0, 90, 601)] == [600, 510, None]


@pytest.mark.parametrize(("actual_s", "jump_s"), [(100.0, 200), (600.0, 2), (2400.0, 15)])
@pytest.mark.parametrize("first_s", [1.0, 45.0])
def test_an_offline_run_is_predicted_without_jumps(actual_s: float, jump_s: float, first_s: float) -> None:
    """Also if the first sample takes long, and if the run is six times as fast as planned, or four times as slow."""
    time = RunTime(OFFLINE)
    left = []
    for second in range(1, int(actual_s)):
        done = int(10_000 * max(0.0, second - first_s) / (actual_s - first_s))
        left_s = time.left_s(second, done, 10_000)
        assert left_s is not None
        left.append(left_s)
    assert min(left) >= 0
    assert all(abs(after - before) < jump_s for before, after in pairwise(left))
    for second in range(int(first_s + 0.1 * actual_s) + 2, int(actual_s)):
        assert left[second - 1] == pytest.approx(actual_s - second, rel=0.05, abs=2)


def test_a_server_run_takes_as_long_as_its_schedule_however_fast_it_is() -> None:
    time = RunTime(SERVER)
    assert [time.left_s(second, 20 * second, 6000) for second in (10, 100, 299)] == [590, 500, 301]


def test_a_server_run_takes_longer_if_samples_queue() -> None:
    time = RunTime(SERVER)
    left = [time.left_s(second, 5 * second, 6000) for second in (10, 300, 660, 1199)]
    assert left == pytest.approx([590, 900, 540, 1])
    assert time.left_s(1200, 6000, 6000) == 0


def test_a_run_that_stands_still_has_no_time() -> None:
    time = RunTime(SERVER)
    assert [time.left_s(second, 10, 6000) for second in (590, 601)] == [10, None]


def test_a_campaign_adds_loads_runs_and_scoring() -> None:
    accuracy = run_plan(Scenario.OFFLINE, Mode.ACCURACY, expected_samples=24_576, expected_s=1000.0)
    time = CampaignTime([[OFFLINE, accuracy], [SERVER]], scoring_cores=2)
    scoring_s = 24_576 * 0.0011 / 2
    assert time.load_left_s(20) == 40
    assert time.left_s(None, 40.0) == pytest.approx(40 + 60 + 600 + 1000 + 600 + scoring_s)
    time.end_load(300.0)  # the second engine is expected to load as slowly
    assert time.left_s(OFFLINE, 500.0) == pytest.approx(500 + 1000 + 300 + 600 + scoring_s)
    time.end_run(OFFLINE)
    time.end_run(accuracy)
    assert time.load_left_s(100) == 200
    assert time.load_left_s(400) == 0
    assert time.left_s(None, 200.0) == pytest.approx(200 + 600 + scoring_s)
    time.end_load(290.0)
    time.end_run(SERVER)
    assert time.left_s(SERVER, 0.0) == pytest.approx(scoring_s)


def test_a_session_whose_runs_are_kept_loads_nothing() -> None:
    time = CampaignTime([[OFFLINE], [SERVER]], scoring_cores=0)
    time.end_run(OFFLINE)
    assert time.left_s(None, 60.0) == 60 + 600
    time.end_load(10.0)
    assert time.left_s(SERVER, 5.0) == 5
