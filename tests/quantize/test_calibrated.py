"""Calibrated schemes: what is refused before llm-compressor is asked, and, where it is installed, its real work."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402
from tiny_checkpoints import write  # noqa: E402

from submitter import packages  # noqa: E402
from submitter.embedded.benchmark import model_folder  # noqa: E402
from submitter.errors import InputError, NotInstalledError  # noqa: E402
from submitter.quantize import Calibration, load_scheme, quantize  # noqa: E402
from submitter.quantize.block import dequantized  # noqa: E402
from submitter.quantize.calibrated import recipe_text  # noqa: E402
from submitter.quantize.scheme import names  # noqa: E402

SAMPLES = [[1 + (7 * index + place) % 190 for place in range(20 + index)] for index in range(6)]
CALIBRATION = Calibration(
    samples=SAMPLES[:4], name="tiny", available=6, sha256="ab" * 32, source="tiny.pkl", source_sha256="cd" * 32
)


def test_every_scheme_loads() -> None:
    assert names() == ["fp8-block", "fp8-static", "int8"]
    for name in names():
        scheme = load_scheme(name)
        assert scheme.title
        assert scheme.is_calibrated == (name != "fp8-block")


def test_the_recipe_is_llm_compressors() -> None:
    modifiers = json.loads(recipe_text(load_scheme("int8")))["quantization_stage"]["quantization_modifiers"]
    assert list(modifiers) == ["SmoothQuantModifier", "GPTQModifier"]  # in this order
    assert "modifier" not in modifiers["GPTQModifier"]


def test_a_calibrated_scheme_without_samples(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs calibration samples") as caught:
        quantize(write(tmp_path / "bf16"), tmp_path / "fp8", "fp8-static")
    assert "dataset convert" in caught.value.hint


def test_another_models_samples(tmp_path: Path) -> None:
    calibration = Calibration(samples=[[1, 31999]], name="OpenOrca", available=1000, sha256="0")
    with pytest.raises(InputError, match="OpenOrca has token 31999, the model's vocabulary has 200"):
        quantize(write(tmp_path / "bf16"), tmp_path / "fp8", "fp8-static", calibration)


def test_without_llm_compressor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "version_of", lambda name: "")
    with pytest.raises(NotInstalledError) as caught:
        quantize(write(tmp_path / "bf16"), tmp_path / "fp8", "int8", CALIBRATION)
    assert "requirements/calibrate.txt" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["bf16"]


@pytest.fixture
def embedded_bf16(tmp_path: Path) -> Path:
    """The embedded model in bf16."""
    folder = tmp_path / "tiny-llama"
    folder.mkdir()
    weights = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in dequantized(model_folder()).items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((model_folder() / "config.json").read_text())
    del config["quantization_config"]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_bytes((model_folder() / "tokenizer.json").read_bytes())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "dtype", "weights", "kv_cache"),
    [
        ("fp8-static", torch.float8_e4m3fn, "FP8 (e4m3), one scale per tensor", "FP8 (e4m3), one scale per tensor"),
        ("int8", torch.int8, "INT8, one scale per channel", ""),
    ],
)
def test_the_embedded_model_for_real(
    tmp_path: Path, embedded_bf16: Path, scheme: str, dtype: torch.dtype, weights: str, kv_cache: str
) -> None:
    """In the environment of requirements/calibrate.txt: `python -m pytest -m slow tests/quantize`."""
    pytest.importorskip("llmcompressor")
    made = quantize(embedded_bf16, tmp_path / "made", scheme, CALIBRATION).checkpoint
    assert (made.method, made.weights, made.kv_cache) == ("compressed-tensors", weights, kv_cache)
    assert len(made.quantized) == 28
    assert made.kept == ("model.embed_tokens",)
    before, after = load_file(embedded_bf16 / "model.safetensors"), load_file(made.folder / "model.safetensors")
    for module in made.quantized:
        stored, scale = after[f"{module}.weight"], after[f"{module}.weight_scale"]
        assert stored.dtype == dtype
        if scheme == "fp8-static":  # SmoothQuant moves weights, so INT8 has no plain counterpart
            weight = before[f"{module}.weight"].float()
            error = (stored.float() * scale.float() - weight).norm() / weight.norm()
            assert error < 0.05, module
    assert (made.folder / "tokenizer.json").exists()
    text = (made.folder / "calibration.md").read_text()
    assert "the first 4 of 6 samples" in text
    assert "86 tokens, 20 to 23 per sample" in text
    assert "cd" * 32 in text
    assert "not known to be a file that MLCommons publishes" in text
    assert "llmcompressor 0.14" in text
    assert '"Linear"' in text
