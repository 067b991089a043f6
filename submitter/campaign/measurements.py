"""The files of a scenario's measurements folder that a run reads: `user.conf` and `engine.toml`."""

from __future__ import annotations

from pathlib import Path

from submitter import input_file, layout
from submitter.campaign.file import BenchmarkTable, validated
from submitter.harness.plan import EngineSettings
from submitter.model import Scenario


def user_conf(table: BenchmarkTable, scenario: Scenario) -> Path:
    """The path of a scenario's user.conf, which holds LoadGen's settings."""
    return table.measurements / scenario / layout.USER_CONF


def engine_settings(table: BenchmarkTable, scenario: Scenario) -> EngineSettings:
    """The content of a scenario's engine.toml. InputError if the file is missing or has an unknown key."""
    path = table.measurements / scenario / layout.ENGINE_TOML
    data = input_file.read_toml(path, "engine settings file", "submitter init writes one; docs/engines.md describes it")
    return validated(EngineSettings, data, str(path))
