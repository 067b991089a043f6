"""PWR030 and on: what the log of SPEC PTDaemon must say, and must not."""

from __future__ import annotations

import pytest
from power_damage import DURING, PTD_LOG, append, replace, write_power_tree
from power_tree import PowerTree
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


@pytest.mark.parametrize(
    "line",
    [
        f"{DURING}: ERROR: USB.",
        f"{DURING}: WARNING: something",
        "08-30-2026 09:25:00.000: ERROR: Can't evaluate uncertainty of this sample!",
        "08-30-2026 08:00:00.000: WARNING: Uncertainty 1.02%, which is above 1.00% limit for the last sample!",
    ],
)
def test_what_the_official_check_lets_pass(line: str, power: PowerTree) -> None:
    append(PTD_LOG, f"{line}\n")(power)
    assert [finding.rule for finding in power.check(select=["PWR"]).findings] == []
