"""What `check` says about the round that it judges by, on the command line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from submission_tree import Tree

from submitter.rulebook import load_rulebook

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_the_round_is_named_and_so_are_logs_that_disagree(tree: Tree, run_submitter: Run) -> None:
    assert "the rules of round v6.1 apply (--round" in run_submitter("check", str(tree.root)).stderr
    seeds = {f"effective_{seed}": value for seed, value in load_rulebook("v6.0").seeds}
    tree.set(tree.performance_log("Server"), **seeds)
    said = run_submitter("check", str(tree.root)).stderr
    assert "the rules of round v6.1 apply, but the logs disagree: of 2, 1 have its seeds, 1 those of v6.0" in said
    assert "apply" not in run_submitter("check", str(tree.root), "--round", "v6.1").stderr


def test_before_an_input_error_no_round_is_named(tree: Tree, run_submitter: Run) -> None:
    done = run_submitter("check", str(tree.root), "--select", "NONE")
    assert done.returncode == 2
    assert "round" not in done.stderr
