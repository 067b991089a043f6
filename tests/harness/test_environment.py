"""What a record says of the environment, and what it must never say."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from submitter.harness.environment import MASK, captured, is_secret, masked
from submitter.harness.plan import EngineSettings


def test_what_shapes_the_engine_is_captured_and_the_rest_is_not() -> None:
    environment = {
        "VLLM_ROCM_USE_AITER": "1",
        "CUDA_VISIBLE_DEVICES": "0,1",
        "HOME": "/home/somebody",
        "LS_COLORS": "x",
        "HF_TOKEN": "hf_abcdefghijklmnop",
        "VLLM_API_KEY": "s3cret",
        "TOKENIZERS_PARALLELISM": "false",
    }
    assert captured(environment) == {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "HF_TOKEN": MASK,
        "TOKENIZERS_PARALLELISM": "false",
        "VLLM_API_KEY": MASK,
        "VLLM_ROCM_USE_AITER": "1",
    }


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "aws_session_token", "DB_PASSWORD", "VLLM_API_KEY",
     "SSH_KEY", "HF_CREDENTIALS", "BASIC_AUTH", "MY_PASSPHRASE"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)
    assert masked(name, "anything") == MASK


@pytest.mark.parametrize(
    "name", ["TOKENIZERS_PARALLELISM", "VLLM_CPU_KVCACHE_SPACE", "OMP_NUM_THREADS", "NCCL_DEBUG", "PYTHONHASHSEED"]
)
def test_names_of_no_secrets(name: str) -> None:
    assert not is_secret(name)
    assert masked(name, "7") == "7"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://user:pass@host/simple", f"https://{MASK}@host/simple"),
        ("http://token@proxy:3128", f"http://{MASK}@proxy:3128"),
        ("https://host/x?a=1&access_token=abc&b=2", f"https://host/x?a=1&access_token={MASK}&b=2"),
        ("https://host/x?X-Amz-Signature=0ff", f"https://host/x?X-Amz-Signature={MASK}"),
        ("use hf_ABCDEFGHIJKLMNOPQRST now", f"use {MASK} now"),
        ("AKIAIOSFODNN7EXAMPLE", MASK),
        ("ghp_0123456789abcdefghij", MASK),
        ("https://host/simple", "https://host/simple"),
        ("mail@host", "mail@host"),
    ],
)
def test_credentials_inside_a_value(value: str, shown: str) -> None:
    assert masked("HF_ENDPOINT", value) == shown


def test_engine_toml_takes_no_secret() -> None:
    assert EngineSettings(engine="echo", env={"OMP_NUM_THREADS": "8"}).env
    for name, value in (("HF_TOKEN", "hf_x"), ("HF_ENDPOINT", "https://me:word@host")):
        with pytest.raises(ValidationError, match=f"{name} looks like a secret"):
            EngineSettings(engine="echo", env={name: value})
