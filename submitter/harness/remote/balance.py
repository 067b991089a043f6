"""Which server gets the next request: the one with the fewest outstanding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class Balance:
    """The requests of each of several equal places: how many are outstanding, and how many were answered."""

    def __init__(self, names: Sequence[str]) -> None:
        self.outstanding = dict.fromkeys(names, 0)
        self.answered = dict.fromkeys(names, 0)

    @contextmanager
    def request(self) -> Iterator[str]:
        """The name of the place for one request. Of equal ones, that which waited longest."""
        outstanding = self.outstanding
        name = min(outstanding, key=outstanding.__getitem__)
        outstanding[name] = outstanding.pop(name) + 1  # to the end: the next request tries the others first
        try:
            yield name
            self.answered[name] += 1
        finally:
            outstanding[name] -= 1
