"""What the machine lacks: packages, rights, room; and what is in the way."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator

from ready_campaign import Ready

from mistakes.edits import Edit, append, nothing, write
from mistakes.record import Base, Mistake, Stage
from mistakes.workshop import CannotBeMadeHereError


@contextlib.contextmanager
def _in_use(made: Ready) -> Iterator[None]:
    """The lock that another submitter process holds."""
    made.output.mkdir()
    with (made.output / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _small_disk(made: Ready) -> Iterator[None]:
    """A file system of 8 MiB for the output."""
    made.output.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(made.output)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        raise CannotBeMadeHereError("only root may mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(made.output)], check=True)


def _read_only(path: str = "") -> Edit:
    """Take the right to write below a path of the campaign's folder."""
    return lambda made: (made.folder / path).chmod(0o555)


def _unreadable(path: str) -> Edit:
    return lambda made: (made.folder / path).chmod(0)


MISTAKES = (
    Mistake(
        id="machine-no-loadgen",
        what="LoadGen is not installed",
        base=Base.REHEARSAL,
        make=nothing,
        missing=("mlcommons-loadgen",),
        stage=Stage.PREFLIGHT,
        message="the package mlcommons-loadgen",
        remedy="pip install",
        code=3,
    ),
    Mistake(
        id="machine-broken-loadgen",
        what="LoadGen was built for another machine",
        base=Base.REHEARSAL,
        make=nothing,
        broken=("mlperf_loadgen",),
        stage=Stage.PREFLIGHT,
        message="mlcommons-loadgen, but 6.0.17 cannot be imported: undefined symbol",
        remedy="pip install",
        code=3,
    ),
    Mistake(
        id="machine-other-loadgen",
        what="the LoadGen of another round is installed",
        base=Base.REHEARSAL,
        make=nothing,
        installed={"mlcommons-loadgen": "5.1.0"},
        stage=Stage.PREFLIGHT,
        message="LoadGen 5.1.0 is installed, round v6.1 requires",
        remedy="pip install mlcommons-loadgen==6.0.17",
        code=3,
    ),
    Mistake(
        id="machine-no-vllm",
        what="vLLM is not installed",
        make=nothing,
        missing=("vllm",),
        stage=Stage.PREFLIGHT,
        message="vLLM",
        remedy="vllm",
        code=3,
    ),
    *(
        Mistake(
            id=f"machine-no-{name}",
            what=f"{name} is not installed: scoring needs it, after all runs",
            base=Base.REHEARSAL,
            make=nothing,
            missing=(name,),
            stage=Stage.PREFLIGHT,
            message=f"scoring needs the package {name}",
            remedy="pip install",
            code=3,
            is_slow=name != "rouge-score",
        )
        for name in ("rouge-score", "nltk", "tokenizers")
    ),
    Mistake(
        id="machine-no-numpy",
        what="numpy is not installed",
        base=Base.REHEARSAL,
        make=nothing,
        missing=("numpy",),
        stage=Stage.PREFLIGHT,
        message="numpy",
        remedy="pip install",
        code=3,
    ),
    Mistake(
        id="machine-light-install",
        what="neither numpy, LoadGen nor vLLM is installed: the plan must still show all runs and what is wrong",
        make=append("measurements/Server/user.conf", "*.Server.ttft_latency = 3000\n"),
        missing=("numpy", "mlcommons-loadgen", "vllm"),
        message="requires TTFT 2000 ms",
        also=("Interactive accuracy", "12 min 48 s"),
    ),
    Mistake(
        id="machine-audit-file",
        what="an audit.config in the working folder",
        make=write("audit.config", "*.*.mode = 2\n"),
        in_folder=True,
        message="audit.config is a stray audit file",
        remedy="remove it",
    ),
    Mistake(
        id="machine-in-use",
        what="the same campaign runs in another terminal",
        base=Base.REHEARSAL,
        make=_in_use,
        stage=Stage.PREFLIGHT,
        message="another submitter process is using out",
        remedy="wait until it ends, or stop it",
    ),
    Mistake(
        id="machine-disk",
        what="a disk that is too small for the logs",
        make=_small_disk,
        message="GB free, the runs may need",
        remedy="free some space",
    ),
    Mistake(
        id="machine-output-not-writable",
        what="an output folder in which the user may not write",
        base=Base.REHEARSAL,
        make=lambda made: (made.output.mkdir(), made.output.chmod(0o555)),
        is_unprivileged=True,
        message="out: permission denied",
    ),
    Mistake(
        id="machine-output-not-creatable",
        what="an output folder that the user may not create",
        base=Base.REHEARSAL,
        make=_read_only(),
        is_unprivileged=True,
        stage=Stage.PREFLIGHT,
        message="out: permission denied",
        is_slow=True,
    ),
    *(
        Mistake(
            id=f"machine-unreadable-{name}",
            what=f"{what} that the user may not read",
            base=Base.REHEARSAL,
            make=_unreadable(path),
            is_unprivileged=True,
            is_due=name in ("system", "document"),
            message=path,
            also=("ermission denied" if name != "campaign" else "is not readable",),
            is_slow=name not in ("campaign", "conf"),
        )
        for name, what, path in (
            ("campaign", "a campaign file", "campaign.toml"),
            ("conf", "a user.conf", "measurements/Server/user.conf"),
            ("engine", "an engine.toml", "measurements/Server/engine.toml"),
            ("data", "a data set", "open_orca.safetensors"),
            ("system", "a system description", "system.json"),
            ("document", "a document", "documentation/calibration.md"),
        )
    ),
    Mistake(
        id="machine-templates-not-writable",
        what="templates for a folder in which the user may not write",
        base=Base.REHEARSAL,
        make=lambda made: ((made.documentation / "bandwidth.md").unlink(), made.documentation.chmod(0o555)),
        is_unprivileged=True,
        stage=Stage.INIT,
        command=("templates", "{file}"),
        message="documentation",
        also=("ermission denied",),
    ),
)
