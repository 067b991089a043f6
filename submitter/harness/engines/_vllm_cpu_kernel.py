"""A vLLM plugin: FP8 block weights on CPUs without AMX.

vLLM 0.32 offers its CPU kernel for FP8 block weights (weights FP8, activations bf16) only if the processor has AMX
tiles (Intel, from Sapphire Rapids on). But the operator that the kernel calls falls back to AVX-512 by itself, with the
same results, so vLLM refuses other processors, such as AMD Zen 4, without need. This plugin adds the kernel without
that condition, after vLLM's own kernels: where one of those can run, nothing changes.

vLLM finds `register` through the entry point `vllm.general_plugins` of pyproject.toml and calls it in each of its
processes. So the package must be installed (`pip install -e .`); a checkout on the Python path is not enough.
"""

from __future__ import annotations


def register() -> None:
    """Add the kernel to vLLM's list; does nothing if the device is not a CPU. May be called more than once."""
    import torch
    from vllm.platforms import PlatformEnum, current_platform

    if not current_platform.is_cpu() or not torch.cpu._is_avx512_bf16_supported():
        return
    from vllm import _custom_ops

    # There is no public function for this: `register_linear_kernel` does not cover block weights.
    from vllm.model_executor.kernels.linear import _POSSIBLE_FP8_BLOCK_KERNELS, CPUFp8BlockScaledMMKernel

    class Avx512Fp8BlockKernel(CPUFp8BlockScaledMMKernel):  # type: ignore[misc]
        @classmethod
        def is_supported(cls, compute_capability: int | None = None) -> tuple[bool, str | None]:
            return _custom_ops._supports_cpu_fp8_w8a16, "this build of vLLM lacks fp8_scaled_mm_cpu."

    kernels = _POSSIBLE_FP8_BLOCK_KERNELS[PlatformEnum.CPU]
    if all(kernel.__name__ != Avx512Fp8BlockKernel.__name__ for kernel in kernels):
        kernels.append(Avx512Fp8BlockKernel)
