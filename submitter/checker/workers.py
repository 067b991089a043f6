"""Judges the submitters of a tree in parallel, in several processes if the tree is large enough.

Each submitter is judged separately, first as a whole and then its systems, a few at a time. So the largest submitter of
a round does not keep one process busy while the others wait, and what was read of one part is freed before the next.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from submitter.checker.judge import Inherited, Judge, Judged
from submitter.checker.registry import Rule
from submitter.errors import SubmitterError
from submitter.submission.node import Node
from submitter.submission.opened import OpenSubmission
from submitter.submission.tree import SubmitterDir, System

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

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
        with _emptied(own, nodes):
            return self._judged(own, [whole], self.inherited, nodes), _groups(nodes)

    def systems(self, submitter: PurePosixPath, names: tuple[str, ...], inherited: Inherited) -> Judged:
        """The outcome for some of a submitter's systems."""
        own, whole = self._opened(submitter)
        nodes = [node for name in names for node in own.nodes_of(System(whole, name))]
        with _emptied(own, nodes):
            judged = self._judged(own, nodes, inherited, nodes)
        # Nothing is below these parts, and what they would pass on is most of their memory.
        judged.passed_on = replace(judged.passed_on, failed={}, invalid=set())
        return judged

    def all_of(self, submitter: PurePosixPath) -> list[Judged]:
        """The outcome for a submitter as a whole, and for each group of its systems."""
        own, whole = self._opened(submitter)
        nodes = own.nodes_of(whole)
        with _emptied(own, nodes):
            judged = [self._judged(own, [whole], self.inherited, nodes)]
            for names in _groups(nodes):
                inside = _nodes(own, whole, names)
                judged.append(self._judged(own, inside, judged[0].passed_on, inside))
                for node in inside:
                    node.cache.clear()
        return judged

    def _opened(self, submitter: PurePosixPath) -> tuple[OpenSubmission, SubmitterDir]:
        """The submitter, in a submission of its own of which no file has been read."""
        if self.latest is None or self.latest[0] != submitter:
            self.latest = submitter, self.opened.reopened(submitter)
        own = self.latest[1].unread()
        return own, own.submitter_at(submitter)

    def _judged(self, own: OpenSubmission, nodes: list[Node], inherited: Inherited, places: list[Node]) -> Judged:
        rules, waive, profile = self.rules, self.waive, self.profile
        judge = Judge(own, nodes, rules=rules, waive=waive, profile=profile, inherited=inherited, places=places)
        return judge.run()


@contextmanager
def _emptied(own: OpenSubmission, nodes: list[Node]) -> Iterator[None]:
    """Empties the objects of a tree in the end.

    They refer to each other, so only the garbage collector would free them, and it is slow: it is off meanwhile.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        for emptied in {above for node in nodes for above in node.lineage}:
            vars(emptied).clear()
        vars(own).clear()
        if was_enabled:
            gc.enable()


def _nodes(own: OpenSubmission, whole: SubmitterDir, names: tuple[str, ...]) -> list[Node]:
    """The nodes in some of a submitter's systems."""
    return [node for system in whole.systems if system.name in names for node in own.nodes_of(system)]


def _groups(nodes: list[Node]) -> list[tuple[str, ...]]:
    groups: list[tuple[str, ...]] = []
    group: list[str] = []
    result_count = 0
    for system in (node for node in nodes if isinstance(node, System)):
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
    if jobs < 2 or not hasattr(os, "fork"):
        return [part for path in sizes for part in task.all_of(path)]
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_adopt, initargs=(task,)) as pool:
        try:
            return _judged_by(pool, sizes)
        except BrokenProcessPool:
            raise SubmitterError(
                "a process of the check was killed, probably because memory ran out", "check again with --jobs 1"
            ) from None


def _judged_by(pool: ProcessPoolExecutor, sizes: dict[PurePosixPath, int]) -> list[Judged]:
    from concurrent.futures import as_completed

    # The systems of a large submitter are shared out; a small one is judged by one process, which lists it only once.
    largest_first = sorted(sizes, key=lambda path: -sizes[path])
    heads = {pool.submit(_head, path): path for path in largest_first if sizes[path] > _RESULTS_TOGETHER}
    small = {path: pool.submit(_all_of, path) for path in largest_first if sizes[path] <= _RESULTS_TOGETHER}
    judged: dict[PurePosixPath, tuple[Judged, list[Future[Judged]]]] = {}
    for done in as_completed(heads):
        path = heads[done]
        head, groups = done.result()
        judged[path] = head, [pool.submit(_systems, path, names, head.passed_on) for names in groups]
    parts: list[Judged] = []
    for path in sizes:
        if path in small:
            parts += small[path].result()
        else:
            head, systems = judged[path]
            parts += [head, *(future.result() for future in systems)]
    return parts


_task: Task


def _adopt(task: Task) -> None:
    global _task
    _task = task
    gc.disable()  # the objects of a judged tree are emptied, which frees them


def _head(submitter: PurePosixPath) -> tuple[Judged, list[tuple[str, ...]]]:
    return _task.head(submitter)


def _all_of(submitter: PurePosixPath) -> list[Judged]:
    return _task.all_of(submitter)


def _systems(submitter: PurePosixPath, names: tuple[str, ...], inherited: Inherited) -> Judged:
    return _task.systems(submitter, names, inherited)
