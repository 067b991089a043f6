"""What of the system is another than in a finished run: packages, driver and host."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from submitter.campaign.differences import Cause, Change
from submitter.harness import engines, environment, loadgen
from submitter.harness.plan import EngineSettings
from submitter.packages import version_of
from submitter.record import RunRecord
from submitter.system import identity

_NOT_THERE = "not there"


@dataclass(frozen=True, kw_only=True)
class Here:
    """What this machine would make a run with, in the terms of a run's record."""

    packages: dict[str, str]
    loadgen_sha256: str
    """Empty if LoadGen is not installed: then packages, driver and host are not those of the runs, and not compared."""
    environment: dict[str, str]
    host: dict[str, str]


def here(engine: EngineSettings) -> Here:
    """What this machine would make the runs of an engine with."""
    loadgen_version = version_of(loadgen.DISTRIBUTION)
    return Here(
        packages={loadgen.DISTRIBUTION: loadgen_version, **engines.versions(engine.engine)},
        loadgen_sha256=loadgen.build_sha256() if loadgen_version else "",
        environment=environment.captured({**os.environ, **engine.env}),
        host=identity(),
    )


def system_changes(record: RunRecord, now: Here) -> Iterator[Change]:
    """What makes this another system than that of the run. What the record does not state is not compared."""
    if not now.loadgen_sha256:
        return
    packages = _different(record.packages, now.packages)
    for name, detail in packages.items():
        yield Change(cause=Cause.PACKAGES, what=name, detail=detail)
    built = record.provenance.loadgen_sha256
    if built not in ("", now.loadgen_sha256) and loadgen.DISTRIBUTION not in packages:
        yield Change(cause=Cause.PACKAGES, what=loadgen.DISTRIBUTION, detail="another build of the same version")
    host = _different(record.provenance.host, now.host)
    for name, cause in (("driver", Cause.DRIVER), ("processor", Cause.HOST), ("accelerators", Cause.HOST)):
        if name in host:
            yield Change(cause=cause, what=name, detail=host[name])


def notes(record: RunRecord, now: Here) -> Iterator[str]:
    """What is different, too, but makes no run again: the kernel, the very machine, variables of the shell."""
    if not now.loadgen_sha256:
        yield "packages, driver and host are not compared, as LoadGen is not installed here"
        return
    host = _different(record.provenance.host, now.host)
    if "kernel" in host:
        yield f"kernel: {host['kernel']}"
    if "machine" in host and not {"processor", "accelerators"} & set(host):
        yield "made on another machine of the same kind"
    if names := list(_different(record.environment, now.environment)):
        yield f"other environment variables: {', '.join(names)}"


def _different(before: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    """How each value that differs did so; nothing if it is not known what was before."""
    names = dict.fromkeys([*before, *now]) if before else {}
    return {
        name: f"{before.get(name, _NOT_THERE)} -> {now.get(name, _NOT_THERE)}"
        for name in names
        if before.get(name, "") != now.get(name, "")
    }
