"""PWR010 to PWR021: what the two sides of the power workflow recorded, client.json and server.json."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from power_damage import DETAIL, drop_from, set_in, write, write_power_tree
from power_tree import PowerTree
from rule_cases import cases
from submission_tree import BOOK

from submitter.rulebook import Rulebook

IDENTIFIED = ("server", "ptd_messages", 1, "reply")
CASES = [
    *cases(
        write_power_tree,
        [("PWR010", drop_from("client", field)) for field in ("version", "sources", "uuid", "results", "phases")],
    ),
    *cases(
        write_power_tree,
        [
            ("PWR011", set_in("server", "sources", "client.py", "0" * 40)),
            ("PWR011", drop_from("client", "sources", "server.py")),
            ("PWR011", set_in("client", "sources", None)),
            ("PWR012", set_in(*IDENTIFIED, "YokogawaWT330E,version=1.9.2-abc")),
            ("PWR012", set_in(*IDENTIFIED, f"Clamp,version={BOOK.power.ptdaemon_versions[0]}-abc")),
            ("PWR012", set_in(*IDENTIFIED, "")),
            ("PWR012", drop_from("server", "ptd_messages")),
            ("PWR013", set_in("server", "ptd_messages", 4, "reply", "Range A not changed")),
            ("PWR013", set_in("server", "ptd_messages", 14, "reply", "Stopping untimed measurement")),
            ("PWR013", set_in("server", "ptd_messages", 6, "reply", None)),
            ("PWR014", set_in("server", "ptd_messages", 13, "cmd", "SR,A,20")),
            ("PWR014", set_in("server", "ptd_messages", 12, "cmd", "SR,V,300")),
            ("PWR014", set_in("server", "ptd_messages", 2, "reply", "Ranges")),
            ("PWR014", drop_from("server", "ptd_messages", 12)),
            ("PWR015", set_in("server", "uuid", "client", "f9830b38-d160-4d6f-b487-0ed020f48fd4")),
            ("PWR015", set_in("both", "uuid", "server", "mine")),
            ("PWR016", set_in("client", "session_name", "2026-08-30_09-20-01")),
            ("PWR017", drop_from("client", "messages", 2)),
            ("PWR017", set_in("client", "messages", 2, "reply", "no")),
            ("PWR017", set_in("both", "messages", 0, "reply", "mlcommons/power server v4")),
            ("PWR017", set_in("both", "messages", 0, "cmd", "hello")),
            ("PWR017", set_in("both", "messages", [])),
            ("PWR018", write("power/client.log", "another\n")),
            ("PWR018", drop_from("server", "results", "run_1/spl.txt")),
            ("PWR018", set_in("server", "results", "run_1/spl.txt", "0" * 40)),
            ("PWR018", set_in("server", "results", f"run_1/{DETAIL}", "0" * 40)),
            ("PWR018", set_in("both", "results", [])),
            ("PWR019", set_in("server", "ptd_config", 0, "device_type", 99)),
            ("PWR019", set_in("server", "ptd_config", 0, "device_type", BOOK.power.two_channels)),
            ("PWR019", set_in("server", "ptd_config", {"device_type": 52})),
            ("PWR020", set_in("server", "debug", True)),
            ("PWR021", set_in("server", "timezone", "UTC")),
        ],
    ),
]


def found(power: PowerTree, rule: str) -> list[str]:
    """What the rule requires instead of what it found."""
    return [finding.required for finding in power.check(select=[rule]).findings]


def with_power_rules(**changed: Any) -> Rulebook:
    return msgspec.structs.replace(BOOK, power=msgspec.structs.replace(BOOK.power, **changed))


@pytest.mark.parametrize("content", [None, 3, "x", [], {}, True, [[]], [{}], [3], 10**400])
@pytest.mark.parametrize("key", ["messages", "ptd_messages", "ptd_config", "uuid", "phases", "results", "sources"])
def test_a_wrong_type_is_a_finding(key: str, content: Any, power: PowerTree) -> None:
    power.edit("both", lambda session: session.update({key: content}))
    report = power.check(select=["PWR", "STR002"])
    assert not report.crashed, report.findings
    # No analyzer at all is let pass by the official check.
    refused = (key, content) not in (("ptd_config", []), ("ptd_config", {}))
    assert (report.results[0].verdict == "invalid") is refused, json.dumps(content)


def test_one_analyzer_or_several_by_round(power: PowerTree) -> None:
    """Up to v5.0 ptd_config is one analyzer, from v5.1 on a list."""
    power.tree.book = with_power_rules(several_analyzers=False)
    assert len(found(power, "PWR019")) == 1
    power.edit("server", lambda session: session.update(ptd_config=session["ptd_config"][0]))
    assert found(power, "PWR019") == []


def test_which_command_restores_the_range_by_round(power: PowerTree) -> None:
    """Up to v5.0 it must be the third, from v5.1 on the third or the fourth."""
    power.tree.book = with_power_rules(amps_restored_by=(3,))
    assert found(power, "PWR014") == ["SR,A,40.000000"]
    drop_from("server", "ptd_messages", 4)(power)
    assert found(power, "PWR014") == []
    power.tree.book = BOOK
    assert len(found(power, "PWR014")) == 1
