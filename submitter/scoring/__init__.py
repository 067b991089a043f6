"""Scores an accuracy log as mlcommons/inference b66003e1 `language/llama2-70b/evaluate-accuracy.py` defines it.

Nothing is downloaded. Texts are decoded with `tokenizers` alone, so scoring needs neither torch nor transformers.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from submitter import plugins
from submitter.errors import RunError
from submitter.record import sha256_of, write_atomically
from submitter.scoring.answers import LoggedAnswers, decode, read_answers
from submitter.scoring.metrics import AccuracyMetric, mean_percent

METRICS = "submitter.scoring.metrics"
CHUNK_PAIRS = 64  # about 0.2 s of work: all cores stay busy to the end, and Ctrl-C acts soon
# For `try_out`. Every tokenizer has tokens 0 to 3. The references have sentences to split.
_TRIAL_IDS = [0, 1, 2, 3]
_TRIAL_REFERENCES = ["Dr. Smith went home. He was tired.", "It rained all day."]


@dataclass(frozen=True)
class Accuracy:
    """The scores of one accuracy run, as `accuracy.txt` states them."""

    metrics: dict[str, float | int]
    """By official name. `rouge1`, `rouge2`, `rougeL` and `rougeLsum` are in percent. `gen_num` is the number of
    answers, `gen_len` their total length in characters, `gen_tok_len` in tokens, end tokens included.
    `tokens_per_sample` is the mean number of tokens."""
    log_sha256: str
    """The SHA-256 of the untruncated log."""


def score(
    accuracy_log: Path,
    references: Sequence[str],
    tokenizer_folder: Path,
    *,
    metric: str = "rouge",
    processes: int | None = None,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> Accuracy:
    """Score LoadGen's untruncated accuracy log against the reference answers; `Accuracy` gives the units.

    `references` are texts, indexed by LoadGen's `qsl_idx`. `tokenizer_folder` holds the `tokenizer.json` of the model
    that answered. `metric` is a module of `scoring.metrics`. `processes` defaults to the number of cores that this
    process may use; the result does not depend on it. Processes are spawned, so a script that scores more than 64
    answers needs the usual `if __name__ == "__main__":`. `on_progress` is called with the number of scored answers and
    of all answers: first with none scored, when the log is about to be read, and then again and again.

    InputError if the log is damaged or does not hold exactly one answer to each reference, if the tokenizer is invalid
    or lacks a token of an answer, or if there is no such metric. NotInstalledError if a package that scoring needs is
    not installed. RunError if a scoring process died.
    """
    on_progress(0, len(references))
    answers = read_answers(accuracy_log, len(references))
    metrics = _score_answers(answers, references, tokenizer_folder, metric, processes, on_progress)
    return Accuracy(metrics, sha256_of(accuracy_log))


def try_out(tokenizer_folder: Path, *, metric: str = "rouge") -> str:
    """Score two made-up answers as `score` does, so that what is missing is known before the runs.

    Returns a few words on what was tried. Raises what `score` would: InputError for the tokenizer or the metric,
    NotInstalledError for a package.
    """
    answers = LoggedAnswers([0, 1], [_TRIAL_IDS, _TRIAL_IDS[::-1]])
    found = _score_answers(answers, _TRIAL_REFERENCES, tokenizer_folder, metric, processes=1)
    return f"{metric} of {found['gen_num']} made-up answers computed with {tokenizer_folder.name}'s tokenizer"


def _score_answers(
    answers: LoggedAnswers,
    references: Sequence[str],
    tokenizer_folder: Path,
    metric: str,
    processes: int | None,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> dict[str, float | int]:
    """The metrics of `Accuracy`."""
    predictions = decode(answers.token_ids, answers.qsl_indices, tokenizer_folder)
    pairs = [
        (prediction, references[index]) for prediction, index in zip(predictions, answers.qsl_indices, strict=True)
    ]
    names, rows = score_pairs(metric, pairs, processes or len(os.sched_getaffinity(0)), on_progress)
    metrics: dict[str, float | int] = {
        name: mean_percent([values[column] for _, values in rows]) for column, name in enumerate(names)
    }
    token_count = sum(len(ids) for ids in answers.token_ids)
    metrics["gen_len"] = sum(characters for characters, _ in rows)
    metrics["gen_num"] = len(rows)
    metrics["gen_tok_len"] = token_count
    metrics["tokens_per_sample"] = round(token_count / len(rows), 1)
    return metrics


def write_accuracy_text(accuracy: Accuracy, path: Path) -> None:
    """Write `accuracy.txt` atomically: a line with the metrics as plain numbers, and a line with the log's hash.

    The official patterns match `'rouge1': 44.43`, but not `np.float64(44.43)` as newer versions of numpy print it.
    """
    write_atomically(path, f"{accuracy.metrics}\nhash={accuracy.log_sha256}\n".encode())


Row = tuple[int, tuple[float, ...]]  # the length of the prediction in characters, and one value for each metric

_worker_metric: AccuracyMetric | None = None


def _start_worker(name: str) -> None:
    """Load the metric. The worker leaves Ctrl-C to its parent and ends with it: else it would wait for work forever."""
    global _worker_metric
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker_metric = plugins.load(METRICS, name, "metric").create()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _score_chunk(pairs: list[tuple[str, str]]) -> list[Row]:
    assert _worker_metric is not None
    return _rows(_worker_metric, pairs)


def _rows(metric: AccuracyMetric, pairs: list[tuple[str, str]]) -> list[Row]:
    rows = []
    for prediction, reference in pairs:
        prepared = metric.prepare(prediction)
        rows.append((len(prepared), metric.score(prepared, metric.prepare(reference))))
    return rows


def score_pairs(
    name: str,
    pairs: list[tuple[str, str]],
    processes: int,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[tuple[str, ...], list[Row]]:
    """The metric's names, and a row for each (prediction, reference) pair in the order of `pairs`."""
    # Loaded here too, so that a missing package is reported before any worker starts.
    metric: AccuracyMetric = plugins.load(METRICS, name, "metric").create()
    chunks = [pairs[start : start + CHUNK_PAIRS] for start in range(0, len(pairs), CHUNK_PAIRS)]
    processes = min(processes, len(chunks))
    if processes < 2:
        return metric.names, _collected((_rows(metric, chunk) for chunk in chunks), len(pairs), on_progress)
    # Spawned, not forked, because the caller may have threads, such as those of an event loop or of the tokenizer.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(processes, context, _start_worker, (name,)) as pool:
            return metric.names, _collected(pool.map(_score_chunk, chunks), len(pairs), on_progress)
    except BrokenProcessPool:
        raise RunError("a scoring process died", "check that there is enough memory, or use fewer processes") from None


def _collected(chunks: Iterable[list[Row]], total: int, on_progress: Callable[[int, int], None]) -> list[Row]:
    """All rows, with `on_progress` called after each chunk."""
    rows: list[Row] = []
    for chunk in chunks:
        rows += chunk
        on_progress(len(rows), total)
    return rows
