"""Scores equal the MLCommons script's, step by step with its libraries; a damaged log is an error, not a score."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from accuracy_logs import END, WORDS, answer, write_log

from submitter import logs, scoring
from submitter.errors import InputError

nltk = pytest.importorskip("nltk")
rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer")
numpy = pytest.importorskip("numpy")


def texts(rng: random.Random, count: int, tokenizer_folder: Path) -> list[str]:
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    return [f" {tokenizer.decode(answer(rng, 60))}\n" for _ in range(count)]


def by_the_script(log: Path, references: list[str], tokenizer_folder: Path, sentences) -> dict[str, float]:
    """evaluate-accuracy.py's steps; `evaluate`'s rouge with use_aggregator=False is RougeScorer's F-measures."""
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    seen, targets, ids = set(), [], []
    for entry in json.loads(log.read_text()):
        if entry["qsl_idx"] in seen:
            continue
        seen.add(entry["qsl_idx"])
        targets.append(references[entry["qsl_idx"]])
        ids.append(numpy.frombuffer(bytes.fromhex(entry["data"]), numpy.int32))
    predictions = [tokenizer.decode(list(answered), skip_special_tokens=True) for answered in ids]
    predictions = ["\n".join(sentences(text.strip())) for text in predictions]
    targets = ["\n".join(sentences(text.strip())) for text in targets]
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=True)
    scores = [scorer.score(target, text) for target, text in zip(targets, predictions, strict=True)]
    result = {name: round(numpy.mean([score[name].fmeasure for score in scores]) * 100, 4) for name in scores[0]}
    token_count = sum(len(answered) for answered in ids)
    return {
        **result,
        "gen_len": sum(len(text) for text in predictions),
        "gen_num": len(predictions),
        "gen_tok_len": token_count,
        "tokens_per_sample": round(token_count / len(predictions), 1),
    }


@pytest.fixture
def log_and_references(tmp_path: Path, tokenizer_folder: Path) -> tuple[Path, list[str]]:
    rng = random.Random(20)
    answers = [(index, answer(rng, 60)) for index in rng.sample(range(600), 600)]
    return write_log(tmp_path / "mlperf_log_accuracy.json", answers), texts(rng, 600, tokenizer_folder)


def test_the_metrics_are_those_of_the_mlcommons_script(log_and_references, tokenizer_folder, sentences):
    log, references = log_and_references
    accuracy = scoring.score(log, references, tokenizer_folder, processes=1)
    assert accuracy.metrics == by_the_script(log, references, tokenizer_folder, sentences)
    assert 0 < accuracy.metrics["rouge2"] < accuracy.metrics["rougeL"] < accuracy.metrics["rouge1"] < 100
    assert accuracy.log_sha256 == hashlib.sha256(log.read_bytes()).hexdigest()


def test_the_number_of_processes_changes_nothing(log_and_references, tokenizer_folder):
    log, references = log_and_references
    assert scoring.score(log, references, tokenizer_folder, processes=2) == scoring.score(
        log, references, tokenizer_folder, processes=1
    )


def test_perfect_answers_score_100(tmp_path, tokenizer_folder):
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    answers = [(index, answer(random.Random(index), 30)) for index in range(5)]
    log = write_log(tmp_path / "log.json", answers)
    metrics = scoring.score(log, [tokenizer.decode(ids) for _, ids in answers], tokenizer_folder).metrics
    assert metrics["rouge1"] == metrics["rougeL"] == metrics["rougeLsum"] == 100.0
    assert metrics["gen_tok_len"] == sum(len(ids) for _, ids in answers), "the end token counts"


def test_accuracy_text_is_what_the_official_patterns_read(tmp_path, log_and_references, tokenizer_folder):
    log, references = log_and_references
    accuracy = scoring.score(log, references, tokenizer_folder)
    path = tmp_path / "accuracy.txt"
    scoring.write_accuracy_text(accuracy, path)
    text = logs.parse_accuracy_text(path.read_text())
    assert text.metrics == accuracy.metrics
    assert text.sha256 == accuracy.log_sha256
    assert path.read_text().splitlines()[-1] == f"hash={accuracy.log_sha256}"
    assert "numpy" not in path.read_text()
    assert "float64" not in path.read_text()


BROKEN = {
    "too few": ([(0, [2, END]), (2, [2, END])], "answers to 2 samples, but the data set has 3"),
    "out of range": ([(0, [2, END]), (1, [2, END]), (3, [2, END])], "sample 3 is out of range"),
    "twice": ([(0, [2, END]), (1, [2, END]), (1, [2, END])], "sample 1 is answered twice"),
    "unknown token": ([(0, [2, END]), (1, [9999, END]), (2, [2, END])], "sample 1 has token 9999"),
    "negative token": ([(0, [2, END]), (1, [-1]), (2, [2, END])], "sample 1 has token -1"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_log_that_does_not_answer_the_data_set_is_no_score(case, tmp_path, tokenizer_folder):
    answers, message = BROKEN[case]
    log = write_log(tmp_path / "log.json", answers)
    with pytest.raises(InputError, match=message):
        scoring.score(log, ["a", "b", "c"], tokenizer_folder)


DAMAGED = {
    "odd bytes": (lambda data: data.replace(b'"data" : "', b'"data" : "00', 1), "sample 0 has 9 bytes"),
    "half a byte": (lambda data: data.replace(b'"data" : "', b'"data" : "0', 1), "line 2 is not an accuracy entry"),
    "truncated": (lambda data: data[:100] + b"\n\n...\n\n" + data[-100:], "is the log truncated"),
    "cut in a line": (lambda data: data[:-30], "is the log truncated"),
    "cut between lines": (lambda data: data[:-2], "does not end with ']'"),
    "binary": (lambda data: bytes(range(256)), "line 1 is not '\\['"),
    "empty": (lambda data: b"", "line 1 is not '\\['"),
    "no answers": (lambda data: b"[\n]\n", "answers to 0 samples"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_log_is_no_score(case, tmp_path, tokenizer_folder):
    damage, message = DAMAGED[case]
    log = write_log(tmp_path / "log.json", [(index, [2, END]) for index in range(3)])
    log.write_bytes(damage(log.read_bytes()))
    with pytest.raises(InputError, match=message):
        scoring.score(log, ["a", "b", "c"], tokenizer_folder)


def test_what_is_missing_is_named(tmp_path, tokenizer_folder):
    log = write_log(tmp_path / "log.json", [(0, [2, END])])
    with pytest.raises(InputError, match=r"nowhere\.json cannot be read"):
        scoring.score(tmp_path / "nowhere.json", ["a"], tokenizer_folder)
    with pytest.raises(InputError, match=r"has no tokenizer\.json"):
        scoring.score(log, ["a"], tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match="is not a tokenizer"):
        scoring.score(log, ["a"], tmp_path)
    with pytest.raises(InputError, match="unknown metric 'rogue'") as error:
        scoring.score(log, ["a"], tokenizer_folder, metric="rogue")
    assert error.value.hint == "did you mean 'rouge'?"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(ending, tmp_path, tokenizer_folder):
    rng = random.Random(5)
    answers = [(index, answer(rng, 300)) for index in range(3000)]
    write_log(tmp_path / "log.json", answers)
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nfrom pathlib import Path\nfrom submitter import scoring\n"
        "if __name__ == '__main__':\n"
        "    references = [Path(sys.argv[3]).read_text()] * 3000\n"
        "    scoring.score(Path(sys.argv[1]), references, Path(sys.argv[2]), processes=2)\n"
    )
    (tmp_path / "reference").write_text(" ".join(WORDS * 5))
    environment = {**os.environ, "PYTHONPATH": str(Path(scoring.__file__).parents[2])}
    command = [
        sys.executable,
        str(program),
        str(tmp_path / "log.json"),
        str(tokenizer_folder),
        str(tmp_path / "reference"),
    ]
    parent = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    workers = wait_for(lambda: [w for w in children.read_text().split() if is_working(w)], least=2)
    parent.send_signal(ending)
    parent.wait(timeout=20)
    wait_for(lambda: [True] if not any(Path(f"/proc/{worker}").exists() for worker in workers) else [], least=1)
    assert "Spawn" not in parent.stderr.read(), "a worker says nothing of its own"


def is_working(process: str) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def wait_for(ask: Callable[[], list], least: int) -> list:
    for _ in range(200):
        found = ask()
        if len(found) >= least:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come about in 20 s")
