"""Results of v6.1 that mlcommons/endpoints measured: figure, unit, accuracy and verdict are the published ones."""

from __future__ import annotations

from typing import Any

import pytest
from judged_rounds import SIX_DIGITS, judged

ARCHIVE = "v6.1-endpoints"


@pytest.mark.parametrize("profile", ["official", "full"])
def test_the_results_are_the_published_ones(profile: str, published: Any) -> None:
    root, oracle = published(ARCHIVE)
    report = judged(root, ARCHIVE, profile)
    ours = {verdict.path: verdict for verdict in report.results}
    assert set(ours) == set(oracle)
    for path, said in oracle.items():
        metric = ours[path].metric
        assert metric is not None, path
        assert metric.value == pytest.approx(said["metric"], rel=SIX_DIGITS), path
        assert metric.unit == said["units"], path
        # The archive does not have the videos of wan-2.2.
        has_all_files = "wan-2.2" not in path
        assert (ours[path].verdict == "valid") is has_all_files, path
        assert not has_all_files or ours[path].row["Accuracy"] == said["accuracy"], path
    errors = {finding.rule for finding in report.findings if finding.severity == "error"}
    assert errors == {"EPT025"} | ({"STR011"} if profile == "full" else set())


def test_published_results_have_few_warnings(published: Any) -> None:
    """A warning that nobody would act on is none: at most 0.3 a result."""
    for name in ("v4.1", "v5.0-others", "v5.1", "v6.0-part", "v6.0", ARCHIVE):
        report = judged(published(name)[0], name, "full")
        assert report.summary["warnings"] <= 0.3 * report.summary["results"], name
