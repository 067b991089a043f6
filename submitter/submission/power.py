"""The session records of a power measurement (client.json, server.json), and the energy figure of a measurement.

Official: get_power_metric of the submission checkers (from v6.0 on checks/power_check.py), power_checker.py.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from submitter.model import Metric, Scenario
from submitter.quoting import shown
from submitter.submission.ptdaemon import Malformed
from submitter.units import MJ_PER_J

_SAMPLES_PER_QUERY = {Scenario.SINGLE_STREAM: 1, Scenario.MULTI_STREAM: 8}
WATTS, MILLIJOULES = "Watts", "millijoules"


class PowerSession:
    """client.json or server.json: the record of one side of the power workflow. Values are checked on access."""

    def __init__(self, path: PurePosixPath, content: dict[str, Any]) -> None:
        self.path = path
        self.content = content

    def get(self, *keys: str | int) -> Any:
        """The value at this path of keys and indexes; Malformed if there is none."""
        value: Any = self.content
        for depth, key in enumerate(keys):
            is_container = isinstance(value, list if isinstance(key, int) else dict)
            if not is_container or (key >= len(value) if isinstance(key, int) else key not in value):
                raise Malformed(f"there is no {_quoted(keys[: depth + 1])}")
            value = value[key]
        return value

    def text(self, *keys: str | int) -> str:
        value = self.get(*keys)
        if not isinstance(value, str):
            raise Malformed(f"{_quoted(keys)} is not text but {shown(value)}")
        return value

    def number(self, *keys: str | int) -> float:
        value = self.get(*keys)
        if not isinstance(value, (int, float)):
            raise Malformed(f"{_quoted(keys)} is not a number but {shown(value)}")
        return value

    def count(self, *keys: str | int) -> int:
        """How many items a list, an object or a text has."""
        value = self.get(*keys)
        if not isinstance(value, (list, dict, str)):
            raise Malformed(f"{_quoted(keys)} is not a list but {shown(value)}")
        return len(value)

    def table(self, *keys: str | int) -> dict[str, Any]:
        value = self.get(*keys)
        if not isinstance(value, dict):
            raise Malformed(f"{_quoted(keys)} is not an object but {shown(value)}")
        return value

    @property
    def commands(self) -> list[str]:
        """The commands that were sent to PTDaemon, in order."""
        return [self.text("ptd_messages", i, "cmd") for i in range(self.count("ptd_messages"))]

    def reply(self, index: int) -> str:
        """PTDaemon's reply to the command at this index."""
        return self.text("ptd_messages", index, "reply")


def _quoted(keys: tuple[str | int, ...]) -> str:
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return f"'{text.removeprefix('.')}'"


def is_energy_per_query(scenario: Scenario) -> bool:
    """Whether the power figure of a scenario is the energy per query, not the power of the run."""
    return scenario in _SAMPLES_PER_QUERY


def energy_metric(watts: float, duration_s: float, query_count: int, scenario: Scenario, ran: str) -> Metric:
    """The energy per query in mJ, for a result in `scenario` whose log is of a run in the scenario `ran`."""
    energy_mj = watts * duration_s * MJ_PER_J / query_count
    # An inferred MultiStream query is made of eight of the SingleStream queries that were run.
    if scenario is Scenario.MULTI_STREAM and ran == Scenario.SINGLE_STREAM:
        energy_mj *= _SAMPLES_PER_QUERY[scenario]
    return Metric(energy_mj, MILLIJOULES)
