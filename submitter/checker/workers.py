"""Judging the submitters of a tree side by side: each has its own session, in processes where there are several."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import PurePosixPath

from submitter.checker.files import Files
from submitter.checker.registry import Rule
from submitter.checker.session import Judged, Session
from submitter.checker.tree import SubmitterDir, Tree
from submitter.errors import SubmitterError

# A check of fewer results than this is done before the processes would be there.
_RESULTS_WORTH_A_PROCESS = 24


def judge_in_processes(
    tree: Tree,
    submitters: list[SubmitterDir],
    rules: tuple[Rule, ...],
    waive: Mapping[str, str],
    profile: str,
    summit: Judged,
    jobs: int,
) -> list[Judged]:
    """What the rules say of each submitter, in their order.

    SubmitterError where a process was killed, which is what happens when memory runs out.
    """
    task = _Task(tree, rules, waive, profile, summit)
    sizes = {
        submitter: sum(1 for s in submitter.systems for b in s.benchmarks for _ in b.results)
        for submitter in submitters
    }
    jobs = min(jobs, len(submitters), 1 + sum(sizes.values()) // _RESULTS_WORTH_A_PROCESS)
    # Only a forked process has the tree, the rules and what was said above without being sent them.
    if jobs < 2 or "fork" not in multiprocessing.get_all_start_methods():
        return [task.judge(submitter.division, submitter.name) for submitter in submitters]
    largest_first = sorted(submitters, key=lambda submitter: -sizes[submitter])
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_adopt, initargs=(task,)) as pool:
        futures = {s: pool.submit(_judge, s.division, s.name) for s in largest_first}
        try:
            return [futures[submitter].result() for submitter in submitters]
        except BrokenProcessPool:
            raise SubmitterError(
                "a process of the check was killed; was there too little memory?", "check again with --jobs 1"
            ) from None


class _Task:
    """All that judging one submitter takes."""

    def __init__(
        self, tree: Tree, rules: tuple[Rule, ...], waive: Mapping[str, str], profile: str, summit: Judged
    ) -> None:
        self.tree = tree
        self.rules = rules
        self.waive = waive
        self.profile = profile
        self.summit = summit

    def judge(self, division: str, name: str) -> Judged:
        # A tree of its own: what was read of one submitter must not stay in memory while the next is judged.
        whole = self.tree
        own = Tree(Files(whole.files.root), whole.book, whole.layout, whole.below)
        path = PurePosixPath(division, name)
        submitter = next(node for node in own.submitters if node.path == path)
        nodes = own.nodes_of(submitter)
        # Objects of a tree name each other, so it would take a search for garbage to free them: they are taken apart.
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return Session(own, nodes, self.rules, self.waive, self.summit, self.profile).run()
        finally:
            for node in [*own.summit, *nodes, *own.submitters]:
                vars(node).clear()
            vars(own).clear()
            if was_enabled:
                gc.enable()


_task: _Task


def _adopt(task: _Task) -> None:
    global _task
    _task = task
    gc.disable()  # a session leaves no garbage


def _judge(division: str, name: str) -> Judged:
    return _task.judge(division, name)
