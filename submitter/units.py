"""How many of one unit make one of another, by name: `value_ns / NS_PER_MS` reads without counting zeros."""

from __future__ import annotations

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
US_PER_S = 1_000_000
US_PER_MS = 1_000
MS_PER_S = 1_000
S_PER_MIN = 60
S_PER_H = 3_600
MJ_PER_J = 1_000

BYTES_PER_KIB = 1 << 10
BYTES_PER_MIB = 1 << 20
BYTES_PER_GIB = 1 << 30
BYTES_PER_KB = 1_000
BYTES_PER_MB = 1_000_000
BYTES_PER_GB = 1_000_000_000

GFLOP_PER_TFLOP = 1_000
