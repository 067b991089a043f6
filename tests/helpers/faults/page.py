"""The table of docs/reliability.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from faults.record import Attempt

BEGIN, END = "<!-- make faults: begin -->", "<!-- make faults: end -->"
_HEADING = (
    "| fault | engine | stage | times | what the user sees | exit code | what is left | goes on to the right tree |",
    "|---|---|---|---|---|---|---|---|",
)
_SHOWN_CHARACTERS = 150
_SHOWN_LINES = 2
_STARTED = re.compile(r"^\d{8}T\d{6}Z")  # the time in the name of what is kept of a failed run


def section(attempts: Sequence[Attempt], seed: int, minutes: float) -> str:
    """What is between the marks."""
    wrong = sum(bool(attempt.problems) for attempt in attempts)
    outcome = "each as required" if not wrong else f"{wrong} not as required"
    head = f"{len(attempts)} faults in {minutes:.0f} minutes, {outcome} (seed {seed})."
    return f"{head}\n\n{table(attempts)}"


def table(attempts: Sequence[Attempt]) -> str:
    """A row for each fault in each stage, in the order of the attempts."""

    def row_of(attempt: Attempt) -> tuple[str, ...]:
        return (attempt.fault.what, str(attempt.fault.engine), attempt.fault.stage)

    order = list(dict.fromkeys(row_of(attempt) for attempt in attempts))
    ordered = sorted(attempts, key=lambda attempt: order.index(row_of(attempt)))
    rows = [_row(key, list(group)) for key, group in groupby(ordered, row_of)]
    return "\n".join((*_HEADING, *rows))


def _row(key: tuple[str, ...], attempts: list[Attempt]) -> str:
    lines = list(dict.fromkeys(attempt.line for attempt in attempts if attempt.line))
    codes = sorted({attempt.code for attempt in attempts if attempt.code is not None}, key=abs)
    kept = list(dict.fromkeys(_STARTED.sub("TIME", name) for attempt in attempts for name in attempt.kept))
    right = sum(attempt.went_on for attempt in attempts)
    cells = (
        *key,
        str(len(attempts)),
        _listed([_shortened(line) for line in lines]),
        ", ".join(_code(code) for code in codes),
        _listed([f"failed/{name}" for name in kept]),
        "yes" if right == len(attempts) else f"{right} of {len(attempts)}",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _listed(texts: list[str]) -> str:
    more = [] if len(texts) <= _SHOWN_LINES else ["..."]
    return "; ".join([*(f"`{text}`" for text in texts[:_SHOWN_LINES]), *more]) or "-"


def _code(code: int) -> str:
    return f"signal {-code}" if code < 0 else str(code)


def _shortened(line: str) -> str:
    line = line.replace("`", "'")
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 3] + "..."


def with_table(page: str, text: str) -> str:
    """The page with `text` between the marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"the page has no mark {BEGIN}"
    assert end, f"the page has no mark {END}"
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"
