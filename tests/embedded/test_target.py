"""The accuracy target bites: the shipped FP8 weights reach 99 % of bf16, the same weights with damaged scales do not.

Both are answered by the code that made the reference, from the FP8 checkpoint's dequantised weights, over the
samples whose bf16 scores `benchmark.toml` records apart.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from submitter.embedded.benchmark import load_benchmark, model_folder  # noqa: E402
from submitter.embedded.dataset import generate  # noqa: E402
from submitter.embedded.reference import greedy_answers, write_accuracy_log  # noqa: E402
from submitter.harness.dataset import Dataset  # noqa: E402
from submitter.quantize.block import dequantized  # noqa: E402
from submitter.quantize.formats import SCALE_SUFFIX  # noqa: E402
from submitter.scoring import score  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices as small as these gain little from a second thread, and lose tenfold by it on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("quick") / "set"
    generate(folder, "quick", model_folder() / "tokenizer.json", load_benchmark().reference.quick_sample_count)
    return Dataset.open(folder)


def _metrics(checkpoint: Path, dataset: Dataset, log: Path) -> dict[str, float]:
    configuration = AutoConfig.from_pretrained(model_folder())
    del configuration.quantization_config
    model = AutoModelForCausalLM.from_config(configuration, dtype=torch.bfloat16).eval()
    missing, unexpected = model.load_state_dict(dequantized(checkpoint), strict=False)
    assert (missing, unexpected) == (["lm_head.weight"], [])  # tied to the embeddings
    answers = greedy_answers(model, [dataset.prompt(index) for index in range(len(dataset))])
    write_accuracy_log(log, answers)
    return score(log, dataset.references(), model_folder()).metrics


def _failed(metrics: dict[str, float]) -> list[str]:
    targets = load_benchmark().quick_accuracy
    return [
        metric
        for metric, target in targets.items()
        if metrics[metric] < target.lower or (target.upper is not None and metrics[metric] > target.upper)
    ]


def test_the_shipped_weights_reach_the_target(dataset: Dataset, tmp_path: Path) -> None:
    assert _failed(_metrics(model_folder(), dataset, tmp_path / "log.json")) == []


def _double_one_layer(scales: dict[str, Any]) -> None:
    for name in scales:
        if ".layers.2." in name:
            scales[name] *= 2


def _halve_the_queries(scales: dict[str, Any]) -> None:
    """A quiet damage: every layer still looks at the right words, only less sharply."""
    for name in scales:
        if ".q_proj." in name:
            scales[name] *= 0.5


@pytest.mark.parametrize("damage", [pytest.param(_double_one_layer, marks=pytest.mark.slow), _halve_the_queries])
def test_damaged_scales_fail_the_target(
    dataset: Dataset, tmp_path: Path, damage: Callable[[dict[str, Any]], None]
) -> None:
    stored = load_file(model_folder() / "model.safetensors")
    scales = {name: tensor for name, tensor in stored.items() if name.endswith(SCALE_SUFFIX)}
    damage(scales)
    save_file({name: tensor.contiguous() for name, tensor in (stored | scales).items()}, tmp_path / "model.safetensors")
    assert "rouge1" in _failed(_metrics(tmp_path, dataset, tmp_path / "log.json"))
