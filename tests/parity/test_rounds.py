"""Every published result of four rounds, judged as the official checker judged it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from differential import concerned
from judged_rounds import ROUNDS, SIX_DIGITS, judged
from judgements import judgements

from submitter.checker import Finding
from submitter.checker.registry import all_rules

# Where the official profile differs from the official verdict, with the official defect that makes it so. Never of a
# result that the official checker accepts.
LISTED: dict[str, dict[str, str]] = {name: {} for name in ROUNDS}


def _judgable(oracle: dict[str, Any]) -> dict[str, dict[str, Any] | None]:
    """The reference verdicts by path, without those of which a published file is missing here; None is a refusal."""
    return {path: said for path, said in oracle.items() if not (said and said.get("tainted"))}


def _difference(said: dict[str, Any] | None, ours: Any) -> str:
    """What differs between the official verdict and ours; empty where nothing does."""
    if ours is None:
        return "is not judged"
    if said is None or said.get("metric") is None:
        return "" if ours.verdict == "invalid" else f"official refuses, we say {ours.verdict}"
    if ours.verdict != "valid":
        return f"official accepts, we say {ours.verdict}"
    if ours.metric is None:
        return "has no metric"
    if not math.isclose(ours.metric.value, said["metric"], rel_tol=SIX_DIGITS):
        return f"metric {ours.metric.value}, official {said['metric']}"
    if ours.metric.unit != said["units"]:
        return f"unit {ours.metric.unit}, official {said['units']}"
    # From v6.0 on the official summary calls inferred what LoadGen does not spell as the folder does; so says our row.
    inferred = ours.row.get("inferred") or str(int(ours.inferred))
    if inferred != said["inferred"]:
        return f"inferred {inferred}, official {said['inferred']}"
    return ""


@pytest.mark.parametrize("name", ROUNDS)
def test_the_official_profile_says_what_the_official_checker_says(
    name: str, published: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    root, oracle = published(name)
    report = judged(root, name, "official")
    assert not report.crashed
    ours = {verdict.path: verdict for verdict in report.results}
    judgable = _judgable(oracle)
    assert set(ours) == set(oracle)
    differences = {path: said for path in judgable if (said := _difference(judgable[path], ours[path]))}
    accepted = sum(said is not None for said in judgable.values())
    with capsys.disabled():
        print(
            f"\n{name}: {len(judgable)} paths compared ({accepted} accepted, {len(judgable) - accepted} refused), "
            f"{len(judgable) - len(differences)} equal, {len(LISTED[name])} listed differences"
        )
    assert {path: said for path, said in differences.items() if path not in LISTED[name]} == {}
    assert set(LISTED[name]) <= set(differences), "a listed difference is gone"
    assert [path for path in LISTED[name] if judgable[path]] == [], "of accepted results nothing may differ"


def _errors(findings: Iterable[Finding]) -> Iterator[Finding]:
    spared = {rule.id for rule in all_rules() if rule.spares_results}
    return (f for f in findings if f.severity == "error" and f.rule not in spared)


@pytest.mark.parametrize("name", ROUNDS)
def test_the_full_profile_raises_no_false_alarm(name: str, published: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """An accepted result is refused only where the reference disputes it, or as docs/validity.md judges."""
    root, oracle = published(name)
    judged_here = [row for row in judgements() if row.round == name]
    report = judged(root, name, "full")
    assert not report.crashed
    accepted = {path: said for path, said in _judgable(oracle).items() if said}
    errors = list(_errors(report.findings))
    explained: Counter[str] = Counter()
    unexplained: dict[str, set[str]] = {}
    for verdict in report.results:
        if verdict.verdict == "valid" or verdict.path not in accepted:
            continue
        if accepted[verdict.path].get("disputed"):
            explained["disputed by the reference"] += 1
            continue
        for finding in (f for f in errors if concerned(f.scope, verdict.path)):
            if any(row.rule == finding.rule and f"{finding.path}/".startswith(f"{row.folder}/") for row in judged_here):
                explained[finding.rule] += 1
            else:
                unexplained.setdefault(verdict.path, set()).add(f"{finding.rule} {finding.message} ({finding.path})")
    with capsys.disabled():
        print(f"\n{name}: {len(accepted)} accepted results under the full profile; refused: {dict(explained)}")
    assert unexplained == {}
