"""Every error of the written rules or of ours in the published rounds is a defect that docs/validity.md judges."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from differential import concerned
from judged_rounds import ROUNDS, judged
from judgements import Judgement, judgements

from submitter.checker.finding import Origin, Severity
from submitter.checker.registry import all_rules


def test_the_table_says_of_each_row_what_is_wrong() -> None:
    rows = judgements()
    assert len(rows) == len({(row.round, row.rule, row.folder) for row in rows})
    assert all(len(row.why) > 20 and row.errors for row in rows)


@pytest.mark.parametrize("name", [*ROUNDS, "v6.1-endpoints"])
def test_every_error_is_judged_and_every_judgement_is_of_an_error(name: str, published: Any) -> None:
    root, _ = published(name)
    report = judged(root, name, "full")
    rows = [row for row in judgements() if row.round == name]
    errors: Counter[Judgement] = Counter()
    costs: dict[Judgement, set[str]] = {row: set() for row in rows}
    spared = {rule.id for rule in all_rules() if rule.spares_results}
    unjudged = []
    invalid = [verdict.path for verdict in report.results if verdict.verdict != "valid"]
    for finding in report.findings:
        if finding.severity is not Severity.ERROR or finding.origin is Origin.OFFICIAL:
            continue
        known = [row for row in rows if row.rule == finding.rule and f"{finding.path}/".startswith(f"{row.folder}/")]
        if not known:
            unjudged.append(f"{finding.rule} {finding.path}: {finding.message}")
            continue
        errors[known[0]] += 1
        if finding.rule not in spared:
            costs[known[0]].update(path for path in invalid if concerned(finding.scope, path))
    assert unjudged == []
    assert {row: errors[row] for row in rows} == {row: row.errors for row in rows}
    assert {row: len(costs[row]) for row in rows} == {row: row.results for row in rows}
