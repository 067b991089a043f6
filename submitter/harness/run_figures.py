"""The figures of a run from its progress: what is shown while it is under way, and the latencies of its samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from submitter.harness.sut import Progress


def summary(progress: Progress) -> dict[str, Any]:
    """The facts of the event `progress` (`events.Watcher`)."""
    return {
        "done": progress.done,
        "issued": progress.issued,
        "tokens": progress.tokens,
        "ttft_p99_ms": _p99(progress.ttft_ms),
        "tpot_p99_ms": _p99(progress.tpot_ms),
    }


def _p99(values: Sequence[float]) -> float | None:
    import numpy

    return round(float(numpy.percentile(values, 99)), 2) if len(values) else None


def write_latencies(path: Path, progress: Progress) -> None:
    """Write a row for each finished sample, as `RunPlan.keep_latencies` says."""
    import numpy

    issued_s = numpy.asarray(progress.issued_s)
    began_s = issued_s.min(initial=numpy.inf)
    table = numpy.column_stack([issued_s - began_s, progress.ttft_ms, progress.tpot_ms, progress.latency_ms])
    numpy.save(path, table.astype("<f4"))
