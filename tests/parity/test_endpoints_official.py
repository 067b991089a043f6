"""Endpoints' results, generated and edited, judged by the official checker of v6.x and by ours.

MLCOMMONS_INFERENCE names a checkout of mlcommons/inference.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from endpoints_cases import CASES, HARMLESS, HOSTILE, KINDS, LLAMA, write
from endpoints_tree import EndpointsTree

from submitter.checker import check
from submitter.checker.finding import ResultVerdict
from submitter.model import Scenario
from submitter.rulebook import load_rulebook

HELPERS = Path(__file__).resolve().parents[1] / "helpers"
CHECKOUT = os.environ.get("MLCOMMONS_INFERENCE")
# The commit whose figures a round's rule book follows, where it is not the checkout's own.
FIGURES_OF = {"v6.1": "bfc0da57"}
ENDLESS = {"alias bomb", "merge bomb", "long"}  # for the official checker


def _official_tools(round_name: str, folder: Path) -> Path:
    """The official checker's folder; of another commit, a copy of it in `folder`."""
    if round_name not in FIGURES_OF:
        return Path(str(CHECKOUT)) / "tools" / "submission"
    archive = folder / "tools.tar"
    command = ["git", "-C", str(CHECKOUT), "archive", "-o", str(archive), FIGURES_OF[round_name], "tools/submission"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(f"the checkout of mlcommons/inference has no {FIGURES_OF[round_name]}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "tools" / "submission"


def _was_published_in_tokens(result: ResultVerdict) -> bool:
    """No known commit gives the figures of Interactive results that v6.1 published for language models."""
    benchmark = load_rulebook("v6.1").benchmarks.get(result.key.benchmark)
    return benchmark is not None and result.key.scenario == "Interactive" and Scenario.INTERACTIVE in benchmark.metric


@pytest.mark.skipif(not CHECKOUT, reason="MLCOMMONS_INFERENCE names no checkout of mlcommons/inference")
@pytest.mark.parametrize("round_name", ["v6.0", "v6.1"])
def test_verdicts_and_figures_are_the_official_checkers(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, round_name: str
) -> None:
    edits = [(kind, None) for kind in KINDS.values()]
    edits += [(kind, change) for _, kind, change in CASES]
    edits += HARMLESS
    edits += [(LLAMA, write("config", text)) for name, text in HOSTILE.items() if name not in ENDLESS]
    names = [f"E{number:03}" for number in range(len(edits))]
    for name, (kind, change) in zip(names, edits, strict=True):
        tree = EndpointsTree(tmp_path, submitter=name, **kind)
        if change is not None:
            change(tree)
    tools = _official_tools(round_name, tmp_path_factory.mktemp("official"))
    done = subprocess.run(
        [sys.executable, str(HELPERS / "official_side.py"), str(tools), round_name, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    said = json.loads(done.stdout)
    report = check(tmp_path, load_rulebook(round_name), profile="official")
    assert not report.crashed
    differences = []
    compared = 0
    for name in names:
        ours = {result.path: result for result in report.results if result.key.submitter == name}
        if said[name]["crash"]:  # its traceback costs all results of the submitter, ours only the one
            if all(result.verdict == "valid" for result in ours.values()):
                differences.append((name, "crash", said[name]["crash"]))
            continue
        for path, official in said[name]["results"].items():
            compared += 1
            if official and ours[path].verdict == "valid" and _was_published_in_tokens(ours[path]):
                continue
            metric = ours[path].metric if ours[path].verdict == "valid" else None
            told = metric and {"metric": pytest.approx(metric.value, rel=1e-6), "units": metric.unit}
            if (official and {key: official[key] for key in ("metric", "units")}) != told:
                differences.append((path, official, told))
    assert differences == []
    assert compared > len(edits)
