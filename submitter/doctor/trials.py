"""Uses each part of the work once, as the commands will, in a process of its own with a time limit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from submitter import packages
from submitter.doctor.trial import TRIALS

_PROGRAM = "from submitter.doctor.trial import main; main()"
LIMIT_S = 60.0  # importing vLLM takes 5 s from a warm disk, and half a minute from a cold or a remote one


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The outcome of using one part."""

    part: str
    summary: str = ""
    problem: str = ""
    """Why it cannot be used; empty if it can."""
    hint: str = ""
    rounds: Sequence[str] = ()
    """Of LoadGen's trial: the rounds that the installed one can make runs for."""
    seconds: float = 0.0

    @property
    def is_installed(self) -> bool:
        """Whether all its packages are there, so that a problem is not just that they are missing."""
        return all(packages.version_of(name) for name in packages.PARTS[self.part].packages)


def run_trials(on_trial: Callable[[str], None]) -> dict[str, Trial]:
    """Try the parts, two at a time; by part. `on_trial` is called with each part when its trial begins."""

    running: set[int] = set()

    def run(part: str) -> Trial:
        on_trial(part)
        return run_trial(part, running)

    with ThreadPoolExecutor(2) as pool:
        try:
            return dict(zip(TRIALS, pool.map(run, TRIALS), strict=True))
        except BaseException:  # Ctrl-C shall not wait for a library that hangs
            pool.shutdown(wait=False, cancel_futures=True)
            for process_group in tuple(running):
                os.killpg(process_group, signal.SIGKILL)
            raise


def run_trial(part: str, running: set[int]) -> Trial:
    """Try one part. While its process lives, the id of its process group is in `running`."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as empty:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, part],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            cwd=empty,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        running.add(process.pid)
        try:
            out, err = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            problem = f"{part}: no answer in {LIMIT_S:.0f} s"
            return Trial(part=part, problem=problem, hint=packages.install_command(part))
        finally:
            running.discard(process.pid)
    seconds = round(time.monotonic() - began_s, 1)
    try:
        return Trial(part=part, seconds=seconds, **json.loads(out.splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        problem = f"{part}: {_ending(process.returncode, err)}"
        return Trial(part=part, seconds=seconds, problem=problem, hint=packages.install_command(part))


def _ending(status: int, err: str) -> str:
    """How a process ended that gave no answer, with the last line that it wrote to stderr."""
    how = f"its process ended by {signal.Signals(-status).name}" if status < 0 else f"its process ended with {status}"
    last = (err.strip().splitlines() or [""])[-1]
    return f"{how}: {last}" if last else how
