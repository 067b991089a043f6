"""Judges the submitters of a tree in parallel, in several processes if the tree is large enough.

Each submitter is judged separately, first as a whole and then its systems, a few at a time. So the largest submitter of
a round does not keep one process busy while the others wait, and what was read of one part is freed before the next.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from submitter.checker.judge import Inherited, Judge, Judged
from submitter.checker.registry import Rule
from submitter.errors import SubmitterError
from submitter.submission.node import Node
from submitter.submission.opened import OpenSubmission
from submitter.submission.tree import SubmitterDir, System

# A check of fewer results than this takes less time than starting the processes.
_RESULTS_WORTH_A_PROCESS = 24
# Systems are judged together up to this many results: few enough to balance the load, enough to outweigh the transfer.
_RESULTS_TOGETHER = 32


@dataclass(kw_only=True)
class Task:
    """What is needed to judge any part of the tree."""

    opened: OpenSubmission
    rules: tuple[Rule, ...]
    waive: Mapping[str, str]
    profile: str
    inherited: Inherited
    """From the submission and its divisions."""
    latest: tuple[PurePosixPath, OpenSubmission] | None = None
    """The submitter that was judged last: often another part of it comes next, and its folder listings are reused."""

    def head(self, submitter: PurePosixPath) -> tuple[Judged, list[tuple[str, ...]]]:
        """The outcome for a submitter as a whole, and the names of its systems in groups to judge together."""
        own, whole = self._opened(submitter)
        nodes = own.nodes_of(whole)
        groups = _groups([node for node in nodes if isinstance(node, System)])
        return self._judged(own, [whole], self.inherited, nodes), groups

    def systems(self, submitter: PurePosixPath, names: tuple[str, ...], inherited: Inherited) -> Judged:
        """The outcome for some of a submitter's systems."""
        own, whole = self._opened(submitter)
        nodes = [node for name in names for node in own.nodes_of(System(whole, name))]
        judged = self._judged(own, nodes, inherited, nodes)
        # Nothing is below these parts, and what they would pass on is most of their memory.
        judged.passed_on = replace(judged.passed_on, failed={}, invalid=set())
        return judged

    def _opened(self, submitter: PurePosixPath) -> tuple[OpenSubmission, SubmitterDir]:
        """The submitter, in a submission of its own of which no file has been read."""
        if self.latest is None or self.latest[0] != submitter:
            self.latest = submitter, self.opened.reopened(submitter)
        own = self.latest[1].unread()
        return own, own.submitter_at(submitter)

    def _judged(self, own: OpenSubmission, nodes: list[Node], inherited: Inherited, places: list[Node]) -> Judged:
        # The objects of a tree refer to each other, so only the garbage collector would free them, and it is slow.
        # Instead it is off, and the objects are emptied afterwards.
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return Judge(
                own,
                nodes,
                rules=self.rules,
                waive=self.waive,
                profile=self.profile,
                inherited=inherited,
                places=places,
            ).run()
        finally:
            for node in {above for place in places for above in place.lineage}:
                vars(node).clear()
            vars(own).clear()
            if was_enabled:
                gc.enable()


def _groups(systems: list[System]) -> list[tuple[str, ...]]:
    groups: list[tuple[str, ...]] = []
    group: list[str] = []
    result_count = 0
    for system in systems:
        group.append(system.name)
        result_count += system.result_count
        if result_count >= _RESULTS_TOGETHER:
            groups.append(tuple(group))
            group, result_count = [], 0
    return [*groups, tuple(group)] if group else groups


def judge_submitters(task: Task, submitters: list[SubmitterDir], jobs: int) -> list[Judged]:
    """The outcome for each submitter and its systems, in the order of the tree.

    SubmitterError if a process was killed, as happens when memory runs out.
    """
    sizes = {submitter.path: submitter.result_count for submitter in submitters}
    jobs = min(jobs, 1 + sum(sizes.values()) // _RESULTS_WORTH_A_PROCESS)
    # A forked process already has the tree, the rules and what is inherited; another would have to be sent them.
    if jobs < 2 or "fork" not in multiprocessing.get_all_start_methods():
        judged = []
        for path in sizes:
            head, groups = task.head(path)
            judged += [head, *(task.systems(path, names, head.passed_on) for names in groups)]
        return judged
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_adopt, initargs=(task,)) as pool:
        try:
            return _judged_by(pool, sizes)
        except BrokenProcessPool:
            raise SubmitterError(
                "a process of the check was killed, probably because memory ran out", "check again with --jobs 1"
            ) from None


def _judged_by(pool: ProcessPoolExecutor, sizes: dict[PurePosixPath, int]) -> list[Judged]:
    largest_first = sorted(sizes, key=lambda path: -sizes[path])
    heads = {pool.submit(_head, path): path for path in largest_first}
    judged: dict[PurePosixPath, tuple[Judged, list[Future[Judged]]]] = {}
    for done in as_completed(heads):
        path = heads[done]
        head, groups = done.result()
        judged[path] = head, [pool.submit(_systems, path, names, head.passed_on) for names in groups]
    return [part for path in sizes for part in (judged[path][0], *(future.result() for future in judged[path][1]))]


_task: Task


def _adopt(task: Task) -> None:
    global _task
    _task = task
    gc.disable()  # the objects of a judged tree are emptied, which frees them


def _head(submitter: PurePosixPath) -> tuple[Judged, list[tuple[str, ...]]]:
    return _task.head(submitter)


def _systems(submitter: PurePosixPath, names: tuple[str, ...], inherited: Inherited) -> Judged:
    return _task.systems(submitter, names, inherited)
