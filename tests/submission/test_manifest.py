"""A tree's own manifest, as the rules see it: parsed once, or the reason why it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from manifest_tree import manifest_path, write_manifest, write_tied_tree
from submission_tree import BOOK, Tree

from submitter.submission import open_submission
from submitter.submission.manifest import manifest_of, manifest_problem, manifest_result
from submitter.submission.tree import SubmitterDir


@pytest.fixture
def tied(tmp_path: Path) -> Tree:
    return write_tied_tree(tmp_path / "submission")


def submitter(tree: Tree) -> SubmitterDir:
    (only,) = open_submission(tree.root, BOOK).submitters
    return only


def test_a_manifest_tells_of_each_result(tied: Tree) -> None:
    acme = submitter(tied)
    manifest = manifest_of(acme)
    assert manifest is not None
    assert (manifest.round, manifest.smoke, manifest_problem(acme)) == ("v6.1", False, "")
    for result in open_submission(tied.root, BOOK).results:
        entry = manifest_result(result)
        assert entry is not None
        assert entry.path == str(result.path)


def test_it_is_parsed_once(tied: Tree) -> None:
    acme = submitter(tied)
    first = manifest_of(acme)
    manifest_path(tied).write_text("{}")
    assert manifest_of(acme) is first
    assert manifest_of(submitter(tied)) is None


def test_without_one_there_is_neither_a_manifest_nor_a_problem(tied: Tree) -> None:
    manifest_path(tied).unlink()
    acme = submitter(tied)
    assert (manifest_of(acme), manifest_problem(acme)) == (None, "")
    assert manifest_result(next(open_submission(tied.root, BOOK).results)) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "JSON"),
        (b"not json", "JSON"),
        (b"[]", "object"),
        (b"\xff", "not UTF-8"),
        (b"{}", "Field required"),
        (b'{"smoke": "perhaps"}', "submitter_version: "),
        (b"[" * 100_000, "JSON"),
    ],
)
def test_what_is_not_a_manifest_says_why(tied: Tree, content: bytes, reason: str) -> None:
    manifest_path(tied).write_bytes(content)
    acme = submitter(tied)
    assert manifest_of(acme) is None
    assert reason in manifest_problem(acme)
    assert "\n" not in manifest_problem(acme)
    assert manifest_result(next(open_submission(tied.root, BOOK).results)) is None


def test_what_does_not_fit_is_named_by_its_place(tied: Tree) -> None:
    content = json.loads(manifest_path(tied).read_text())
    content["results"][0]["runs"]["accuracy"]["dataset"]["sample_count"] = "many"
    manifest_path(tied).write_text(json.dumps(content))
    assert manifest_problem(submitter(tied)).startswith("results.0.runs.accuracy.dataset.sample_count: ")


def test_a_folder_in_its_place_is_a_problem(tied: Tree) -> None:
    manifest_path(tied).unlink()
    manifest_path(tied).mkdir()
    assert "folder" in manifest_problem(submitter(tied))


def test_a_result_that_it_does_not_list_has_no_entry(tied: Tree) -> None:
    write_manifest(tied)
    content = json.loads(manifest_path(tied).read_text())
    gone = content["results"].pop(0)["path"]
    manifest_path(tied).write_text(json.dumps(content))
    reported = {str(result.path): manifest_result(result) for result in open_submission(tied.root, BOOK).results}
    assert [path for path, entry in reported.items() if entry is None] == [gone]
