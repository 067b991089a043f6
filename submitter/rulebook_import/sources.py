"""Where in the official checkout each drafted value is from, as the comments of a round's file name it."""

from __future__ import annotations

from fnmatch import fnmatchcase

_CONFIG = "MODEL_CONFIG"
_SOURCES = {
    "round.loadgen_*": "loadgen/VERSION.txt",
    "round.min_duration_ms": "TEST_DURATION_MS",
    "round.accuracy_log_max_bytes": "MAX_ACCURACY_LOG_SIZE",
    "round.file_max_bytes": "FILE_SIZE_LIMIT_MB",
    "seeds": f'{_CONFIG}["seeds"], LoadGen',
    "metric": "RESULT_FIELD_NEW; LoadGen logs Interactive as Server",
    "unit": "UNIT_DICT; until v5.1 unit_dict",
    "system.statuses": "VALID_AVAILABILITIES",
    "system.required_fields": "SYSTEM_DESC_REQUIRED_FIELDS",
    "system.meaningful_fields": "SYSTEM_DESC_MEANINGFUL_RESPONSE_REQUIRED_FIELDS",
    "system.network_fields": "SYSTEM_DESC_REQUIRED_FIELDS_NETWORK_MODE",
    "system.network_sut_name": "NETWORK_MODE_REQUIRED_SUBSTRING_IN_SUT_NAME",
    "measurements.required_files": "REQUIRED_MEASURE_FILES",
    "measurements.required_fields": "SYSTEM_IMP_REQUIRED_FILES",
    "model_mapping": f'{_CONFIG}["model_mapping"]',
    "ignored_errors": f'{_CONFIG}["ignore_errors"]',
    "compliance.*.audit": "audit.config, what all of the test's files have",
    "compliance.*.performance_files": "REQUIRED_COMP_PER_FILES",
    "compliance.*.delta_files": "REQUIRED_TEST01_ACC_FILES",
    "compliance.*.seeds": f'{_CONFIG}["test05_seeds"]',
    "endpoints.models": "ENDPOINTS_ALLOWED_MODELS",
    "endpoints.metric": "RESULT_FIELD_ENDPOINTS",
    "endpoints.audits": "ENDPOINTS_COMPLIANCE_MAPPING",
    "endpoints.mean_output_tokens": "TEST09_LOW, TEST09_HIGH",
    "accuracy_patterns": "ACC_PATTERN: how a metric is written in a line of accuracy.txt",
    "accuracy_column": "ACC_PATTERN: the name of a metric in the summary, where it differs from that in accuracy.txt",
    "power.ptdaemon_versions": "SUPPORTED_VERSION of power_checker.py",
    "power.analyzers": "SUPPORTED_MODEL of power_checker.py",
    "power.clock_tolerance_ms": "TIME_DELTA_TOLERANCE of power_checker.py",
    "power.sources": "sources_checksums.json",
    "power.nameplate": "NAMEPLATE_POWER_PATH",
}
OF_BENCHMARKS = f"""\
The benchmarks. From {_CONFIG}: scenarios ("required-scenarios-*", "optional-scenarios-*"; one_of where Server and
Interactive are optional), dataset_size, performance_sample_count, accuracy_sample_count, min_query_count
("min-queries"), latency_ns ("latency-constraint"), accuracy and accuracy_of ("accuracy-target",
"accuracy-upper-limit"), compliance ("models_TEST*"; until v5.1 check_compliance_dir), compliance_delta
("accuracy-delta-perc", get_delta_perc). From other tables: offline_min_samples_per_query OFFLINE_MIN_SPQ_SINCE_V4,
metric RESULT_FIELD_BENCHMARK_OVERWRITE, unit SPECIAL_UNIT_DICT, token_latency LLM_LATENCY_LIMITS, accuracy_files
REQUIRED_ACC_BENCHMARK. From functions: use_token_latencies get_llm_models (until v5.1 check_performance_dir),
min_duration_ms min_duration_check. From LoadGen: loadgen_model and loadgen_model_interactive (the sections of
mlperf.conf), equal_issue (sample_concatenate_permutation; until v5.1 requires_equal_issue). From the audit files of
single benchmarks: audit, what is not in the test's own table."""


def source(path: tuple[str, ...]) -> str:
    """Where the value at this path is from; empty for what is clear, or said once for all benchmarks."""
    dotted = ".".join(path)
    return next((where for pattern, where in _SOURCES.items() if fnmatchcase(dotted, pattern)), "")
