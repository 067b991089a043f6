"""The journal of a campaign, `journal.jsonl` in its output folder: one JSON object a line, what happened and when."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

JOURNAL = "journal.jsonl"


def write_journal(output: Path, event: str, **facts: Any) -> None:
    """Append an event to the journal in the campaign's output folder, and flush it to the disk.

    A line that an earlier process left half written is ended first, so that it damages no other.
    """
    line = {"time_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "event": event, **facts}
    with (output / JOURNAL).open("a+b") as journal:
        if journal.tell():
            journal.seek(-1, os.SEEK_END)
            if journal.read(1) != b"\n":
                journal.write(b"\n")
        journal.write(json.dumps(line).encode() + b"\n")
        journal.flush()
        os.fsync(journal.fileno())


@contextmanager
def ending_noted(output: Path) -> Iterator[None]:
    """Note in the journal why the block ended, if not by itself. That this fails must not hide the reason."""
    try:
        yield
    except BaseException as error:
        with suppress(OSError):
            write_journal(output, "ended", why=f"{type(error).__name__}: {error}".removesuffix(": "))
        raise


def read_journal(output: Path) -> Iterator[dict[str, Any]]:
    """The events of a campaign, from the first on. A line that is not a JSON object is left out; no file, no events."""
    try:
        content = (output / JOURNAL).read_bytes()
    except FileNotFoundError:
        return
    for line in content.splitlines():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            yield event
