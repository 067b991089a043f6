"""What a machine does to a campaign: its clock jumps, its memory runs out."""

from __future__ import annotations

import contextlib
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil

from faults.record import Engine, Fault
from faults.site import CannotBeMadeHereError, Ended, Running, Site

_CLOCK = Path(__file__).with_name("injected") / "clock.c"
_IN_A_RUN = {Engine.ECHO: "^Offline TEST06", Engine.VLLM: "^engine +ready"}
_INTO_THE_RUN_S = 0.5
_CGROUPS = Path("/sys/fs/cgroup/memory")  # version 1
_ROOM_BYTES, _HOG_BYTES = 16 << 20, 64 << 20  # the hog is the smallest process of all


def _jump(site: Site, *, seconds: int) -> Ended:
    """The wall clock of every process of the site jumps while LoadGen runs."""
    if not shutil.which("gcc"):
        raise CannotBeMadeHereError("gcc is not installed")
    library, clock = site.folder / "clock.so", site.folder / "clock"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", library, _CLOCK], check=True)
    clock.write_bytes(struct.pack("q", 0))
    with _preloaded(site, site.mounted / library.name):
        running = site.start("run-all", site.file, env={"INJECTED_CLOCK": str(site.mounted / clock.name)})
        running.wait_for(_IN_A_RUN[Engine.ECHO])
        time.sleep(_INTO_THE_RUN_S)
        running.at_fault()
        with clock.open("r+b") as file:
            file.write(struct.pack("q", seconds))
        return running.end(60)


@contextlib.contextmanager
def _preloaded(site: Site, library: Path) -> Iterator[None]:
    """Every program of the site loads the library. Not by LD_PRELOAD, which a run's record has."""
    mounted = site.mounted / "etc"
    (site.folder / "etc").mkdir()
    layers = f"lowerdir=/etc,upperdir={mounted}/upper,workdir={mounted}/work"
    script = f"""mount -t tmpfs none {mounted} && mkdir {mounted}/upper {mounted}/work &&
        echo {library} > {mounted}/upper/ld.so.preload && mount -t overlay -o {layers} overlay /etc"""
    try:
        site.inside("sh", "-c", script)
        yield
    finally:
        site.inside("umount", "/etc")


def _out_of_memory(site: Site, *, engine: Engine) -> Ended:
    """The command's memory group has no memory left: the kernel chooses the engine and kills it."""
    with _memory_group(site) as group:
        join = ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group))
        running = site.start("run-all", site.file, prefix=join)
        running.wait_for(_IN_A_RUN[engine], 240)
        time.sleep(_INTO_THE_RUN_S)
        victim = _largest(running)
        if engine is Engine.ECHO:  # it has no model, so it is not the largest process, as an engine is
            Path(f"/proc/{victim.pid}/oom_score_adj").write_text("1000")
        running.at_fault()
        limit = group / "memory.limit_in_bytes"
        unlimited = limit.read_text()
        _set_limit(limit, _needed_bytes(group) + _ROOM_BYTES)
        hog = subprocess.Popen([*join, "python3", "-c", f"x = bytearray({_HOG_BYTES}); input()"], stdin=subprocess.PIPE)
        try:
            _wait_for_kill(group)
            limit.write_text(unlimited)
            return running.end(90)
        finally:
            hog.kill()
            hog.communicate()


def _set_limit(file: Path, least_bytes: int) -> None:
    """The lowest limit from `least_bytes` on that the kernel takes: it refuses those that it cannot keep."""
    for more in range(64):
        with contextlib.suppress(OSError):
            file.write_text(str(least_bytes + more * _ROOM_BYTES))
            return
    raise AssertionError("the kernel takes no limit of memory")


def _needed_bytes(group: Path) -> int:
    """The memory that cannot be taken from the processes as long as they live, unlike copies of files."""
    facts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return int(facts["total_rss"]) + int(facts["total_shmem"])


def _wait_for_kill(group: Path) -> None:
    end_s = time.monotonic() + 60
    while "oom_kill 0" in (group / "memory.oom_control").read_text().splitlines():
        if time.monotonic() > end_s:
            raise AssertionError("the kernel killed nothing")
        time.sleep(0.01)


def _core_dies(site: Site) -> Ended:
    """The process of the engine that has the model is killed, as an operator or a driver does it."""
    running = site.start("run-all", site.file)
    running.wait_for(_IN_A_RUN[Engine.VLLM], 240)
    time.sleep(_INTO_THE_RUN_S)
    running.at_fault()
    _largest(running).kill()
    return running.end(90)


CORE_FAULT = Fault(
    id="vllm-core-dies",
    what="the engine's own process is killed",
    stage="run",
    engine=Engine.VLLM,
    inject=_core_dies,
    message="the engine failed",
)


def _largest(running: Running) -> psutil.Process:
    """The engine's largest process: of a model's engine, the one that has the model."""
    child = running.engine()
    if child is None:
        raise AssertionError(f"there is no engine: {running.lines}")
    return max((child, *child.children(recursive=True)), key=lambda process: process.memory_info().rss)


@contextlib.contextmanager
def _memory_group(site: Site) -> Iterator[Path]:
    """A memory control group below our own."""
    own = next((line for line in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line), "")
    group = _CGROUPS / own.partition(":memory:")[2].lstrip("/") / f"faults-{site.folder.name}"
    try:
        group.mkdir()
    except OSError as error:
        raise CannotBeMadeHereError(f"no memory control group can be made: {error}") from None
    try:
        yield group
    finally:
        site.end_all()
        for _ in range(50):  # the kernel takes a moment to forget the processes
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.1)


CLOCK_FAULTS = tuple(
    Fault(
        id=f"clock-{name}",
        what=f"the clock jumps an hour {name}",
        stage="run",
        inject=partial(_jump, seconds=seconds),
        message="the system's clock, with which LoadGen measures, was set by",
    )
    for name, seconds in (("ahead", 3600), ("back", -3600))
)


def memory_fault(engine: Engine) -> Fault:
    return Fault(
        id=f"memory-{engine.name.lower()}",
        what="memory runs out, and the kernel kills the engine",
        stage="run",
        engine=engine,
        inject=partial(_out_of_memory, engine=engine),
        message="the kernel killed 1 process for memory",
        within_s=60.0,
    )
