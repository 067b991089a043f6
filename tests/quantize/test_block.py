"""FP8 block weights: near the source within what e4m3 can say, and nothing half-made or half-read."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402
from tiny_checkpoints import DOWN, LINEAR, tensors, write  # noqa: E402

from submitter.documents import unfilled  # noqa: E402
from submitter.errors import InputError  # noqa: E402
from submitter.quantize import Calibration, quantize  # noqa: E402
from submitter.quantize.block import dequantize_block_weight, dequantized, quantize_block_weight  # noqa: E402
from submitter.weights import checkpoint_sha256  # noqa: E402


@pytest.mark.parametrize("spread", [1e-6, 1.0, 1e4])
def test_each_block_is_within_half_a_step_of_e4m3(spread: float) -> None:
    """e4m3 has 3 bits of mantissa: half a step is 1/16 of a value, and 2**-10 of scale below the normal range."""
    weight = torch.randn(256, 384, generator=torch.Generator().manual_seed(1)) * spread
    weight[:128, :128] *= 1000  # a block of large values must not coarsen its neighbours
    stored, scale = quantize_block_weight(weight)
    assert stored.dtype == torch.float8_e4m3fn
    assert scale.shape == (2, 3)
    error = (dequantize_block_weight(stored, scale) - weight).abs()
    per_value_scale = scale.repeat_interleave(128, 0).repeat_interleave(128, 1)
    assert (error <= torch.maximum(weight.abs() / 16, per_value_scale * 2**-10) * 1.001).all()
    for row in range(2):
        for column in range(3):
            block = slice(row * 128, row * 128 + 128), slice(column * 128, column * 128 + 128)
            assert error[block].norm() / weight[block].norm() < 0.04


def test_a_block_of_zeros_stays_zero() -> None:
    stored, scale = quantize_block_weight(torch.zeros(128, 128))
    assert (dequantize_block_weight(stored, scale) == 0).all()


@pytest.mark.parametrize("sharded", [False, True])
def test_what_is_quantised_and_what_stays(tmp_path: Path, sharded: bool) -> None:
    source, target = write(tmp_path / "bf16", sharded), tmp_path / "fp8"
    made = quantize(source, target)
    assert made.checkpoint.quantized == (LINEAR[:-7], DOWN[:-7])
    assert made.checkpoint.kept == ("lm_head", "model.embed_tokens", "model.layers.0.mlp.gate")
    assert made.checkpoint.byte_count < made.source_bytes
    stored: dict[str, Any] = {}
    for shard in target.glob("*.safetensors"):
        stored |= load_file(shard)
    original = tensors()
    assert set(stored) == {*original, LINEAR + "_scale_inv", DOWN + "_scale_inv"}
    for name, tensor in original.items():
        if name in (LINEAR, DOWN):
            assert stored[name].dtype == torch.float8_e4m3fn
            assert stored[name + "_scale_inv"].dtype == torch.float32
        else:
            assert torch.equal(stored[name], tensor)
    settings = json.loads((target / "config.json").read_text())
    assert settings["hidden_size"] == 128
    assert settings["quantization_config"]["weight_block_size"] == [128, 128]
    assert settings["quantization_config"]["modules_to_not_convert"] == ["lm_head", "model.layers.0.mlp.gate"]
    assert (target / "tokenizer.json").exists()
    if sharded:
        weight_map = json.loads((target / "model.safetensors.index.json").read_text())["weight_map"]
        assert set(weight_map) == set(stored)
        assert all(name in load_file(target / shard) for name, shard in weight_map.items())


def test_dequantized_gives_back_every_tensor_of_the_source(tmp_path: Path) -> None:
    quantize(write(tmp_path / "bf16"), tmp_path / "fp8")
    original, back = tensors(), dequantized(tmp_path / "fp8")
    assert set(back) == set(original)
    for name in (LINEAR, DOWN):
        assert (back[name] - original[name]).norm() / original[name].float().norm() < 0.04


def _spoil_tensor(name: str, tensor: Any) -> Callable[[Path], None]:
    def spoil(source: Path) -> None:
        save_file(tensors() | {name: tensor}, source / "model.safetensors")

    return spoil


def _cut(source: Path) -> None:
    _cut_file(source / "model.safetensors")


def _cut_file(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _config(source: Path, **changes: object) -> None:
    path = source / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


WRONG = {
    "no config": (lambda s: (s / "config.json").unlink(), "config.json is missing"),
    "config is no JSON": (lambda s: (s / "config.json").write_text("{"), "config.json is not a JSON file"),
    "no weights": (lambda s: (s / "model.safetensors").unlink(), "holds no *.safetensors file"),
    "weights cut short": (_cut, "it was cut off"),
    "weights are text": (lambda s: (s / "model.safetensors").write_text("x" * 99), "not a safetensors file"),
    "a layer is not there": (lambda s: _config(s, num_hidden_layers=3), "lacks 1 of the 3 layers"),
    "quantised already": (lambda s: _config(s, quantization_config={"quant_method": "awq"}), "already quantised (awq)"),
    "size no multiple of 128": (_spoil_tensor(LINEAR, torch.ones(256, 100)), f"tensor {LINEAR} has shape (256, 100)"),
    "integers with a fraction": (_spoil_tensor(LINEAR, torch.ones(128, 128).to(torch.float8_e4m3fn)), "is F8_E4M3"),
    "doubles": (_spoil_tensor(LINEAR, torch.ones(128, 128, dtype=torch.float64)), "is F64"),
    "fused experts": (_spoil_tensor("model.layers.0.mlp.experts.up_proj", torch.ones(2, 128, 128)), "not a linear"),
    "not a number": (_spoil_tensor(LINEAR, torch.full((128, 128), float("nan"))), "not finite"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_checkpoint_is_refused_and_leaves_nothing(tmp_path: Path, case: str) -> None:
    spoil, reason = WRONG[case]
    source = write(tmp_path / "bf16")
    spoil(source)
    with pytest.raises(InputError) as caught:
        quantize(source, tmp_path / "fp8")
    assert reason in caught.value.message
    assert "\n" not in caught.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["bf16"]


def test_nothing_is_read_of_a_wrong_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of good shards must not come before the bad one: headers are enough."""
    source = write(tmp_path / "bf16", sharded=True)
    _cut_file(source / "model-00002-of-00002.safetensors")
    monkeypatch.setattr("submitter.quantize.block._tensors", lambda path: pytest.fail(f"{path} was read"))
    with pytest.raises(InputError, match="it was cut off"):
        quantize(source, tmp_path / "fp8")


def test_too_little_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12, 5_000_000))
    with pytest.raises(InputError, match=r"will take 0\.1 GB, the disk has 0\.0 GB left"):
        quantize(write(tmp_path / "bf16"), tmp_path / "fp8")
    assert [path.name for path in tmp_path.iterdir()] == ["bf16"]


def test_the_document_tells_what_was_done(tmp_path: Path) -> None:
    quantize(write(tmp_path / "bf16", sharded=True), tmp_path / "fp8", command="submitter quantize bf16 fp8")
    text = (tmp_path / "fp8" / "calibration.md").read_text()
    assert "FP8 (e4m3), one scale per block of 128x128" in text
    assert "2 linear layers: model.layers.*.mlp.down_proj, model.layers.*.self_attn.q_proj" in text
    assert "lm_head, model.embed_tokens, model.layers.*.mlp.gate; all norms and biases" in text
    assert "None was used" in text
    assert "    submitter quantize bf16 fp8\n" in text
    assert f"torch {torch.__version__}" in text
    assert "llmcompressor" not in text
    assert checkpoint_sha256(tmp_path / "bf16") in text
    assert list(unfilled(text)) == []


def test_calibration_samples_are_refused_where_none_are_used(tmp_path: Path) -> None:
    calibration = Calibration(samples=[[1]], name="set", available=1, sha256="0")
    with pytest.raises(InputError, match="does not use calibration samples"):
        quantize(write(tmp_path / "bf16"), tmp_path / "fp8", calibration=calibration)


def test_an_unknown_scheme(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown scheme 'fp8-statik'") as caught:
        quantize(write(tmp_path / "bf16"), tmp_path / "fp8", "fp8-statik")
    assert "fp8-static" in caught.value.hint


def test_a_missing_shard_and_a_missing_tensor(tmp_path: Path) -> None:
    source = write(tmp_path / "bf16", sharded=True)
    shard = source / "model-00002-of-00002.safetensors"
    content = load_file(shard)
    del content[LINEAR]
    save_file(content, shard)
    with pytest.raises(InputError, match=f"lacks tensor {LINEAR}"):
        quantize(source, tmp_path / "fp8")
    shard.unlink()
    with pytest.raises(InputError, match="lacks 1 of 2 weight files, such as model-00002-of-00002"):
        quantize(source, tmp_path / "fp8")


def test_an_index_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    source = write(tmp_path / "bf16", sharded=True)
    index = {"weight_map": {LINEAR: "../other/model.safetensors"}}
    (source / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="not a weight file's name"):
        quantize(source, tmp_path / "fp8")


def test_an_existing_target_is_never_touched(tmp_path: Path) -> None:
    source, target = write(tmp_path / "bf16"), tmp_path / "fp8"
    target.mkdir()
    (target / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="already exists"):
        quantize(source, target)
    assert (target / "mine.txt").read_text() == "keep"


def test_a_target_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written") as caught:
        quantize(write(tmp_path / "bf16"), tmp_path / "file" / "fp8")
    assert "disk" in caught.value.hint


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the full disk: the system refuses the write in the same place."""
    source = write(tmp_path / "bf16")
    code = (
        "import resource, signal, sys; from pathlib import Path; from submitter.quantize import quantize;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000));"
        "from submitter.errors import InputError\n"
        "try: quantize(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except InputError as error: print(error.message)"
    )
    command = [sys.executable, "-c", code, source, tmp_path / "fp8"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert "cannot be written" in done.stdout, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bf16"]


def test_a_missing_source(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint folder"):
        quantize(tmp_path / "nowhere", tmp_path / "fp8")
