"""Judging the submitters of a tree side by side, in processes where there is enough to do.

Each submitter is judged by itself, first as a whole and then its systems, some at a time: so the largest submitter of a
round does not keep one process busy while the others wait, and what was read of one part is forgotten before the next.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import PurePosixPath

from submitter.checker.judge import Above, Judge, Judged
from submitter.checker.registry import Rule
from submitter.errors import SubmitterError
from submitter.submission.node import Node
from submitter.submission.opened import OpenSubmission
from submitter.submission.tree import SubmitterDir, System

# A check of fewer results than this is done before the processes would be there.
_RESULTS_WORTH_A_PROCESS = 24
# Systems are judged together up to this many results: few enough to share the work out, enough to be worth a hand-over.
_RESULTS_TOGETHER = 32


@dataclass
class Task:
    """All that judging takes, whichever part of the tree it is."""

    opened: OpenSubmission
    rules: tuple[Rule, ...]
    waive: Mapping[str, str]
    profile: str
    summit: Above
    # The submitter that was judged last, some part of which often comes next: its folders need no second listing.
    latest: tuple[PurePosixPath, OpenSubmission] | None = None

    def head(self, submitter: PurePosixPath) -> tuple[Judged, list[tuple[str, ...]]]:
        """What the rules say of a submitter as a whole, and the names of its systems as they are to be judged."""
        own, whole = self._of(submitter)
        nodes = own.nodes_of(whole)
        parts = _parts([node for node in nodes if isinstance(node, System)])
        return self._judged(own, [whole], self.summit, nodes), parts

    def systems(self, submitter: PurePosixPath, names: tuple[str, ...], above: Above) -> Judged:
        """What the rules say of some of a submitter's systems."""
        own, whole = self._of(submitter)
        nodes = [node for system in whole.systems if system.name in names for node in own.nodes_of(system)]
        return self._judged(own, nodes, above, nodes)

    def _of(self, submitter: PurePosixPath) -> tuple[OpenSubmission, SubmitterDir]:
        """The submitter, in a submission of which no file was read yet."""
        if self.latest is None or self.latest[0] != submitter:
            self.latest = submitter, self.opened.afresh()
        own = self.latest[1].reread()
        return own, next(node for node in own.submitters if node.path == submitter)

    def _judged(self, own: OpenSubmission, nodes: list[Node], above: Above, places: list[Node]) -> Judged:
        # Objects of a tree name each other, so it would take a search for garbage to free them: they are taken apart.
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return Judge(own, nodes, self.rules, self.waive, self.profile, above, places).run()
        finally:
            for node in [*own.summit, *own.submitters, *places]:
                vars(node).clear()
            vars(own).clear()
            if was_enabled:
                gc.enable()


def _parts(systems: list[System]) -> list[tuple[str, ...]]:
    parts: list[tuple[str, ...]] = []
    together: list[str] = []
    count = 0
    for system in systems:
        together.append(system.name)
        count += system.result_count
        if count >= _RESULTS_TOGETHER:
            parts.append(tuple(together))
            together, count = [], 0
    return [*parts, tuple(together)] if together else parts


def judge_submitters(task: Task, submitters: list[SubmitterDir], jobs: int) -> list[Judged]:
    """What the rules say of each submitter and its systems, in the order of the tree.

    SubmitterError where a process was killed, which is what happens when memory runs out.
    """
    sizes = {submitter.path: submitter.result_count for submitter in submitters}
    jobs = min(jobs, 1 + sum(sizes.values()) // _RESULTS_WORTH_A_PROCESS)
    # Only a forked process has the tree, the rules and what was said above without being sent them.
    if jobs < 2 or "fork" not in multiprocessing.get_all_start_methods():
        judged = []
        for path in sizes:
            head, parts = task.head(path)
            judged += [head, *(task.systems(path, names, head.above) for names in parts)]
        return judged
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_adopt, initargs=(task,)) as pool:
        try:
            return _shared_out(pool, sizes)
        except BrokenProcessPool:
            raise SubmitterError(
                "a process of the check was killed; was there too little memory?", "check again with --jobs 1"
            ) from None


def _shared_out(pool: ProcessPoolExecutor, sizes: dict[PurePosixPath, int]) -> list[Judged]:
    largest_first = sorted(sizes, key=lambda path: -sizes[path])
    heads = {pool.submit(_head, path): path for path in largest_first}
    judged: dict[PurePosixPath, tuple[Judged, list[Future[Judged]]]] = {}
    for done in as_completed(heads):
        path = heads[done]
        head, parts = done.result()
        judged[path] = head, [pool.submit(_systems, path, names, head.above) for names in parts]
    return [part for path in sizes for part in (judged[path][0], *(future.result() for future in judged[path][1]))]


_task: Task


def _adopt(task: Task) -> None:
    global _task
    _task = task
    gc.disable()  # a session leaves no garbage


def _head(submitter: PurePosixPath) -> tuple[Judged, list[tuple[str, ...]]]:
    return _task.head(submitter)


def _systems(submitter: PurePosixPath, names: tuple[str, ...], above: Above) -> Judged:
    return _task.systems(submitter, names, above)
