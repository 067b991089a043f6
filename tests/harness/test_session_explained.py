"""A run that the echo engine makes too slow on purpose, as `submitter explain` tells of it."""

from __future__ import annotations

from collections.abc import Callable

from echo_sessions import USER_CONF, Watched

from submitter.insight.explain import explain
from submitter.insight.find_run import find_run
from submitter.model import Mode, Scenario


def test_an_invalid_run_of_the_echo_engine(run_echo: Callable[..., Watched]) -> None:
    """Its first tokens take 60 ms, and 30 ms are allowed: two of LoadGen's four conditions fail."""
    conf = USER_CONF + "*.Server.ttft_latency = 30\n"
    (done,) = run_echo([(Scenario.SERVER, Mode.PERFORMANCE)], user_conf=conf, first_token_ms=60).finished
    found = find_run(done.run.folder)
    explanation = explain(found.log)
    assert explanation.verdict == "INVALID"
    failed = {condition.name: condition for condition in explanation.failed}
    assert set(failed) == {"performance constraints", "early stopping"}
    assert "of 30.0 ms" in failed["performance constraints"].figures[0]
    queries = found.log["result_query_count"]
    assert f"TTFT: {queries} of {queries:,} queries over 30.0 ms" in failed["early stopping"].figures[0]
    assert any("more queries alone do not help" in line for line in failed["early stopping"].advice)
    assert explanation.advice == ("TTFT: even the fastest query is over the limit, so a lower rate does not help",)
