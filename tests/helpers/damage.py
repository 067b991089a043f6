"""Damage to a small valid tree (`submission_tree.Tree`): each function returns an edit, for tables of rules' cases."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from submission_tree import Tree, answer, answers, line

from submitter.model import Scenario

Damage = Callable[[Tree], object]


def performance(scenario: str, **changed: object) -> Damage:
    """Other entries in a performance run's detail log, named as for `Tree.set`."""
    return lambda tree: tree.set(tree.performance_log(scenario), **changed)


def accuracy(**changed: object) -> Damage:
    """Other entries in the detail log of Offline's accuracy run."""
    return lambda tree: tree.set(tree.accuracy() / "mlperf_log_detail.txt", **changed)


def error_in(*parts: str) -> Damage:
    """A line in a detail log of Offline's that LoadGen flagged as an error."""

    def write(tree: Tree) -> None:
        log = tree.result().joinpath(*parts, "mlperf_log_detail.txt")
        log.write_text(log.read_text() + line("error_runtime", "Sample with 0 tokens", error=True))

    return write


def score(old: str, new: str) -> Damage:
    return lambda tree: tree.replace(tree.accuracy() / "accuracy.txt", old, new)


def system(**changed: object) -> Damage:
    """Other fields in the system's description; None drops one."""
    return lambda tree: tree.edit_json(tree.system_json(), **changed)


def measurements(**changed: object) -> Damage:
    """Other fields in the description of Offline's measurement; None drops one."""
    return lambda tree: tree.edit_json(tree.result() / "measurements.json", **changed)


def readme(text: str) -> Damage:
    return lambda tree: (tree.result() / "README.md").write_text(text)


def document(name: str, text: str) -> Damage:
    return lambda tree: (tree.submitter / "documentation" / name).write_text(text)


def remove(*parts: str) -> Damage:
    """One of Offline's files is not there."""
    return lambda tree: tree.result().joinpath(*parts).unlink()


def write(*parts: str, text: str = "x\n") -> Damage:
    """A file more in the submitter's folder."""

    def write_file(tree: Tree) -> None:
        path = tree.submitter.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write_file


def renamed_benchmark(name: str) -> Damage:
    return lambda tree: tree.base.rename(tree.base.parent / name)


def copied(scenario: str, **changed: object) -> Damage:
    """Server's result under another scenario's name too, with other entries in its performance log."""

    def copy(tree: Tree) -> None:
        shutil.copytree(tree.result("Server"), tree.result(scenario))
        tree.set(tree.performance_log(scenario), **changed)

    return copy


def audit_answers_path(tree: Tree) -> Path:
    return tree.result("Server") / "TEST06" / "accuracy" / "mlperf_log_accuracy.json"


def audit_answers(*entries: str) -> Damage:
    """Other answers in the accuracy log of Server's TEST06."""
    return lambda tree: audit_answers_path(tree).write_text(answers(list(entries)))


def audit_answers_of_lengths(lengths: list[int], first: int = 11, last: int = 12) -> Damage:
    """Answers of these lengths in tokens in Server's TEST06, none of which is the end token unless `last` is."""
    inner = [[11] * (n - 2) for n in lengths]
    return audit_answers(*(answer(i, [first, *ids, last], Scenario.SERVER) for i, ids in enumerate(inner)))
