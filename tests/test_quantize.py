"""FP8 block weights: near the source within what e4m3 can say, and nothing half-made or half-read."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402

from submitter.errors import InputError  # noqa: E402
from submitter.quantize import (  # noqa: E402
    dequantize_block_weight,
    dequantized,
    quantize,
    quantize_block_weight,
)

LINEAR = "model.layers.0.self_attn.q_proj.weight"
DOWN = "model.layers.0.mlp.down_proj.weight"


def tensors() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(7)

    def normal(*shape: int) -> Any:
        return torch.randn(*shape, generator=generator).to(torch.bfloat16)

    return {
        "model.embed_tokens.weight": normal(200, 128),
        LINEAR: normal(256, 128),
        DOWN: normal(128, 384) * 0.001,
        "model.layers.0.input_layernorm.weight": normal(128),
        "model.layers.0.mlp.gate.weight": normal(8, 128),
        "lm_head.weight": normal(200, 128),
    }


def write(folder: Path, sharded: bool = False) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"], "hidden_size": 128}))
    (folder / "tokenizer.json").write_text("{}")
    content = tensors()
    if not sharded:
        save_file(content, folder / "model.safetensors")
        return folder
    names = sorted(content)
    weight_map = {}
    for number, part in enumerate((names[:3], names[3:]), start=1):
        shard = f"model-0000{number}-of-00002.safetensors"
        save_file({name: content[name] for name in part}, folder / shard)
        weight_map |= dict.fromkeys(part, shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return folder


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
    assert (made.quantized_tensors, made.kept_tensors) == (2, 4)
    assert made.target_bytes < made.source_bytes
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
    path = source / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def _config(source: Path, **changes: object) -> None:
    path = source / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


WRONG = {
    "no config": (lambda s: (s / "config.json").unlink(), "has no config.json"),
    "config is no JSON": (lambda s: (s / "config.json").write_text("{"), "config.json is no JSON"),
    "no weights": (lambda s: (s / "model.safetensors").unlink(), "neither model.safetensors"),
    "weights cut short": (_cut, "model.safetensors cannot be read"),
    "weights are text": (lambda s: (s / "model.safetensors").write_text("x" * 99), "model.safetensors cannot be read"),
    "quantised already": (lambda s: _config(s, quantization_config={"quant_method": "awq"}), "already (awq)"),
    "size no multiple of 128": (_spoil_tensor(LINEAR, torch.ones(256, 100)), f"tensor {LINEAR} has shape (256, 100)"),
    "integers with a fraction": (_spoil_tensor(LINEAR, torch.ones(128, 128).to(torch.float8_e4m3fn)), "float8_e4m3fn"),
    "fused experts": (_spoil_tensor("model.layers.0.mlp.experts.up_proj", torch.ones(2, 128, 128)), "no linear layer"),
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


def test_a_missing_shard_and_a_missing_tensor(tmp_path: Path) -> None:
    source = write(tmp_path / "bf16", sharded=True)
    shard = source / "model-00002-of-00002.safetensors"
    content = load_file(shard)
    del content[LINEAR]
    save_file(content, shard)
    with pytest.raises(InputError, match=f"lacks tensor {LINEAR}"):
        quantize(source, tmp_path / "fp8")
    shard.unlink()
    with pytest.raises(InputError, match="lacks 1 of 2 shards, the first is model-00002-of-00002"):
        quantize(source, tmp_path / "fp8")


def test_an_index_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    source = write(tmp_path / "bf16", sharded=True)
    index = {"weight_map": {LINEAR: "../other/model.safetensors"}}
    (source / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="no shard's name"):
        quantize(source, tmp_path / "fp8")


def test_an_existing_target_is_never_touched(tmp_path: Path) -> None:
    source, target = write(tmp_path / "bf16"), tmp_path / "fp8"
    target.mkdir()
    (target / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="exists already"):
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
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert "cannot be written" in done.stdout, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bf16"]


def test_a_missing_source(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint folder"):
        quantize(tmp_path / "nowhere", tmp_path / "fp8")
