"""The published rounds judged once a session: which there are, and how close a figure must come."""

from __future__ import annotations

import functools
from pathlib import Path

from submitter.checker import Report, check
from submitter.rulebook import load_rulebook

# The archives with the official checker's verdicts, and their rounds.
ROUNDS = {"v4.1": "v4.1", "v5.0-others": "v5.0", "v5.1": "v5.1", "v6.0-part": "v6.0", "v6.0": "v6.0"}
SIX_DIGITS = 5e-7


@functools.cache
def judged(root: Path, name: str, profile: str) -> Report:
    """The report of a whole round by a profile."""
    return check(root, load_rulebook(ROUNDS.get(name, name.partition("-")[0])), profile=profile)
