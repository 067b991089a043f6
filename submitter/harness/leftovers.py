"""Ends what a session may leave behind: its processes, their shared memory, its scratch folder.

Run as a program, `leftovers.py SCRATCH`, this is the session's guard: it waits for the end of its standard input, which
only the session's parent holds open, and then ends what is left. So nothing outlives the parent, even if it is killed
together with the engine's process, or if the engine blocks or stops that process. Only the standard library is
imported, so that the guard starts in a few hundredths of a second and needs little memory.

What belongs to a session is never guessed: a process has the scratch folder's path in its environment, or belongs to
the process group that `note_group` recorded; shared memory is what these processes have open, and nothing older.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SESSION = "session.json"
MARK = "SUBMITTER_SESSION"
"""The variable with the scratch folder's path in the environment of the session's processes."""
PREFIX = "submitter-"
_PROC = Path("/proc")
_SHARED_MEMORY = Path("/dev/shm")
_END_S = 10.0
# A process that was being started when its parent died shows its environment a moment later.
_QUIET_SCANS, _SCAN_EVERY_S = 3, 0.03
# A UNIX socket's path has at most 107 characters, and engines make theirs in TMPDIR, with names of up to 60.
_MAX_TMPDIR = 45


@dataclass(frozen=True)
class _Process:
    pid: int
    group: int
    session: int
    started: int
    """In clock ticks since the machine's start: together with the id it names one process."""
    is_alive: bool


def create_scratch(owner: Path, unfinished: dict[str, str]) -> Path:
    """A new scratch folder in the temporary directory. `owner` is the file that names it, which is written first.

    It also has what `unfinished_runs` returns.
    """
    base = Path(tempfile.gettempdir())
    if len(str(base)) > _MAX_TMPDIR and os.access("/tmp", os.W_OK):
        base = Path("/tmp")
    while True:
        scratch = base / f"{PREFIX}{os.urandom(4).hex()}"
        owner.write_text(json.dumps({"scratch": str(scratch), "unfinished": unfinished}))
        try:
            scratch.mkdir(0o700)
            break
        except FileExistsError:
            continue
    try:
        _write(scratch, {"owner": str(owner), "older_shared_memory": _names(_SHARED_MEMORY)})
        temporary_directory(scratch).mkdir()
    except OSError:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return scratch


def temporary_directory(scratch: Path) -> Path:
    """TMPDIR of the session's processes."""
    return scratch / "tmp"


def owned_scratch(owner: Path) -> Path | None:
    """The scratch folder that the file `owner` names, if it is still there and says itself that it belongs to it."""
    try:
        scratch = Path(json.loads(owner.read_bytes())["scratch"])
        info = scratch.lstat()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not scratch.name.startswith(PREFIX) or scratch.is_symlink() or info.st_uid != os.geteuid():
        return None
    facts = _read(scratch)
    is_new = not facts and not _names(scratch)  # its parent was killed before it wrote anything
    return scratch if is_new or facts.get("owner") == str(owner) else None


def unfinished_runs(owner: Path) -> dict[str, str]:
    """The folders of the session's runs as long as they have not ended, by the runs' labels."""
    try:
        found = json.loads(owner.read_bytes())["unfinished"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def note_group(scratch: Path, leader: int) -> None:
    """Record the process group of the session, by its leader's id."""
    process = _process(leader)
    if process is not None:
        _write(scratch, {**_read(scratch), "leader": leader, "started": process.started, "kernel": _kernel()})


def note_shared_memory(scratch: Path) -> None:
    """Record the shared memory that the session's processes have now: one of them may die before the others."""
    facts = _read(scratch)
    known = {*facts.get("shared_memory", ()), *_shared_memory_of(_members(scratch, facts))}
    _write(scratch, {**facts, "shared_memory": sorted(known)})


def end_session(scratch: Path) -> list[int]:
    """Kill the session's processes, and remove their shared memory and the scratch folder.

    Returns the processes that are still there after 10 s, such as those that hang in a driver; then the scratch folder
    stays, so that a later session finds them.
    """
    if not scratch.is_dir():
        return []
    facts = _read(scratch)
    shared = set(facts.get("shared_memory", ()))
    deadline_s = time.monotonic() + _END_S
    quiet = 0
    members: list[int] = []
    while quiet < (1 if "leader" in facts else _QUIET_SCANS) and time.monotonic() < deadline_s:
        members = _members(scratch, facts)
        quiet = 0 if members else quiet + 1
        shared |= _shared_memory_of(members)
        for pid in members:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if members or "leader" not in facts:
            time.sleep(_SCAN_EVERY_S)
    _remove_shared_memory(shared - set(facts.get("older_shared_memory", ())))
    if not members:
        shutil.rmtree(scratch, ignore_errors=True)
    return members


def _members(scratch: Path, facts: dict[str, Any]) -> list[int]:
    """The living processes of the session, apart from this one."""
    processes = list(_processes())
    marked = {each.pid for each in processes if _is_marked(each.pid, scratch)}
    leader = facts.get("leader") if facts.get("kernel") == _kernel() else None
    # A group keeps its number from being used again. The number is the session's if its leader is, or if a member is.
    is_known = leader is not None and any(
        (each.pid == leader and each.started == facts.get("started"))
        or (each.group == leader and (each.pid in marked or _works_in(each.pid, scratch)))
        for each in processes
    )
    return [
        each.pid
        for each in processes
        if each.is_alive
        and each.pid != os.getpid()
        and (each.pid in marked or (is_known and leader in (each.group, each.session)))
    ]


def _processes() -> Iterator[_Process]:
    for name in _names(_PROC):
        if name.isdecimal() and (process := _process(int(name))):
            yield process


def _process(pid: int) -> _Process | None:
    try:
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return _Process(pid, int(fields[2]), int(fields[3]), int(fields[19]), is_alive=fields[0] not in "ZX")


def _is_marked(pid: int, scratch: Path) -> bool:
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # of another user, or it has just ended
        return False
    return f"{MARK}={scratch}".encode() in environment


def _works_in(pid: int, scratch: Path) -> bool:
    try:
        return Path(os.readlink(_PROC / str(pid) / "cwd")).is_relative_to(scratch)
    except OSError:
        return False


def _kernel() -> str:
    """Names the running kernel and the namespace of the process ids: elsewhere they are other processes' ids."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip() + os.readlink(_PROC / "self/ns/pid")
    except OSError:
        return ""


def _shared_memory_of(pids: Iterable[int]) -> set[str]:
    """The files in /dev/shm that the processes have mapped or open.

    By their inodes: the C library gives a semaphore its name after it has mapped it, so the mapping has an older one.
    """
    inodes = set()
    for pid in pids:
        folder = _PROC / str(pid)
        with suppress(OSError):
            for line in (folder / "maps").read_text(errors="replace").splitlines():
                *_, inode, path = [*line.split(maxsplit=5), ""][:6]
                if path.startswith(f"{_SHARED_MEMORY}/"):
                    inodes.add(int(inode))
        for name in _names(folder / "fd"):
            with suppress(OSError):
                if os.readlink(folder / "fd" / name).startswith(f"{_SHARED_MEMORY}/"):
                    inodes.add((folder / "fd" / name).stat().st_ino)
    with suppress(OSError), os.scandir(_SHARED_MEMORY) as entries:
        return {entry.name for entry in entries if entry.inode() in inodes}
    return set()


def _remove_shared_memory(names: set[str]) -> None:
    """Remove these files from /dev/shm, apart from those that another process uses."""
    there = names & set(_names(_SHARED_MEMORY))
    if there:
        for name in there - _shared_memory_of(each.pid for each in _processes()):
            with suppress(OSError):
                (_SHARED_MEMORY / name).unlink()


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(scratch: Path) -> dict[str, Any]:
    try:
        facts = json.loads((scratch / SESSION).read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _write(scratch: Path, facts: dict[str, Any]) -> None:
    """Replace the session's facts at once: the guard may read them at any time."""
    new = scratch / f".{SESSION}"
    new.write_text(json.dumps(facts))
    new.replace(scratch / SESSION)


def _guard(scratch: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # what ends the session's parent ends the guard after
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    end_session(scratch)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
