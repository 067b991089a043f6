"""FP8 block weights give the same numbers on any AVX-512 CPU, and vLLM's own kernels keep their place."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("vllm")

import vllm._custom_ops  # noqa: E402, F401 - loads the operators
from vllm.platforms import PlatformEnum, current_platform  # noqa: E402

from submitter.harness.engines._vllm_cpu_kernel import register  # noqa: E402
from submitter.quantize.block import dequantize_block_weight, quantize_block_weight  # noqa: E402

pytestmark = pytest.mark.skipif(
    not current_platform.is_cpu() or not torch.cpu._is_avx512_bf16_supported(), reason="needs a CPU with AVX-512 bf16"
)


@pytest.mark.parametrize("rows", [1, 5, 64, 300])
def test_the_operator_computes_what_the_scales_say(rows: int) -> None:
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(512, 256, generator=generator) * 0.05
    inputs = torch.randn(rows, 256, generator=generator).bfloat16()
    stored, scale = quantize_block_weight(weight)
    packed = torch.ops._C.convert_weight_packed(stored)
    found = torch.ops._C.fp8_scaled_mm_cpu(inputs, packed, scale, [128, 128], None, torch.bfloat16, True)
    exact = inputs.float() @ dequantize_block_weight(stored, scale).T
    assert (found.float() - exact).abs().max() < 0.02 * exact.abs().max()


def test_registering_twice_adds_one_kernel_behind_vllms_own() -> None:
    from vllm.model_executor.kernels.linear import _POSSIBLE_FP8_BLOCK_KERNELS

    register()
    register()
    names = [kernel.__name__ for kernel in _POSSIBLE_FP8_BLOCK_KERNELS[PlatformEnum.CPU]]
    assert names.count("Avx512Fp8BlockKernel") == 1
    assert names[-1] == "Avx512Fp8BlockKernel"
    assert len(names) > 1
