"""STR in every round: what each rule objects to, in which rounds, and which results it costs.

The expectations by round were tried against the official checkers of these rounds on published results.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from submission_tree import line, log_text, performance_entries

from submitter.checker import Report, check
from submitter.layout import layout_of
from submitter.model import ResultKey, Scenario
from submitter.rulebook import load_rulebook

OLD, NEW = ("v4.1", "v5.0", "v5.1"), ("v6.0", "v6.1")
ROUNDS = (*OLD, *NEW)
SYSTEM, BENCHMARK = "S1", "llama2-70b-99.9"
BOTH, NONE = {"Offline", "Server"}, set[str]()


class Tree:
    """A submitter of one round with two results, and all that STR looks at."""

    def __init__(self, root: Path, round_name: str, division: str = "closed") -> None:
        self.root, self.round, self.division = root, round_name, division
        self.layout = layout_of(round_name)
        self.submitter = root / division / "Acme"
        self.base = self.submitter / "results" / SYSTEM / BENCHMARK
        for scenario in sorted(BOTH):
            self.add(scenario)
        self.write(self.at(self.layout.system(division, "Acme", SYSTEM)), json.dumps({"system_type": "datacenter"}))
        self.write(self.code / BENCHMARK / "README.md")
        for name in ("calibration.md", "bandwidth.md"):
            self.write(self.submitter / "documentation" / name)

    def at(self, path: PurePosixPath) -> Path:
        return self.root / path

    @property
    def code(self) -> Path:
        return self.at(self.layout.code(self.division, "Acme"))

    @property
    def run(self) -> Path:
        return self.base / "Offline" / "performance" / "run_1"

    def add(self, scenario: str) -> None:
        key = ResultKey(self.division, "Acme", SYSTEM, BENCHMARK, scenario)
        for folder in (self.layout.performance(key), self.layout.accuracy(key)):
            self.write(self.at(folder) / "mlperf_log_detail.txt", line("effective_scenario", scenario) + "\n")
            self.write(self.at(folder) / "mlperf_log_summary.txt", "Result is : VALID\n")
        self.write(self.at(self.layout.accuracy(key)) / "mlperf_log_accuracy.json", "[]")
        self.write(self.at(self.layout.accuracy(key)) / "accuracy.txt")
        self.write(self.at(self.layout.measurements(key)) / "user.conf")
        name = "measurements.json" if self.layout.nested else f"{SYSTEM}.json"
        self.write(self.at(self.layout.measurements(key)) / name, "{}")
        self.write(self.at(self.layout.compliance(key, "TEST06")) / "verify_accuracy.txt")

    @staticmethod
    def write(path: Path, text: str = "text\n") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def check(self, profile: str = "official") -> Report:
        report = check(self.root, load_rulebook(self.round), select=["STR"], profile=profile, jobs=1)
        assert not report.crashed, report.findings
        return report

    def rules(self, profile: str = "official") -> set[str]:
        return {finding.rule for finding in self.check(profile).findings}

    def refused(self) -> set[str]:
        return {result.key.scenario for result in self.check().results if result.verdict == "invalid"}


Edit = Callable[[Tree], object]


def _rename(old: str, new: str) -> Edit:
    def rename(tree: Tree) -> None:
        for top in ("results", "measurements", "compliance"):
            folder = tree.submitter / top / SYSTEM / BENCHMARK
            if folder.exists():
                (folder / old).rename(folder / new)

    return rename


def _drop(scenario: str) -> Edit:
    return lambda tree: shutil.rmtree(tree.base / scenario)


def _describe(system_type: str) -> Edit:
    text = json.dumps({"system_type": system_type})
    return lambda tree: tree.write(tree.submitter / "systems" / f"{SYSTEM}.json", text)


def _large(tree: Tree) -> None:
    with (tree.code / "weights").open("wb") as file:
        file.truncate(load_rulebook(tree.round).round.file_max_bytes + 1)


def _write(*parts: str) -> Edit:
    return lambda tree: tree.write(tree.submitter.joinpath(*parts))


def _link(target: str) -> Edit:
    return lambda tree: (tree.submitter / "link").symlink_to(target)


def _unlink(name: str) -> Edit:
    return lambda tree: (tree.base / "Offline" / name).unlink()


# Rule, edit, the rounds that ask it, the results that it costs there.
CASES: list[tuple[str, Edit, tuple[str, ...], set[str]]] = [
    ("STR001", lambda tree: (tree.run / "mlperf_log_detail.txt").unlink(), ROUNDS, {"Offline"}),
    ("STR002", lambda tree: (tree.run / "mlperf_log_detail.txt").write_bytes(b"\xff"), ROUNDS, {"Offline"}),
    ("STR003", _unlink("accuracy/accuracy.txt"), ROUNDS, {"Offline"}),
    ("STR003", _unlink("accuracy/mlperf_log_accuracy.json"), ROUNDS, {"Offline"}),
    ("STR005", _rename("Server", "SERVER"), ROUNDS, {"SERVER"}),
    ("STR005", _rename("Server", "Interactive"), ("v4.1", "v5.0"), {"Interactive"}),
    ("STR007", lambda tree: tree.base.rename(tree.base.parent / "llama1"), ROUNDS, BOTH),
    ("STR008", _drop("Offline"), NEW, {"Server"}),
    ("STR008", _drop("Server"), NEW, {"Offline"}),
    ("STR009", lambda tree: shutil.rmtree(tree.code), NEW, BOTH),
    ("STR020", lambda tree: tree.write(tree.root / "x.txt"), OLD, BOTH),
    ("STR021", lambda tree: tree.write(tree.root / "closed" / "x.md"), OLD, BOTH),
    ("STR022", _link("README.md"), OLD, BOTH),
    ("STR022", _link("documentation/calibration.md"), OLD, BOTH),
    ("STR022", _link("closed/Acme/documentation/calibration.md"), OLD, BOTH),
    ("STR023", _large, OLD, BOTH),
    ("STR024", lambda tree: tree.write(tree.code / ".gitkeep"), OLD, BOTH),
    ("STR024", _write("results", ".cache", "x"), OLD, BOTH),
    ("STR025", _write("documentation", "a b.md"), OLD, BOTH),
    ("STR025", _write("a b", "c.md"), OLD, BOTH),
    ("STR026", _write("documentation", "__pycache__", "x.pyc"), OLD, BOTH),
    ("STR027", lambda tree: (tree.submitter / "documentation" / "x").mkdir(), OLD, BOTH),
    ("STR028", _write("systems", "other.json"), ("v5.1",), NONE),
    ("STR028", _write("measurements", "other", "x.json"), ("v5.1",), NONE),
    ("STR029", lambda tree: (tree.submitter / "documentation" / "calibration.md").unlink(), ("v5.1",), NONE),
    ("STR030", _describe("edge"), ROUNDS, BOTH),
    ("STR032", _drop("Offline"), OLD, NONE),
    ("STR032", _drop("Server"), ("v4.1", "v5.0"), NONE),
    ("STR033", lambda tree: tree.add("MultiStream"), OLD, {"MultiStream"}),
    ("STR036", lambda tree: tree.write(tree.run / "notes.txt"), OLD, {"Offline"}),
    ("STR036", lambda tree: (tree.run / "mlperf_log_summary.txt").unlink(), OLD, {"Offline"}),
    ("STR037", lambda tree: tree.add("MultiStream"), NEW, {*BOTH, "MultiStream"}),
]
# What the official checkers do not mind.
HARMLESS: list[tuple[Edit, tuple[str, ...]]] = [
    (_rename("Server", "server"), ROUNDS),
    (_rename("Server", "Interactive"), ("v5.1", *NEW)),
    (lambda tree: tree.write(tree.root / "x.md"), ROUNDS),
    (lambda tree: tree.write(tree.root / "x.pdf"), ROUNDS),
    (lambda tree: tree.write(tree.root / "assets" / "x.png"), ROUNDS),
    (lambda tree: tree.write(tree.root / "closed" / "nobody" / "a b.txt"), ROUNDS),
    (_link("documentation"), ROUNDS),
    (lambda tree: tree.write(tree.run / "mlperf_log_trace.json"), ROUNDS),
    (lambda tree: tree.write(tree.run / "mlperf_log_accuracy.json"), ROUNDS),
    (lambda tree: tree.write(tree.run / "more" / "notes.txt"), ROUNDS),
    (_write("systems", "other.txt"), ROUNDS),
    (lambda tree: (tree.base / "Offline" / "user.conf").write_bytes(b"\xff"), NEW),
]
# Some rules have a test of their own below; those that only the full profile asks fail in test_rules_fail.py.
COVERED = {rule for rule, *_ in CASES} | {"STR031", "STR034", "STR035"}


def _named(cases: list[tuple[str, Edit, tuple[str, ...], set[str]]]) -> list[object]:
    return [
        pytest.param(rule, edit, rounds, costs, name, id=f"{number} {rule} {name}")
        for number, (rule, edit, rounds, costs) in enumerate(cases)
        for name in ROUNDS
    ]


@pytest.mark.parametrize(("rule", "edit", "rounds", "costs", "name"), _named(CASES))
def test_a_rule_objects_in_its_rounds_and_costs_its_results(
    tmp_path: Path, rule: str, edit: Edit, rounds: tuple[str, ...], costs: set[str], name: str
) -> None:
    tree = Tree(tmp_path, name)
    edit(tree)
    assert (rule in tree.rules()) == (name in rounds)
    if name in rounds:
        assert tree.refused() == costs


@pytest.mark.parametrize("name", ROUNDS)
@pytest.mark.parametrize("division", ["closed", "open", "network"])
def test_a_whole_tree_passes_both_profiles(tmp_path: Path, division: str, name: str) -> None:
    tree = Tree(tmp_path, name, division)
    assert tree.rules() == set()
    # The documents of v6.x are called otherwise, but begin so.
    assert tree.rules("full") == set()


@pytest.mark.parametrize("name", ROUNDS)
@pytest.mark.parametrize("number", range(len(HARMLESS)))
def test_what_the_official_checker_does_not_mind_passes(tmp_path: Path, number: int, name: str) -> None:
    edit, rounds = HARMLESS[number]
    if name in rounds:
        tree = Tree(tmp_path, name)
        edit(tree)
        assert tree.rules() == set()


@pytest.mark.parametrize("name", ROUNDS)
def test_the_open_division_may_leave_scenarios_out(tmp_path: Path, name: str) -> None:
    tree = Tree(tmp_path, name, "open")
    _drop("Offline")(tree)
    tree.add("MultiStream")
    assert tree.refused() == set()


@pytest.mark.parametrize("name", ROUNDS)
def test_an_open_benchmark_of_another_system_type_costs_all_until_v5_1(tmp_path: Path, name: str) -> None:
    tree = Tree(tmp_path, name, "open")
    _describe("edge")(tree)
    assert ("STR031" in tree.rules()) == (name in OLD)
    assert tree.refused() == (BOTH if name in OLD else set())


@pytest.mark.parametrize("name", ROUNDS)
def test_a_mapping_is_read_when_a_name_needs_it(tmp_path: Path, name: str) -> None:
    tree = Tree(tmp_path, name, "open")
    mapping = tree.submitter / "model_mapping.json"
    tree.write(mapping, "[1]")
    assert tree.refused() == set()
    tree.base.rename(tree.base.parent / "mine")
    tree.base = tree.base.parent / "mine"
    assert tree.rules() == {"STR007"}
    tree.write(mapping, json.dumps({"mine": BENCHMARK}))
    assert tree.refused() == set()
    tree.write(mapping, "{")
    assert "STR002" in tree.rules()
    assert tree.refused() == BOTH


def test_a_link_from_the_root_on_that_leads_somewhere_passes_where_it_does_from_its_place_too(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v5.1")
    (tree.submitter / "link").symlink_to(tree.submitter / "documentation" / "calibration.md")
    assert tree.rules() == set()
    tree.write(tmp_path / "elsewhere" / "secret")
    (tree.submitter / "out").symlink_to("/nowhere/at/all")
    assert "STR012" in tree.rules("full")


def _run_well(tree: Tree, scenario: Scenario, **changed: object) -> None:
    """Give a result of llama2-70b a performance run and a description of its measurement that hold."""
    book = load_rulebook(tree.round)
    seeds = {f"effective_{name}": seed for name, seed in book.seeds}
    key = ResultKey(tree.division, "Acme", SYSTEM, BENCHMARK, scenario.value)
    log = tree.at(tree.layout.performance(key)) / "mlperf_log_detail.txt"
    tree.write(log, log_text(performance_entries(scenario) | seeds | changed))
    fields = dict.fromkeys(book.measurements.required_fields, "fp8")
    tree.write(tree.at(tree.layout.measurements(key)) / f"{SYSTEM}.json", json.dumps(fields))
    tree.write(tree.at(tree.layout.measurements(key)) / "README.md")


@pytest.mark.parametrize("name", OLD)
def test_without_server_and_interactive_the_result_that_is_listed_last_is_lost(tmp_path: Path, name: str) -> None:
    tree = Tree(tmp_path, name)
    for scenario in (Scenario.OFFLINE, Scenario.SERVER):
        _run_well(tree, scenario)
    assert tree.refused() == set()
    _run_well(tree, Scenario.SERVER, effective_min_duration_ms=1)
    last = [entry for entry in os.listdir(tree.base) if entry in BOTH][-1]
    assert tree.refused() == ({last} if name == "v5.1" else set())
    _drop("Server")(tree)
    assert ("STR034" in tree.rules()) == (name == "v5.1")
    assert tree.refused() == ({"Offline"} if name == "v5.1" else set())
    _run_well(tree, Scenario.OFFLINE, effective_min_duration_ms=1)
    assert "STR034" not in tree.rules()


def test_a_misspelt_scenario_is_told_its_name(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v6.1")
    tree.add("Sever")
    (finding,) = (finding for finding in tree.check().findings if finding.rule == "STR005")
    assert "Server" in finding.hint


def test_several_of_a_kind_are_one_finding_of_the_submitter(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v5.1")
    for number in range(5):
        tree.write(tree.run / f"a b {number}")
    (finding,) = (finding for finding in tree.check().findings if finding.rule == "STR025")
    assert finding.path == "closed/Acme"
    assert finding.message.startswith("5 names")
    assert finding.found.endswith(", ...")


def test_a_file_of_ours_that_cannot_be_read_is_no_official_matter(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "v6.1")
    (tree.base / "Offline" / "user.conf").write_bytes(b"\xff")
    assert "STR035" in tree.rules("full")
