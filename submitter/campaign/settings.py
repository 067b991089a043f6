"""The LoadGen settings of a run: asked of LoadGen itself or, where it is not installed, worked out from the rule book.

What we work out is what LoadGen's loadgen/mlperf.conf and test_settings_internal.cc (mlcommons/inference b66003e1)
come to; a test compares the two.
"""

from __future__ import annotations

from pathlib import Path

from submitter.errors import InputError, NotInstalledError
from submitter.harness import loadgen
from submitter.harness.loadgen import EffectiveSettings
from submitter.model import Scenario
from submitter.rulebook import Rulebook

# loadgen/mlperf.conf: for every benchmark that says nothing else.
_MIN_QUERY_COUNT = 100
_TARGET_QPS = 1.0
_NS_PER_MS = 1_000_000
_OF_SERVER = ("ttft_latency", "tpot_latency")


def effective_settings(
    book: Rulebook, benchmark: str, scenario: Scenario, user_conf: Path, audit: str | None = None
) -> tuple[EffectiveSettings, bool]:
    """The settings of a run of an official benchmark, and whether LoadGen itself gave them.

    InputError if `user_conf` is missing or LoadGen would refuse it. `audit` is the text of an audit file.
    """
    model = book.benchmark(benchmark).loadgen_model_for(scenario)
    try:
        return loadgen.effective_settings(model, scenario, user_conf, audit), True
    except NotInstalledError:
        return worked_out(book, benchmark, scenario, user_conf, audit), False


def worked_out(
    book: Rulebook, benchmark: str, scenario: Scenario, user_conf: Path, audit: str | None = None
) -> EffectiveSettings:
    """The same without LoadGen."""
    rules = book.benchmark(benchmark)
    model = rules.loadgen_model_for(scenario)
    chosen: dict[str, float] = {}
    for text, where in ((_text(user_conf), str(user_conf)), (audit or "", "the audit file")):
        values = _values(text, where)
        # The latencies are Server's in every scenario.
        chosen |= {key: value for key, value in _chosen(values, model, Scenario.SERVER).items() if key in _OF_SERVER}
        chosen |= {key: value for key, value in _chosen(values, model, scenario).items() if key not in _OF_SERVER}
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
        ttft_limit_ns=int(chosen.get("ttft_latency", (latency.ttft_ns if latency else 0) / _NS_PER_MS) * _NS_PER_MS),
        tpot_limit_ns=int(chosen.get("tpot_latency", (latency.tpot_ns if latency else 0) / _NS_PER_MS) * _NS_PER_MS),
    )


def _text(user_conf: Path) -> str:
    try:
        return user_conf.read_text("utf-8", errors="replace")
    except OSError:
        raise InputError(
            f"{user_conf} is missing", "every scenario needs its user.conf; see measurements/README.md"
        ) from None


def _values(text: str, where: str) -> dict[str, float]:
    """`model.scenario.key` to its value, as LoadGen reads a file: a comment is a line that begins with a lone `#`."""
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
    """The keys that concern a run; the more exact name of a key counts, the scenario before the model."""
    chosen: dict[str, float] = {}
    for prefix in ("*.*", f"{model}.*", f"*.{scenario.loadgen_name}", f"{model}.{scenario.loadgen_name}"):
        for name, value in values.items():
            if name.rpartition(".")[0] == prefix:
                chosen[name.rpartition(".")[2]] = value
    return chosen
