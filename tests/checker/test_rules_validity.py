"""What the written rules ask beyond the official checker: the run as measured, documents, and what does not belong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from submission_tree import EOS, Tree, answer, answers, write_tree

from submitter.checker.finding import Severity
from submitter.model import Scenario

Break = Callable[[Tree], object]


def _run(scenario: str, **changed: object) -> Break:
    return lambda tree: tree.set(tree.performance_log(scenario), **changed)


def _readme(text: str) -> Break:
    return lambda tree: (tree.result() / "README.md").write_text(text)


def _document(name: str, text: str) -> Break:
    return lambda tree: (tree.submitter / "documentation" / name).write_text(text)


def _system(**changed: object) -> Break:
    return lambda tree: tree.edit_json(tree.system_json(), **changed)


def _write(*parts: str) -> Break:
    def write(tree: Tree) -> None:
        path = tree.submitter.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n")

    return write


def _test06(lengths: list[int], last: int = 12) -> Break:
    """TEST06 answers of these lengths in tokens, none of which is the end token unless `last` is."""

    def write(tree: Tree) -> None:
        entries = [answer(i, [11] * (n - 1) + [last], Scenario.SERVER) for i, n in enumerate(lengths)]
        path = tree.result("Server") / "TEST06" / "accuracy" / "mlperf_log_accuracy.json"
        path.write_text(answers(entries))

    return write


def _as(folder: str, **changed: object) -> Break:
    """Server's result under another scenario's name, with other entries."""

    def copy(tree: Tree) -> None:
        shutil.copytree(tree.result("Server"), tree.result(folder))
        tree.set(tree.performance_log(folder), **changed)

    return copy


def _before_the_first_line(tree: Tree) -> None:
    tree.performance_log().write_text("something else\n" + tree.performance_log().read_text())


RESULTS = "results/2xH200/llama2-70b-99.9"
CASES: list[tuple[str, Break]] = [
    ("PRF021", _as("Interactive", effective_scenario="Offline")),
    ("PRF022", _before_the_first_line),
    ("PRF023", _run("Offline", result_tokens_per_second=-1)),
    ("PRF024", _as("MultiStream", effective_scenario="SingleStream", early_stopping_latency_ms=0)),
    ("PRF027", _run("Server", result_perf_constraints_met=False)),
    ("PRF027", _run("Offline", result_min_queries_met=False)),
    ("PRF028", _run("Offline", generated_samples_per_query=24575)),
    ("PRF029", _run("Server", requested_server_ttft_latency=2_000_000_001)),
    ("PRF029", _run("Server", requested_server_tpot_latency=200_000_001)),
    ("PRF030", _run("Server", effective_target_latency_percentile=0.9)),
    ("PRF031", _run("Server", effective_samples_per_query=2)),
    ("CMP013", _test06([30, 1026])),
    ("CMP013", _test06([*range(20, 65), *[100] * 5])),
    ("DOC010", _readme("It ran well.\n")),
    ("DOC010", _readme("To be filled in later\n")),
    ("DOC011", _document("calibration.adoc", " \n")),
    ("DOC011", _document("bandwidth.adoc", "Enough of it.\n")),
    ("DOC012", lambda tree: tree.edit_json(tree.result() / "measurements.json", retraining="Yes, for a week")),
    ("DOC013", _system(host_memory_configuration="24x 64GB DDR5 non-ECC")),
    ("DOC013", _system(hw_notes="ECC is disabled")),
    ("DOC014", _system(host_networking="N/A")),
    ("DOC014", _system(number_of_nodes="2", host_networking_topology="N/A")),
    ("DOC015", _system(host_networking_topology="TODO")),
    ("HYG001", _write("Makefile")),
    ("HYG001", _write("scripts", "run.py")),
    ("HYG002", _write(RESULTS, "Server", "TEST06", "INVALID")),
    ("HYG002", _write(RESULTS, "Server", "accuracy", "invalid.txt")),
    ("HYG003", _write(RESULTS, "Server", "performance", "run_2", "mlperf_log_detail.txt")),
]
CONTENT: list[tuple[str, Break]] = [
    ("PRF028", _run("Offline", generated_samples_per_query=24576)),
    ("PRF029", _run("Server", requested_server_ttft_latency=2_000_000_000, requested_server_tpot_latency=200_000_000)),
    ("PRF030", _run("Server", effective_target_latency_percentile=0.99)),
    ("CMP013", _test06([30, 1025])),
    ("CMP013", _test06([*range(20, 65), *[100] * 4])),
    ("CMP013", _test06([*range(20, 65), *[100] * 5], last=EOS)),
    ("DOC010", _readme("Run this:\n\n    make all\n")),
    ("DOC010", _readme("See [the code](../../src).\n")),
    ("DOC010", _readme("# Steps\nGo to src/llama and follow it.\n")),
    ("DOC012", lambda tree: tree.edit_json(tree.result() / "measurements.json", retraining="We don't retrain.")),
    ("DOC013", _system(hw_notes="ECC on")),
    ("DOC013", _system(hw_notes="no ECC errors were seen")),
    ("DOC014", _system(host_networking_topology="N/A")),
    ("DOC015", _system(hw_notes="nothing to do")),
    ("HYG001", _write("README.md")),
    ("HYG001", _write("LICENSE")),
]


def _ids(cases: list[tuple[str, Break]]) -> list[str]:
    return [f"{rule}-{number}" for number, (rule, _) in enumerate(cases)]


@pytest.mark.parametrize(("rule", "break_tree"), CASES, ids=_ids(CASES))
def test_the_rule_finds_it(rule: str, break_tree: Break, tree: Tree) -> None:
    break_tree(tree)
    assert tree.found(rule), tree.check().findings


@pytest.mark.parametrize(("rule", "change_tree"), CONTENT, ids=_ids(CONTENT))
def test_the_rule_is_content(rule: str, change_tree: Break, tree: Tree) -> None:
    change_tree(tree)
    assert tree.found(rule) == []


CLOSED_ONLY = {"PRF028", "PRF029", "PRF030", "PRF031", "CMP013", "DOC011", "DOC012", "DOC013", "DOC014"}
DEMANDS_OF_THE_CLOSED = [case for case in CASES if case[0] in CLOSED_ONLY]


@pytest.mark.parametrize("case", DEMANDS_OF_THE_CLOSED, ids=lambda case: case[0])
def test_the_open_division_may(case: tuple[str, Break], tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open")
    rule, break_tree = case
    break_tree(tree)
    assert tree.found(rule) == []


def test_an_edge_system_needs_neither_ecc_nor_a_network_nor_a_document_about_bandwidth(tree: Tree) -> None:
    _system(hw_notes="no ECC", host_networking="N/A")(tree)
    (tree.submitter / "documentation" / "bandwidth.adoc").unlink()
    wanted = {"DOC013", "DOC014", "STR011"}
    assert tree.rules() >= wanted
    _system(system_type="edge")(tree)
    assert not tree.rules() & wanted


def test_without_a_document_about_calibration_a_submission_fails_and_its_results_stand(tree: Tree) -> None:
    document = tree.submitter / "documentation" / "calibration.adoc"
    document.rename(tree.submitter / document.name)
    assert [finding.severity for finding in tree.found("STR011")] == [Severity.WARNING]
    (tree.submitter / document.name).unlink()
    report = tree.check()
    assert report.exit_code == 1
    assert {result.verdict for result in report.results} == {"valid"}


def test_a_secret_fails_the_submission_and_its_results_stand(tree: Tree) -> None:
    for name in (".env.example", "notes.bak"):
        _write("src", name)(tree)
    assert {finding.severity for finding in tree.found("STR013")} == {Severity.WARNING}
    for name in (".env", "server.key", "id_ed25519"):
        _write("src", name)(tree)
        found = [finding for finding in tree.found("STR013") if finding.severity is Severity.ERROR]
        assert [finding.found for finding in found] == [name]
        assert {result.verdict for result in tree.check().results} == {"valid"}
        (tree.submitter / "src" / name).unlink()


def test_an_audit_file_is_told_of_where_loadgen_would_find_it(tree: Tree) -> None:
    for place in (("src",), (RESULTS, "Server", "TEST06")):
        _write(*place, "audit.config")(tree)
    assert tree.found("STR014") == []
    _write("audit.config")(tree)
    assert len(tree.found("STR014")) == 1


def test_a_closed_result_must_show_the_test_that_it_claims(tmp_path: Path) -> None:
    """The official checker asks no TEST06 of llama3.1-8b-edge; v5.1 has two results that claim one."""
    tree = write_tree(tmp_path, scenarios=(Scenario.OFFLINE,), benchmark="llama3.1-8b-edge")
    (tree.result() / "TEST06" / "accuracy" / "mlperf_log_accuracy.json").unlink()
    assert [finding.severity for finding in tree.found("CMP007")] == [Severity.ERROR]


@pytest.mark.parametrize(
    ("lines", "contradicts"),
    [
        (["*.*.target_qps = 2", "llama2-70b.Server.target_qps = 200"], False),
        (["llama2-70b.Server.target_qps = 200", "*.*.target_qps = 2"], False),
        (["llama2-70b.*.target_qps = 200", "*.Server.target_qps = 2"], True),
        (["llama2-70b.Server.target_qps = 2", "llama2-70b.Server.target_qps = 200  # twice"], False),
        (["llama2-70b.Offline.target_qps = 2"], False),
        (["bert.Server.target_qps = 2"], False),
        (["*.Server.sample_concatenate_permutation = 0"], True),
        (["*.Server.min_query_count = 5"], True),
    ],
)
def test_user_conf_is_read_as_loadgen_reads_it(lines: list[str], contradicts: bool, tree: Tree) -> None:
    (tree.result("Server") / "user.conf").write_text("\n".join(lines) + "\n")
    assert bool(tree.found("MEA004")) == contradicts


def test_a_submitter_is_told_once_of_missing_compliance_logs(tree: Tree) -> None:
    for scenario in ("Offline", "Server"):
        (tree.result(scenario) / "TEST06" / "performance" / "run_1" / "mlperf_log_detail.txt").unlink()
    (finding,) = tree.found("CMP004")
    assert (finding.found, finding.severity) == ("2 of 2", Severity.WARNING)


def test_hostile_fields_are_no_crash(tree: Tree) -> None:
    _system(host_networking=[], host_network_card_count={"a": 1}, number_of_nodes=True)(tree)
    _run("Server", effective_target_latency_percentile="x", effective_samples_per_query=[1])(tree)
    (tree.result() / "measurements.json").write_text(json.dumps({"retraining": {"yes": 1}}))
    assert not tree.check().crashed
