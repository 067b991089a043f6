"""The embedded benchmark is what `benchmark.toml` says: its data set, its scores, its model."""

import json
from pathlib import Path

import pytest

pytest.importorskip("tokenizers")
from tokenizers import Tokenizer

from submitter.embedded import dataset as embedded_dataset
from submitter.embedded import texts
from submitter.embedded.benchmark import load_benchmark, model_folder
from submitter.embedded.dataset import generate, prepare
from submitter.errors import InputError
from submitter.harness.dataset import Dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.open(prepare(tmp_path_factory.mktemp("embedded") / "set"))


def test_the_generated_data_set_has_the_recorded_checksum_and_count(dataset: Dataset) -> None:
    recorded = load_benchmark().dataset
    assert dataset.sha256 == recorded.sha256
    assert len(dataset) == recorded.sample_count == texts.SAMPLE_COUNT == 24_576


def test_prompts_are_the_texts_with_the_beginning_marked(dataset: Dataset) -> None:
    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    for index in (0, 1, 24_575):
        ids = dataset.prompt(index)
        assert ids[0] == tokenizer.token_to_id("<s>")
        assert tokenizer.decode(ids) == texts.sample(index).prompt
        assert dataset.references()[index] == texts.sample(index).answer.strip()


def test_every_reference_and_its_end_fits_in_what_may_be_generated(dataset: Dataset) -> None:
    benchmark = load_benchmark()
    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    answers = [f" {reference}" for reference in dataset.references()]
    longest = max(len(encoding) for encoding in tokenizer.encode_batch_fast(answers, add_special_tokens=False))
    assert longest + 1 <= benchmark.max_new_tokens
    context = json.loads((model_folder() / "config.json").read_text())["max_position_embeddings"]
    assert dataset.header.max_prompt_tokens + benchmark.max_new_tokens <= context


def test_prepare_keeps_what_is_right_and_replaces_what_is_not(tmp_path: Path) -> None:
    path = prepare(tmp_path / "set")
    kept = path.stat().st_ino
    assert prepare(path).stat().st_ino == kept
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    path.write_bytes(content)
    assert prepare(path).stat().st_ino != kept
    assert Dataset.open(path).sha256 == load_benchmark().dataset.sha256


def test_another_data_set_than_the_recorded_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = load_benchmark()
    changed = recorded.model_copy(update={"dataset": recorded.dataset.model_copy(update={"sample_count": 50})})
    monkeypatch.setattr(embedded_dataset, "load_benchmark", lambda: changed)
    with pytest.raises(InputError, match=recorded.dataset.sha256):
        prepare(tmp_path / "set")


def test_fewer_samples_are_the_beginning_of_all(dataset: Dataset, tmp_path: Path) -> None:
    made = generate(tmp_path / "few", "few", model_folder() / "tokenizer.json", 40)
    assert made == dataset.subset(40).sha256


def test_the_model_learned_more_than_the_forms() -> None:
    benchmark = load_benchmark()
    assert benchmark.reference.scores["rouge1"] >= 75
    for metric, target in benchmark.accuracy.items():
        if metric.startswith("rouge"):
            assert benchmark.floor[metric] < 0.8 * target.lower


def test_the_targets_are_99_percent_of_bf16() -> None:
    benchmark = load_benchmark()
    for metric in ("rouge1", "rouge2", "rougeL"):
        assert benchmark.accuracy[metric].lower == pytest.approx(0.99 * benchmark.reference.scores[metric])
    tokens = benchmark.accuracy["tokens_per_sample"]
    assert tokens.upper is not None
    assert tokens.lower < benchmark.reference.scores["tokens_per_sample"] < tokens.upper


def test_what_ships_is_small_quantised_and_says_what_it_is_not() -> None:
    files = list(model_folder().iterdir())
    assert sum(file.stat().st_size for file in files) < 10_000_000
    settings = json.loads((model_folder() / "config.json").read_text())["quantization_config"]
    assert (settings["quant_method"], settings["weight_block_size"]) == ("fp8", [128, 128])
    assert "not an MLPerf benchmark" in load_benchmark().statement
    assert "not an MLPerf benchmark" in (model_folder() / "README.md").read_text()
