"""The published rounds, unpacked: `SUBMITTER_ROUNDS` names the folder of their archives and reference verdicts."""

from __future__ import annotations

import json
import os
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Published = Callable[[str], tuple[Path, dict[str, Any]]]


def _unpacked(archive: Path) -> Path:
    """The archive's folder beside it, else one below the temporary folder, which lasts from one session to the next."""
    beside = archive.with_name(archive.name.removesuffix(".tar.xz"))
    if beside.is_dir():
        return beside
    cache = Path(tempfile.gettempdir()) / f"submitter-rounds-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    target = cache / f"{beside.name}-{archive.stat().st_size}"
    if not target.is_dir():
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            fresh = Path(scratch) / "round"
            with tarfile.open(archive) as tar:
                tar.extractall(fresh, filter="data")
            try:
                fresh.rename(target)
            except OSError:  # another session was faster
                if not target.is_dir():
                    raise
    return target


@pytest.fixture(scope="session")
def published() -> Published:
    """Given a name such as `v5.1`: the folder that holds the divisions, and the reference verdicts of its results."""
    rounds = os.environ.get("SUBMITTER_ROUNDS")
    if not rounds:
        pytest.skip("SUBMITTER_ROUNDS names no folder with published rounds")

    def unpack(name: str) -> tuple[Path, dict[str, Any]]:
        oracle = json.loads((Path(rounds) / f"{name}.oracle.json").read_text(encoding="utf-8"))
        return _unpacked(Path(rounds) / f"{name}.tar.xz"), oracle["results"]

    return unpack
