"""DOC: a part that a person has still to write is named, wherever it stands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from submission_tree import Tree, write_tree

from submitter import documents

Break = Callable[[Tree], object]
MARK = documents.todo("say what was done")


def in_document(tree: Tree) -> Path:
    path = tree.submitter / "documentation" / "calibration.adoc"
    path.write_text(f"= Calibration\n\nBy hand.\n{MARK}\n")
    return path


def in_readme(tree: Tree) -> Path:
    path = tree.result() / "README.md"
    path.write_bytes(f"caf\xe9\n\n1. {MARK}\n\n".encode("latin-1"))
    return path


def in_measurements(tree: Tree) -> Path:
    path = tree.result("Server") / "measurements.json"
    tree.edit_json(path, weight_transformations=MARK)
    return path


def in_description(tree: Tree) -> Path:
    tree.edit_json(tree.system_json(), hw_notes=MARK)
    return tree.system_json()


CASES: list[tuple[str, Break]] = [
    ("DOC001", in_document),
    ("DOC002", in_readme),
    ("DOC002", in_measurements),
    ("DOC003", in_description),
]


@pytest.mark.parametrize(("rule", "damage"), CASES)
def test_what_is_still_to_write_is_named(rule: str, damage: Break, tmp_path: Path) -> None:
    tree = write_tree(tmp_path)
    assert tree.found(rule) == []
    path = damage(tree)
    (finding,) = tree.found(rule)
    assert finding.path == os.path.relpath(str(path), tmp_path)
    assert finding.required == "say what was done"
    assert "person" in finding.message


def test_an_unwritten_document_spares_the_results(tmp_path: Path) -> None:
    tree = write_tree(tmp_path)
    in_document(tree)
    report = tree.check()
    assert report.exit_code == 1
    assert {result.verdict for result in report.results} == {"valid"}
    in_readme(tree)
    assert [result.verdict for result in tree.check().results] == ["invalid", "valid"]


def test_lines_and_what_is_asked_for() -> None:
    table = (
        f"| card | {documents.todo('its bandwidth')} |\n{json.dumps({'a': documents.todo('why')})}\n{documents.MARK}"
    )
    assert list(documents.unfilled(table)) == [(1, "its bandwidth"), (2, "why"), (3, "a part that a person must write")]
    assert list(documents.unfilled("TODO: not a person's\n")) == []
