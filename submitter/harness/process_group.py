"""A module of ours in a process group of its own, which ends for sure: an engine's workers would hold the device."""

from __future__ import annotations

import getpass
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from submitter.errors import RunError
from submitter.harness import leftovers
from submitter.harness.exit_status import MemoryKills, how_it_ended
from submitter.harness.plan import EngineSettings
from submitter.strict_record import StrictRecord

_LOOK_EVERY_S = 0.02
_OWNER = ".session"  # the end of the name of the file, beside the log, that names a session's scratch folder


@dataclass(frozen=True)
class ProcessGroup:
    """A module of ours that runs: its process, the descriptor of its reports, and the scratch folder of its session."""

    process: subprocess.Popen[bytes]
    reports: int
    scratch: Path
    kills: MemoryKills

    def note_shared_memory(self) -> None:
        """Note the shared memory that the group has now, so that it is also removed if the process that has it dies."""
        leftovers.note_shared_memory(self.scratch)

    def has_ended(self) -> bool:
        """Whether the process has ended. It is not reaped: until then its id, which names the group, is in use."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def status(self, limit_s: float) -> int | None:
        """The exit status of the process, negative for a signal; None if it has not ended after `limit_s`."""
        deadline_s = time.monotonic() + limit_s
        while not self.has_ended():
            if time.monotonic() > deadline_s:
                return None
            time.sleep(_LOOK_EVERY_S)
        ended = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def how_it_ended(self, status: int | None) -> str:
        """Continues "the process": how it ended, by what `status` returned."""
        if status is None:
            return "closed its connection to submitter"
        return f"ended {how_it_ended(status, self.kills)}"


@contextmanager
def process_group(
    module: str, plan: StrictRecord, log: Path, engine: EngineSettings, unfinished: dict[str, str] | None = None
) -> Iterator[ProcessGroup]:
    """Run `python -m module PLAN.json FD` in an empty folder.

    It writes its reports to the descriptor FD, and all other output goes to `log`. Its standard input is a pipe that
    only we hold open. When the block ends, or this process, however they end, so do all processes of the session, and
    their shared memory and temporary files go. `unfinished` is what `end_earlier_session` returns if even that fails.
    RunError if processes of an earlier session with this log do not end.
    """
    end_earlier_session(log)
    owner = log.with_suffix(_OWNER)
    scratch = leftovers.create_scratch(owner, unfinished or {})
    guard = process = None
    kills = MemoryKills()
    read_end = write_end = -1
    try:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", leftovers.__file__, str(scratch)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        plan_file = scratch / "plan.json"
        plan_file.write_text(plan.model_dump_json())
        empty = scratch / "cwd"
        empty.mkdir()
        read_end, write_end = os.pipe()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, str(plan_file), str(write_end)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(write_end,),
                start_new_session=True,
                cwd=empty,
                env=_environment(engine, scratch),
            )
        os.close(write_end)
        write_end = -1
        leftovers.note_group(scratch, process.pid)
        yield ProcessGroup(process, read_end, scratch, kills)
    finally:
        left = leftovers.end_session(scratch)
        if not left:
            owner.unlink(missing_ok=True)
            if process is not None:
                process.wait()
        for descriptor in (read_end, write_end):
            if descriptor >= 0:
                os.close(descriptor)
        for each in filter(None, (process, guard)):
            if each.stdin:
                with suppress(BrokenPipeError):
                    each.stdin.close()
        if guard is not None:
            guard.wait()


def end_earlier_session(log: Path) -> dict[str, str] | None:
    """End what is left of a session with this log whose parent was killed; returns the folders of its unfinished runs.

    None if there is no such session. RunError if its processes do not end.
    """
    owner = log.with_suffix(_OWNER)
    if not owner.exists():
        return None
    unfinished = leftovers.unfinished_runs(owner)
    scratch = leftovers.owned_scratch(owner)
    if scratch is not None and (left := leftovers.end_session(scratch)):
        listed = ", ".join(map(str, left))
        raise RunError(
            f"an earlier session left processes that do not end: {listed}",
            f"end them, or restart the machine; what they do: ps -o pid,stat,wchan,cmd {listed.replace(',', '')}",
        )
    owner.unlink(missing_ok=True)
    return unfinished


def _environment(engine: EngineSettings, scratch: Path) -> dict[str, str]:
    """Our environment and the engine's variables, with a PYTHONPATH that finds this package even if not installed.

    Temporary files go to the scratch folder, but not what torch has compiled, which a later session uses again.
    """
    package_root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH", ""))))
    # What is set by the engine must not come first: setproctitle, which names vLLM's processes, then does nothing.
    return {
        **os.environ,
        **{name: value for name, value in _compiled_by_torch().items() if name not in os.environ},
        "PYTHONPATH": path,
        "TMPDIR": str(leftovers.temporary_directory(scratch)),
        **engine.env,
        leftovers.MARK: str(scratch),
    }


def _compiled_by_torch() -> dict[str, str]:
    """The folder in the temporary directory that torch takes by default for what it compiles."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return {}
    name = "torchinductor_" + re.sub(r'[\\/:*?"<>|]', "_", user)
    return {"TORCHINDUCTOR_CACHE_DIR": str(Path(tempfile.gettempdir(), name))}
