"""`docs/mistakes.md`, made from the mistakes and what the command line says about each."""

from __future__ import annotations

from collections.abc import Mapping

from mistakes.record import Mistake
from mistakes.table import AREAS
from mistakes.workshop import Outcome

_INTRODUCTION = """\
# Mistakes, and where they are caught

Each of these {count} mistakes is made by `make mistakes` in a copy of a ready closed campaign (llama2-70b-99.9, vLLM on
8x H100), or of a rehearsal of it, and the command is run for real. The page shows where the mistake is caught, the line
that reports it, and the exit code. `tests/acceptance/test_mistakes.py` makes them again and compares.

Whatever can be known before the first run is caught before it: by `submitter plan`, which runs nothing, or where only
the machine of the runs can know it, by the preflight of `submitter run`, `run-all` and `tune`. What is left shows in a
run, or is done to the results afterwards.

Exit codes: 0 a warning, or due before the assembly, 1 findings, 2 wrong input, 3 something is not installed, 4 a run
failed, 130 interrupted. Paths are relative to the campaign's folder; long lines are cut.
"""
_HEADING = ("| mistake | caught by | message | exit code |", "|---|---|---|---|")
_SHOWN_CHARACTERS = 160


def row(mistake: Mistake, outcome: Outcome) -> str:
    """The mistake's line of the table."""
    line = f"... {mistake.message} ..." if mistake.varies else outcome.line_with(mistake.message)
    shown = line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 3] + "..."
    cells = (mistake.what, mistake.caught_by, f"`{shown.replace('`', chr(39))}`", str(outcome.code))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def page(rows: Mapping[str, str]) -> str:
    """The whole page, from the row of each mistake by its id."""
    parts = [_INTRODUCTION.format(count=len(rows))]
    for area, mistakes in AREAS.items():
        lines = [rows[mistake.id] for mistake in mistakes]
        parts.append(
            f"## {area}\n\n| mistake | caught by | message | exit code |\n|---|---|---|---|\n" + "\n".join(lines) + "\n"
        )
    return "\n".join(parts)
