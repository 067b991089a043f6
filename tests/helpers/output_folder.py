"""The output folder of a campaign whose runs are finished, scored and assembled, made from a small valid tree."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from manifest_tree import MODES, record_of, write_manifest
from submission_tree import BENCHMARK, SYSTEM, write_tree

from submitter.campaign.journal import write_journal
from submitter.layout import ACCURACY_TEXT, VERIFY_ACCURACY
from submitter.model import Mode, Scenario
from submitter.record import RECORD, write_json_atomically, write_scored

SCENARIOS = (Scenario.OFFLINE, Scenario.SERVER)
_CAMPAIGN = f"""\
round = "v6.1"
division = "closed"
submitter = "Acme"
output = "out"
[system]
id = "{SYSTEM}"
description = "system.json"
[[benchmarks]]
name = "{BENCHMARK}"
scenarios = ["Offline", "Server"]
model = "model"
dataset = "data"
measurements = "measurements"
"""


@dataclass(frozen=True)
class Made:
    """A campaign file and its output folder. Model and data set do not exist."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "campaign.toml"

    @property
    def output(self) -> Path:
        return self.folder / "out"

    def run(self, scenario: str = "Offline", mode: str = "performance") -> Path:
        return self.output / "runs" / SYSTEM / BENCHMARK / scenario / mode


def make_output(folder: Path) -> Made:
    """Write the campaign below `folder`, which must exist."""
    made = Made(folder)
    made.file.write_text(_CAMPAIGN)
    made.output.mkdir()
    (made.output / ".lock").touch()
    tree = write_tree(made.output / "submission")
    for scenario in SCENARIOS:
        for mode in MODES:
            _write_run(made, tree.result(scenario), record_of(tree, scenario, mode).model_dump(mode="json"))
    write_manifest(tree)
    write_journal(made.output, "assembled")
    write_journal(made.output, "checked", verdict="pass")
    return made


def _write_run(made: Made, result: Path, record: dict[str, object]) -> None:
    mode = Mode(str(record["mode"]))
    run = made.run(str(record["scenario"]), mode)
    logs = {
        Mode.PERFORMANCE: "performance/run_1",
        Mode.ACCURACY: "accuracy",
        Mode.TEST06: "TEST06/performance/run_1",
    }[mode]
    shutil.copytree(result / logs, run)
    (run / "user.conf").write_text("*.Offline.target_qps = 1\n")
    write_json_atomically(run / RECORD, record)
    if mode is Mode.ACCURACY:
        write_scored(run, {}, [ACCURACY_TEXT])
    if mode is Mode.TEST06:
        shutil.copy(result / "TEST06" / VERIFY_ACCURACY, run)
        write_scored(run, {}, [VERIFY_ACCURACY])
