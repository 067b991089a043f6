"""All tables of a round's file but the benchmarks, as far as a file of the official checkout says what is in them."""

from __future__ import annotations

import re
from typing import Any

from submitter import input_file
from submitter.errors import InputError
from submitter.model import Scenario
from submitter.rulebook_import.benchmarks import metric_names, round_metric, units
from submitter.rulebook_import.constants import Official, typed
from submitter.rulebook_import.literals import Source

Table = dict[str, Any]


def tables(official: Official, last: Table, benchmarks: dict[str, Table]) -> Table:
    """The tables by name, as in a round's file. `last` is the round before, `benchmarks` those of this round."""
    constants, checkout = official.get, official.checkout
    commit = checkout.commit
    source = f"mlcommons/inference {commit}" if commit else "mlcommons/inference"
    version = {"loadgen_versions": [checkout.loadgen_version], "loadgen_package": checkout.loadgen_version}
    used = {metric for each in benchmarks.values() for metric in _metrics(each)}
    names = metric_names(official)
    test05 = official.config.test05_seeds
    found: Table = {
        "round": {
            "name": official.round,
            "source": source,
            **(version if checkout.loadgen_version else {}),
            "min_duration_ms": constants("TEST_DURATION_MS", int),
            "accuracy_log_max_bytes": constants("MAX_ACCURACY_LOG_SIZE", int),
            "file_max_bytes": constants("FILE_SIZE_LIMIT_MB", int) * constants("MB_TO_BYTES", int),
        },
        "seeds": official.config.seeds,
        "checker": {"source": f"{source}, {checkout.checker}"},
        "metric": round_metric(official),
        "unit": {each: unit for each, unit in units(official)[0].items() if each in round_metric(official)},
        "system": {
            "statuses": constants("VALID_AVAILABILITIES", list[str]),
            "required_fields": constants("SYSTEM_DESC_REQUIRED_FIELDS", list[str]),
            "meaningful_fields": constants("SYSTEM_DESC_MEANINGFUL_RESPONSE_REQUIRED_FIELDS", list[str]),
            "network_fields": constants("SYSTEM_DESC_REQUIRED_FIELDS_NETWORK_MODE", list[str]),
            "network_sut_name": constants("NETWORK_MODE_REQUIRED_SUBSTRING_IN_SUT_NAME", str),
        },
        "measurements": {
            "required_files": constants("REQUIRED_MEASURE_FILES", list[str]),
            "required_fields": constants("SYSTEM_IMP_REQUIRED_FILES", list[str]),
        },
        "model_mapping": official.config.model_mapping,
        "ignored_errors": official.config.ignore_errors,
        "compliance": {test: _compliance(official, test, last) for test in _tests(official, last, benchmarks)},
        "accuracy_patterns": {
            ours: _pattern(pattern)
            for theirs, pattern in constants("ACC_PATTERN", dict[str, str]).items()
            if (ours := names[theirs]) in used
        },
        "power": _power(official, last["power"]),
    }
    if "accuracy_column" in last:
        found["accuracy_column"] = {ours: theirs for theirs, ours in names.items() if ours != theirs and ours in used}
    if test05 and "TEST05" in found["compliance"]:
        found["compliance"]["TEST05"]["seeds"] = test05
    if "ENDPOINTS_ALLOWED_MODELS" in official.source:
        # Whether a score counts is in the code.
        scored: Table = {} if "endpoints" in last else {"scored": []}
        found["endpoints"] = _endpoints(official) | scored
    return found


def benchmark_audits(official: Official, name: str, compliance: Table) -> Table:
    """The LoadGen settings that a test has for one benchmark alone, by test; `compliance` is the round's table.

    Of tests all of whose files are for one benchmark by its official name, and not for a model of several.
    """
    found: Table = {}
    for test, files in official.checkout.audits.items():
        if name in files and set(files) <= set(official.config.models):
            common = compliance.get(test, {}).get("audit", {})
            own = {key: value for key, value in sorted(files[name]) if key not in common}
            if own:
                found[test] = own
    return found


def _metrics(benchmark: Table) -> set[str]:
    return {metric for targets in (benchmark["accuracy"], *benchmark["accuracy_of"].values()) for metric in targets}


def _tests(official: Official, last: Table, benchmarks: dict[str, Table]) -> list[str]:
    """The round's compliance tests; those of the round before where the checker does not list them."""
    if official.tests is not None:
        return sorted(official.tests)
    required = {test for each in benchmarks.values() for test in each.get("compliance", ())}
    return sorted(required) or list(last["compliance"])


def _compliance(official: Official, test: str, last: Table) -> Table:
    before = last["compliance"].get(test, {})
    files = official.checkout.audits.get(test, {})
    found: Table = {}
    if files:
        common = set.intersection(*files.values())
        # With one file, only the round before says which settings are the test's and which the benchmark's.
        kept = before.get("audit") if len(files) == 1 and "audit" in before else None
        found["audit"] = {key: value for key, value in sorted(common) if kept is None or key in kept}
    if before.get("performance_judged"):
        found["performance_files"] = official.get("REQUIRED_COMP_PER_FILES", list[str])
    if test == "TEST01":
        found["delta_files"] = official.get("REQUIRED_TEST01_ACC_FILES", list[str])
    return found


def _pattern(official: str) -> str:
    """The same regular expression without what makes no difference to `re.match`, and to its first group."""
    short = re.sub(r"('\?)?\.\*$", "", official.removeprefix("^"))
    short = re.sub(r"\\([\"':])", r"\1", short).replace(r"[\d\.]", r"[\d.]").replace(r"[0-9\.]", "[0-9.]")
    return re.sub(r"(?<!\\)([{}])", r"\\\1", short)


def _endpoints(official: Official) -> Table:
    kind = dict[str, dict[str, str]]
    named = {each.value.lower(): each.value for each in Scenario}
    metric = official.optional("RESULT_FIELD_ENDPOINTS", kind, {}).get(official.round, {})
    found: Table = {
        "models": official.get("ENDPOINTS_ALLOWED_MODELS", list[str]),
        "metric": {named[each.lower()]: key for each, key in metric.items() if each.lower() in named},
        "audits": official.optional("ENDPOINTS_COMPLIANCE_MAPPING", dict[str, str], {}),
    }
    if "TEST09_LOW" in official.source:
        limits = [official.get("TEST09_LOW", float), official.get("TEST09_HIGH", float)]
        found["mean_output_tokens"] = {"TEST09": limits}
    return found


def _power(official: Official, last: Table) -> Table:
    folder = official.checkout.power
    found: Table = {}
    if (folder / "power_checker.py").is_file():
        code = Source(folder / "power_checker.py")
        where = str(code.path)
        found["analyzers"] = typed(code.constant("SUPPORTED_MODEL"), dict[str, int], f"{where}: SUPPORTED_MODEL")
        found["ptdaemon_versions"] = typed(code.constant("SUPPORTED_VERSION"), list[str], f"{where}: SUPPORTED_VERSION")
        found["clock_tolerance_ms"] = typed(
            code.constant("TIME_DELTA_TOLERANCE"), int, f"{where}: TIME_DELTA_TOLERANCE"
        )
    if (folder / "sources_checksums.json").is_file():
        found["sources"] = _sources(folder / "sources_checksums.json", last["sources"])
    paths = official.optional("NAMEPLATE_POWER_PATH", dict[str, str], {})
    found["nameplate"] = official.round in paths
    return found


def _sources(path: Any, last: Table) -> Table:
    """The checksums; of several versions that of the round before, else the one that is named last."""
    import msgspec

    try:
        versions = msgspec.json.decode(input_file.read_bytes(path), type=dict[str, str] | list[dict[str, str]])
    except msgspec.MsgspecError as error:
        raise InputError(f"{path}: {error}", "take the file as MLCommons has it") from None
    if isinstance(versions, dict):
        return versions
    return last if last in versions or not versions else versions[-1]
