"""The LoadGen settings of a run: read from LoadGen or, where it is not installed, computed from the rule book.

They are computed as loadgen/mlperf.conf and test_settings_internal.cc (mlcommons/inference b66003e1) do it; a test
compares the result with LoadGen's own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from submitter.errors import NotInstalledError
from submitter.harness import loadgen
from submitter.harness.loadgen import EffectiveSettings
from submitter.harness.loadgen_keys import TOKEN_LATENCY_KEYS
from submitter.loadgen_conf import Line, read_file, read_lines, require_accepted, settings
from submitter.model import Scenario
from submitter.rulebook import Rulebook
from submitter.units import NS_PER_MS

# loadgen/mlperf.conf: the defaults of all benchmarks.
_MIN_QUERY_COUNT = 100
_TARGET_QPS = 1.0


def effective_settings(
    book: Rulebook, benchmark: str, scenario: Scenario, user_conf: Path, audit: str | None = None
) -> tuple[EffectiveSettings, bool]:
    """The settings of a run of an official benchmark, and whether they were read from LoadGen.

    They are computed if LoadGen is not installed, or is that of another round: its seeds and limits would be wrong.
    InputError if `user_conf` is missing or LoadGen would refuse it. `audit` is the text of an audit file.
    """
    model = book.benchmark(benchmark).loadgen_model_for(scenario)
    try:
        loadgen.require_for(book)
        return loadgen.effective_settings(model, scenario, user_conf, audit), True
    except NotInstalledError:
        return computed_settings(book, benchmark, scenario, user_conf, audit), False


def computed_settings(
    book: Rulebook, benchmark: str, scenario: Scenario, user_conf: Path, audit: str | None = None
) -> EffectiveSettings:
    """The same settings, computed without LoadGen. InputError if LoadGen would refuse `user_conf` or `audit`."""
    book.benchmark(benchmark).loadgen_model_for(scenario)  # what is wrong with the scenario comes before the file
    return _computed(book, benchmark, scenario, read_file(user_conf), str(user_conf), audit)


def round_settings(book: Rulebook, benchmark: str, scenario: Scenario, audit: str | None = None) -> EffectiveSettings:
    """The settings of a run without a user.conf. Its target rate is not known, so `target_qps` is 0."""
    return replace(_computed(book, benchmark, scenario, [], "", audit), target_qps=0.0)


def _computed(
    book: Rulebook, benchmark: str, scenario: Scenario, user_conf: list[Line], where: str, audit: str | None
) -> EffectiveSettings:
    """The settings with the lines `user_conf` of the file `where`."""
    rules = book.benchmark(benchmark)
    model = rules.loadgen_model_for(scenario)
    chosen: dict[str, Line] = {}
    for lines, place in ((user_conf, where), (list(read_lines(audit or "")), "the audit file")):
        require_accepted(lines, place)
        of_server = settings(lines, model, Scenario.SERVER.value)
        of_run = settings(lines, model, scenario.loadgen_name)
        chosen |= {key: line for key, line in of_server.items() if key in TOKEN_LATENCY_KEYS}
        chosen |= {key: line for key, line in of_run.items() if key not in TOKEN_LATENCY_KEYS}

    def count(key: str, built_in: int) -> int:
        return chosen[key].count_value if key in chosen else built_in

    latency = rules.token_latency.get(Scenario.SERVER if scenario is Scenario.OFFLINE else scenario)
    offline_count = rules.offline_min_samples_per_query if scenario is Scenario.OFFLINE else None
    return EffectiveSettings(
        # LoadGen takes seeds from its built-in configuration only.
        **dict(book.seeds),
        min_duration_ms=count("min_duration", book.min_duration_ms(benchmark)),
        max_duration_ms=count("max_duration", 0),
        min_query_count=count("min_query_count", offline_count or _MIN_QUERY_COUNT),
        max_query_count=count("max_query_count", 0),
        target_qps=chosen["target_qps"].number_value if "target_qps" in chosen else _TARGET_QPS,
        performance_sample_count=count("performance_sample_count_override", rules.performance_sample_count),
        sample_concatenate_permutation=count("sample_concatenate_permutation", rules.equal_issue) == 1,
        use_token_latencies=count("use_token_latencies", rules.use_token_latencies) == 1,
        ttft_limit_ns=_limit_ns(chosen.get("ttft_latency"), latency.ttft_ns if latency else 0),
        tpot_limit_ns=_limit_ns(chosen.get("tpot_latency"), latency.tpot_ns if latency else 0),
    )


def _limit_ns(line: Line | None, built_in: int) -> int:
    return built_in if line is None else line.count_value * NS_PER_MS
