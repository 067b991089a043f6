"""What makes this another system than that of a run: `submitter.campaign.system_changes`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("numpy")

from submitter.campaign.differences import Cause
from submitter.campaign.system_changes import Here, notes, system_changes
from submitter.model import Mode, Scenario
from submitter.record import DatasetFacts, ModelFacts, Provenance, RunRecord

HOST = {
    "processor": "Example 9000",
    "kernel": "6.8.0",
    "accelerators": "8x NVIDIA H100",
    "driver": "570.1",
    "machine": "a" * 64,
}
HERE = Here(
    packages={"mlcommons-loadgen": "6.0.17", "vllm": "0.11.0"},
    loadgen_sha256="b" * 64,
    environment={"VLLM_USE_V1": "1"},
    host=HOST,
)


def record(**changed: Any) -> RunRecord:
    fields: dict[str, Any] = {
        "smoke": False,
        "round": "v6.1",
        "system": "box",
        "benchmark": "llama2-70b-99.9",
        "official_benchmark": "llama2-70b-99.9",
        "scenario": Scenario.OFFLINE,
        "mode": Mode.PERFORMANCE,
        "plan_sha256": "",
        "engine": "vllm",
        "engine_settings": {},
        "dataset": DatasetFacts(name="words", sample_count=64, sha256=""),
        "model": ModelFacts(name="model", sha256=""),
        "loadgen_version": "6.0.17",
        "packages": HERE.packages,
        "environment": HERE.environment,
        "provenance": Provenance(loadgen_sha256=HERE.loadgen_sha256, host=HOST),
        "started_utc": "2026-01-01T00:00:00+00:00",
        "duration_s": 1.0,
        "sample_count": 64,
        "token_count": 512,
    }
    return RunRecord(**fields | changed)


def told(now: Here, run: RunRecord | None = None) -> list[tuple[Cause, str]]:
    return [(change.cause, str(change)) for change in system_changes(run or record(), now)]


def test_the_same_system_is_no_change() -> None:
    assert told(HERE) == []
    assert list(notes(record(), HERE)) == []


@pytest.mark.parametrize(
    ("changed", "cause", "text"),
    [
        ({"packages": HERE.packages | {"vllm": "0.12.0"}}, "packages", "vllm: 0.11.0 -> 0.12.0"),
        ({"packages": HERE.packages | {"flashinfer": "1"}}, "packages", "flashinfer: not there -> 1"),
        ({"packages": {"mlcommons-loadgen": "6.0.17"}}, "packages", "vllm: 0.11.0 -> not there"),
        (
            {"packages": HERE.packages | {"mlcommons-loadgen": "6.0.18"}, "loadgen_sha256": "c" * 64},
            "packages",
            "mlcommons-loadgen: 6.0.17 -> 6.0.18",
        ),
        ({"loadgen_sha256": "c" * 64}, "packages", "mlcommons-loadgen: another build of the same version"),
        ({"host": HOST | {"driver": "580.2"}}, "driver", "driver: 570.1 -> 580.2"),
        ({"host": HOST | {"accelerators": "4x NVIDIA H100"}}, "host", "accelerators: 8x NVIDIA H100 -> 4x NVIDIA H100"),
        ({"host": HOST | {"processor": "Other"}}, "host", "processor: Example 9000 -> Other"),
    ],
)
def test_another_package_driver_or_host_is_a_change(changed: dict[str, Any], cause: str, text: str) -> None:
    assert told(replace(HERE, **changed)) == [(Cause(cause), text)]


def test_identical_nodes_are_one_system() -> None:
    other = replace(HERE, host=HOST | {"machine": "d" * 64, "kernel": "6.9.0"})
    assert told(other) == []
    assert list(notes(record(), other)) == ["kernel: 6.8.0 -> 6.9.0", "made on another machine of the same kind"]


def test_other_variables_of_the_shell_are_a_note() -> None:
    other = replace(HERE, environment={"VLLM_USE_V1": "0", "NCCL_DEBUG": "INFO"})
    assert told(other) == []
    assert list(notes(record(), other)) == ["other environment variables: VLLM_USE_V1, NCCL_DEBUG"]


def test_what_an_older_record_does_not_state_is_not_compared() -> None:
    assert told(HERE, record(packages={}, environment={}, provenance=Provenance())) == []
    assert list(notes(record(packages={}, environment={}, provenance=Provenance()), HERE)) == []


def test_nothing_is_compared_where_no_run_could_be_made() -> None:
    """As on the login node of a cluster."""
    login = replace(HERE, packages={"mlcommons-loadgen": ""}, loadgen_sha256="", host={"processor": "Other"})
    assert told(login) == []
    (note,) = notes(record(), login)
    assert "not compared" in note
