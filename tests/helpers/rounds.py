"""The rounds there are rule books of, and those of the old layout: until v5.1 measurements have a top folder."""

from __future__ import annotations

from submitter.layout import layout_of
from submitter.rulebook import round_names

ROUNDS = tuple(round_names())
OLD = tuple(name for name in ROUNDS if not layout_of(name).nested)
NEW = tuple(name for name in ROUNDS if layout_of(name).nested)
