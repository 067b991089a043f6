"""The official checker's constants with their types: what is drafted is what has the structure that we know."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import msgspec

from submitter.errors import InputError
from submitter.model import Scenario
from submitter.quoting import printable
from submitter.rulebook_import.checkout import Checkout

Scenarios = dict[str, list[Scenario]]
_TESTS = "models_TEST"
_NEW_STRUCTURE = (
    "the official checker has a new structure: write this round's file by hand, see CONTRIBUTING, Add a round"
)
_LATER = "take a checkout that has it, or write this round's file by hand: see CONTRIBUTING, Add a round"
# Constants that say nothing of a rule book: they are used by the constants that are read, layout.py has them (paths),
# all rounds have the same, only some rounds need them, the official checker does not use them, or only its code says.
_NOT_FOR_RULE_BOOKS = (
    *("MS_TO_NS", "S_TO_MS", "*_PATH", "ENDPOINTS_SCENARIO_DIR", "ENDPOINTS_MAPPINGS", "ENDPOINTS_*_FIELD_MAP"),
    *("ENDPOINTS_JSON_ALT_PATHS", "ENDPOINTS_INFERRED_FIELDS", "RESULT_FIELD", "SCENARIO_MAPPING", "POWER_UNIT_DICT"),
    *("VALID_DIVISIONS", "REQUIRED_PERF_FILES", "OPTIONAL_PERF_FILES", "REQUIRED_PERF_POWER_FILES"),
    *("REQUIRED_POWER_FILES", "REQUIRED_ACC_FILES", "REQUIRED_POWER_MEASURE_FILES", "REQUIRED_TEST01_ACC_FILES_1"),
    *(
        "REQUIRED_TEST01_ACC_FILES",
        "REQUIRED_COMP_PER_FILES",
        "OFFLINE_MIN_SPQ",
        "TEST_DURATION_MS_PRE_1_0",
        "SYSTEM_DESC_IS_NETWORK_MODE",
    ),
    *("SYSTEM_DESC_NUMERIC_RESPONSE_REQUIRED_FIELDS", "SYSTEM_DESC_*_POWER"),
)


class RoundConfig(msgspec.Struct, frozen=True, kw_only=True):
    """MODEL_CONFIG of one round; tables are by the benchmark's official name."""

    models: list[str]
    seeds: dict[str, int]
    test05_seeds: dict[str, int] | None = None
    model_mapping: dict[str, str]
    ignore_errors: list[str] = []
    required_datacenter: Scenarios = msgspec.field(name="required-scenarios-datacenter")
    optional_datacenter: Scenarios = msgspec.field(name="optional-scenarios-datacenter")
    required_edge: Scenarios = msgspec.field(name="required-scenarios-edge")
    optional_edge: Scenarios = msgspec.field(name="optional-scenarios-edge")
    required_both: Scenarios = msgspec.field(name="required-scenarios-datacenter-edge")
    optional_both: Scenarios = msgspec.field(name="optional-scenarios-datacenter-edge")
    accuracy_target: dict[str, tuple[Any, ...] | dict[str, tuple[Any, ...]]] = msgspec.field(name="accuracy-target")
    accuracy_upper_limit: dict[str, tuple[Any, ...]] = msgspec.field(name="accuracy-upper-limit", default={})
    accuracy_delta_percent: dict[str, dict[str, float]] = msgspec.field(name="accuracy-delta-perc", default={})
    performance_sample_count: dict[str, int] = msgspec.field(name="performance-sample-count")
    accuracy_sample_count: dict[str, int | dict[Scenario, int]] = msgspec.field(
        name="accuracy-sample-count", default={}
    )
    dataset_size: dict[str, int] = msgspec.field(name="dataset-size", default={})
    """Empty until v5.0."""
    latency_constraint: dict[str, dict[Scenario, int]] = msgspec.field(name="latency-constraint", default={})
    min_queries: dict[str, dict[Scenario, int]] = msgspec.field(name="min-queries", default={})


class Official:
    """What the checker in a checkout says of one round; InputError if it does not know the round."""

    def __init__(self, checkout: Checkout, round_name: str) -> None:
        self.checkout, self.round = checkout, round_name
        self.source = checkout.constants
        self.file = str(self.source.path)
        self._read = {"MODEL_CONFIG"}
        rounds = typed(self.source.constant("MODEL_CONFIG"), dict[str, dict[str, Any]], f"{self.file}: MODEL_CONFIG")
        if round_name not in rounds:
            known = printable(", ".join(sorted(rounds)))
            raise InputError(
                f"{self.file}: MODEL_CONFIG has no round {round_name}",
                f"it has {known}: take a later checkout, or name one of these",
            )
        config = rounds[round_name]
        self.config = typed(config, RoundConfig, f'{self.file}: MODEL_CONFIG["{round_name}"]')
        strange = next((name for name in self.config.models if not name.isprintable()), None)
        if strange is not None:
            raise InputError(f"{self.file}: '{printable(strange)}' is not the name of a benchmark", _NEW_STRUCTURE)
        named = {field.encode_name for field in msgspec.structs.fields(RoundConfig)}
        self.unknown = sorted(key for key in config if key not in named and not key.startswith(_TESTS))
        """Keys of the round that nothing here reads."""
        self._tests = {
            key.removeprefix("models_"): typed(models, list[str], f'{self.file}: MODEL_CONFIG["{round_name}"]["{key}"]')
            for key, models in config.items()
            if key.startswith(_TESTS)
        }

    def get(self, name: str, kind: Any) -> Any:
        """The constant `name`, as a value of the type `kind`; InputError if it is missing or of another type."""
        self._read.add(name)
        return typed(self.source.constant(name), kind, f"{self.file}: {name}")

    def optional(self, name: str, kind: Any, otherwise: Any) -> Any:
        """The constant `name`, or `otherwise` if the checker has none."""
        return self.get(name, kind) if name in self.source else otherwise

    def of_benchmark(self, table: dict[str, Any], benchmark: str, what: str) -> Any:
        """The entry of a benchmark in a table that must have one; InputError if it has none."""
        if benchmark not in table:
            raise InputError(f'{self.file}: MODEL_CONFIG["{self.round}"]["{what}"] has no {benchmark}', _LATER)
        return table[benchmark]

    @property
    def unread(self) -> list[str]:
        """The checker's constants that nothing here reads, and that are not known to say nothing of a rule book."""
        return [
            name
            for name in self.source.constants()
            if name not in self._read and not any(fnmatchcase(name, each) for each in _NOT_FOR_RULE_BOOKS)
        ]

    @property
    def tests(self) -> dict[str, list[str]] | None:
        """The benchmarks of each compliance test; None if the checker does not list them, as until v5.1."""
        return self._tests or None


def typed(value: Any, kind: Any, place: str) -> Any:
    """`value` as msgspec converts it to `kind`; InputError with the place in the checker if it is something else."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at ")
        inside = f" at {at.strip('`')}" if at else ""
        raise InputError(printable(f"{place}{inside}: {what[0].lower()}{what[1:]}"), _NEW_STRUCTURE) from None
