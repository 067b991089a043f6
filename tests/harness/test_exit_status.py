"""How a process ended, in words, and whether the kernel killed it for memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from submitter.harness.exit_status import MemoryKills, how_it_ended


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "with status 0"),
        (3, "with status 3"),
        (-signal.SIGSEGV, "by SIGSEGV"),
        (-signal.SIGABRT, "by SIGABRT"),
        (-40, "by signal 40"),
    ],
)
def test_a_status_in_words(status: int, words: str) -> None:
    assert how_it_ended(status, MemoryKills()) == words


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("oom_kill 4\n", "oom_kill 4\n", "by SIGKILL (not by the kernel for memory)"),
        ("nr 1\noom_kill 4\n", "nr 2\noom_kill 5\n", "by SIGKILL (the kernel killed 1 process for memory meanwhile)"),
        ("oom_kill 4\n", "oom_kill 7\n", "by SIGKILL (the kernel killed 3 processes for memory meanwhile)"),
        ("", "", "by SIGKILL (likely for memory)"),
    ],
)
def test_the_kernel_says_whether_it_killed_for_memory(tmp_path: Path, before: str, after: str, words: str) -> None:
    vmstat = tmp_path / "vmstat"
    vmstat.write_text(before)
    kills = MemoryKills(vmstat)
    vmstat.write_text(after)
    assert how_it_ended(-signal.SIGKILL, kills) == words


@pytest.fixture
def small_memory() -> Iterator[Path]:
    """The file that takes a process into a control group with 64 MiB of memory."""
    old = Path("/sys/fs/cgroup/memory")
    group = (old if old.is_dir() else old.parent) / f"submitter-test-{os.getpid()}"
    try:
        group.mkdir()
        limit = "memory.limit_in_bytes" if old.is_dir() else "memory.max"
        (group / limit).write_text(str(64 << 20))
    except OSError:
        pytest.skip("only root may limit memory")
    yield group / "cgroup.procs"
    group.rmdir()


def test_a_process_over_its_limit_was_killed_for_memory(small_memory: Path) -> None:
    code = f"open({str(small_memory)!r}, 'w').write('0'); b'x' * (256 << 20)"
    kills = MemoryKills()
    status = subprocess.run([sys.executable, "-c", code], check=False).returncode
    assert how_it_ended(status, kills).startswith("by SIGKILL (the kernel killed ")
