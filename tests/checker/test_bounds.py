"""Enormous and hostile trees: the work and the report grow with what is read, not with what is there.

Work is counted where it can be: in findings, in folders that are listed, in bytes that are hashed. Times are generous:
what they refuse took minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import Any

import pytest
from damage import readme, score, system
from submission_tree import BOOK, Tree, line

from submitter import checker
from submitter.checker import judge
from submitter.errors import InputError
from submitter.submission.accuracy_text import values
from submitter.submission.files import Files

SECONDS = 20.0


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that are listed, each as often as it is."""
    folders: list[str] = []
    scandir = os.scandir

    def counting(path: Any) -> Any:
        folders.append(str(path))
        return scandir(path)

    monkeypatch.setattr("submitter.submission.files.os.scandir", counting)
    return folders


def test_links_to_their_own_parents_are_found_and_not_followed(tree: Tree) -> None:
    for number in range(40):
        (tree.base.parent / f"link{number}").symlink_to("../..")
        (tree.submitter / "results" / f"link{number}").symlink_to(".")
    report = tree.check(jobs=1)
    assert len(report.results) == 2
    assert [finding.rule for finding in report.findings if finding.severity == "error"] == ["STR012"] * 80


def test_links_between_folders_multiply_up_to_a_limit(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "_MOST_RESULTS_OF_A_SYSTEM", 50)
    for number in range(30):
        (tree.base.parent / f"link{number}").symlink_to(tree.base.name)
    with pytest.raises(InputError, match="holds more than 50 folders of results"):
        tree.check()
    shutil.rmtree(tree.base.parent)
    monkeypatch.setattr(checker, "_MOST_RESULTS", 100)
    for number in range(60):
        (tree.submitter / "results" / f"system{number}" / "llama2-70b-99" / "Offline").mkdir(parents=True)
        (tree.submitter / "results" / f"system{number}" / "llama2-70b-99" / "Server").mkdir(parents=True)
    with pytest.raises(InputError, match="more than 100 results"):
        tree.check()
    report = checker.check(tree.submitter / "results" / "system7", BOOK)
    assert len(report.results) == 2


def test_each_submitter_and_system_is_listed_once(tree: Tree, listed: list[str]) -> None:
    """The folders above were listed again for each, and all submitters and systems made anew."""
    shutil.rmtree(tree.submitter / "src")
    for number in range(60):
        (tree.submitter.parent / f"S{number}" / "results" / "system").mkdir(parents=True)
        (tree.submitter / "results" / f"system{number}" / "llama2-70b-99" / "Offline").mkdir(parents=True)
    tree.check(jobs=1)
    assert listed.count(f"{tree.root}/.") == listed.count(f"{tree.root}/closed") == 1
    assert max(map(listed.count, listed)) <= 2  # once to count the results, once to judge them


def test_a_rule_lists_a_thousand_findings_and_counts_the_others(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "_MOST_FINDINGS", 10)
    for number in range(30):
        (tree.submitter / "src" / f"{number:02}.pem").touch()
    found = tree.found("STR013")
    assert len(found) == 11
    assert [finding.message for finding in found if finding.path == "closed/Acme"] == [
        "20 more of STR013 are not listed"
    ]
    assert tree.check().exit_code == 1


def test_results_that_an_unlisted_finding_is_about_are_invalid_too(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "_MOST_FINDINGS", 1)
    for scenario in ("Offline", "Server"):
        (tree.result(scenario) / "link").symlink_to("/etc/hostname")
    report = tree.check(select=["STR012"])
    assert len(report.findings) == 2
    assert {result.verdict for result in report.results} == {"invalid"}


def test_a_log_with_an_error_in_every_line_is_one_finding(tree: Tree) -> None:
    log = tree.performance_log()
    log.write_text(log.read_text() + (line("error_runtime", "x", error=True) + "\n") * 10_001)
    report = tree.check()
    assert [finding.rule for finding in report.findings if finding.path.endswith(log.name)] == ["STR002"]


def test_a_sparse_log_is_not_read(tree: Tree) -> None:
    log = tree.performance_log()
    os.truncate(log, 10 << 30)
    report = tree.check()
    assert "too large" in next(finding.message for finding in report.findings if finding.rule == "STR002")


def test_a_manifest_of_enormous_files_is_hashed_up_to_a_limit(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[int] = []
    monkeypatch.setattr(Files, "sha256", lambda files, path: hashed.append(files.size(path)) or "0" * 64)
    names = [f"closed/Acme/src/{number}.bin" for number in range(100)]
    for name in names:
        (tree.root / name).touch()
        os.truncate(tree.root / name, 64 << 20)
    (tree.root / "closed/Acme/src/huge.bin").touch()
    os.truncate(tree.root / "closed/Acme/src/huge.bin", 100 << 30)
    files = dict.fromkeys([*names, "closed/Acme/src/huge.bin"], "0" * 64)
    manifest = {"submitter_version": "0", "round": "v6.1", "smoke": False, "results": [], "files": files}
    (tree.submitter / "documentation" / "submitter_manifest.json").write_text(json.dumps(manifest))
    messages = {finding.message for finding in tree.found("PRV003") if finding.severity == "error"}
    assert "the files are too large to be compared" in messages
    assert 0 < sum(hashed) <= 2 << 30
    files = {name: sha256 for name, sha256 in files.items() if "huge" in name}
    (tree.submitter / "documentation" / "submitter_manifest.json").write_text(json.dumps(manifest | {"files": files}))
    assert "the file is too large for an assembled one" in {finding.message for finding in tree.found("PRV003")}


def test_no_expression_takes_quadratic_time(tree: Tree) -> None:
    count = 1 << 19
    started = time.monotonic()
    for text in (" " * count, "\n" * count, "none" * count, "none\n" * count, "a." * count, "\n \t" * count):
        readme(text)(tree)
        score_path = tree.accuracy() / "accuracy.txt"
        score_path.write_text(text)
        assert tree.check().exit_code == 1
    for value in ("-" * count + "a", "no ECC" + " " * count + "x", "." * count + "none" + "." * count + "x"):
        system(host_networking=value, hw_notes=value)(tree)
        tree.check()
    assert time.monotonic() - started < SECONDS


def test_no_score_takes_quadratic_time() -> None:
    """The pattern of resnet's accuracy, and that of a hierarchical F1, took hours on a line of megabytes."""
    patterns, count = BOOK.accuracy_patterns, 1 << 19
    started = time.monotonic()
    for text in ("accuracy" + " " * count, '{"f1": 1 ' * (count // 8), "accuracy: " * (count // 8)):
        for name in patterns:
            assert values(text, name, patterns) == []
    assert time.monotonic() - started < SECONDS


def test_a_short_score_among_many_blanks_is_read(tree: Tree) -> None:
    score("'rouge1': 44.4495", "'rouge1':" + " " * 3000 + "44.4495")(tree)
    assert tree.check().exit_code == 0
