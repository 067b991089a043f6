"""Versions that do not fit together, as far as the installed packages' own metadata show it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata

from submitter import packages
from submitter.doctor.machine import Fact

# Their builds for CUDA do not import beside torch's build for the CPU, and then neither does transformers. Language
# models need none of them.
_BESIDE_TORCH = ("torchvision", "torchaudio", "torchcodec", "triton")
_PIN = re.compile(r"([\w-]+) *== *([\w.]+)")
_PINNING = ("vllm", "llmcompressor")
# vLLM does not load with another torch, nor read quantised checkpoints with another compressed-tensors.
_PINNED = ("torch", "compressed-tensors")


def conflicts() -> Iterator[Fact]:
    """Each pair of packages that does not fit, with what to do."""
    torch = packages.version_of("torch")
    if torch.endswith("+cpu"):
        wrong = [name for name in _BESIDE_TORCH if (found := packages.version_of(name)) and not found.endswith("+cpu")]
        if wrong:
            yield Fact(
                name="torch",
                value=torch,
                problem=f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} built for CUDA",
                hint=f"pip uninstall {' '.join(wrong)}",
            )
    for package in _PINNING:
        yield from _other_versions(package)


def _other_versions(package: str) -> Iterator[Fact]:
    """The packages that are installed in another version than the one that `package` pins."""
    for name in packages.distributions(package):
        try:
            lines = metadata.requires(name) or ()
        except metadata.PackageNotFoundError:
            continue
        # One line a package: vLLM pins torch for each platform in its own line, to the same version.
        matches = [_PIN.match(line) for line in lines if "extra ==" not in line]
        pins = {match[1]: match[2] for match in matches if match}
        for pinned in _PINNED:
            version, found = pins.get(pinned), packages.version_of(pinned)
            if version and found and found.partition("+")[0] != version:
                yield Fact(
                    name=pinned,
                    value=found,
                    problem=f"{name} {packages.version_of(package)} requires {version}",
                    hint=f"pip install {pinned}=={version}",
                )
