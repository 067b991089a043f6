"""PWR030 and on: what the log of SPEC PTDaemon must say, and must not."""

from __future__ import annotations

from power_damage import DURING, PTD_LOG, append, replace, write_power_tree
from rule_cases import cases

ACTIVATED = "08-30-2026 09:20:00.100: (.*is activated)"
BAD_READING = "ERROR: Bad watts reading nan from Yokogawa\n"
CASES = cases(
    write_power_tree,
    [
        ("PWR030", replace(PTD_LOG, r"_ranging'", "_testing'")),
        ("PWR030", replace(PTD_LOG, "Completed test", "Completed")),
        ("PWR031", replace(PTD_LOG, ".*is activated\n", "")),
        ("PWR031", replace(PTD_LOG, ACTIVATED, r"\1")),
        ("PWR031", replace(PTD_LOG, ACTIVATED, rf"{DURING}: \1")),
        ("PWR032", append(PTD_LOG, f"{DURING}: {BAD_READING}")),
        ("PWR032", append(PTD_LOG, BAD_READING)),
        ("PWR033", append(PTD_LOG, f"{DURING}: ERROR: USB.\n{DURING}: {BAD_READING}")),
        (
            "PWR033",
            append(PTD_LOG, f"{DURING}: WARNING: Uncertainty 1.02%, which is above 1.00% limit for the last sample!\n"),
        ),
    ],
)
