"""The judgements of docs/validity.md: each error of the written rules or of ours in the published results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "validity.md"
_ROW = re.compile(r"^\| (v\d[\w.-]+) \| ([A-Z]{3}\d{3}) \| `([^`]+)` \| (\d+) \| (\d+) \| (.+?) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Judgement:
    """A row of the table: so many errors of a rule under a folder, the results that they cost, and what is wrong."""

    round: str
    rule: str
    folder: str
    errors: int
    results: int
    why: str


def judgements() -> list[Judgement]:
    rows = _ROW.findall(DOCUMENT.read_text("utf-8"))
    return [Judgement(name, rule, folder, int(n), int(m), why) for name, rule, folder, n, m, why in rows]
