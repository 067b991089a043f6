"""What the tools that measure a network print.

Sources: iperf3 as it runs here; perftest's ib_write_bw and ib_write_lat as posted at
forums.developer.nvidia.com/t/273376 and documented in github.com/linux-rdma/perftest; nccl-tests' and rccl-tests'
all_reduce_perf as posted in github.com/NVIDIA/nccl-tests issues 44 and 149.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_BITS_PER_GBIT = 1e9


def iperf3_gbits(output: str) -> float | None:
    """The rate at which the receiver got data, in 10^9 bits per second, of `iperf3 -J`; None if it has none."""
    try:
        return _positive(json.loads(output)["end"]["sum_received"]["bits_per_second"] / _BITS_PER_GBIT)
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def iperf3_error(output: str) -> str:
    """Why iperf3 failed, as it says in its JSON; empty if it does not."""
    try:
        content: Any = json.loads(output)
    except (ValueError, RecursionError):
        return ""
    return str(content.get("error", "")) if isinstance(content, dict) else ""


def ib_bandwidth_gbits(output: str) -> float | None:
    """The average rate of `ib_write_bw --report_gbits`, in 10^9 bits per second; None if it has none."""
    cells = _row_below(output, "BW average[Gb/sec]")
    return _positive(float(cells[3])) if len(cells) > 3 else None


def ib_latency_us(output: str) -> float | None:
    """The typical one-way time of `ib_write_lat`, its median, in us; None if it has none."""
    cells = _row_below(output, "t_typical[usec]")
    return _positive(float(cells[4])) if len(cells) > 4 else None


def all_reduce_gbytes(output: str) -> float | None:
    """The bus bandwidth of `all_reduce_perf`, in 10^9 bytes per second; None if it has none, or its sums are wrong."""
    found = re.search(r"^# Avg bus bandwidth\s*: *(\d+(?:\.\d+)?)", output, re.MULTILINE)
    wrong = re.search(r"^# Out of bounds values\s*: *([1-9]\d*)", output, re.MULTILINE)
    return _positive(float(found[1])) if found and not wrong else None


def _row_below(output: str, column: str) -> list[str]:
    """The last row of numbers below the heading that has `column`. Remarks may come between."""
    _, heading, below = output.partition(column)
    rows = [line.split() for line in below.splitlines()[1:]] if heading else []
    number = re.compile(r"\d+(\.\d+)?")
    return next((row for row in reversed(rows) if row and all(number.fullmatch(cell) for cell in row)), [])


def _positive(value: float) -> float | None:
    return value if math.isfinite(value) and value > 0 else None
