"""What no constant of the official checker says, and where to read it: in its code, in the written rules, elsewhere."""

from __future__ import annotations

from fnmatch import fnmatchcase

# The first pattern that fits a value's path in a round's file counts. Places are functions or files of the checker.
PLACES = {
    "round.loadgen_version*": "the versions of LoadGen with these seeds: git log -S SEED -- loadgen/mlperf.conf",
    "round.loadgen_package": "the newest mlcommons-loadgen on PyPI with these seeds",
    "round.equal_issue_divisions": "requires_equal_issue",
    "round.offline_minimum_divisions": "where OFFLINE_MIN_SPQ_SINCE_V4 is used",
    "round.accuracy_run_files": "whether REQUIRED_ACC_FILES is used",
    "checker.source": "the commit",
    "round.source": "the commit",
    "checker.*": "the checker's code, rule by rule",
    "metric_divisor": "get_performance_metric_check",
    "system.system_types": "system_type_check; until v5.1 valid_system_types",
    "system.*": "checks/system_check.py",
    "measurements.power_files": "whether REQUIRED_POWER_MEASURE_FILES is used",
    "measurements.*": "checks/measurements_checks.py",
    "summary*": "results.py, ResultExporter",
    "model_guesses": "get_mlperf_model",
    "compliance.*.audit": "compliance/TEST: which settings are of the test, and which of one benchmark",
    "compliance.*.verify*": "compliance_check.py, and what compliance/TEST/run_verification.py writes",
    "compliance.*.accuracy_delta": "get_delta_perc",
    "compliance.*": "checks/compliance_check.py",
    "endpoints.scored": "accuracy_result_check",
    "endpoints.*": "checks/compliance_check.py, checks/accuracy_check.py",
    "accuracy_column": "results.py, ResultExporter",
    "power.*": "checks/power/power_checker.py",
    "models.*": "config.json of the repository that the README of the reference implementation names",
    "benchmarks.*.dataset_size": "the README of the reference implementation",
    "benchmarks.*.loadgen_model*": "the reference implementation's call of FromConfig",
    "benchmarks.*.model": "the README of the reference implementation",
    "benchmarks.*.max_new_tokens": "inference_policies, inference_rules.adoc, the table of benchmarks",
    "benchmarks.*.min_new_tokens": "the SUT of the reference implementation",
    "benchmarks.*.eos_token_id": "compliance/TEST06/run_verification.py, and the tokenizer's configuration",
    "benchmarks.*.bos_token_id": "the tokenizer's configuration",
    "benchmarks.*.written_accuracy": "inference_policies, and the README of the reference implementation",
    "benchmarks.*.metric_divisor": "get_performance_metric_check",
    "benchmarks.*.use_token_latencies": "get_llm_models; until v5.1 check_performance_dir",
    "benchmarks.*.equal_issue": "requires_equal_issue",
    "benchmarks.*.min_duration_ms": "min_duration_check",
    "benchmarks.*.compliance": "check_compliance_dir",
    "benchmarks.*.compliance_delta": "get_delta_perc",
    "benchmarks.*.audit": "compliance/TEST/BENCHMARK/audit.config",
    # Whatever else is kept: a key that a later version of the rule book has.
    "*": "the checker's code",
}
# What a language benchmark needs to be run, and no constant says.
FOR_RUNS = ("model", "max_new_tokens", "min_new_tokens", "eos_token_id")


def place(path: tuple[str, ...]) -> str:
    """Where to read the value at this path of a round's file."""
    dotted = ".".join(path)
    return next(where for pattern, where in PLACES.items() if fnmatchcase(dotted, pattern))
