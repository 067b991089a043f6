"""A module of ours in a process group of its own, which ends for sure: an engine's workers would hold the device."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from submitter.harness.plan import EngineSettings
from submitter.strict_record import StrictRecord


@contextmanager
def process_group(
    module: str, plan: StrictRecord, log: Path, engine: EngineSettings
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run `python -m module PLAN.json FD` in an empty folder; yields the process and the descriptor of its reports.

    It writes its reports to the descriptor FD, and all other output goes to `log`. Its standard input is a pipe that
    only we hold open, so it learns of our death. The whole group is killed when the block ends, however it ends.
    """
    with tempfile.TemporaryDirectory(prefix="submitter-") as scratch:
        plan_file = Path(scratch, "plan.json")
        plan_file.write_text(plan.model_dump_json())
        empty = Path(scratch, "cwd")
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
                env=_environment(engine),
            )
        os.close(write_end)
        try:
            yield process, read_end
        finally:
            _end_group(process)
            os.close(read_end)
            if process.stdin:
                process.stdin.close()


def _environment(engine: EngineSettings) -> dict[str, str]:
    """Our environment and the engine's variables, with a PYTHONPATH that finds this package even if not installed."""
    package_root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, **engine.env}


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole process group: an engine's workers would otherwise outlive it, and they ignore SIGTERM."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
