"""The table `[slurm]` of a campaign file: what a job requests, and the container that Pyxis runs it in.

Its values go into a shell script and into sbatch's own lines, so each is one line. sbatch removes backslashes from its
lines, whatever the quotes: no value has one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from submitter.quoting import shown
from submitter.units import S_PER_H, S_PER_MIN

_S_PER_DAY = 24 * S_PER_H
# The forms of sbatch's --time: M, M:S, H:M:S, D-H, D-H:M, D-H:M:S.
_TIME = re.compile(r"(?:(?P<days>\d{1,4})-)?(?P<parts>\d{1,6}(?::\d{1,2}){0,2})")
_GPUS = re.compile(r"(?:[A-Za-z][\w.-]*:)?[1-9]\d{0,3}")
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
# The options that have a key of their own, or that the script depends on; each with what to do instead.
_USE_KEY = "use the key {} instead"
_IS_SET = "remove it: the script sets it"
_OWN_OPTIONS = {
    **{
        f"--{key.replace('_', '-')}": _USE_KEY.format(key)
        for key in ("time", "nodes", "partition", "account", "qos", "reservation", "constraint", "gpus_per_node")
    },
    **{
        short: _USE_KEY.format(key)
        for short, key in {"-t": "time", "-N": "nodes", "-p": "partition", "-A": "account", "-q": "qos"}.items()
    },
    **{each: _USE_KEY.format("exclusive") for each in ("--exclusive", "--mem")},
    "-C": _USE_KEY.format("constraint"),
    **dict.fromkeys(("--ntasks", "-n", "--ntasks-per-node", "--output", "-o", "--error", "-e", "--signal"), _IS_SET),
    **dict.fromkeys(("--requeue", "--no-requeue", "--open-mode", "--array", "-a", "--wrap"), _IS_SET),
}


def _setup_line(text: str) -> str:
    if not text.strip():
        raise ValueError("a line must not be empty")
    if any(not (character.isprintable() or character == "\t") for character in text):
        raise ValueError(f"{shown(text)} is more than one line, or holds a control character")
    return text


def _value(text: str) -> str:
    if not text.strip():
        raise ValueError("it must not be empty")
    if not text.isprintable():
        raise ValueError(f"{shown(text)} is more than one line, or holds a control character")
    if "\\" in text:
        raise ValueError(f"{shown(text)} holds a backslash, which sbatch removes")
    return text


def _time(text: str) -> str:
    if not limit_seconds(text):
        raise ValueError(f"{shown(text)} is not a time limit of Slurm, such as 90 (minutes), 12:00:00 or 2-00:00:00")
    return text


def _gpus(text: str) -> str:
    if not _GPUS.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a number of GPUs, such as 8 or h100:8")
    return text


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise ValueError(f"{shown(text)} is not the name of an environment variable")
    return text


def _mount(text: str) -> str:
    parts = _value(text).split(":")
    if "," in text or not 1 <= len(parts) <= 3 or not all(part.startswith("/") for part in parts[:2]):
        raise ValueError(f"{shown(text)} is not a mount, such as /data:/data or /data:/data:ro")
    return text


def _option(text: str) -> str:
    if not _value(text).startswith("-"):
        raise ValueError(f"{shown(text)} is not an option of sbatch, such as --switches=1")
    try:
        shlex.split(text)
    except ValueError:
        raise ValueError(f"{shown(text)} has a quote without its other half") from None
    name = re.split(r"[=\s]", text, maxsplit=1)[0]
    if not name.startswith("--"):
        name = name[:2]
    if name in _OWN_OPTIONS:
        raise ValueError(f"{shown(text)} cannot be given here; {_OWN_OPTIONS[name]}")
    return text


Value = Annotated[str, AfterValidator(_value)]
SetupLine = Annotated[str, AfterValidator(_setup_line)]
TimeLimit = Annotated[
    str, BeforeValidator(lambda value: str(value) if type(value) is int else value), AfterValidator(_time)
]
Gpus = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value), AfterValidator(_gpus)]
VariableName = Annotated[str, AfterValidator(_variable)]
Mount = Annotated[str, AfterValidator(_mount)]
Option = Annotated[str, AfterValidator(_option)]


def limit_seconds(text: str) -> int:
    """A time limit in Slurm's forms, in s; 0 if it is none of them."""
    found = _TIME.fullmatch(text)
    if found is None:
        return 0
    parts = [int(part) for part in found["parts"].split(":")]
    if found["days"] is not None:
        hours, minutes, seconds = (*parts, 0, 0)[:3]
        return int(found["days"]) * _S_PER_DAY + hours * S_PER_H + minutes * S_PER_MIN + seconds
    if len(parts) < 3:
        minutes, seconds = (*parts, 0)[:2]
        return minutes * S_PER_MIN + seconds
    return parts[0] * S_PER_H + parts[1] * S_PER_MIN + parts[2]


class _SlurmPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ContainerTable(_SlurmPart):
    """The container of driver and nodes, as options of Pyxis. Paths are the same inside as outside."""

    image: Value
    """An image as Enroot names it, `nvcr.io#nvidia/vllm:tag`, or the path of a .sqsh file."""
    mounts: tuple[Mount, ...] = ()
    """`SOURCE:TARGET` or `SOURCE:TARGET:FLAGS`."""
    workdir: Value | None = None
    mount_home: bool | None = None
    """Whether the home folder is mounted; None for what the cluster does by itself."""
    name: Value | None = None
    """Keep the unpacked container on each machine under this name, for the next job."""
    env: tuple[VariableName, ...] = ()
    """Variables whose value outside replaces the one that the image has."""

    def options(self) -> Iterator[str]:
        """The options of srun, unquoted."""
        yield f"--container-image={self.image}"
        if self.mounts:
            yield f"--container-mounts={','.join(self.mounts)}"
        if self.workdir is not None:
            yield f"--container-workdir={self.workdir}"
        if self.mount_home is not None:
            yield "--container-mount-home" if self.mount_home else "--no-container-mount-home"
        if self.name is not None:
            yield f"--container-name={self.name}"
        if self.env:
            yield f"--container-env={','.join(self.env)}"

    def has(self, path: str) -> bool:
        """Whether a mount brings this absolute path into the container under the same name."""
        for mount in self.mounts:
            source, target = (
                part.rstrip("/") for part in (mount.split(":") * 2)[:2]
            )  # without a target it is the same
            if source == target and f"{path}/".startswith(f"{target}/"):
                return True
        return False


class SlurmTable(_SlurmPart):
    """What the job of `submitter slurm` requests."""

    time: TimeLimit
    """The time limit of one job; a campaign that takes longer goes on in the next."""
    nodes: int | None = Field(None, gt=0, le=65536)
    """How many machines. It follows from engine.toml; what is here must agree."""
    partition: Value | None = None
    account: Value | None = None
    qos: Value | None = None
    reservation: Value | None = None
    constraint: Value | None = None
    gpus_per_node: Gpus | None = None
    """`8`, or with the type, `h100:8`."""
    exclusive: bool = True
    """Whole machines, with all their memory."""
    max_requeues: int = Field(10, ge=0)
    """How often the job goes back to the queue at its time limit."""
    options: tuple[Option, ...] = ()
    """Further options of sbatch, one each, as they are."""
    setup: tuple[SetupLine, ...] = ()
    """Lines of bash before `submitter`, on each machine and in the container, such as `source venv/bin/activate`."""
    container: ContainerTable | None = None

    @property
    def limit_s(self) -> int:
        """The time limit in s."""
        return limit_seconds(self.time)

    @property
    def gpu_count(self) -> int | None:
        """How many GPUs a machine gives; None if the table does not say."""
        return None if self.gpus_per_node is None else int(self.gpus_per_node.rpartition(":")[2])

    def resources(self, nodes: int) -> Iterator[str]:
        """The options of sbatch and salloc for `nodes` machines, each quoted as both bash and sbatch read it."""
        yield f"--nodes={nodes}"
        yield "--ntasks-per-node=1"
        yield f"--time={self.time}"
        for name in ("partition", "account", "qos", "reservation", "constraint", "gpus_per_node"):
            if (value := getattr(self, name)) is not None:
                yield f"--{name.replace('_', '-')}={shlex.quote(value)}"
        if self.exclusive:
            yield "--exclusive"
            yield "--mem=0"
        for option in self.options:
            yield shlex.join(shlex.split(option))
