"""CON: a run's detail log against other files: LoadGen's summary, the score, the described hardware."""

from __future__ import annotations

from collections.abc import Iterator

from submitter import layout
from submitter.checker.finding import Problem
from submitter.checker.hardware import token_bound
from submitter.checker.registry import rule
from submitter.checker.rules._shared import LOG_COMPLETE, log_problem
from submitter.model import Scenario
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission import latencies
from submitter.submission.accuracy_text import values
from submitter.submission.files import TEXT_LIMIT_BYTES, Unavailable
from submitter.submission.latencies import number
from submitter.submission.runs import PerformanceRun

# The names of the summary's lines, and the keys of the same figures in the detail log.
_SUMMARY_KEYS = {
    "Result is": "result_validity",
    "Samples per second": "result_samples_per_second",
    "Tokens per second": "result_tokens_per_second",
    "Completed samples per second": "result_completed_samples_per_sec",
    "Completed tokens per second": "result_completed_tokens_per_second",
    "Scheduled samples per second": "result_scheduled_samples_per_sec",
    "99.00 percentile first token latency (ns)": latencies.TTFT.key("99.00"),
    "99.00 percentile time to output token (ns)": latencies.TPOT.key("99.00"),
    "target_qps": "effective_target_qps",
    "min_duration (ms)": "effective_min_duration_ms",
    "min_query_count": "effective_min_query_count",
}
_SUMMARY_LATENCY = "99.00 percentile latency (ns)"
# The summary prints some figures with two decimal places.
_SUMMARY_ABSOLUTE = 0.0051
_SUMMARY_RELATIVE = 2e-5
_SHOWN_CHARACTERS = 40


@rule(
    "CON004",
    requires=LOG_COMPLETE,
    origin="integrity",
    source="LoadGen results.cc, LogSummary and LogDetail",
    hint="copy both logs again: they must be of one run",
)
def summary_of_the_same_run(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The summary and the detail log agree, so they are of one run."""
    path = run.path / layout.SUMMARY_LOG
    try:
        text = run.files.text(path, TEXT_LIMIT_BYTES)
    except Unavailable:
        return  # the STR rules report it
    multi_stream = latencies.scenario_of(run.log) is Scenario.MULTI_STREAM
    latency = (latencies.QUERY_LATENCY if multi_stream else latencies.LATENCY).key("99.00")
    for line_number, line in enumerate(text.split("\n"), start=1):
        name, colon, stated = (part.strip() for part in line.partition(":"))
        key = latency if name == _SUMMARY_LATENCY else _SUMMARY_KEYS.get(name)
        if not colon or key is None or key not in run.log:
            continue
        if not _same(stated, run.log[key], whole=key.endswith("_ns")):
            yield Problem(
                f"'{name}' differs from the detail log",
                found=stated[:_SHOWN_CHARACTERS],
                required=shown(run.log[key]),
                path=str(path),
                line=line_number,
            )


def _same(stated: str, value: object, *, whole: bool) -> bool:
    """Whether the summary's text and the detail log's value are the same figure.

    They must be equal to the last digit where both logs print whole numbers.
    """
    if whole or isinstance(value, bool) or not isinstance(value, (int, float)):
        return stated == str(value)
    try:
        return abs(float(stated) - value) <= max(_SUMMARY_ABSOLUTE, _SUMMARY_RELATIVE * abs(value))
    except (ValueError, OverflowError):
        return False


# In published results the two lengths differ by at most 2.3 %.
_LENGTH_TOLERANCE = 0.1
_TOKEN_RATES = (
    ("result_completed_tokens_per_second", "result_completed_samples_per_sec"),
    ("result_tokens_per_second", "result_samples_per_second"),
)


@rule(
    "CON006",
    requires=[*LOG_COMPLETE, "STR003"],
    origin="integrity",
    severity="warning",
    source="inference_rules.adoc: one model and one data set in both modes; LoadGen's token counts",
    hint="make both runs with the same model, data set and token limit",
)
def answers_as_long_as_scored_ones(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The answers of the performance run are as long as those that were scored."""
    mean, key = _mean_tokens(run)
    scored = run.result.accuracy.score_text
    if mean is None:
        return
    for found, line in values(scored, "tokens_per_sample", book.accuracy_patterns):
        if found > 0 and abs(mean / found - 1) > _LENGTH_TOLERANCE:
            message = "the answers are not as long as the scored ones"
            required = f"{found:g}, as in line {line} of accuracy.txt"
            yield log_problem(run, key, message, found=f"{mean:.1f} tokens", required=required)


@rule(
    "CON007",
    requires=[*LOG_COMPLETE, "SYS001"],
    origin="integrity",
    severity="warning",
    source="submitter: hardware.toml; accelerators' data sheets and models' sizes",
    hint="check that the description has all accelerators of the run, and that the log is of this benchmark",
)
def possible_on_the_described_hardware(run: PerformanceRun, book: Rulebook) -> Iterator[Problem]:
    """The described accelerators can compute this many tokens.

    Each output token takes two operations for each active weight of the model. Published results reach at most a third
    of the rate that follows from that. The rule does not apply to the open division, where the model may be smaller.
    """
    if not run.result.is_closed:
        return
    bound = token_bound(run.result.system.description, run.result.official_name)
    for key, _ in _TOKEN_RATES if bound else ():
        rate = number(run.log, key)
        if bound and rate is not None and rate > bound.tokens_per_s:
            message = "the described accelerators cannot generate this many tokens"
            yield log_problem(run, key, message, found=f"{rate:,.0f} tokens/s", required=str(bound))


def _mean_tokens(run: PerformanceRun) -> tuple[float | None, str]:
    """The mean number of tokens in an answer, and the key of the token rate; None where the log has no such rates."""
    for token_key, sample_key in _TOKEN_RATES:
        tokens, samples = number(run.log, token_key), number(run.log, sample_key)
        if tokens is not None and samples:
            return tokens / samples, token_key
    return None, ""
