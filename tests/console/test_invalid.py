"""One line on an INVALID run: why, and the command that says more."""

from __future__ import annotations

from pathlib import Path

import pytest
from submission_tree import log_text

from submitter.console import why_invalid
from submitter.layout import DETAIL_LOG

LOG = {
    "effective_scenario": "Server",
    "effective_test_mode": "PerformanceOnly",
    "effective_min_duration_ms": 600,
    "effective_min_query_count": 100,
    "effective_target_latency_percentile": 0.99,
    "requested_use_token_latencies": True,
    "requested_server_ttft_latency": 2_000_000_000,
    "requested_server_tpot_latency": 200_000_000,
    "result_first_token_99.00_percentile_latency_ns": 1_500_000_000,
    "result_time_per_output_token_99.00_percentile_ns": 250_000_000,
    "result_query_count": 1000,
    "result_validity": "INVALID",
    "result_perf_constraints_met": False,
    "early_stopping_met": False,
}


def test_it_names_all_conditions_and_the_figure_that_is_over_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out" / "a run"
    folder.mkdir(parents=True)
    (folder / DETAIL_LOG).write_text(log_text(LOG))
    monkeypatch.chdir(tmp_path)
    assert why_invalid(folder) == (
        "INVALID because of performance constraints and early stopping: TPOT p99 250.0 ms of 200.0 ms, 25.0% over; "
        "more: submitter explain 'out/a run'"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert why_invalid(folder).endswith(f"; more: submitter explain '{folder}'")


@pytest.mark.parametrize(
    "text", [None, "", "no log", log_text(LOG | {"result_validity": "VALID"} | {"effective_scenario": 3})]
)
def test_a_log_that_explains_nothing_still_gets_the_command(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / DETAIL_LOG).write_text(text)
    assert why_invalid(tmp_path) == f"INVALID; more: submitter explain {tmp_path}"
