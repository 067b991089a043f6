"""What an engine's log says about why it failed: its path, and the few of its lines that matter."""

from __future__ import annotations

import os
import re
from pathlib import Path

_TAIL_BYTES = 1 << 18
_MAX_LINES = 4
_MAX_CHARACTERS = 200
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
# What vLLM puts before each line of its processes, as in `(EngineCore_DP0 pid=7) ERROR 10-10 12:00:00 [core.py:8] `.
_PREFIX = re.compile(r"^(\([\w ]+ ?pid=\d+\) ?)?([A-Z]+ \d\d-\d\d \d\d:\d\d:\d\d \[[^]]*\] )?")
_CAUSE = re.compile(
    r"^[\w.]*(Error|Exception)\b|out of memory|(CUDA|HIP|NCCL|RCCL) error|Segmentation fault|No space left|^Killed"
    r"|died unexpectedly"
)


def log_hint(engine_log: Path) -> str:
    """A hint that names the log and quotes the lines that name an error; without such lines, the last ones."""
    lines = _last_lines(engine_log)
    # The cause is usually the first error, and what follows from it the last: of many, the last few of each text count.
    causes = list(dict.fromkeys(line for line in reversed(lines) if _CAUSE.search(line)))[:_MAX_LINES]
    quoted = causes[::-1] or lines[-_MAX_LINES:]
    end = "; it ends with:" if quoted and not causes else ":" if quoted else ", which is empty"
    return "\n".join([f"the engine's log is {engine_log}{end}", *(f"    {line[:_MAX_CHARACTERS]}" for line in quoted)])


def _last_lines(engine_log: Path) -> list[str]:
    """The lines at the end of the log that are not blank, without colours and prefixes."""
    try:
        with engine_log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    lines = (_PREFIX.sub("", _COLOUR.sub("", line)).strip() for line in text.splitlines())
    return [line for line in lines if line]
