"""How a process ended, in words: its status, or the signal that ended it, and whether the kernel ran out of memory."""

from __future__ import annotations

import signal
from pathlib import Path

_VMSTAT = Path("/proc/vmstat")
_KILLS = "oom_kill"


class MemoryKills:
    """How often the kernel has killed a process for memory since this object was made: a limit's kills count, too."""

    def __init__(self, vmstat: Path = _VMSTAT) -> None:
        self._vmstat = vmstat
        self._before = self._count()

    def _count(self) -> int | None:
        try:
            lines = self._vmstat.read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) for line in lines if line.startswith(f"{_KILLS} ")), None)

    def since(self) -> int | None:
        """None if the kernel does not count them."""
        now = self._count()
        return None if now is None or self._before is None else now - self._before

    def in_words(self) -> str:
        """Empty if there were none."""
        count = self.since()
        if count is None:
            return "likely for memory"
        return f"the kernel killed {count} process{'es' if count > 1 else ''} for memory meanwhile" if count else ""


def how_it_ended(status: int | None, kills: MemoryKills) -> str:
    """Continues "the process ended": `by SIGSEGV`, `with status 3`. Nobody but the kernel says why it sent SIGKILL."""
    if status is None or status >= 0:
        return f"with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:  # a real-time signal
        name = f"signal {-status}"
    if -status != signal.SIGKILL:
        return f"by {name}"
    return f"by {name} ({kills.in_words() or 'not by the kernel for memory'})"
