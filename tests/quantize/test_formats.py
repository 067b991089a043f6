"""Quantised checkpoints of all makers: recognised, and refused where a scale is missing."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402
from tiny_checkpoints import LINEAR, write, write_quark  # noqa: E402

from submitter.embedded.benchmark import model_folder  # noqa: E402
from submitter.errors import InputError  # noqa: E402
from submitter.harness.checkpoint import weight_data_type  # noqa: E402
from submitter.quantize import check_scales, inspect, quantize, summarised  # noqa: E402

ATTENTION = "model.layers.0.self_attn"


def test_quark_is_recognised(tmp_path: Path) -> None:
    found = inspect(write_quark(tmp_path / "quark"))
    assert found.method == "quark"
    assert found.weights == found.activations == found.kv_cache == "fp8_e4m3, scales per tensor"
    assert len(found.quantized) == 5
    assert found.kept == ("lm_head", "model.embed_tokens")
    assert weight_data_type(tmp_path / "quark") == "fp8"


@pytest.mark.parametrize(
    "missing",
    [
        f"{ATTENTION}.q_proj.weight_scale",
        f"{ATTENTION}.o_proj.input_scale",
        f"{ATTENTION}.k_proj.output_scale",
        f"{ATTENTION}.v_proj.output_scale",
    ],
)
def test_quark_without_a_scale(tmp_path: Path, missing: str) -> None:
    folder = write_quark(tmp_path / "quark", without=missing)
    with pytest.raises(InputError) as caught:
        inspect(folder)
    assert missing in caught.value.message
    with pytest.raises(InputError):
        check_scales(folder)


def test_quark_without_a_kv_cache_group_needs_no_scale_of_it(tmp_path: Path) -> None:
    folder = write_quark(tmp_path / "quark", without=f"{ATTENTION}.k_proj.output_scale", export={"kv_cache_group": []})
    assert inspect(folder).kv_cache == ""


@pytest.mark.parametrize("stated", [{"export": None}, {"global_quant_config": {}}, {"global_quant_config": 7}])
def test_a_configuration_that_is_not_quarks(tmp_path: Path, stated: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="not as quark writes it"):
        inspect(write_quark(tmp_path / "quark", **stated))


def compressed(folder: Path, without: str = "") -> Path:
    """As llm-compressor 0.14 writes FP8 with static scales, of one layer."""
    folder.mkdir()
    scheme = {"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": False, "symmetric": True}
    quantization = {
        "quant_method": "compressed-tensors",
        "format": "float-quantized",
        "config_groups": {"group_0": {"weights": scheme, "input_activations": scheme, "targets": ["Linear"]}},
        "kv_cache_scheme": scheme,
        "ignore": ["lm_head"],
    }
    (folder / "config.json").write_text(json.dumps({"quantization_config": quantization}))
    content: dict[str, Any] = {"model.embed_tokens.weight": torch.ones(8, 8, dtype=torch.bfloat16)}
    for part in ("q_proj", "k_proj", "v_proj"):
        content[f"{ATTENTION}.{part}.weight"] = torch.ones(128, 128).to(torch.float8_e4m3fn)
        content[f"{ATTENTION}.{part}.weight_scale"] = torch.ones(1, dtype=torch.bfloat16)
        content[f"{ATTENTION}.{part}.input_scale"] = torch.ones(1, dtype=torch.bfloat16)
    content[f"{ATTENTION}.k_scale"] = content[f"{ATTENTION}.v_scale"] = torch.ones(1, dtype=torch.bfloat16)
    content = {name: tensor.clone() for name, tensor in content.items() if name != without}
    save_file(content, folder / "model.safetensors")
    return folder


def test_compressed_tensors_is_recognised(tmp_path: Path) -> None:
    found = inspect(compressed(tmp_path / "ct"))
    assert (found.weights, found.kv_cache) == ("FP8 (e4m3), one scale per tensor",) * 2
    assert found.quantized == tuple(f"{ATTENTION}.{part}" for part in ("k_proj", "q_proj", "v_proj"))


@pytest.mark.parametrize("missing", ["k_scale", "v_scale", "q_proj.weight_scale", "v_proj.input_scale"])
def test_compressed_tensors_without_a_scale(tmp_path: Path, missing: str) -> None:
    with pytest.raises(InputError, match=missing.replace(".", r"\.")):
        inspect(compressed(tmp_path / "ct", without=f"{ATTENTION}.{missing}"))


def modelopt(folder: Path, without: str = "") -> Path:
    """As nvidia-modelopt 0.47.0 exports FP8_DEFAULT_CFG with FP8_KV_CFG, of one layer."""
    folder.mkdir()
    scheme = {"dynamic": False, "num_bits": 8, "type": "float"}
    quantization = {
        "config_groups": {"group_0": {"input_activations": scheme, "weights": scheme, "targets": ["Linear"]}},
        "ignore": ["lm_head", "model.embed_tokens"],
        "quant_algo": "FP8",
        "kv_cache_scheme": scheme,
        "producer": {"name": "modelopt", "version": "0.47.0"},
        "quant_method": "modelopt",
    }
    (folder / "config.json").write_text(json.dumps({"quantization_config": quantization}))
    content: dict[str, Any] = {"model.embed_tokens.weight": torch.ones(8, 8, dtype=torch.float16)}
    for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
        content[f"{ATTENTION}.{part}.weight"] = torch.ones(128, 128).to(torch.float8_e4m3fn)
        for scale in ("weight_scale", "input_scale"):
            content[f"{ATTENTION}.{part}.{scale}"] = torch.tensor(1.0)
    for letter in "kv":
        content[f"{ATTENTION}.{letter}_proj.{letter}_scale"] = torch.tensor(1.0)
    save_file({name: tensor for name, tensor in content.items() if name != without}, folder / "model.safetensors")
    return folder


def test_modelopt_is_recognised(tmp_path: Path) -> None:
    found = inspect(modelopt(tmp_path / "modelopt"))
    assert (found.weights, found.activations) == ("FP8 (e4m3), one scale per tensor",) * 2
    assert found.kv_cache == "8 bits, one scale per layer, or 1.0"
    assert weight_data_type(tmp_path / "modelopt") == "fp8"


@pytest.mark.parametrize("missing", ["q_proj.weight_scale", "v_proj.input_scale"])
def test_modelopt_without_a_scale(tmp_path: Path, missing: str) -> None:
    with pytest.raises(InputError, match=missing.replace(".", r"\.")):
        check_scales(modelopt(tmp_path / "modelopt", without=f"{ATTENTION}.{missing}"))


def test_modelopt_with_cast_keys_and_values_writes_no_scale_of_them(tmp_path: Path) -> None:
    """Model Optimizer's fp8_cast: the engine takes 1.0."""
    check_scales(modelopt(tmp_path / "modelopt", without=f"{ATTENTION}.k_proj.k_scale"))


def test_our_own_blocks_are_recognised(tmp_path: Path) -> None:
    quantize(write(tmp_path / "bf16"), tmp_path / "fp8")
    assert inspect(tmp_path / "fp8").method == "fp8"
    assert inspect(model_folder()).weights == "FP8 (e4m3), one scale per block of 128x128"


def test_blocks_with_scales_of_another_size(tmp_path: Path) -> None:
    quantize(write(tmp_path / "bf16"), tmp_path / "fp8")
    path = tmp_path / "fp8" / "model.safetensors"
    content = load_file(path)
    content[LINEAR + "_scale_inv"] = torch.ones(1, 1)
    save_file(content, path)
    with pytest.raises(InputError, match=r"has shape \(1, 1\), required \(2, 1\)"):
        inspect(tmp_path / "fp8")


def test_a_configuration_that_says_more_than_the_weights(tmp_path: Path) -> None:
    folder = write(tmp_path / "bf16")
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "fp8", "activation_scheme": "dynamic"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="all its weights are wide"):
        inspect(folder)


def test_what_we_do_not_know_is_the_engines_business(tmp_path: Path) -> None:
    folder = write_quark(tmp_path / "other", quant_method="awq")
    check_scales(folder)
    with pytest.raises(InputError, match="quantised by 'awq'"):
        inspect(folder)
    plain = write(tmp_path / "plain")
    check_scales(plain)
    with pytest.raises(InputError, match="is not quantised"):
        inspect(plain)


HOSTILE: list[object] = [
    None,
    7,
    "x",
    [],
    {},
    [None],
    {"a": None},
    [[]],
    {"weights": 7},
    True,
    1e400,
    "\0",
    [0, 0],
    [-1, 9],
]
KEYS = ("quant_method", "activation_scheme", "weight_block_size", "kv_cache_scheme", "config_groups", "export",
        "global_quant_config", "layer_quant_config", "quant_algo")  # fmt: skip


@pytest.mark.parametrize("method", ["fp8", "compressed-tensors", "quark", "modelopt"])
@pytest.mark.parametrize("key", KEYS)
def test_no_configuration_crashes_it(tmp_path: Path, method: str, key: str) -> None:
    folder = write_quark(tmp_path / "quark", quant_method=method)
    config = json.loads((folder / "config.json").read_text())
    errors: set[type[Exception]] = set()
    for value in HOSTILE:
        for stated in ({**config["quantization_config"], key: value}, {"quant_method": method, key: value}):
            (folder / "config.json").write_text(json.dumps({**config, "quantization_config": stated}))
            for look in (inspect, check_scales):
                try:
                    look(folder)
                except Exception as error:
                    errors.add(type(error))
    assert errors <= {InputError}


@pytest.mark.parametrize(
    "header",
    [
        b"{}", b"[]", b"7", b'{"a": 1}', b'{"a": {"dtype": 1, "shape": [1], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}',
        b'{"a": {"dtype": "F32", "shape": 1e999, "data_offsets": [0, 1e999]}}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_no_header_crashes_it(tmp_path: Path, header: bytes) -> None:
    folder = write_quark(tmp_path / "quark")
    file = folder / "model.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(InputError):
        inspect(folder)
    file.write_bytes((1 << 62).to_bytes(8, "little") + header)
    with pytest.raises(InputError, match="not a safetensors file"):
        inspect(folder)


def test_a_part_of_the_files_without_the_index(tmp_path: Path) -> None:
    folder = write(tmp_path / "bf16", sharded=True)
    (folder / "model.safetensors.index.json").unlink()
    shutil.copytree(folder, tmp_path / "whole")
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match="holds 1 of 2 weight files"):
        quantize(folder, tmp_path / "fp8")
    quantize(tmp_path / "whole", tmp_path / "fp8")


def test_names_are_summarised() -> None:
    names = ("lm_head", *(f"model.layers.{layer}.mlp.up_proj" for layer in range(3)))
    assert summarised(names) == ["lm_head", "model.layers.*.mlp.up_proj (3)"]
