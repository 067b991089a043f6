"""Which round a submission is of: its logs have the seeds of one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from submitter.checker.files import Files, Unavailable
from submitter.checker.place import find_root
from submitter.checker.tree import Result, Tree
from submitter.layout import layout_of
from submitter.rulebook import load_rulebook, round_names

# Some logs of a tree may be of no round at all; the first few that can be read say what it was meant for.
_LOGS_ASKED = 8


def round_of(path: Path) -> str:
    """The round whose seeds the first logs of a submission have, the newest where none says.

    InputError where `path` is no submission.
    """
    newest_first = sorted(round_names(), key=_number, reverse=True)
    root, below = find_root(path)
    newest = load_rulebook(newest_first[0])
    seeds = list(islice(_seeds(Tree(Files(root), newest, layout_of(newest.name), below)), _LOGS_ASKED))
    for name in newest_first:
        if any(dict(load_rulebook(name).seeds) == found for found in seeds):
            return name
    return newest.name


def _seeds(tree: Tree) -> Iterator[dict[str, object]]:
    names = [name for name, _ in tree.book.seeds]
    for submitter in tree.submitters:
        for node in tree.nodes_of(submitter):
            if isinstance(node, Result):
                try:
                    log = node.performance.log
                except Unavailable:
                    continue
                yield {name: log[f"effective_{name}"] for name in names}


def _number(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.removeprefix("v").split("."))
