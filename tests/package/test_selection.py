"""Which part of a tree is valid: results go with what makes no sense without them, and the source is not touched."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from submission_tree import BOOK, SUBMITTER, SYSTEM, Tree, write_tree

from submitter.checker import check
from submitter.errors import InputError
from submitter.manifest import Manifest, ManifestResult
from submitter.model import Scenario
from submitter.package.selection import Selection, select
from submitter.record import json_text
from submitter.submission import open_submission
from submitter.submission.manifest import manifest_of

BASE = f"closed/{SUBMITTER}/results/{SYSTEM}/llama2-70b-99.9"


def selected(tree: Tree, *, only_valid: bool = True) -> Selection:
    def judge(view: object) -> object:
        return check(view, submitters=[SUBMITTER], jobs=1)  # type: ignore[arg-type]

    return select(open_submission(tree.root, BOOK), SUBMITTER, judge, only_valid=only_valid)  # type: ignore[arg-type]


def hashes(root: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "", path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
    }


def invalidate(tree: Tree) -> None:
    log = tree.performance_log("Server")
    tree.set(log, result_validity="INVALID")
    log.with_name("mlperf_log_summary.txt").write_text("Result is : INVALID\n")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A closed benchmark that requires both scenarios, and two systems of the open division."""
    opened = write_tree(tmp_path / "tree", "open", (Scenario.OFFLINE, Scenario.SERVER))
    shutil.copytree(opened.base.parent, opened.base.parent.with_name("1xH200"))
    description = json.loads(opened.system_json().read_text())
    (opened.submitter / "systems" / "1xH200.json").write_text(json.dumps(description))
    return write_tree(tmp_path / "tree")


def test_a_valid_tree_is_taken_whole(tree: Tree) -> None:
    found = selected(tree)
    assert found.report.verdict == "pass", found.report.findings
    assert not found.left_out
    assert len(found.report.results) == 6
    assert {file.path for file in found.contents.files} == {
        path.relative_to(tree.root).as_posix() for path in tree.root.rglob("*") if path.is_file()
    }


def test_an_invalid_result_takes_its_required_partner_and_its_division_with_it(tree: Tree) -> None:
    before = hashes(tree.root)
    invalidate(tree)
    damaged = hashes(tree.root)
    assert damaged != before
    found = selected(tree)
    assert found.report.verdict == "pass"
    assert {result.key.division for result in found.report.results} == {"open"}
    assert found.left_out[f"{BASE}/Server"].startswith("PRF010 LoadGen reports the run as invalid")
    assert f"({BASE}/Server/performance/run_1/mlperf_log_detail.txt" in found.left_out[f"{BASE}/Server"]
    assert found.left_out[f"{BASE}/Offline"].startswith("STR008 a required scenario is missing")
    assert found.left_out[f"closed/{SUBMITTER}"] == "no result of the division is left"
    assert not [file for file in found.contents.files if file.path.startswith("closed/")]
    assert hashes(tree.root) == damaged


def test_a_system_without_results_goes_with_its_description(tree: Tree) -> None:
    for scenario in ("Offline", "Server"):
        (tree.root / f"open/{SUBMITTER}/results/1xH200/llama2-70b-99.9/{scenario}/user.conf").unlink()
    found = selected(tree)
    assert found.report.verdict == "pass"
    assert found.left_out[f"open/{SUBMITTER}/systems/1xH200.json"] == "the system has no result"
    assert found.left_out[f"open/{SUBMITTER}/results/1xH200"] == "the system has no result"
    assert {result.key.system for result in found.report.results} == {SYSTEM}
    assert f"open/{SUBMITTER}/systems/{SYSTEM}.json" in {file.path for file in found.contents.files}


def test_an_error_of_a_system_takes_its_results_with_it(tree: Tree) -> None:
    (tree.root / f"open/{SUBMITTER}/systems/1xH200.json").unlink()
    found = selected(tree)
    assert found.report.verdict == "pass"
    assert any(reason.startswith("SYS001") for reason in found.left_out.values())
    assert {(result.key.division, result.key.system) for result in found.report.results} == {
        ("closed", SYSTEM),
        ("open", SYSTEM),
    }


@pytest.mark.parametrize(("folder", "stays"), [("llama3.1-8b", False), ("llama2-70b-99", True), ("common", True)])
def test_the_code_of_a_benchmark_goes_unless_another_may_share_it(tree: Tree, folder: str, stays: bool) -> None:
    invalidate(tree)
    code = tree.root / f"open/{SUBMITTER}/src/{folder}"
    code.mkdir()
    (code / "main.py").write_text("pass\n")
    (tree.root / f"open/{SUBMITTER}/results/1xH200/llama2-70b-99.9/Server/user.conf").unlink()
    found = selected(tree)
    assert (f"open/{SUBMITTER}/src/{folder}" not in found.left_out) is stays
    assert (f"open/{SUBMITTER}/src/{folder}/main.py" in {file.path for file in found.contents.files}) is stays


def test_an_error_above_the_results_is_not_left_out(tree: Tree) -> None:
    (tree.submitter / "documentation" / "calibration.adoc").unlink()
    found = selected(tree)
    assert found.report.verdict == "fail"
    assert not found.left_out
    assert "STR011" in {finding.rule for finding in found.report.findings if finding.severity == "error"}


def test_without_only_valid_the_errors_stay(tree: Tree) -> None:
    invalidate(tree)
    found = selected(tree, only_valid=False)
    assert found.report.verdict == "fail"
    assert not found.left_out


def test_nothing_valid_is_one_line(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree")
    invalidate(tree)
    with pytest.raises(InputError, match="no result of Acme is valid"):
        selected(tree)


def test_leftovers_are_not_judged(tree: Tree) -> None:
    (tree.submitter / "src" / "slurm-1.out").write_text("x")
    found = selected(tree, only_valid=False)
    assert list(found.left_out) == [f"closed/{SUBMITTER}/src/slurm-1.out"]
    assert not [finding for finding in found.report.findings if finding.rule == "STR013"]


def test_the_manifest_of_an_assembled_tree_is_that_of_the_rest(tree: Tree) -> None:
    owner = tree.root / "open" / SUBMITTER
    files = {
        path.relative_to(tree.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in owner.rglob("*")
        if path.is_file()
    }
    paths = [
        f"open/{SUBMITTER}/results/{system}/llama2-70b-99.9/{scenario}"
        for system in (SYSTEM, "1xH200")
        for scenario in ("Offline", "Server")
    ]
    manifest = Manifest(
        submitter_version="0.1.0",
        round=BOOK.name,
        smoke=False,
        results=tuple(ManifestResult(path=path, runs={}) for path in paths),
        files=files,
    )
    path = owner / "documentation" / "submitter_manifest.json"
    path.write_text(json_text(manifest.sealed()))
    written = path.read_bytes()
    assert selected(tree).report.verdict == "pass", selected(tree).report.findings
    assert not selected(tree).replaced

    (owner / "results/1xH200/llama2-70b-99.9/Server/user.conf").unlink()
    found = selected(tree)
    assert found.report.verdict == "pass", [f for f in found.report.findings if f.severity == "error"]
    (content,) = found.replaced.values()
    kept = Manifest.model_validate_json(content)
    assert [result.path for result in kept.results] == paths[:3]
    assert set(kept.files) == {name for name in files if "1xH200/llama2-70b-99.9/Server" not in name}
    (submitter,) = (each for each in found.opened.submitters if each.division == "open")
    assert manifest_of(submitter) == kept
    assert path.read_bytes() == written

    path.write_bytes(written.replace(b'"0.1.0"', b'"0.2.0"'))
    found = selected(tree)  # a manifest edited by hand is not made right by packing it
    assert "PRV011" in {finding.rule for finding in found.report.findings if finding.severity == "error"}
