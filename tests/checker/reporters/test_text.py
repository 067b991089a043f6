"""The text report: what a reader sees."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from manifest_tree import COMMAND, write_manifest
from reports import finding, report_of, round_report, verdict_of
from submission_tree import Tree, write_tree

from submitter.checker.finding import Partial
from submitter.checker.reporters import text
from submitter.model import Metric, Scenario

FAILING = """\
closed/Acme/results/2xH200/llama2-70b-99.9
  ✗ Interactive  58520.5 Tokens/s  invalid
  ✗ Offline      61980.2 Tokens/s  invalid
     ACC002  rouge1 misses the target
             found 44.3, required at least 44.3868
             Offline/accuracy/accuracy.txt:1
             → use a less lossy quantization, or submit to the open division
             {ACC002}
     PRF013  TTFT p99 is not below the Interactive limit
             found 1019.2 ms, required below 450 ms
             Interactive/performance/run_1/mlperf_log_detail.txt:36
             → lower target_qps until both 99th percentiles are below their limits
             {PRF013}

around the results
     PRV001  note: there is no manifest, so the origin of the runs was not checked
             closed/Acme/documentation/submitter_manifest.json
             → submitter assemble writes one
             integrity: submitter: manifest.py

FAIL  2 errors, 0 warnings, 1 note in 2 results (2 invalid); {rules} rules of round v6.1 on 29 files
"""


def test_a_failing_check_reads_like_this(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, scenarios=(Scenario.OFFLINE, Scenario.INTERACTIVE))
    tree.replace(tree.accuracy() / "accuracy.txt", "44.4495", "44.30")
    tree.set(tree.performance_log("Interactive"), result_first_token_99__00_percentile_latency_ns=1_019_241_339)
    report = tree.check()
    asked = {f.rule: f"{f.origin}: {f.source.removeprefix(f'{f.origin}: ')}" for f in report.findings}
    shown = {rule: reported if len(reported) <= 110 else reported[:107] + "..." for rule, reported in asked.items()}
    assert text.render(report, colour=False) == FAILING.format(rules=report.summary["rules"], **shown)


def test_colour_comes_only_on_request(tree: Tree) -> None:
    report = tree.check()
    assert "\033" not in text.render(report, colour=False)
    assert "\033[1;32mPASS\033[0m" in text.render(report, colour=True)


def test_the_same_finding_in_many_files_is_shown_once(tree: Tree) -> None:
    for scenario in ("Offline", "Server"):
        tree.set(tree.performance_log(scenario), effective_qsl_rng_seed=1, effective_schedule_rng_seed=2)
    rendered = text.render(tree.check(), colour=False)
    assert rendered.count("qsl_rng_seed is not the round's") == 1
    assert rendered.count("→ run it again with the LoadGen of this round") == 1
    assert "Server/performance/run_1/mlperf_log_detail.txt:" in rendered


def test_a_smoke_run_says_so_first(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open")
    tree.set(tree.performance_log(), effective_min_duration_ms=2000, power_end=None)
    write_manifest(tree, smoke=True)
    lines = text.render(tree.check(), colour=False).splitlines()
    assert "SMOKE RUN: not a submission" in lines[1]
    assert f"{COMMAND}   (about 45 min)" in lines[3]
    assert any(line.split()[:3] == ["PRF006", "1", "×"] for line in lines)
    assert lines[-1].startswith("PREVIEW  0 errors")


def test_a_whole_round_stays_readable() -> None:
    report = round_report(systems=120, benchmarks=4, broken_systems=3, warnings_each=3)
    rendered = text.render(report, colour=False)
    lines = rendered.splitlines()
    assert len(report.results) == 1440
    assert len(report.findings) > 4000
    assert len(lines) < 300
    clean = [line for line in lines if line.startswith("✓ ")]
    assert len(clean) == 117
    assert clean[0] == "✓ closed/Acme/results/system-003  12 results valid"
    # Every broken result is named with what is wrong with it, and the warning of all is reported once.
    assert sum("✗ Offline" in line for line in lines) == 3 * 4
    assert sum("PRF013" in line for line in lines) == 3 * 4 + 1
    assert rendered.count("MEA004") == 1
    assert "(4,320 times in 480 benchmarks)" in rendered
    assert lines[-1].startswith("FAIL  12 errors, 4,320 warnings, 0 notes in 1,440 results (1,428 valid, 12 invalid)")


def test_power_and_inferred_figures_stand_at_their_result() -> None:
    powered = dataclasses.replace(verdict_of(), power=Metric(4613.6, "Watts"), inferred=True)
    rendered = text.render(report_of([powered], []), colour=False)
    assert "  ✓ Offline  100 Samples/s  valid  inferred  4613.6 Watts" in rendered


def test_what_is_right_wrong_and_missing_is_listed() -> None:
    missing = ("Server of closed/Acme/results/a/b\x1b[0m",)
    partial = Partial(right=("closed/Acme/results/a/b/Offline",), wrong=(), missing=missing)
    rendered = text.render(dataclasses.replace(round_report(), partial=partial), colour=False)
    assert "right (1)\n  ✓ closed/Acme/results/a/b/Offline\nwrong (0)\nmissing (1)\n" in rendered
    assert "\x1b" not in rendered


def test_names_from_strangers_are_printed_safely(tree: Tree) -> None:
    tree.edit_json(tree.system_json(), status="\x1b[2J\ud800\n" + "x" * 10_000)
    rendered = text.render(tree.check(), colour=False)
    rendered.encode("utf-8")
    assert "\x1b" not in rendered
    assert max(map(len, rendered.splitlines())) < 400


def _above(verdicts: int, scope: str = ".", rule: str = "STR020") -> str:
    results = [verdict_of(f"s{number}", verdict="invalid") for number in range(verdicts)]
    stray = finding(rule, path="summary.csv", line=None, scope=scope, message="a file is outside the divisions")
    return text.render(report_of(results, [stray]), colour=False)


def test_an_error_above_the_results_is_shown_once_and_named_at_each() -> None:
    rendered = _above(3)
    assert rendered.count("  invalid: STR020, see 'around the results'\n") == 3
    assert rendered.count("a file is outside the divisions") == 1
    assert _above(3, scope="closed/Acme").count("invalid: STR020") == 3
    assert _above(3, scope="closed/Bolt").count("invalid: STR020") == 0
    assert _above(3, scope="closed/Ac").count("invalid: STR020") == 0


def test_an_error_that_spares_the_results_is_not_named_at_them() -> None:
    assert _above(3, scope="closed/Acme", rule="STR011").count("invalid: STR011") == 0


def test_a_system_that_only_an_error_above_refuses_takes_one_line() -> None:
    rendered = _above(30)
    assert rendered.count("\n") < 45
    assert "✗ closed/Acme/results/s7  1 result invalid: STR020, see 'around the results'" in rendered.splitlines()
