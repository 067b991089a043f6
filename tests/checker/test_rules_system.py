"""SYS and MEA in every round: what a system description and a measurement's folder must have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from submission_tree import line

from submitter.checker import Finding, check
from submitter.rulebook import load_rulebook, round_names

SYSTEM, BENCHMARK = "S1", "llama2-70b-99.9"
# Tried here, a refusal each; ACC016 in test_metric.py.
COVERED = {*(f"SYS{n:03}" for n in range(1, 11)), *(f"MEA{n:03}" for n in (1, 2, 3, 5, 6, 7)), "ACC016"}
OLD = ["v4.1", "v5.0", "v5.1"]
NEW = [name for name in round_names() if name not in OLD]


class Submission:
    """One result of one round, with all that SYS and MEA look at."""

    def __init__(self, root: Path, round_name: str, division: str = "closed") -> None:
        self.book = load_rulebook(round_name)
        self.root = root
        self.submitter = root / division / "Acme"
        tail = Path(SYSTEM, BENCHMARK, "Offline")
        self.result = self.submitter / "results" / tail
        is_old = round_name in OLD
        self.measurements = self.submitter / "measurements" / tail if is_old else self.result
        self.code = self.submitter / ("code" if is_old else "src") / BENCHMARK
        self.json = self.measurements / (f"{SYSTEM}_ours_Offline.json" if is_old else "measurements.json")
        self.description = self.submitter / "systems" / f"{SYSTEM}.json"
        for folder in (self.result / "performance" / "run_1", self.measurements, self.code, self.description.parent):
            folder.mkdir(parents=True, exist_ok=True)
        (self.code / "README.md").write_text("The code.\n")
        for name in self.book.measurements.required_files:
            (self.measurements / name).write_text("*.Offline.target_qps = 1\n*.*.sample_concatenate_permutation = 1\n")
        self.json.write_text(json.dumps(dict.fromkeys(self.book.measurements.required_fields, "fp8")))
        fields = dict.fromkeys(self.book.system.required_fields, "N/A")
        fields |= {"division": division, "submitter": "acme", "status": "Available", "system_type": "datacenter"}
        self.description.write_text(json.dumps(fields | {"number_of_nodes": 1, "accelerators_per_node": "8"}))

    def describe(self, **changed: Any) -> None:
        """Set fields of the system description; `...` drops the field."""
        self._edit(self.description, changed)

    def measure(self, **changed: Any) -> None:
        self._edit(self.json, changed)

    def _edit(self, path: Path, changed: dict[str, Any]) -> None:
        content = json.loads(path.read_text()) | changed
        path.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))

    def findings(self, severity: str = "error") -> list[Finding]:
        report = check(self.root, self.book, select=["SYS", "MEA"], ignore=["MEA004"], profile="official", jobs=1)
        assert not report.crashed
        return [finding for finding in report.findings if finding.severity == severity]

    def rules(self) -> set[str]:
        return {finding.rule for finding in self.findings()}


@pytest.fixture(params=round_names())
def any_round(request: pytest.FixtureRequest, tmp_path: Path) -> Submission:
    return Submission(tmp_path, request.param)


def test_a_whole_submission_passes(any_round: Submission) -> None:
    assert any_round.findings() == []
    any_round.describe(hw_notes="", sw_notes="", accelerators_per_node="16", status="RDI")
    assert any_round.findings() == []


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"status": "soon"}, "SYS002"),
        ({"status": None}, "SYS002"),
        ({"status": ...}, "SYS002"),
        ({"system_type": "Edge"}, "SYS003"),
        ({"system_type": "edge, datacenter"}, "SYS003"),
        ({"system_type": ["edge"]}, "SYS003"),
        ({"hw_notes": ...}, "SYS004"),
        ({"accelerators_per_node": 0}, "SYS005"),
        ({"cooling": ""}, "SYS005"),
        ({"cooling": []}, "SYS005"),
        ({"submitter": "Other"}, "SYS006"),
        ({"submitter": 5}, "SYS006"),
        ({"division": "open"}, "SYS007"),
        ({"division": ...}, "SYS007"),
        ({"is_network": True}, "SYS009"),
        ({"is_network": False}, "SYS009"),
        ({"is_network": 0}, "SYS009"),
        ({"sw_notes": ["a"], "hw_notes": ""}, "SYS010"),
        ({"sw_notes": "x", "hw_notes": 5}, "SYS010"),
    ],
)
def test_a_description_is_refused_in_every_round(any_round: Submission, changed: dict[str, Any], rule: str) -> None:
    any_round.describe(**changed)
    assert rule in any_round.rules()


@pytest.mark.parametrize(
    ("changed", "rule", "rounds"),
    [
        ({"division": "Closed"}, "SYS007", OLD),
        ({"is_network": "false"}, "SYS004", NEW),
        ({"is_network": ""}, "SYS004", []),
        ({"framework": 5}, "SYS010", OLD),
        ({"accelerator_model_name": ["a"]}, "SYS010", OLD),
        ({"number_of_nodes": "one"}, "SYS010", NEW),
        ({"accelerators_per_node": "N/A"}, "SYS010", NEW),
        ({"accelerators_per_node": [8]}, "SYS010", NEW),
        ({"accelerators_per_node": float("inf")}, "SYS010", NEW),
        ({"hw_notes": 5, "sw_notes": ""}, "SYS010", OLD),
        ({"hw_notes": None, "sw_notes": "x"}, "SYS010", []),
    ],
)
def test_what_differs_by_round(any_round: Submission, changed: dict[str, Any], rule: str, rounds: list[str]) -> None:
    any_round.describe(**changed)
    assert any_round.rules() == ({rule} if any_round.book.name in rounds else set())


def test_a_networked_system_needs_the_networks_fields(tmp_path: Path) -> None:
    for round_name in round_names():
        submission = Submission(tmp_path / round_name, round_name, "network")
        submission.describe(is_network="True")
        missing = {finding.required for finding in submission.findings() if finding.rule == "SYS004"}
        assert missing == set(submission.book.system.network_fields) - {"is_network"}
        submission.describe(**dict.fromkeys(missing, ""))
        assert submission.findings() == []
        submission.describe(is_network="no")
        assert "SYS008" in submission.rules()


def test_closed_is_no_network_and_open_may_be_one(tmp_path: Path) -> None:
    closed, open_ = Submission(tmp_path / "a", "v5.1"), Submission(tmp_path / "b", "v5.1", "open")
    for submission in (closed, open_):
        submission.describe(**dict.fromkeys(submission.book.system.network_fields, "x") | {"is_network": "true"})
    assert closed.rules() == {"SYS008"}
    assert open_.rules() == set()


def test_a_missing_description(any_round: Submission) -> None:
    any_round.description.unlink()
    assert any_round.rules() == {"SYS001"}


# Measurements


def test_a_missing_measurement(any_round: Submission) -> None:
    any_round.json.unlink()
    assert any_round.rules() == {"MEA001"}


@pytest.mark.parametrize("round_name", OLD)
@pytest.mark.parametrize(
    ("name", "found"),
    [("S1.json", True), ("S1_x.json", True), ("S12-b.json", True), ("S.json", False), ("x_S1.json", False)],
)
def test_an_old_measurement_is_found_by_the_systems_name(
    tmp_path: Path, round_name: str, name: str, found: bool
) -> None:
    submission = Submission(tmp_path, round_name)
    submission.json.rename(submission.json.with_name(name))
    assert submission.rules() == (set() if found else {"MEA001"})


def test_required_files(any_round: Submission) -> None:
    for name in any_round.book.measurements.required_files:
        text = (any_round.measurements / name).read_text()
        (any_round.measurements / name).write_text("")
        assert any_round.rules() - {"MEA007"} == {"MEA002"}
        (any_round.measurements / name).unlink()
        assert any_round.rules() - {"MEA007"} == {"MEA002"}
        (any_round.measurements / name).write_text(text)
    assert any_round.rules() == set()


@pytest.mark.parametrize("value", ["", 0, None, [], {}, False, ...])
def test_a_field_of_a_measurement_needs_a_value(any_round: Submission, value: Any) -> None:
    any_round.measure(retraining=value)
    assert any_round.rules() == {"MEA003"}


def test_blanks_are_a_value_for_the_official_checker_alone(any_round: Submission) -> None:
    any_round.measure(retraining=" ")
    assert any_round.rules() == set()
    assert [finding.rule for finding in any_round.findings("warning")] == ["MEA003"]


def test_weight_data_types_may_be_a_list_but_in_one_round(any_round: Submission) -> None:
    any_round.measure(weight_data_types=["fp8", "bf16"])
    assert any_round.rules() == ({"MEA003"} if any_round.book.name == "v5.0" else set())


@pytest.mark.parametrize("round_name", OLD)
def test_the_code_of_the_benchmark(tmp_path: Path, round_name: str) -> None:
    submission = Submission(tmp_path, round_name)
    (submission.code / "README.md").unlink()
    submission.code.rmdir()
    assert submission.rules() == {"MEA005"}
    submission.code.write_text("elsewhere\n")
    assert submission.rules() == {"MEA005"}
    (submission.code.parent / "elsewhere").mkdir()
    assert submission.rules() == set()
    submission.code.write_text("../../../../../etc")
    assert submission.rules() == {"MEA005"}
    submission.code.write_text("/etc")
    assert submission.rules() == {"MEA005"}


@pytest.mark.parametrize("round_name", OLD)
def test_power_needs_its_files_here_or_above(tmp_path: Path, round_name: str) -> None:
    submission = Submission(tmp_path, round_name)
    (submission.result / "performance" / "power").mkdir()
    assert {finding.required for finding in submission.findings()} == {"analyzer_table.*", "power_settings.*"}
    (submission.measurements / "analyzer_table.md").write_text("x")
    (submission.submitter / "measurements" / "power_settings.md").write_text("")
    assert [finding.rule for finding in submission.findings()] == ["MEA006"]
    (submission.submitter / "measurements" / "power_settings.md").write_text("x")
    assert submission.findings() == []


def _equal_issue(tmp_path: Path, division: str = "closed") -> Submission:
    submission = Submission(tmp_path, "v4.1", division)
    log = submission.result / "performance" / "run_1" / "mlperf_log_detail.txt"
    log.write_text(line("effective_sample_concatenate_permutation", True) + "\n")
    return submission


def _configure(submission: Submission, mlperf_conf: str, user_conf: str = "# ours\n") -> set[str]:
    (submission.measurements / "mlperf.conf").write_text(mlperf_conf)
    (submission.measurements / "user.conf").write_text(user_conf)
    return submission.rules()


def test_equal_issue_is_set_by_a_configuration_file(tmp_path: Path) -> None:
    submission = _equal_issue(tmp_path)
    refused = {"MEA007"}
    assert _configure(submission, "llama2-70b.*.sample_concatenate_permutation = 1\n") == set()
    assert _configure(submission, "# nothing\n", "*.Offline.sample_concatenate_permutation = 1\n") == set()
    assert (
        _configure(submission, "*.*.sample_concatenate_permutation = 1", "*.*.sample_concatenate_permutation=0")
        == refused
    )
    assert _configure(submission, "*.Server.sample_concatenate_permutation = 1\n") == refused
    assert _configure(submission, "gptj.*.sample_concatenate_permutation = 1\n") == refused
    assert _configure(submission, "*.*.sample_concatenate_permutation = 2\n") == refused


def test_equal_issue_is_asked_of_closed_results_alone(tmp_path: Path) -> None:
    assert _configure(_equal_issue(tmp_path, "open"), "# nothing\n") == set()


def test_a_line_that_is_no_setting_costs_the_result(tmp_path: Path) -> None:
    submission = _equal_issue(tmp_path)
    _configure(submission, "target_qps\n*.*.sample_concatenate_permutation = 1\n")
    report = check(submission.root, submission.book, select=["MEA"], ignore=["MEA004"], profile="official", jobs=1)
    assert [verdict.verdict for verdict in report.results] == ["invalid"]
