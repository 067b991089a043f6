"""What is wrong with a node, or with the network between two: one line with what was found, expected, and to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class NodeFinding:
    """Something that is in the way of a run, or makes it slower than it could be."""

    node: str
    """The node, or two with an arrow between them."""
    what: str
    """Such as `driver`, or `mlx5_0 port 1`."""
    found: str
    expected: str
    hint: str
    """What to do about it."""
