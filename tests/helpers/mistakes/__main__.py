"""`make mistakes`: makes every mistake, names each that is not caught as its row requires, and writes docs/mistakes.md.

The page is written only if all are caught.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from mistakes.page import page, row
from mistakes.table import MISTAKES
from mistakes.workshop import REPOSITORY, CannotBeMadeHereError, Workshop, problems

_PAGE = REPOSITORY / "docs" / "mistakes.md"


def main(chosen: list[str]) -> int:
    """Make all mistakes, or only those whose id begins with one of `chosen`; then no page is written."""
    rows, wrong = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        for mistake in MISTAKES:
            if chosen and not mistake.id.startswith(tuple(chosen)):
                continue
            try:
                outcome = workshop.outcome(mistake)
            except CannotBeMadeHereError as error:
                print(f"{mistake.id}: cannot be made here: {error}", file=sys.stderr)
                wrong += 1
                continue
            rows[mistake.id] = row(mistake, outcome)
            if found := problems(mistake, outcome):
                wrong += 1
                print(f"{mistake.id}: {'; '.join(found)}", file=sys.stderr)
                print("".join(f"    {line}\n" for line in outcome.output.splitlines()), file=sys.stderr)
    if not chosen and not wrong:
        _PAGE.write_text(page(rows))
    print(f"{len(rows)} mistakes, {wrong} not caught as required", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
