"""One way in: whichever folder of a submission is named, its round and the part of it that counts are found."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

import pytest
from submission_tree import BOOK, Tree

from submitter.errors import InputError
from submitter.model import ResultKey
from submitter.rulebook import load_rulebook, round_names
from submitter.submission import OpenSubmission, Result, open_submission
from submitter.submission.runs import AccuracyRun, ComplianceRun, PerformanceRun
from submitter.submission.tree import BenchmarkDir, System

NEWEST = round_names()[-1]
OTHER = "4xH200"


@pytest.fixture
def two(tree: Tree) -> Tree:
    """Two submitters in closed, the first with two systems, and one in open."""
    shutil.copytree(tree.submitter / "results" / "2xH200", tree.submitter / "results" / OTHER)
    shutil.copytree(tree.submitter, tree.root / "closed" / "Bolt")
    shutil.copytree(tree.submitter, tree.root / "open" / "Acme")
    return tree


def paths(opened: OpenSubmission) -> list[str]:
    return [str(result.path) for result in opened.results]


# The round


@pytest.mark.parametrize("name", round_names())
def test_the_seeds_of_the_logs_tell_the_round(name: str, tree: Tree) -> None:
    seeds = {f"effective_{seed}": value for seed, value in load_rulebook(name).seeds}
    for scenario in ("Offline", "Server"):
        tree.set(tree.performance_log(scenario), **seeds)
    opened = open_submission(tree.root)
    assert opened.book.name == name
    assert opened.context.book is opened.book
    assert opened.context.layout.nested == (name >= "v6")


def test_one_log_of_a_round_is_enough(tree: Tree) -> None:
    tree.performance_log("Offline").write_text("no log\n")
    tree.set(tree.performance_log("Server"), **{f"effective_{k}": v for k, v in load_rulebook("v5.1").seeds})
    assert open_submission(tree.root).book.name == "v5.1"


def _with_seeds_of(tree: Tree, rounds: dict[str, str]) -> OpenSubmission:
    """The tree with the seeds of a round in the performance log of each of these scenarios."""
    for scenario, name in rounds.items():
        if not tree.result(scenario).exists():
            shutil.copytree(tree.result("Server"), tree.result(scenario))
        seeds = {f"effective_{seed}": value for seed, value in load_rulebook(name).seeds}
        tree.set(tree.performance_log(scenario), **seeds)
    return open_submission(tree.root)


def test_the_round_is_that_of_most_logs(tree: Tree) -> None:
    opened = _with_seeds_of(tree, {"Interactive": "v6.1", "Offline": "v5.1", "Server": "v5.1"})
    assert (opened.book.name, opened.logs_by_round) == ("v5.1", {"v6.1": 1, "v5.1": 2})


def test_of_two_rounds_with_equally_many_logs_it_is_the_newer(tree: Tree) -> None:
    opened = _with_seeds_of(tree, {"Offline": "v5.1", "Server": "v6.0"})
    assert (opened.book.name, opened.logs_by_round) == ("v6.0", {"v6.0": 1, "v5.1": 1})
    assert open_submission(tree.root, BOOK).logs_by_round == {}


def test_each_system_has_its_say(two: Tree) -> None:
    """The first system alone has more results than are looked at."""
    first = two.submitter / "results" / "1xH200"
    for number in range(12):
        shutil.copytree(two.base, first / f"bench-{number}")
    seeds = {f"effective_{seed}": value for seed, value in load_rulebook("v6.0").seeds}
    for log in two.root.glob("*/*/results/*xH200/llama*/*/performance/run_1/mlperf_log_detail.txt"):
        two.set(log, **seeds)
    votes = open_submission(two.root).logs_by_round
    assert votes["v6.0"] == 12
    assert sum(votes.values()) == 16


def test_with_one_wrong_seed_no_round_is_recognized(tree: Tree) -> None:
    for scenario in ("Offline", "Server"):
        seeds = {f"effective_{k}": v for k, v in load_rulebook("v5.1").seeds}
        tree.set(tree.performance_log(scenario), **seeds | {"effective_qsl_rng_seed": 1})
    assert open_submission(tree.root).book.name == NEWEST


def test_without_known_seeds_it_is_the_newest_round(tree: Tree) -> None:
    tree.set(tree.performance_log("Offline"), effective_qsl_rng_seed=1)
    tree.performance_log("Server").write_text("no log\n")
    assert open_submission(tree.root).book.name == NEWEST
    shutil.rmtree(tree.submitter / "results")
    assert open_submission(tree.root).book.name == NEWEST


def test_the_logs_below_the_named_folder_tell_it(tree: Tree) -> None:
    tree.set(tree.performance_log("Server"), **{f"effective_{k}": v for k, v in load_rulebook("v5.1").seeds})
    assert open_submission(tree.result("Server")).book.name == "v5.1"
    assert open_submission(tree.result("Offline")).book.name == BOOK.name


def test_a_named_book_is_taken_and_no_log_is_read(tree: Tree) -> None:
    book = load_rulebook("v5.0")
    opened = open_submission(tree.root, book)
    assert opened.book is book
    assert opened.context.layout.code_folder == "code"
    assert opened.files.opened == set()


def test_what_was_read_to_find_the_round_does_not_count_as_opened(tree: Tree) -> None:
    assert open_submission(tree.root).files.opened == set()


# The part that counts


@pytest.mark.parametrize("around", [0, 1])
def test_the_root_or_the_folder_around_it_is_all_of_it(two: Tree, around: int) -> None:
    path = [two.root, two.root.parent][around]
    opened = open_submission(path, BOOK)
    assert (opened.path, opened.files.root, opened.selected) == (path, two.root, PurePosixPath("."))
    assert [str(submitter.path) for submitter in opened.submitters] == ["closed/Acme", "closed/Bolt", "open/Acme"]
    assert len(paths(opened)) == 12
    assert paths(opened)[0] == "closed/Acme/results/2xH200/llama2-70b-99.9/Offline"


@pytest.mark.parametrize(
    ("below", "submitters", "results"),
    [
        ("closed", 2, 8),
        ("closed/Acme", 1, 4),
        ("closed/Acme/results", 1, 4),
        (f"closed/Acme/results/{OTHER}", 1, 2),
        (f"closed/Acme/results/{OTHER}/llama2-70b-99.9/Server", 1, 1),
        (f"closed/Acme/results/{OTHER}/llama2-70b-99.9/Server/performance/run_1", 1, 1),
        ("closed/Acme/systems", 1, 0),
    ],
)
def test_a_folder_in_it_is_a_part(two: Tree, below: str, submitters: int, results: int) -> None:
    opened = open_submission(two.root / below, BOOK)
    assert (opened.files.root, opened.selected) == (two.root, PurePosixPath(below))
    assert len(opened.submitters) == submitters
    assert len(paths(opened)) == results
    assert all(path.startswith(below) or below.startswith(path) for path in paths(opened))


def test_what_lies_in_the_part_or_holds_it_counts(two: Tree) -> None:
    opened = open_submission(two.root / "closed/Acme/results/2xH200", BOOK)
    assert [str(node.path) for node in opened.top_nodes] == [".", "closed"]
    (acme,) = opened.submitters
    counted = {system.name: opened.is_selected(system) for system in acme.systems}
    assert counted == {"2xH200": True, OTHER: False}
    assert opened.is_selected(opened.submission)
    bolt = next(submitter for submitter in opened.submission.submitters if submitter.name == "Bolt")
    assert not opened.is_selected(bolt)


def test_a_name_that_begins_alike_is_not_a_part(tree: Tree) -> None:
    shutil.copytree(tree.submitter / "results" / "2xH200", tree.submitter / "results" / "2xH200-more")
    opened = open_submission(tree.submitter / "results" / "2xH200", BOOK)
    assert {result.key.system for result in opened.results} == {"2xH200"}


def test_the_nodes_of_a_whole_come_from_the_whole_to_its_parts(two: Tree) -> None:
    opened = open_submission(two.root / "closed/Acme/results/2xH200", BOOK)
    (acme,) = opened.submitters
    nodes = opened.nodes_of(acme)
    assert nodes[0] is acme
    (system,) = (node for node in nodes if isinstance(node, System))
    assert opened.nodes_of(system) == nodes[1:]
    runs = [PerformanceRun, AccuracyRun, ComplianceRun]
    assert [type(node) for node in nodes[1:]] == [System, BenchmarkDir, *[Result, *runs] * 2]


# The same again


def test_afresh_nothing_is_known(tree: Tree) -> None:
    opened = open_submission(tree.root, BOOK)
    before = paths(opened)
    shutil.copytree(tree.result("Server"), tree.result("Interactive"))
    assert paths(opened.unread()) == before
    again = opened.reopened(opened.submitters[0].path)
    assert len(paths(again)) == 3
    assert (again.path, again.selected, again.book) == (opened.path, opened.selected, opened.book)
    assert again.files is not opened.files


def first(opened: OpenSubmission) -> Result:
    return next(opened.results)


def test_reread_the_files_are_read_anew_and_the_folders_are_known(tree: Tree) -> None:
    opened = open_submission(tree.root, BOOK)
    assert first(opened).performance.number("result_query_count") == 147456
    assert opened.files.opened
    tree.set(tree.performance_log(), result_query_count=5)
    assert first(opened).performance.number("result_query_count") == 147456
    again = opened.unread()
    assert again.files is opened.files
    assert again.files.opened == set()
    assert first(again).performance.number("result_query_count") == 5


def test_by_another_book_it_is_laid_out_otherwise(tree: Tree) -> None:
    opened = open_submission(tree.result(), BOOK)
    older = opened.with_rulebook(load_rulebook("v5.1"))
    assert (older.path, older.selected, older.files) == (opened.path, opened.selected, opened.files)
    assert first(older).measurements_path.parts[2] == "measurements"
    assert first(opened).measurements_path.parts[2] == "results"
    assert first(older).key == first(opened).key == ResultKey("closed", "Acme", "2xH200", tree.benchmark, "Offline")


# Wrong input


def test_what_is_not_a_submission_is_an_input_error(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, reported in (
        (tmp_path / "nothing", "does not exist"),
        (tree.system_json(), "folder"),
        (tmp_path / "empty", "holds no submission"),
    ):
        for book in (None, BOOK):
            with pytest.raises(InputError, match=reported):
                open_submission(path, book)


def test_a_submission_without_results_is_open_nevertheless(tmp_path: Path) -> None:
    (tmp_path / "closed" / "Acme").mkdir(parents=True)
    opened = open_submission(tmp_path, BOOK)
    assert [submitter.name for submitter in opened.submitters] == ["Acme"]
    assert paths(opened) == []
