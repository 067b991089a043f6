"""What a check can be told: profile, waivers, submitters, threshold, processes, a partial tree, no round at all."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from submission_tree import BOOK, Tree

from submitter.checker import Severity, check, workers
from submitter.errors import InputError
from submitter.rulebook import load_rulebook, round_names
from submitter.submission import open_submission


def _invalid(tree: Tree) -> None:
    """INVALID by LoadGen's own word, which this round's official checker lets pass."""
    tree.set(tree.performance_log(), result_validity="INVALID", result_min_queries_met=False)


def test_the_official_profile_asks_what_the_official_checker_asks(tree: Tree) -> None:
    _invalid(tree)
    full, official = tree.check(), tree.check(profile="official")
    assert (full.verdict, official.verdict) == ("fail", "pass")
    assert (full.profile, official.profile) == ("full", "official")
    tree.set(tree.performance_log(), effective_min_duration_ms=1000)
    assert {finding.rule for finding in tree.check(profile="official").findings} == {"PRF006"}


def test_what_a_rounds_checker_does_not_enforce_is_of_the_written_rules(tree: Tree) -> None:
    _invalid(tree)
    assert "PRF010" in BOOK.checker.not_enforced
    (finding,) = [f for f in tree.check().findings if f.rule == "PRF010"]
    assert finding.origin == "policy"


def test_an_unknown_profile_gets_the_nearest(tree: Tree) -> None:
    with pytest.raises(InputError) as error:
        tree.check(profile="offical")
    assert "official" in error.value.hint


def test_a_waived_rule_is_told_apart_with_its_reason(tree: Tree) -> None:
    (tree.result("Server") / "README.md").unlink()
    assert tree.check().verdict == "fail"
    report = tree.check(waive={"MEA002": "follows on Friday"})
    assert report.verdict == "pass"
    assert [(w.rule, w.why, len(w.findings)) for w in report.waived] == [("MEA002", "follows on Friday", 1)]
    assert {v.verdict for v in report.results} == {"valid"}


def test_a_waiver_of_no_rule_is_refused(tree: Tree) -> None:
    with pytest.raises(InputError, match="unknown rule 'MEA02'") as error:
        tree.check(waive={"MEA02": "why not"})
    assert "MEA002" in error.value.hint


@pytest.mark.parametrize(
    ("fail_on", "exit_code"), [(Severity.ERROR, 0), (Severity.WARNING, 1), (Severity.NOTE, 1), (None, 0)]
)
def test_the_threshold_decides_the_exit_code(fail_on: Severity | None, exit_code: int, tree: Tree) -> None:
    tree.replace(tree.result() / "user.conf", "target_qps = 200", "target_qps = 300")
    assert {f.severity for f in tree.check().findings} == {Severity.WARNING, Severity.NOTE}
    assert tree.check(fail_on=fail_on).exit_code == exit_code


def test_a_partial_tree_fails_by_what_is_wrong_only(tree: Tree) -> None:
    shutil.rmtree(tree.result() / "TEST06")
    (tree.result("Server") / "README.md").unlink()
    report = tree.check(partial=True)
    assert report.partial is not None
    assert report.partial.wrong == ()
    assert {re.findall(r"\((\w+)\)$", line)[0] for line in report.partial.missing} == {"CMP001", "MEA002"}
    assert (report.verdict, report.exit_code, tree.check().exit_code) == ("pass", 0, 1)
    tree.set(tree.performance_log(), effective_qsl_rng_seed=1)
    report = tree.check(partial=True)
    assert report.partial is not None
    assert "PRF004" in report.partial.wrong[0]
    assert report.exit_code == 1


def _others(tree: Tree, *names: str) -> None:
    """More submitters, each a copy of the tree's own under another name."""
    for name in names:
        folder = tree.submitter.parent / name
        shutil.copytree(tree.submitter, folder)
        system = next((folder / "systems").glob("*.json"))
        system.write_text(system.read_text().replace('"Acme"', f'"{name}"'))


def test_only_the_named_submitters_are_judged(tree: Tree) -> None:
    _others(tree, "Bolt", "Cork")
    report = tree.check(submitters=["Bolt"])
    assert {verdict.key.submitter for verdict in report.results} == {"Bolt"}
    with pytest.raises(InputError, match="unknown submitter 'Blot'") as error:
        tree.check(submitters=["Blot"])
    assert "Bolt" in error.value.hint


def test_processes_change_nothing(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    _others(tree, "Bolt", "Cork", "Dell")
    _invalid(tree)
    (tree.root / "closed" / "Cork" / "systems" / "2xH200.json").unlink()
    alone = tree.check(jobs=1)
    monkeypatch.setattr(workers, "_RESULTS_WORTH_A_PROCESS", 1)
    assert tree.check(jobs=3) == alone
    assert {v.key.submitter: v.verdict for v in alone.results} == {
        "Acme": "valid", "Bolt": "valid", "Cork": "invalid", "Dell": "valid"
    }  # fmt: skip
    assert [v.verdict for v in alone.results if v.key.submitter == "Acme"] == ["invalid", "valid"]


def test_no_process_is_no_number_of_processes(tree: Tree) -> None:
    with pytest.raises(InputError, match="0 jobs"):
        tree.check(jobs=0)


@pytest.mark.parametrize("name", round_names())
def test_the_seeds_tell_the_round(name: str, tree: Tree) -> None:
    seeds = {f"effective_{seed}": value for seed, value in load_rulebook(name).seeds}
    for scenario in ("Offline", "Server"):
        tree.set(tree.performance_log(scenario), **seeds)
    assert open_submission(tree.root).book.name == name


def test_without_known_seeds_it_is_the_newest_round(tree: Tree) -> None:
    tree.set(tree.performance_log("Offline"), effective_qsl_rng_seed=1)
    tree.performance_log("Server").write_text("no log\n")
    assert open_submission(tree.root).book.name == round_names()[-1]


def test_a_tree_can_be_named_by_a_folder_in_it(tree: Tree) -> None:
    report = check(tree.result("Server"), BOOK)
    assert [verdict.key.scenario for verdict in report.results] == ["Server"]


def test_a_rule_that_spares_results_fails_the_submission_only(tree: Tree) -> None:
    for document in (tree.submitter / "documentation").glob("calibration.*"):
        document.unlink()
    report = tree.check()
    assert report.verdict == "fail"
    assert {verdict.verdict for verdict in report.results} == {"valid"}


def test_an_old_round_reads_its_own_folders(tmp_path: Path) -> None:
    """Up to v5.1 measurements and compliance lie in folders of the submitter's."""
    from submitter.layout import layout_of
    from submitter.model import ResultKey

    key = ResultKey("closed", "Acme", "2xH200", "llama2-70b-99.9", "Server")
    assert str(layout_of("v5.1").measurements(key)) == "closed/Acme/measurements/2xH200/llama2-70b-99.9/Server"
    assert str(layout_of("v5.1").compliance(key, "TEST06")).startswith("closed/Acme/compliance/2xH200/")
    assert layout_of("v6.0").measurements(key) == layout_of("v6.0").scenario(key)
