"""The basic types of MLPerf Inference: division, scenario, mode, and the key and figure of a result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Division(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    NETWORK = "network"


class Scenario(StrEnum):
    """With the names that the folders of a submission have."""

    OFFLINE = "Offline"
    SERVER = "Server"
    INTERACTIVE = "Interactive"
    SINGLE_STREAM = "SingleStream"
    MULTI_STREAM = "MultiStream"

    @property
    def loadgen_name(self) -> str:
        """LoadGen's name for it. LoadGen has no Interactive: it is Server with another model name and limits."""
        return Scenario.SERVER.value if self is Scenario.INTERACTIVE else self.value


class Mode(StrEnum):
    """What one LoadGen run is for; the compliance tests are performance runs with audit settings.

    The tests are those of all rounds; `compliance.runs` says which of them this version can run.
    """

    PERFORMANCE = "performance"
    ACCURACY = "accuracy"
    TEST01 = "TEST01"
    TEST04 = "TEST04"
    TEST05 = "TEST05"
    TEST06 = "TEST06"
    TEST07 = "TEST07"
    TEST08 = "TEST08"
    TEST09 = "TEST09"

    @property
    def is_compliance(self) -> bool:
        return self.value.startswith("TEST")


class Keep(StrEnum):
    """What of the system may have changed since a run that is kept all the same."""

    PACKAGES = "packages"
    DRIVER = "driver"
    HOST = "host"


@dataclass(frozen=True, order=True)
class ResultKey:
    """Identifies one result of a submission. Its text is the path of the result's folder."""

    division: str
    submitter: str
    system: str
    benchmark: str
    scenario: str

    def __str__(self) -> str:
        return f"{self.division}/{self.submitter}/results/{self.system}/{self.benchmark}/{self.scenario}"


@dataclass(frozen=True)
class Metric:
    """The figure of a result as the results table shows it."""

    value: float
    unit: str
