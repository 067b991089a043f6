"""The environment variables that a run's record keeps: those that affect the engine's speed, with secrets masked."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "***"
# Variables that the engine, its libraries and the drivers read.
_PREFIXES = (
    "VLLM_", "CUDA_", "NVIDIA_", "NCCL_", "HIP_", "HSA_", "ROCR_", "ROCM_", "RCCL_", "MIOPEN_", "AMD_", "GPU_",
    "OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "TORCH", "PYTORCH_", "TRITON_", "HF_", "TRANSFORMERS_",
    "TOKENIZERS_", "PYTHON", "MALLOC_", "LD_",
)  # fmt: skip
_SECRET_NAME = re.compile(r"TOKEN(?!IZER)|KEY|SECRET|PASSW|PASSPHRASE|CREDENTIAL|(^|_)AUTH(_|$)", re.IGNORECASE)
_USER_OF_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_SECRET_PARAMETER = re.compile(r"([?&;][\w.-]*(?:token|key|secret|passw|signature|sig)[\w.-]*=)[^&;\s]+", re.IGNORECASE)
# Secrets recognized by their form: those of Hugging Face, GitHub, OpenAI and similar services, AWS, JSON web tokens.
_SECRET_VALUE = re.compile(
    r"\b(?:hf_\w{16,}|gh[a-z]_\w{16,}|github_pat_\w+|sk-[\w-]{16,}|AKIA\w{12,}|eyJ[\w-]{16,}\.[\w.-]+)"
)


def captured(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that affect an engine, sorted by name, with secrets masked so that they may be published."""
    return {name: masked(name, environment[name]) for name in sorted(environment) if name.startswith(_PREFIXES)}


def is_secret(name: str) -> bool:
    """Whether the name of a variable or setting suggests that it holds a secret."""
    return _SECRET_NAME.search(name) is not None


def masked(name: str, value: str) -> str:
    """The value with its secrets replaced: all of it if the name suggests a secret, else the credentials inside it."""
    if is_secret(name):
        return MASK if value else value
    value = _USER_OF_URL.sub(MASK, value)
    value = _SECRET_PARAMETER.sub(rf"\g<1>{MASK}", value)
    return _SECRET_VALUE.sub(MASK, value)
