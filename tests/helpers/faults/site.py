"""A campaign on a machine of its own, as far as leftovers go: its temporary folder, /dev/shm and processes are its own.

Each site has a mount namespace, in which its folder is at the same path as every other site's: what a tree or a message
says of paths is then the same, too. Its processes are all processes in that namespace, whoever their parent is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from two_hosts import Hosts

REPOSITORY = Path(__file__).resolve().parents[3]
_INJECTED = Path(__file__).with_name("injected")
_PARTS = ("tmp", "shm", "campaign")
# Root may write everywhere; without these capabilities it may do what a user may.
_WITHOUT_POWER = "-dac_override,-dac_read_search"
_HALF_MADE = (".partial", ".tmp", ".building", ".earlier", ".new")
_POLL_S = 0.02
# PyTorch's cache of compiled kernels, one for each user of a machine, which its import creates and later ones use.
_CACHE = "torchinductor_"


class CannotBeMadeHereError(Exception):
    """This machine or user cannot inject the fault."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A command that has ended, or was ended at its limit."""

    code: int | None
    """Negative for the signal that ended it, None if it went past the limit."""
    lines: tuple[str, ...]
    seconds_after: float = 0.0
    """From the fault to the end."""

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    @property
    def reported(self) -> list[str]:
        """The lines that report an error."""
        return [line for line in self.lines if line.startswith("submitter: ")]


@dataclass
class Running:
    """A command under way. Its output comes line by line."""

    process: subprocess.Popen[str]
    site: Site
    lines: list[str] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    """When each line came, after the start."""

    def __post_init__(self) -> None:
        self._began_s = time.monotonic()
        self._fault_s: float | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.times_s.append(time.monotonic() - self._began_s)
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, pattern: str, limit_s: float = 120) -> bool:
        """Wait until a line matches; False if the command ended before, or did not say it in time."""
        wanted = re.compile(pattern)
        end_s = time.monotonic() + limit_s
        while not any(wanted.search(line) for line in list(self.lines)):
            if not self._reader.is_alive() or time.monotonic() > end_s:
                return any(wanted.search(line) for line in self.lines)
            time.sleep(_POLL_S)
        return True

    def children(self) -> list[psutil.Process]:
        """The command's own children: that of the session, or the scoring processes."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children()
        return []

    def engine(self) -> psutil.Process | None:
        """The session's child, which has LoadGen and the engine."""
        for child in self.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "submitter.harness.child" in child.cmdline():
                    return child
        return None

    def at_fault(self) -> None:
        """Note that the fault happens now."""
        self._fault_s = time.monotonic()

    def end(self, limit_s: float) -> Ended:
        """Wait for the end, and end everything of the site at the limit."""
        code: int | None
        try:
            code = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
            self.site.end_all()
            self.process.wait()
        self._reader.join(5)
        after_s = 0.0 if self._fault_s is None else time.monotonic() - self._fault_s
        return Ended(code=code, lines=tuple(self.lines), seconds_after=after_s)


class Site:
    """See the module. `mounted` is the path at which the commands have it, `folder` that at which we have it."""

    def __init__(
        self, folder: Path, mounted: Path, *, room_bytes: int | None = None, hosts: Hosts | None = None
    ) -> None:
        """With `room_bytes` the campaign's output is on a file system of its own, of that size.

        With `hosts` the commands run on the driver's machine, unless they are started on the node's.
        """
        self.folder, self.mounted, self.hosts = folder, mounted, hosts
        for part in _PARTS:
            (folder / part).mkdir(parents=True, exist_ok=True)
        self.output = folder / "campaign" / "out"
        self._has_room = room_bytes is not None
        if room_bytes is not None:
            self.output.mkdir(exist_ok=True)
            _mount("-t", "tmpfs", "-o", f"size={room_bytes}", "none", str(self.output))
        script = 'mount --rbind "$1" "$2" && mount --bind "$1/shm" /dev/shm && echo ready && exec sleep infinity'
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, "sh", str(folder), str(mounted)],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            raise CannotBeMadeHereError("no mount namespace can be made: root is required")
        self._namespace = os.stat(f"/proc/{self._holder.pid}/ns/mnt").st_ino

        self._enter = ("nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt")

    def inside(self, *command: str) -> None:
        """Run a command in the site's namespace."""
        try:
            subprocess.run([*self._enter, *command], check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            raise CannotBeMadeHereError(error.stderr.strip()) from None

    @property
    def file(self) -> str:
        """The campaign's file, as the commands have it."""
        return str(self.mounted / "campaign" / "campaign.toml")

    def start(
        self,
        *words: str,
        env: Mapping[str, str] | None = None,
        is_user: bool = False,
        prefix: Sequence[str] = (),
        on_node: bool = False,
    ) -> Running:
        """Start `submitter WORDS` with more variables; `is_user` without root's power to write everywhere."""
        command = [*self._enter, f"--wd={REPOSITORY}"]
        if self.hosts:
            command.append(f"--net=/run/netns/{self.hosts.node if on_node else self.hosts.driver}")
        command += prefix
        if is_user:
            command += ["setpriv", f"--bounding-set={_WITHOUT_POWER}", f"--inh-caps={_WITHOUT_POWER}"]
        process = subprocess.Popen(
            [*command, sys.executable, "-m", "submitter.cli", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**self._environment(), **(env or {})},
            start_new_session=True,
        )
        return Running(process, self)

    @contextlib.contextmanager
    def node(self) -> Iterator[Running | None]:
        """The node's process, on its machine, until the block ends; None without a second machine."""
        if self.hosts is None:
            yield None
            return
        running = self.start("node", self.file, on_node=True)
        try:
            yield running
        finally:
            running.process.terminate()
            running.end(20)

    def run(self, *words: str, limit_s: float = 120) -> Ended:
        return self.start(*words).end(limit_s)

    def _environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "LD_"))},
            "TMPDIR": str(self.mounted / "tmp"),
            "PYTHONPATH": os.pathsep.join((str(_INJECTED), str(REPOSITORY))),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def processes(self) -> list[int]:
        """Every process of the site that has not ended."""
        return [pid for pid in psutil.pids() if pid != self._holder.pid and self._is_here(pid)]

    def _is_here(self, pid: int) -> bool:
        try:
            return os.stat(f"/proc/{pid}/ns/mnt").st_ino == self._namespace
        except OSError:  # it has ended, or is a zombie
            return False

    def end_all(self) -> None:
        """Kill what is left."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End everything and remove the folder."""
        self.end_all()
        self._holder.kill()
        self._holder.wait()
        if self._has_room:
            subprocess.run(["umount", "--lazy", str(self.output)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # What is left of a command that has ended.

    def left_at_once(self, wait_s: float = 5.0) -> list[str]:
        """Processes, and the campaign's lock: no death of any process excuses them."""
        end_s = time.monotonic() + wait_s
        while (pids := self.processes()) and time.monotonic() < end_s:
            time.sleep(_POLL_S)
        left = [f"process {pid} ({_title(pid)})" for pid in pids]
        return left + (["the campaign's lock is held"] if self._is_locked() else [])

    def left_in_folders(self) -> list[str]:
        """Entries of the temporary folder and of /dev/shm, and half-made files in the output folder."""
        entries = (self.folder / "tmp").iterdir()
        left = [f"/tmp/{entry.name}" for entry in entries if not entry.name.startswith(_CACHE)]
        left += [f"/dev/shm/{entry.name}" for entry in (self.folder / "shm").iterdir()]
        paths = (path.relative_to(self.output) for path in self.output.rglob("*"))
        # What a failed run leaves is kept as it was.
        return left + [str(path) for path in paths if path.suffix in _HALF_MADE and path.parts[0] != "failed"]

    def _is_locked(self) -> bool:
        try:
            with (self.output / ".lock").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def records(self) -> dict[str, bytes]:
        """Each finished run's record, by the run's folder below the output.

        A run is finished once it has a record, also if its folder has not yet got its name.
        """
        found = {
            str(path.parent.relative_to(self.output)): path.read_bytes()
            for path in (self.output / "runs").rglob("record.json")
        }
        return {run.removesuffix(".partial"): record for run, record in sorted(found.items())}


@contextlib.contextmanager
def opened(folder: Path, mounted: Path, *, room_bytes: int | None = None, hosts: Hosts | None = None) -> Iterator[Site]:
    """A site that ends with the block."""
    site = Site(folder, mounted, room_bytes=room_bytes, hosts=hosts)
    try:
        yield site
    finally:
        site.close()


def _title(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())[:100]
    except psutil.NoSuchProcess:
        return "ended"


def _mount(*words: str) -> None:
    try:
        subprocess.run(["mount", *words], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotBeMadeHereError(f"no file system can be mounted: {error}") from None
