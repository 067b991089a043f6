"""How a program is started on a node: by ssh, by srun within a Slurm job, or as a person's template says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from submitter.errors import InputError
from submitter.quoting import shown

SSH = "ssh -o BatchMode=yes -o ConnectTimeout=10 {node}"
# --overlap: the step that asks may already hold all of the job's resources.
SRUN = "srun --overlap --nodes=1 --ntasks=1 --nodelist={node}"
_NODE = "{node}"
# No name begins like an option, and none needs quoting.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:-]*")
_SCONTROL_LIMIT_S = 15
_WRITE_THEM = "write the names with commas between them"


class Launcher:
    """Starts programs on nodes with the words of a template, such as `ip netns exec {node}`."""

    def __init__(self, template: str) -> None:
        try:
            self._words = shlex.split(template)
        except ValueError as error:
            raise InputError(f"--launch {shown(template)}: {str(error).lower()}") from None
        if not any(_NODE in word for word in self._words):
            raise InputError(f"--launch {shown(template)} does not name the node", f"write {_NODE} where its name goes")
        if not shutil.which(self._words[0]):
            raise InputError(
                f"{shown(self._words[0])}, which starts programs on the nodes, is not installed here",
                f"install it, or give another way to a node, such as --launch '{SSH}'",
            )

    def command(self, node: str, program: Sequence[str]) -> list[str]:
        """The command that starts a program on a node."""
        words = [word.replace(_NODE, node) for word in self._words]
        # ssh gives its arguments to a shell of the node, joined by blanks.
        return [*words, shlex.join(program)] if os.path.basename(words[0]) == "ssh" else [*words, *program]


def default_template(environment: Mapping[str, str] = os.environ) -> str:
    """srun within a Slurm job, else ssh."""
    return SRUN if environment.get("SLURM_JOB_ID") else SSH


def expanded(nodes: str) -> list[str]:
    """The names in a list such as `a,b` or, as Slurm writes it, `node[01-04]`. InputError if it names none."""
    names = _by_slurm(nodes) if "[" in nodes else [name.strip() for name in nodes.split(",") if name.strip()]
    if not names:
        raise InputError("--nodes names no node", "such as --nodes node1,node2")
    for name in names:
        if not _NAME.fullmatch(name):
            raise InputError(f"{shown(name)} is not the name of a node", "such as --nodes node1,node2")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"--nodes names {', '.join(twice)} more than once")
    return names


def _by_slurm(nodes: str) -> list[str]:
    """What `scontrol show hostnames` makes of a host list."""
    if not shutil.which("scontrol"):
        raise InputError(
            f"--nodes {shown(nodes)} is a host list of Slurm, and scontrol, which expands it, is not installed here",
            _WRITE_THEM,
        )
    try:
        done = subprocess.run(
            ["scontrol", "show", "hostnames", nodes],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SCONTROL_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            "scontrol show hostnames does not answer", "write the names with commas between them"
        ) from None
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["it fails"])[-1]
        raise InputError(f"--nodes {shown(nodes)}: scontrol show hostnames: {why}")
    return done.stdout.split()
