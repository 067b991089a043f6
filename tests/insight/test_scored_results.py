"""`submitter score` of a submission: figure, scores beside their limits, whether the answers can be scored again."""

from __future__ import annotations

import hashlib
from array import array
from pathlib import Path

import pytest
from submission_tree import BOOK, Tree
from typer.testing import CliRunner, Result

from submitter.cli import app
from submitter.errors import InputError
from submitter.insight.scored_results import AccuracyLogState, scored_results
from submitter.submission import open_submission


def score(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["score", *map(str, arguments)])


def offline(tree: Tree) -> list[str]:
    """What is said of Offline: its line and those that belong to it."""
    lines = score(tree.base).stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if "/Offline: " in line)
    rest = [line.startswith("  ") for line in lines[start + 1 :]]
    return lines[start : start + 1 + (rest.index(False) if False in rest else len(rest))]


def test_a_result_stands_with_its_figure_its_scores_and_its_log(tree: Tree) -> None:
    found = {standing.path.rsplit("/", 1)[1]: standing for standing in scored_results(open_submission(tree.base, BOOK))}
    assert sorted(found) == ["Offline", "Server"]
    standing = found["Offline"]
    verdict = next(v for v in tree.check().results if str(v.path) == standing.path)
    assert standing.metric == verdict.metric is not None
    targets = BOOK.benchmark("llama2-70b-99.9").accuracy
    assert [(name, target) for name, _, target in standing.scores] == list(targets.items())
    assert all(value is not None and value >= target.lower for _, value, target in standing.scores)
    assert standing.is_closed
    assert not standing.misses_a_target


def test_margins_are_printed_and_nothing_is_wrong(tree: Tree) -> None:
    tree.replace(tree.accuracy() / "accuracy.txt", "'rouge1': ", "'rouge1': 45.0 # ")
    assert score(tree.base).exit_code == 0
    said = offline(tree)
    assert "  rouge1 45, 1.38 % above 44.3868" in said
    assert any(" % above 265.005, " in line and " % below 323.895" in line for line in said)


@pytest.mark.parametrize(
    ("metric", "value", "said"),
    [
        ("rouge1", "44.0", "rouge1 44, 0.87 % SHORT OF 44.3868"),
        ("tokens_per_sample", "330.0", "1.88 % OVER 323.895"),
    ],
)
def test_a_missed_target_is_shown_and_exits_1(tree: Tree, metric: str, value: str, said: str) -> None:
    tree.replace(tree.accuracy() / "accuracy.txt", f"'{metric}': ", f"'{metric}': {value} # ")
    done = score(tree.base)
    assert done.exit_code == 1
    assert said in done.stdout


def test_a_score_that_cannot_be_read(tree: Tree) -> None:
    (tree.accuracy() / "accuracy.txt").write_text("{'rouge1': np.float64(44.5)}\n")
    assert "  rouge1 not stated" in offline(tree)
    (tree.accuracy() / "accuracy.txt").unlink()
    assert "  no readable score" in offline(tree)


ENTRIES = [(0, [3, 4, 2]), (1, [5, 2]), (2, [3, 2])]


def write_answers(path: Path, entries: list[tuple[int, list[int]]]) -> str:
    lines = [
        f'{{ "seq_id" : {n}, "qsl_idx" : {index}, "data" : "{array("i", ids).tobytes().hex().upper()}", '
        f'"token_count" : {len(ids)} }}'
        for n, (index, ids) in enumerate(entries)
    ]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_left_of_the_answers(tree: Tree) -> None:
    log = tree.accuracy() / "mlperf_log_accuracy.json"

    def left() -> AccuracyLogState:
        return next(standing for standing in scored_results(open_submission(tree.result(), BOOK))).accuracy_log

    write_answers(log, ENTRIES)
    assert left() is AccuracyLogState.WHOLE
    whole = log.read_bytes()
    for cut in (whole[:100] + b"\n\n...\n\n" + whole[-100:], whole[:-3], b"", whole[5:]):
        log.write_bytes(cut)
        assert left() is AccuracyLogState.TRUNCATED
    assert "  accuracy log truncated: it cannot be scored again" in offline(tree)
    log.unlink()
    assert left() is AccuracyLogState.ABSENT


def test_a_whole_log_is_scored_again(tree: Tree, tmp_path: Path) -> None:
    pytest.importorskip("rouge_score")
    pytest.importorskip("numpy")
    tokenizers = pytest.importorskip("tokenizers")
    from submitter import scoring
    from submitter.harness.dataset import write_dataset

    words = {"<unk>": 0, "<s>": 1, "</s>": 2, "orchestras": 3, "play": 4, "music": 5}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    (tmp_path / "model").mkdir()
    tokenizer.save(str(tmp_path / "model/tokenizer.json"))
    references = ["orchestras play", "music", "play"]
    dataset = tmp_path / "set.safetensors"
    write_dataset(dataset, "three", [[1], [1], [1]], references)
    log = tree.accuracy() / "mlperf_log_accuracy.json"
    write_answers(log, ENTRIES)
    accuracy = scoring.score(log, references, tmp_path / "model", processes=1)
    scoring.write_accuracy_text(accuracy, tree.accuracy() / "accuracy.txt")
    options = ("--dataset", dataset, "--tokenizer", tmp_path / "model")

    assert "give --dataset and --tokenizer" in score(tree.result()).stdout
    assert "scored again: equal to the stated scores" in score(tree.result(), *options).stdout
    assert accuracy.metrics["rouge1"] == 66.6667
    tree.replace(tree.accuracy() / "accuracy.txt", "'rouge1': 66.6667", "'rouge1': 67.0")
    done = score(tree.result(), *options)
    assert "scored again: rouge1 is 66.6667, stated is 67" in done.stdout
    assert done.exit_code == 1
    write_answers(log, [*ENTRIES[:2], (2, [4, 2])])
    assert "the log's SHA-256 is" in score(tree.result(), *options).stdout


def test_input_that_allows_no_score(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no submission"):
        list(scored_results(open_submission(tmp_path / "empty", BOOK)))
    (tmp_path / "bare/closed").mkdir(parents=True)
    with pytest.raises(InputError, match="holds no result"):
        list(scored_results(open_submission(tmp_path / "bare", BOOK)))
    done = score(tree.base, "--tokenizer", tmp_path)
    assert isinstance(done.exception, InputError)
    assert "needs both" in done.exception.message
