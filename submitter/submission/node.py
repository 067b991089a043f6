"""One object of a submission tree: a folder that rules judge, with the contents read so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeVar

from submitter.layout import Layout
from submitter.rulebook import Rulebook
from submitter.submission.files import Files, Unavailable

T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """What all objects of a tree share: its files, the round's rule book and the round's paths."""

    files: Files
    book: Rulebook
    layout: Layout


class Node:
    """An object of the tree. `path` is its folder, relative to the tree's root.

    `above` are the objects that contain it, from the innermost to the whole submission.
    """

    def __init__(self, context: Context, path: PurePosixPath, above: tuple[Node, ...] = ()) -> None:
        self.context = context
        self.files = context.files
        self.book = context.book
        self.layout = context.layout
        self.path = path
        self.cache: dict[str, Any] = {}
        # This object and the objects that contain it, from the innermost out.
        self.lineage: tuple[Node, ...] = (self, *above)

    def load(self, name: str, read: Callable[[], T]) -> T:
        """Call `read` once and remember its value, or the reason why there is none."""
        value: Any = self.cache.get(name)
        if value is None and name not in self.cache:
            try:
                value = read()
            except Unavailable as reason:
                value = reason
                # The frames of what failed would keep a log of tens of megabytes in memory, decoded.
                value.__traceback__ = value.__context__ = None
            self.cache[name] = value
        if isinstance(value, Unavailable):
            raise value.with_traceback(None)
        return value  # type: ignore[no-any-return]

    def readers(self) -> list[Callable[[], object]]:
        """Functions that each read one file of this object, so that STR002 can report those that are unreadable."""
        return []

    def own_readers(self) -> list[Callable[[], object]]:
        """As `readers`, for files that the official checker does not read: STR035 reports those."""
        return []
