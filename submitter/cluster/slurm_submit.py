"""Gives a job to Slurm with its own sbatch or salloc."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from submitter.errors import InputError, NotInstalledError
from submitter.quoting import printable


def submit(script: Path) -> str:
    """Submit a job script; returns the job's id. InputError with sbatch's words if it refuses the job."""
    done = subprocess.run([_tool("sbatch"), "--parsable", str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"sbatch refused the job: {_words(done.stderr)}", "change [slurm] of the campaign file")
    return done.stdout.strip().partition(";")[0]


def become(command: str) -> None:
    """Replace this process by an interactive command of Slurm, written as for bash."""
    words = shlex.split(command)
    os.execv(_tool(words[0]), words)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise NotInstalledError(
            f"{name} is not installed on this machine",
            "use a login node of the cluster; without --submit, the job script or the command is printed",
        )
    return found


def _words(stderr: str) -> str:
    """What a tool of Slurm says, in one line and without its own name."""
    lines = [line.partition("error: ")[2] or line for line in stderr.splitlines() if line.strip()]
    return printable("; ".join(lines)) or "it says nothing"
