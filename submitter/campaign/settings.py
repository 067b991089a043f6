"""The LoadGen settings of a run: read from LoadGen or, where it is not installed, computed from the rule book.

They are computed as loadgen/mlperf.conf and test_settings_internal.cc (mlcommons/inference b66003e1) do it; a test
compares the result with LoadGen's own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from submitter.errors import InputError, NotInstalledError
from submitter.harness import loadgen
from submitter.harness.loadgen import EffectiveSettings
from submitter.model import Scenario
from submitter.rulebook import Rulebook
from submitter.units import NS_PER_MS

# loadgen/mlperf.conf: the defaults of all benchmarks.
_MIN_QUERY_COUNT = 100
_TARGET_QPS = 1.0
# LoadGen reads these keys of the Server scenario in every scenario.
_SERVER_KEYS = ("ttft_latency", "tpot_latency")


def effective_settings(
    book: Rulebook, benchmark: str, scenario: Scenario, user_conf: Path, audit: str | None = None
) -> tuple[EffectiveSettings, bool]:
    """The settings of a run of an official benchmark, and whether they were read from LoadGen.

    They are computed if LoadGen is not installed, or is that of another round: its seeds and limits would be wrong.
    InputError if `user_conf` is missing or LoadGen would refuse it. `audit` is the text of an audit file.
    """
    model = book.benchmark(benchmark).loadgen_model_for(scenario)
    try:
        if loadgen.version() in book.round.loadgen_versions:
            return loadgen.effective_settings(model, scenario, user_conf, audit), True
    except NotInstalledError:
        pass
    return computed_settings(book, benchmark, scenario, user_conf, audit), False


def computed_settings(
    book: Rulebook, benchmark: str, scenario: Scenario, user_conf: Path, audit: str | None = None
) -> EffectiveSettings:
    """The same settings, computed without LoadGen. InputError if LoadGen would refuse `user_conf` or `audit`."""
    return _computed(book, benchmark, scenario, _text(user_conf), str(user_conf), audit)


def round_settings(book: Rulebook, benchmark: str, scenario: Scenario, audit: str | None = None) -> EffectiveSettings:
    """The settings of a run without a user.conf. Its target rate is not known, so `target_qps` is 0."""
    return replace(_computed(book, benchmark, scenario, "", "", audit), target_qps=0.0)


def _computed(
    book: Rulebook, benchmark: str, scenario: Scenario, user_conf: str, where: str, audit: str | None
) -> EffectiveSettings:
    """The settings with `user_conf` as the text of the file `where`."""
    rules = book.benchmark(benchmark)
    model = rules.loadgen_model_for(scenario)
    chosen: dict[str, float] = {}
    for text, place in ((user_conf, where), (audit or "", "the audit file")):
        values = _values(text, place)
        chosen |= {key: value for key, value in _chosen(values, model, Scenario.SERVER).items() if key in _SERVER_KEYS}
        chosen |= {key: value for key, value in _chosen(values, model, scenario).items() if key not in _SERVER_KEYS}
    latency = rules.token_latency.get(Scenario.SERVER if scenario is Scenario.OFFLINE else scenario)
    offline_count = rules.offline_min_samples_per_query if scenario is Scenario.OFFLINE else None
    return EffectiveSettings(
        # LoadGen takes seeds from its built-in configuration only.
        **dict(book.seeds),
        min_duration_ms=int(chosen.get("min_duration", book.min_duration_ms(benchmark))),
        min_query_count=int(chosen.get("min_query_count", offline_count or _MIN_QUERY_COUNT)),
        target_qps=chosen.get("target_qps", _TARGET_QPS),
        performance_sample_count=int(chosen.get("performance_sample_count_override", rules.performance_sample_count)),
        sample_concatenate_permutation=bool(chosen.get("sample_concatenate_permutation", rules.equal_issue)),
        use_token_latencies=bool(chosen.get("use_token_latencies", rules.use_token_latencies)),
        ttft_limit_ns=int(chosen.get("ttft_latency", (latency.ttft_ns if latency else 0) / NS_PER_MS) * NS_PER_MS),
        tpot_limit_ns=int(chosen.get("tpot_latency", (latency.tpot_ns if latency else 0) / NS_PER_MS) * NS_PER_MS),
    )


def _text(user_conf: Path) -> str:
    try:
        return user_conf.read_text("utf-8", errors="replace")
    except OSError:
        raise InputError(
            f"{user_conf} is missing",
            "every scenario has one; submitter init writes it, and README.md of measurements, which explains it",
        ) from None


def _values(text: str, where: str) -> dict[str, float]:
    """The value of each `model.scenario.key`, as LoadGen reads a file: a line whose first word is `#` is a comment."""
    values: dict[str, float] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0] == "#":
            continue
        try:
            if words[1] != "=":
                raise ValueError
            values[words[0]] = [float(word) for word in words[2:]][-1]
        except (ValueError, IndexError):
            raise InputError(
                f"{where}: LoadGen refuses line {number}", "each line is 'model.scenario.key = value'"
            ) from None
    return values


def _chosen(values: dict[str, float], model: str, scenario: Scenario) -> dict[str, float]:
    """The value of each key for a run. The most specific line counts; a scenario is more specific than a model."""
    chosen: dict[str, float] = {}
    for prefix in ("*.*", f"{model}.*", f"*.{scenario.loadgen_name}", f"{model}.{scenario.loadgen_name}"):
        for name, value in values.items():
            if name.rpartition(".")[0] == prefix:
                chosen[name.rpartition(".")[2]] = value
    return chosen
