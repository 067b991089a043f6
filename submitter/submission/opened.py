"""One way in: a submission opened for reading, by the rule book of its round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath

from submitter.layout import layout_of
from submitter.rulebook import Rulebook, load_rulebook, round_names
from submitter.submission.files import Files, Unavailable
from submitter.submission.node import Context, Node
from submitter.submission.root import find_root
from submitter.submission.tree import Result, Submission, SubmitterDir, System

# Some logs of a tree may be of no round at all; the first few that can be read say what it was meant for.
_LOGS_ASKED = 8


class OpenSubmission:
    """A submission on disk, read by the rules of one round. Nothing is read before it is asked for, or judged at all.

    `path` is as the caller named it, `below` the part of the tree that counts, relative to the tree's root: `.` is all
    of it. Only what lies in that part, and what holds it, is among the submitters, nodes and results here.
    """

    def __init__(self, path: Path, context: Context, below: PurePosixPath) -> None:
        self.path = path
        self.context = context
        self.files = context.files
        self.book = context.book
        self.below = below
        self.submission = Submission(context)

    def counts(self, node: Node) -> bool:
        """Whether a node lies in the part of the tree that counts, or holds it."""
        return node.path.is_relative_to(self.below) or self.below.is_relative_to(node.path)

    @cached_property
    def summit(self) -> list[Node]:
        """What stands above the submitters: the whole, and its divisions."""
        return [self.submission, *filter(self.counts, self.submission.divisions)]

    @cached_property
    def submitters(self) -> list[SubmitterDir]:
        """The submitters that count: each of them, with the summit, can be judged without the others."""
        return list(filter(self.counts, self.submission.submitters))

    def nodes_of(self, whole: SubmitterDir | System) -> list[Node]:
        """A submitter or a system and every object of its that counts, from the whole to its parts."""
        found: list[Node] = [whole]
        if isinstance(whole, SubmitterDir):
            return found + [node for system in whole.systems if self.counts(system) for node in self.nodes_of(system)]
        for benchmark in filter(self.counts, whole.benchmarks):
            found.append(benchmark)
            for result in filter(self.counts, benchmark.results):
                found += [result, *result.parts]
        return found

    def results_of(self, submitter: SubmitterDir) -> Iterator[Result]:
        """A submitter's results that count, in the order of the tree."""
        for system in filter(self.counts, submitter.systems):
            for benchmark in filter(self.counts, system.benchmarks):
                yield from filter(self.counts, benchmark.results)

    @property
    def results(self) -> Iterator[Result]:
        """Every result that counts, in the order of the tree."""
        for submitter in self.submitters:
            yield from self.results_of(submitter)

    def afresh(self) -> OpenSubmission:
        """The same submission, of which nothing is known yet."""
        return OpenSubmission(self.path, replace(self.context, files=Files(self.files.root)), self.below)

    def by(self, book: Rulebook) -> OpenSubmission:
        """The same submission by another round's rule book; no file is read yet, what its folders hold is known."""
        self.files.opened = set()
        return OpenSubmission(self.path, Context(self.files, book, layout_of(book.name)), self.below)

    def reread(self) -> OpenSubmission:
        """The same submission with no file read yet; what its folders hold is still known."""
        return self.by(self.book)


def open_submission(path: Path, book: Rulebook | None = None) -> OpenSubmission:
    """Open the submission at `path`: the folder that holds `closed/`, `open/` or `network/`, or any around or in it.

    `book` is the rule book of its round; without one the seeds of its first logs say which, the newest if none does.
    InputError where `path` is not a submission, holds none and lies in none.
    """
    root, below = find_root(path)
    files = Files(root)
    newest_first = sorted(round_names(), key=_number, reverse=True)
    first = book or load_rulebook(newest_first[0])
    opened = OpenSubmission(path, Context(files, first, layout_of(first.name)), below)
    return opened if book else opened.by(_book_of(opened, newest_first))


def _book_of(opened: OpenSubmission, rounds: list[str]) -> Rulebook:
    """The rule book of the first of the rounds whose seeds one of the first logs has; the opened one's if none has."""
    seeds = list(islice(_seeds(opened), _LOGS_ASKED))
    books = map(load_rulebook, rounds)
    return next((book for book in books if any(dict(book.seeds) == found for found in seeds)), opened.book)


def _seeds(opened: OpenSubmission) -> Iterator[dict[str, object]]:
    names = [name for name, _ in opened.book.seeds]
    for result in opened.results:
        try:
            log = result.performance.log
        except Unavailable:
            continue
        yield {name: log[f"effective_{name}"] for name in names}


def _number(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.removeprefix("v").split("."))
