"""How commands look: drawn with rich on a terminal, as plain lines in a file or a pipe.

A terminal gets one line that is drawn again and again, and complete lines above it. A file or a pipe gets only complete
lines, and of what goes on one at most every 10 s. NO_COLOR, FORCE_COLOR, TERM and COLUMNS mean what they mean to rich.
"""

from submitter.console.invalid import why_invalid
from submitter.console.output import Level, copy_messages, show_from, show_line
from submitter.console.table import show_table
from submitter.console.watcher import ConsoleWatcher
from submitter.console.words import disk_size, duration, margins, short_duration
from submitter.console.work import Working, working

__all__ = [
    "ConsoleWatcher",
    "Level",
    "Working",
    "copy_messages",
    "disk_size",
    "duration",
    "margins",
    "short_duration",
    "show_from",
    "show_line",
    "show_table",
    "why_invalid",
    "working",
]
