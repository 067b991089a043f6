"""A vLLM plugin: FP8 block weights on CPUs without AMX.

vLLM 0.32 offers its CPU kernel for FP8 block weights (weights FP8, activations bf16) only where the processor
has AMX tiles (Intel, from Sapphire Rapids). The operator below it falls back to AVX-512 by itself and computes the same
there, so an AMD Zen 4, say, is refused for nothing. This adds the kernel, without that condition, behind
vLLM's own ones: where one of those can run, nothing changes.

vLLM finds `register` through the entry point `vllm.general_plugins` of pyproject.toml, and calls it in each
of its processes; so the package must be installed (`pip install -e .`), a checkout on the path is not enough.
"""

from __future__ import annotations


def register() -> None:
    """Offer the kernel to vLLM; does nothing away from the CPU. May be called more than once."""
    import torch
    from vllm.platforms import PlatformEnum, current_platform

    if not current_platform.is_cpu() or not torch.cpu._is_avx512_bf16_supported():
        return
    from vllm import _custom_ops

    # There is no public way in: `register_linear_kernel` knows no kind for block weights.
    from vllm.model_executor.kernels.linear import _POSSIBLE_FP8_BLOCK_KERNELS, CPUFp8BlockScaledMMKernel

    class Avx512Fp8BlockKernel(CPUFp8BlockScaledMMKernel):  # type: ignore[misc]
        @classmethod
        def is_supported(cls, compute_capability: int | None = None) -> tuple[bool, str | None]:
            return _custom_ops._supports_cpu_fp8_w8a16, "this build of vLLM lacks fp8_scaled_mm_cpu."

    kernels = _POSSIBLE_FP8_BLOCK_KERNELS[PlatformEnum.CPU]
    if all(kernel.__name__ != Avx512Fp8BlockKernel.__name__ for kernel in kernels):
        kernels.append(Avx512Fp8BlockKernel)
