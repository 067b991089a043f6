"""The entry point of this package: a submission opened for reading, with the rule book of its round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath

from submitter.errors import InputError, raise_all
from submitter.layout import layout_of
from submitter.rulebook import Rulebook, load_rulebook, round_names
from submitter.submission.files import Files, Unavailable
from submitter.submission.node import Context, Node
from submitter.submission.root import find_root
from submitter.submission.tree import DivisionDir, Result, Submission, SubmitterDir, System

# Some logs of a tree may have the seeds of no round, so the round is recognized from the first few readable logs.
_LOGS_CONSIDERED = 8
UNLISTED_HINT = "get the permission for it (ls -ld shows who has it), or restore it"


class OpenSubmission:
    """A submission on disk, read with the rule book of one round. Files are read only when needed; nothing is judged.

    `path` is as the caller gave it. `selected` is the part of the tree to look at, relative to the tree's root; `.` is
    the whole tree. The submitters, nodes and results here are those in this part, and the folders that contain it.
    """

    def __init__(self, path: Path, context: Context, selected: PurePosixPath) -> None:
        self.path = path
        self.context = context
        self.files = context.files
        self.book = context.book
        self.selected = selected
        self.submission = Submission(context)

    def is_selected(self, node: Node) -> bool:
        """Whether a node is in the selected part of the tree, or contains it."""
        return node.path.is_relative_to(self.selected) or self.selected.is_relative_to(node.path)

    @cached_property
    def top_nodes(self) -> list[Node]:
        """The nodes above the submitters: the whole submission and its divisions."""
        return [self.submission, *filter(self.is_selected, self.submission.divisions)]

    @cached_property
    def submitters(self) -> list[SubmitterDir]:
        """The selected submitters. Given the verdict on the top nodes, each can be judged without the others."""
        return list(filter(self.is_selected, self.submission.submitters))

    def nodes_of(self, whole: SubmitterDir | System) -> list[Node]:
        """A submitter or a system and the selected nodes in it, from the outermost to the innermost."""
        found: list[Node] = [whole]
        if isinstance(whole, SubmitterDir):
            systems = filter(self.is_selected, whole.systems)
            return found + [node for system in systems for node in self.nodes_of(system)]
        for benchmark in filter(self.is_selected, whole.benchmarks):
            found.append(benchmark)
            for result in filter(self.is_selected, benchmark.results):
                found += [result, *result.parts]
        return found

    def results_of(self, submitter: SubmitterDir) -> Iterator[Result]:
        """A submitter's selected results, in the order of the tree."""
        for system in filter(self.is_selected, submitter.systems):
            for benchmark in filter(self.is_selected, system.benchmarks):
                yield from filter(self.is_selected, benchmark.results)

    @property
    def results(self) -> Iterator[Result]:
        """Every selected result, in the order of the tree."""
        for submitter in self.submitters:
            yield from self.results_of(submitter)

    def require_listed(self) -> None:
        """InputError for each folder that was to be listed so far and cannot be read: results may be in it."""
        raise_all(
            [
                InputError(f"{self.files.root / folder} cannot be read: {reason}", UNLISTED_HINT)
                for folder, reason in sorted(self.files.unlisted.items())
            ]
        )

    def reopened(self, submitter: PurePosixPath) -> OpenSubmission:
        """The same submission with nothing read or listed yet but the folders above a submitter.

        Those are listed once: a tree may have thousands of submitters.
        """
        files = self.files.afresh(submitter.parents)
        return OpenSubmission(self.path, replace(self.context, files=files), self.selected)

    def submitter_at(self, path: PurePosixPath) -> SubmitterDir:
        """The submitter whose folder is `path`."""
        division, name = path.parts
        return SubmitterDir(DivisionDir(self.submission, division), name)

    def with_rulebook(self, book: Rulebook) -> OpenSubmission:
        """The same submission with the rule book of another round: no file is read yet, folder listings are kept."""
        self.files.opened = set()
        return OpenSubmission(self.path, Context(self.files, book, layout_of(book.name)), self.selected)

    def unread(self) -> OpenSubmission:
        """The same submission with no file read yet; folder listings are kept."""
        return self.with_rulebook(self.book)


def open_submission(path: Path, book: Rulebook | None = None) -> OpenSubmission:
    """Open the submission at `path`.

    `path` is the folder that holds `closed/`, `open/` or `network/`, the folder that contains it, or any folder in it.
    `book` is the rule book of its round. Without one, the round is recognized by the seeds in the first logs; if they
    match no round, it is the newest. InputError if `path` is not a submission, and neither holds one nor is in one.
    """
    root, selected = find_root(path)
    files = Files(root)
    newest_first = sorted(round_names(), key=_number, reverse=True)
    first = book or load_rulebook(newest_first[0])
    opened = OpenSubmission(path, Context(files, first, layout_of(first.name)), selected)
    return opened if book else opened.with_rulebook(_recognized_book(opened, newest_first))


def _recognized_book(opened: OpenSubmission, rounds: list[str]) -> Rulebook:
    """The rule book of the first round in `rounds` whose seeds are in one of the first logs; else the opened one's."""
    seeds = list(islice(_seeds(opened), _LOGS_CONSIDERED))
    books = map(load_rulebook, rounds)
    return next((book for book in books if any(dict(book.seeds) == found for found in seeds)), opened.book)


def _seeds(opened: OpenSubmission) -> Iterator[dict[str, object]]:
    """The seeds in each readable performance log, by LoadGen's names."""
    names = [name for name, _ in opened.book.seeds]
    for result in opened.results:
        try:
            log = result.performance.log
        except Unavailable:
            continue
        yield {name: log[f"effective_{name}"] for name in names}


def _number(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.removeprefix("v").split("."))
