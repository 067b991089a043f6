"""The plan that the child process gets as a JSON file: one engine, and the LoadGen runs to make on it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from submitter.harness.binding import UNBOUND, Binding
from submitter.harness.engines import EnginePlan
from submitter.harness.environment import masked
from submitter.harness.sampling import GREEDY, Sampling
from submitter.model import Mode, Scenario
from submitter.strict_record import StrictRecord

LATENCIES = "latencies.npy"
PARTIAL = ".partial"


def partial_folder(folder: Path) -> Path:
    """Where a run's logs are as long as it has not ended, given the folder of the finished run."""
    return folder.with_name(folder.name + PARTIAL)


class EngineSettings(StrictRecord):
    """`engine.toml`. `settings` are the engine's own keys; `env` is set before the engine's library is imported.

    `in_flight` is the most samples that the engine has at once. `warm_up_prompts` is how many random prompts the engine
    serves before the first run, outside any timed window.
    """

    engine: str
    in_flight: int = Field(256, ge=1)
    warm_up_prompts: int = Field(16, ge=0)
    offline_order: Literal["as_issued", "longest_first"] = "as_issued"
    settings: dict[str, Any] = Field(default_factory=dict)
    sampling: Sampling = GREEDY
    binding: Binding = UNBOUND
    env: dict[str, str] = Field(default_factory=dict)

    @field_validator("env")
    @classmethod
    def _without_secrets(cls, env: dict[str, str]) -> dict[str, str]:
        for name, value in env.items():
            if masked(name, value) != value:
                raise ValueError(f"{name} looks like a secret, and engine.toml is published: set it in the shell")
        return env


class RunPlan(StrictRecord):
    """One LoadGen run. Its logs go to `folder`; `audit` has the settings of the audit file of a compliance run.

    `keep_latencies` writes `LATENCIES` next to the logs, with one row per sample: its issue time in s after the first
    sample's, and its TTFT, TPOT and total latency in ms.
    """

    scenario: Scenario
    mode: Mode
    loadgen_model: str
    user_conf: Path
    folder: Path
    audit: dict[str, int] | None = None
    keep_latencies: bool = False
    expected_samples: int
    expected_s: float

    @property
    def label(self) -> str:
        return f"{self.scenario} {self.mode}"

    @property
    def partial_folder(self) -> Path:
        """Where the logs are as long as the run has not ended."""
        return partial_folder(self.folder)


class SessionPlan(StrictRecord):
    """All runs of one engine. `sample_limit` cuts the data set for a smoke run.

    `benchmark`, `scenarios` and `model_sha256` are for the nodes of an engine that serves on several machines: theirs
    must be the same. The scenarios are those with this engine, whatever runs there are.
    In a session that `is_network` the engine's servers are on another system than LoadGen, which asks them their names.
    A session that `goes_on` then makes the runs that it reads from standard input.
    """

    engine: EngineSettings
    engine_plan: EnginePlan
    benchmark: str = ""
    scenarios: tuple[Scenario, ...] = ()
    model_sha256: str = ""
    dataset: Path
    sample_limit: int | None = None
    runs: tuple[RunPlan, ...]
    goes_on: bool = False
    is_network: bool = False

    def fingerprint(self, run: RunPlan, dataset_sha256: str, model_sha256: str) -> str:
        """Equal for two runs that would measure the same thing; it decides whether a finished run is kept."""
        parts = [
            self.engine.model_dump_json(),
            self.engine_plan.model_dump_json(exclude={"model"}),
            run.model_dump_json(include={"scenario", "mode", "loadgen_model", "audit"}),
            run.user_conf.read_text(),
            str(self.sample_limit),
            dataset_sha256,
            model_sha256,
            *(["network"] if self.is_network else []),
        ]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()
