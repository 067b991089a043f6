"""Submitters judged side by side: processes change nothing, cost nothing where they are not worth it, and may die."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from submission_tree import BOOK, Tree

from submitter.checker import workers
from submitter.checker.finding import Problem
from submitter.checker.judge import Inherited
from submitter.checker.registry import all_rules, selected
from submitter.checker.workers import Task, judge_submitters
from submitter.errors import InputError, SubmitterError
from submitter.rulebook import Rulebook
from submitter.submission import open_submission
from submitter.submission.tree import SubmitterDir

NOTHING = Inherited(failed={}, invalid=set(), smoke=False)


@pytest.fixture
def many(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Four submitters of two results, each system worth a process."""
    for name in ("Bolt", "Cork", "Dell"):
        folder = tree.submitter.parent / name
        shutil.copytree(tree.submitter, folder)
        system = next((folder / "systems").glob("*.json"))
        system.write_text(system.read_text().replace('"Acme"', f'"{name}"'))
    monkeypatch.setattr(workers, "_RESULTS_WORTH_A_PROCESS", 1)
    return tree


def task_of(tree: Tree) -> Task:
    return Task(
        opened=open_submission(tree.root, BOOK),
        rules=selected((), (), BOOK),
        waive={},
        profile="full",
        inherited=NOTHING,
    )


def test_processes_change_nothing(many: Tree) -> None:
    many.set(many.performance_log(), result_validity="INVALID", result_min_queries_met=False)
    (many.root / "closed" / "Cork" / "systems" / "2xH200.json").unlink()
    alone = many.check(jobs=1)
    assert many.check(jobs=3) == alone
    verdicts = {(result.key.submitter, result.key.scenario): result.verdict for result in alone.results}
    invalid = {("Acme", "Offline"), ("Cork", "Offline"), ("Cork", "Server")}
    assert {key for key, verdict in verdicts.items() if verdict == "invalid"} == invalid
    assert len(verdicts) == 8


@pytest.mark.parametrize("jobs", [1, 3])
def test_what_was_judged_comes_in_the_order_of_the_tree(many: Tree, jobs: int) -> None:
    task = task_of(many)
    judged = judge_submitters(task, task.opened.submitters, jobs)
    found = [verdict.key.submitter for part in judged for verdict in part.verdicts]
    assert found == [name for name in ("Acme", "Bolt", "Cork", "Dell") for _ in range(2)]


def test_only_the_named_submitters_are_judged(many: Tree) -> None:
    report = many.check(submitters=["Bolt"])
    assert {verdict.key.submitter for verdict in report.results} == {"Bolt"}
    with pytest.raises(InputError, match="unknown submitter 'Blot'") as error:
        many.check(submitters=["Blot"])
    assert "Bolt" in error.value.hint


def test_a_submitter_is_judged_first_as_a_whole_then_its_systems(tree: Tree) -> None:
    (tree.submitter / "src" / "README.md").unlink()
    task = task_of(tree)
    path = PurePosixPath("closed/Acme")
    head, parts = task.head(path)
    assert parts == [("2xH200",)]
    assert head.verdicts == []
    assert "STR010" in {finding.rule for finding in head.findings}
    systems = task.systems(path, parts[0], head.passed_on)
    assert [verdict.verdict for verdict in systems.verdicts] == ["invalid", "invalid"]
    spared = task.systems(path, parts[0], NOTHING)
    assert [verdict.verdict for verdict in spared.verdicts] == ["valid", "valid"]


def test_large_submitters_are_shared_out_by_systems(many: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    results = many.submitter / "results"
    for name in ("a", "b", "c"):
        shutil.copytree(results / "2xH200", results / name)
    monkeypatch.setattr(workers, "_RESULTS_TOGETHER", 3)
    _, parts = task_of(many).head(PurePosixPath("closed/Acme"))
    assert parts == [("2xH200", "a"), ("b", "c")]


def test_a_small_submitter_is_judged_in_one_go_as_in_parts(many: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(many.submitter / "results" / "2xH200", many.submitter / "results" / "copy")
    (many.submitter / "src" / "README.md").unlink()
    monkeypatch.setattr(workers, "_RESULTS_TOGETHER", 1)
    task, path = task_of(many), PurePosixPath("closed/Acme")
    head, groups = task.head(path)
    in_parts = [head, *(task.systems(path, names, head.passed_on) for names in groups)]
    in_one_go = task.all_of(path)
    assert len(in_one_go) == 3
    for one, other in zip(in_one_go, in_parts, strict=True):
        assert (one.findings, one.verdicts, one.skips) == (other.findings, other.verdicts, other.skips)
    assert set().union(*(part.opened for part in in_one_go)) == set().union(*(part.opened for part in in_parts))


def test_the_garbage_collector_is_left_as_it_was(tree: Tree) -> None:
    assert gc.isenabled()
    tree.check(jobs=1)
    assert gc.isenabled()


def test_a_process_that_is_killed_is_one_clear_error(many: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()

    def killed(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
        assert os.getpid() != parent
        os.kill(os.getpid(), signal.SIGKILL)
        yield

    rules = tuple(replace(rule, body=killed) if rule.id == "STR010" else rule for rule in all_rules())
    monkeypatch.setattr("submitter.checker.registry.all_rules", lambda: rules)
    with pytest.raises(SubmitterError, match="a process of the check was killed") as error:
        many.check(jobs=2)
    assert "--jobs 1" in error.value.hint


@pytest.mark.parametrize("jobs", [0, -1])
def test_a_check_needs_at_least_one_process(tree: Tree, jobs: int) -> None:
    with pytest.raises(InputError, match=f"{jobs} jobs"):
        tree.check(jobs=jobs)
