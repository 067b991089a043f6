"""The rate that was found, put where it counts in a user.conf."""

from __future__ import annotations

from pathlib import Path

import pytest

from submitter.campaign import write_target
from submitter.model import Scenario


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("*.Server.target_qps = 70\n", "*.Server.target_qps = 81.25\n"),
        ("# why\n*.Offline.target_qps = 9\n", "# why\n*.Offline.target_qps = 9\n*.Server.target_qps = 81.25\n"),
        ("", "*.Server.target_qps = 81.25\n"),
        (
            "llama2-70b.*.target_qps = 5\n*.Server.min_duration = 1\n",
            "llama2-70b.*.target_qps = 81.25\n*.Server.min_duration = 1\n",
        ),
        ("*.Server.target_qps =\t70 \r\n# b\r\n", "*.Server.target_qps =\t81.25 \r\n# b\r\n"),
        ("# *.Server.target_qps = 5\n", "# *.Server.target_qps = 5\n*.Server.target_qps = 81.25\n"),
        ("other.Server.target_qps = 5\n", "other.Server.target_qps = 5\n*.Server.target_qps = 81.25\n"),
    ],
)
def test_only_the_target_is_changed(before: str, after: str, tmp_path: Path) -> None:
    conf = tmp_path / "user.conf"
    conf.write_bytes(before.encode())
    write_target(conf, "llama2-70b", Scenario.SERVER, 81.25)
    assert conf.read_bytes().decode() == after


def test_interactive_is_loadgens_server(tmp_path: Path) -> None:
    from submitter.harness import loadgen

    pytest.importorskip("mlperf_loadgen")
    conf = tmp_path / "user.conf"
    conf.write_text("*.*.min_duration = 1000\n")
    write_target(conf, "llama2-70b-interactive", Scenario.INTERACTIVE, 12.5)
    found = loadgen.effective_settings("llama2-70b-interactive", Scenario.INTERACTIVE, conf)
    assert (found.target_qps, found.min_duration_ms) == (12.5, 1000)
