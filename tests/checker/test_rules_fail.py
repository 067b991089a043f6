"""Every rule has a case that fails it. The passing case of all of them is the untouched tree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from submission_tree import ANSWERS, EOS, SYSTEM, Tree, answer, answers, line, tokens, write_result, write_tree

from submitter.checker.registry import all_rules
from submitter.model import Scenario

Break = Callable[[Tree], object]
CASES: list[tuple[str, Break]] = []


def breaks(rule: str) -> Callable[[Break], Break]:
    """Register a function that breaks a valid tree so that `rule` finds something."""

    def register(function: Break) -> Break:
        CASES.append((rule, function))
        return function

    return register


def case(rule: str, function: Break) -> None:
    CASES.append((rule, function))


def _perf(**changed: object) -> Break:
    return lambda tree: tree.set(tree.performance_log("Server"), **changed)


def _accuracy(**changed: object) -> Break:
    return lambda tree: tree.set(tree.accuracy() / "mlperf_log_detail.txt", **changed)


def _score(old: str, new: str) -> Break:
    return lambda tree: tree.replace(tree.accuracy() / "accuracy.txt", old, new)


def _system(**changed: object) -> Break:
    return lambda tree: tree.edit_json(tree.system_json(), **changed)


def _remove(*parts: str) -> Break:
    return lambda tree: tree.result().joinpath(*parts).unlink()


def _write(text: str, *parts: str) -> Break:
    def write(tree: Tree) -> None:
        path = tree.submitter.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


def _test06(*entries: str) -> Break:
    def write(tree: Tree) -> None:
        (tree.result("Server") / "TEST06" / "accuracy" / "mlperf_log_accuracy.json").write_text(answers(list(entries)))

    return write


case("STR001", _remove("performance", "run_1", "mlperf_log_detail.txt"))
case("STR002", lambda tree: tree.performance_log().write_bytes(b"\x00\xff not a log"))
case("STR002", lambda tree: tree.system_json().write_text("[1, 2]"))
case("STR003", _remove("accuracy", "accuracy.txt"))
case("STR003", _remove("accuracy", "mlperf_log_accuracy.json"))
case("STR004", _remove("performance", "run_1", "mlperf_log_summary.txt"))
case("STR005", lambda tree: tree.result("Server").rename(tree.base / "Sever"))
case("STR006", lambda tree: tree.result("Server").rename(tree.base / "server"))
case("STR007", lambda tree: tree.base.rename(tree.base.parent / "llama2-70b-99"))
case("STR008", lambda tree: tree.result("Server").rename(tree.base / "MultiStream"))
case("STR030", _system(system_type="edge"))
case("STR009", lambda tree: (tree.submitter / "src").rename(tree.submitter / "code"))
case("STR010", lambda tree: (tree.submitter / "src" / "README.md").unlink())
case("STR011", lambda tree: (tree.submitter / "documentation" / "calibration.adoc").unlink())
case("STR012", lambda tree: (tree.result() / "link").symlink_to("/etc/passwd"))
case("STR013", _write("TOKEN=secret\n", "src", ".env"))
case("STR013", _write("log\n", "results", "slurm-1473.out"))
case("STR014", _write("*.*.mode = 2\n", "results", "audit.config"))
case("STR015", _write("x\n", "src", "a name.txt"))
case("STR016", _write("{}", "systems", "other.json"))
case("STR017", lambda tree: (tree.submitter / "results" / "unused").mkdir())
case("STR018", lambda tree: (tree.root / "colsed").mkdir())

case("SYS001", lambda tree: tree.system_json().unlink())
case("SYS002", _system(status="soon"))
case("SYS003", _system(system_type="Datacenter"))
case("SYS004", _system(cooling=None))
case("SYS005", _system(framework=""))
case("SYS005", _system(accelerators_per_node=0))
case("SYS006", _system(submitter="Other"))
case("SYS007", _system(division="open"))
case("SYS008", _system(is_network="true"))

case("MEA001", _remove("measurements.json"))
case("MEA002", _remove("README.md"))
case("MEA002", lambda tree: (tree.result() / "user.conf").write_text(""))
case("MEA003", lambda tree: tree.edit_json(tree.result() / "measurements.json", retraining=""))
case("MEA003", lambda tree: tree.edit_json(tree.result() / "measurements.json", retraining=None))
case("MEA004", lambda tree: tree.replace(tree.result() / "user.conf", "target_qps = 200", "target_qps = 300"))

case("PRF001", _perf(result_validity=None, early_stopping_met=None))
case("PRF001", _perf(effective_min_duration_ms="long"))
case("PRF002", _perf(effective_scenario="Offline", result_samples_per_second=1.0, result_tokens_per_second=1.0))
case("PRF003", _perf(effective_test_mode="SubmissionRun"))
case("PRF004", _perf(effective_schedule_rng_seed=14962580496156340209))
case("PRF005", _perf(loadgen_version="5.1.2 @ abc"))
case("PRF006", _perf(effective_min_duration_ms=599999))
case("PRF007", _perf(result_min_duration_met=False))
case("PRF007", _perf(power_end="08-30-2026 09:41:00.000"))
case("PRF008", _perf(effective_performance_sample_count=24575))
case("PRF009", lambda tree: tree.set(tree.performance_log(), effective_samples_per_query=24575))
case("PRF009", lambda tree: tree.set(tree.performance_log(), effective_min_query_count=0))
case("PRF010", _perf(result_validity="INVALID", result_invalid_reason="Increase the target QPS"))
case("PRF011", _perf(early_stopping_met=False, early_stopping_ttft_result=" * TTFT Early stopping condition not met."))
case("PRF012", _perf(effective_target_latency_ns=20000000001))
case("PRF013", lambda tree: shutil.copytree(tree.result("Server"), tree.result("Interactive")))
case("PRF020", _perf(result_first_token_99__00_percentile_latency_ns=2000000000))
case("PRF020", _perf(result_time_per_output_token_99__00_percentile_ns=200000000))
case("PRF014", _perf(requested_use_token_latencies=False))


@breaks("PRF015")
def _performance_error(tree: Tree) -> None:
    log = tree.performance_log()
    log.write_text(log.read_text() + line("error_runtime", "Ending early: too many queries outstanding.", error=True))


case("PRF016", _perf(effective_sample_concatenate_permutation=False))
case("PRF017", _perf(effective_accuracy_log_sampling_target=100))


@breaks("PRF018")
def _networked(tree: Tree) -> None:
    (tree.root / "closed").rename(tree.root / "network")
    tree.division = "network"
    tree.edit_json(tree.system_json(), is_network="true", division="network")


case("PRF019", _perf(result_completed_tokens_per_second=0))

case("ACC001", _score("44.4495", "np.float64(44.4495)"))
case("ACC001", _score("'rouge2'", "'other'"))
case("ACC002", _score("44.4495", "44.30"))
case("ACC002", _score("284.2", "330.0"))
case("ACC003", _accuracy(effective_accuracy_sample_count=24575))
case("ACC004", _score("'gen_num': 24576", "'gen_num': 100"))
case("ACC005", _score("hash=", "digest="))
case("ACC006", lambda tree: (tree.accuracy() / "accuracy.txt").open("a").write("hash=deadbeef\n"))
case("ACC007", lambda tree: (tree.accuracy() / "mlperf_log_accuracy.json").write_text("[\n" + " " * 10240))
case("ACC008", lambda tree: (tree.accuracy() / "mlperf_log_accuracy.json").write_text("[\n]\n"))
case("ACC008", lambda tree: (tree.accuracy() / "mlperf_log_accuracy.json").write_text("nothing"))


@breaks("ACC009")
def _accuracy_error(tree: Tree) -> None:
    log = tree.accuracy() / "mlperf_log_detail.txt"
    log.write_text(log.read_text() + line("error_runtime", "Sample with 0 tokens", error=True))


case("ACC010", _accuracy(effective_test_mode="PerformanceOnly"))
case("ACC011", _accuracy(effective_scenario="Server"))


@breaks("ACC012")
def _videos(tree: Tree) -> None:
    tree.base.rename(tree.base.parent / "wan-2.2-t2v-a14b")


@breaks("CMP001")
def _no_test(tree: Tree) -> None:
    (tree.result() / "TEST06").rename(tree.result() / "old")


case("CMP002", lambda tree: (tree.result() / "TEST01").mkdir())
case("CMP003", _remove("TEST06", "verify_accuracy.txt"))
case(
    "CMP003",
    lambda tree: tree.replace(
        tree.result() / "TEST06" / "verify_accuracy.txt", "EOS check pass: True", "EOS check pass: False"
    ),
)
case("CMP004", _remove("TEST06", "performance", "run_1", "mlperf_log_detail.txt"))


@breaks("CMP005")
def _no_audit(tree: Tree) -> None:
    log = tree.result() / "TEST06" / "performance" / "run_1" / "mlperf_log_detail.txt"
    log.write_text(tree.performance_log().read_text())


@breaks("CMP006")
def _audit_error(tree: Tree) -> None:
    log = tree.result() / "TEST06" / "performance" / "run_1" / "mlperf_log_detail.txt"
    log.write_text(log.read_text() + line("error_runtime", "Sample with 0 tokens", error=True))


case("CMP007", _remove("TEST06", "accuracy", "mlperf_log_accuracy.json"))
case("CMP007", _test06())
case("CMP007", _test06(answer(0, [11, 12, EOS, EOS], Scenario.SERVER)))
case("CMP007", _test06(answer(0, [11, 12, EOS], Scenario.SERVER, first=tokens(12))))
case("CMP007", _test06(answer(0, [11, 12, EOS], Scenario.SERVER, count=4)))
case("CMP007", _test06(answer(0, [11, 12, EOS], Scenario.SERVER, data="0B0000")))
case("CMP007", _test06(answer(0, [11, 12, EOS], Scenario.OFFLINE)))
case("CMP007", _test06("{ not an answer }"))

case("PRV001", lambda tree: None)


def _name(case: tuple[str, Break]) -> str:
    return case[0]


@pytest.mark.parametrize(("rule", "break_tree"), CASES, ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(CASES)])
def test_the_rule_finds_it(rule: str, break_tree: Break, tree: Tree) -> None:
    break_tree(tree)
    found = tree.found(rule)
    assert found, tree.check().findings
    for finding in found:
        assert finding.source
        assert finding.message[0].islower() or finding.message.split()[0] in finding.message
        assert not os.path.isabs(finding.path)


@pytest.mark.parametrize("scenarios", [(Scenario.OFFLINE, Scenario.SERVER), (Scenario.OFFLINE, Scenario.INTERACTIVE)])
@pytest.mark.parametrize("division", ["closed", "open"])
def test_a_valid_tree_breaks_no_rule(tmp_path: Path, division: str, scenarios: tuple[Scenario, ...]) -> None:
    tree = write_tree(tmp_path, division, scenarios)
    report = tree.check()
    assert tree.rules() == set()
    assert report.exit_code == 0
    assert {result.verdict for result in report.results} == {"valid"}
    assert not report.skipped


def test_every_rule_has_a_failing_case() -> None:
    from test_accuracy import COVERED as ACCURACY
    from test_compliance import COVERED as COMPLIANCE
    from test_rules_consistency import COVERED as CONSISTENCY
    from test_rules_documents import CASES as DOCUMENTS
    from test_rules_endpoints import COVERED as ENDPOINTS
    from test_rules_power import COVERED as POWER
    from test_rules_provenance import CASES as PROVENANCE
    from test_rules_structure import COVERED as STRUCTURE
    from test_rules_system import COVERED as SYSTEMS
    from test_rules_validity import CASES as VALIDITY

    by_cases = {rule for rule, _ in (*CASES, *DOCUMENTS, *PROVENANCE, *VALIDITY)}
    covered = by_cases | ACCURACY | COMPLIANCE | CONSISTENCY | ENDPOINTS | POWER | STRUCTURE | SYSTEMS
    assert {rule.id for rule in all_rules()} - covered == set()


def test_findings_name_line_found_required_and_hint(tree: Tree) -> None:
    tree.set(tree.performance_log("Server"), effective_min_duration_ms=300000)
    (finding,) = tree.found("PRF006")
    log = tree.performance_log("Server").read_text().splitlines()
    assert "effective_min_duration_ms" in log[(finding.line or 0) - 1]
    assert (finding.found, finding.required) == ("300000 ms", "at least 600000 ms")
    assert finding.path.endswith(f"results/{SYSTEM}/llama2-70b-99.9/Server/performance/run_1/mlperf_log_detail.txt")
    assert "user.conf" in finding.hint


def test_one_wrong_result_leaves_the_other_valid(tree: Tree) -> None:
    tree.set(tree.performance_log("Server"), result_validity="INVALID")
    verdicts = {result.key.scenario: result.verdict for result in tree.check().results}
    assert verdicts == {"Offline": "valid", "Server": "invalid"}


def test_what_is_missing_is_reported_once_and_the_rest_is_skipped(tree: Tree) -> None:
    tree.performance_log().unlink()
    report = tree.check()
    assert [f.rule for f in report.findings if f.severity == "error"] == ["STR001"]
    assert {skip.rule for skip in report.skipped} >= {"PRF001", "PRF004", "PRF010"}


def test_interactive_is_held_to_its_own_limits(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, scenarios=(Scenario.OFFLINE, Scenario.INTERACTIVE))
    limit_ns = 450_000_000
    for ttft_ns, expected in ((limit_ns - 1, 0), (limit_ns, 1)):
        tree.set(tree.performance_log("Interactive"), result_first_token_99__00_percentile_latency_ns=ttft_ns)
        assert len(tree.found("PRF013")) == expected


def test_open_needs_no_accuracy_no_test_and_not_all_scenarios(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open", (Scenario.SERVER,))
    (tree.result("Server") / "TEST06").rename(tmp_path / "elsewhere")
    tree.replace(tree.accuracy("Server") / "accuracy.txt", "44.4495", "4.4")
    assert tree.rules() == set()


def test_an_open_model_is_judged_as_the_benchmark_it_maps_to(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open", (Scenario.OFFLINE,), benchmark="tiny-stories")
    assert {f.rule for f in tree.found("STR007")} == {"STR007"}
    (tree.submitter / "model_mapping.json").write_text('{"tiny-stories": "llama2-70b-99.9"}')
    assert tree.rules() == set()
    (tree.submitter / "model_mapping.json").write_text('{"tiny-stories": "llama2-70b"}')
    assert "llama2-70b-99.9" in tree.found("STR007")[0].hint


def test_an_edge_system_may_infer_offline_from_single_stream(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open", (Scenario.OFFLINE,), benchmark="resnet")
    changed = {"effective_scenario": "SingleStream", "early_stopping_latency_ss": 5_000_000}
    tree.set(tree.performance_log(), **changed, result_qps_without_loadgen_overhead=201.5)
    assert tree.found("PRF002")
    tree.edit_json(tree.system_json(), system_type="edge")
    assert not tree.found("PRF002")
    (result,) = tree.check().results
    assert result.inferred
    assert result.metric is not None
    assert (result.metric.value, result.metric.unit) == (201.5, "Samples/s")


def test_answers_of_any_json_layout_are_verified(tree: Tree) -> None:
    import json

    path = tree.result("Server") / "TEST06" / "accuracy" / "mlperf_log_accuracy.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert not tree.found("CMP007")
    assert len(json.loads(path.read_text())) == ANSWERS


def test_a_second_system_is_judged_too(tree: Tree, tmp_path: Path) -> None:
    other = tree.submitter / "results" / "4xH200" / "llama2-70b-99.9"
    other.parent.mkdir()
    write_result(Tree(tree.root, tree.division), Scenario.INTERACTIVE)
    tree.result("Interactive").rename(tmp_path / "moved")
    other.mkdir()
    (tmp_path / "moved").rename(other / "Interactive")
    report = tree.check()
    assert {f.rule for f in report.findings if f.severity == "error"} == {"SYS001"}
    assert {r.key.system: r.verdict for r in report.results} == {"2xH200": "valid", "4xH200": "invalid"}
