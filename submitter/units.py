"""Constants of units, named by what they convert."""

from __future__ import annotations

MS_PER_S = 1e3
NS_PER_MS = 1e6
NS_PER_S = 1e9
MJ_PER_J = 1e3
