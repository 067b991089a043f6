"""The errors of a detail log, as a round's official checker counts them."""

from __future__ import annotations

from collections.abc import Iterable

from submitter.logs import DetailLog, LogEntry
from submitter.rulebook import Rulebook


def counted_errors(log: DetailLog, book: Rulebook) -> Iterable[LogEntry]:
    """The entries that LoadGen flags as errors; where the official checker goes by the log's own count, that count."""
    key = book.checker.error_count_key
    if key is None or key not in log:
        return log.errors
    return () if log[key] == 0 else (LogEntry(key, log[key], log.line(key) or 0, True, False),)
