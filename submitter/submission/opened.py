"""The entry point of this package: a submission opened for reading, with the rule book of its round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import islice, zip_longest
from pathlib import Path, PurePosixPath

from submitter.errors import InputError, raise_all
from submitter.layout import layout_of
from submitter.rulebook import Rulebook, load_rulebook, round_names
from submitter.submission.files import Files, Unavailable
from submitter.submission.node import Context, Node
from submitter.submission.root import find_root
from submitter.submission.tree import DivisionDir, Result, Submission, SubmitterDir, System

# Logs of one tree may have the seeds of different rounds, or of none. So many of them are enough for a majority, and
# they are read in a moment.
_LOGS_CONSIDERED = 16
UNLISTED_HINT = "get the permission for it (ls -ld shows who has it), or restore it"


class OpenSubmission:
    """A submission on disk, read with the rule book of one round. Files are read only when needed; nothing is judged.

    `path` is as the caller gave it: the archive, if the submission was in one. `selected` is the part of the tree to
    look at, relative to the tree's root; `.` is the whole tree. The submitters, nodes and results here are those in
    this part, and the folders that contain it.
    `logs_by_round` says how many of the logs from which the round was recognized have the seeds of which round; it is
    empty if the caller named the round.
    """

    def __init__(
        self,
        path: Path,
        context: Context,
        selected: PurePosixPath,
        logs_by_round: Mapping[str, int] | None = None,
    ) -> None:
        self.path = path
        self.context = context
        self.files = context.files
        self.book = context.book
        self.selected = selected
        self.logs_by_round = dict(logs_by_round or {})
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
            yield from self.results_in(system)

    def results_in(self, system: System) -> Iterator[Result]:
        """A system's selected results, in the order of the tree."""
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
        context = replace(self.context, files=self.files.afresh(submitter.parents))
        return OpenSubmission(self.path, context, self.selected, self.logs_by_round)

    def submitter_at(self, path: PurePosixPath) -> SubmitterDir:
        """The submitter whose folder is `path`."""
        division, name = path.parts
        return SubmitterDir(DivisionDir(self.submission, division), name)

    def with_rulebook(self, book: Rulebook) -> OpenSubmission:
        """The same submission with the rule book of another round: no file is read yet, folder listings are kept."""
        self.files.opened = set()
        context = Context(self.files, book, layout_of(book.name))
        return OpenSubmission(self.path, context, self.selected, self.logs_by_round)

    def without(self, paths: Iterable[str], replaced: Mapping[str, bytes]) -> OpenSubmission:
        """The same submission, read anew, as if nothing was at `paths`, and with other contents in `replaced`."""
        context = replace(self.context, files=Files(self.files.root, frozenset(paths), replaced))
        return OpenSubmission(self.path, context, self.selected, self.logs_by_round)

    def unread(self) -> OpenSubmission:
        """The same submission with no file read yet; folder listings are kept."""
        return self.with_rulebook(self.book)


def open_submission(path: Path, book: Rulebook | None = None, *, named: Path | None = None) -> OpenSubmission:
    """Open the submission at `path`. `named` is the archive that it was unpacked from, for messages.

    `path` is the folder that holds `closed/`, `open/` or `network/`, the folder that contains it, or any folder in it.
    `book` is the rule book of its round. Without one, it is the round whose seeds most logs have, the newer of two with
    equally many; if no log has the seeds of a round, it is the newest. InputError if `path` is not a submission, and
    neither holds one nor is in one.
    """
    root, selected = find_root(path, named)
    files = Files(root)
    newest_first = sorted(round_names(), key=_number, reverse=True)
    first = book or load_rulebook(newest_first[0])
    opened = OpenSubmission(named or path, Context(files, first, layout_of(first.name)), selected)
    if book:
        return opened
    opened.logs_by_round = _logs_by_round(opened, newest_first)
    votes = opened.logs_by_round
    return opened.with_rulebook(load_rulebook(max(votes, key=votes.__getitem__, default=first.name)))


def _logs_by_round(opened: OpenSubmission, rounds: list[str]) -> dict[str, int]:
    """How many of some logs have the seeds of which round, in the order of `rounds`; without rounds that none has."""
    seeds = list(islice(_seeds(opened), _LOGS_CONSIDERED))
    counts = {name: seeds.count(dict(load_rulebook(name).seeds)) for name in rounds}
    return {name: count for name, count in counts.items() if count}


def _seeds(opened: OpenSubmission) -> Iterator[dict[str, object]]:
    """The seeds in each readable performance log, by LoadGen's names; the first results of all systems come first."""
    names = [name for name, _ in opened.book.seeds]
    systems = [system for submitter in opened.submitters for system in filter(opened.is_selected, submitter.systems)]
    for turn in zip_longest(*map(opened.results_in, systems)):
        for result in filter(None, turn):
            try:
                log = result.performance.log
            except Unavailable:
                continue
            yield {name: log[f"effective_{name}"] for name in names}


def _number(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.removeprefix("v").split("."))
