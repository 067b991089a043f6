"""Quantisation by llm-compressor with calibration samples. The only importer of llm-compressor.

Its pinned versions conflict with vLLM's (compressed-tensors 0.19 and 0.17), so it runs in a separate environment, made
from `requirements/calibrate.txt`; docs/quantize.md has the commands.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitter import packages
from submitter.errors import InputError, RunError
from submitter.quantize.scheme import Scheme
from submitter.quantize.source import WideCheckpoint

PACKAGES = ("llmcompressor", "compressed-tensors", "transformers", "torch")


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The samples that are used, as token ids, in order, and where they come from.

    name, sha256: the name and checksum of the data set.
    available: how many samples the data set has.
    source, source_sha256: the name and checksum of the file that the data set was made from.
    published_as: the name under which MLCommons publishes that file; empty if it does not.
    """

    samples: Sequence[Sequence[int]]
    name: str
    available: int
    sha256: str
    source: str = ""
    source_sha256: str = ""
    published_as: str = ""

    def require_vocabulary(self, size: object) -> None:
        """InputError if there are no samples, or a token is not in the model's vocabulary of `size` tokens."""
        if not self.samples:
            raise InputError(f"{self.name} gives no calibration samples", "use at least one sample")
        largest = max(max(sample) for sample in self.samples)
        if isinstance(size, int) and largest >= size:
            raise InputError(
                f"{self.name} has token {largest}, the model's vocabulary has {size} tokens",
                "use the calibration set of this model's benchmark",
            )


def require_installed() -> None:
    """NotInstalledError if llm-compressor is not installed."""
    if not packages.version_of("llmcompressor"):
        raise packages.missing(packages.CALIBRATION, "llmcompressor")


def try_out() -> None:
    """Import llm-compressor, which takes seconds. NotInstalledError if that fails."""
    require_installed()
    with packages.required(packages.CALIBRATION, "llmcompressor"):
        import llmcompressor  # noqa: F401


def write_checkpoint(source: WideCheckpoint, target: Path, scheme: Scheme, calibration: Calibration) -> None:
    """Calibrate, quantise and write the model to the folder `target`. RunError with llm-compressor's message."""
    with redirect_stdout(sys.stderr):  # llm-compressor logs to stdout, which is for our output
        _write_checkpoint(source, target, scheme, calibration)


def _write_checkpoint(source: WideCheckpoint, target: Path, scheme: Scheme, calibration: Calibration) -> None:
    import torch
    from datasets import Dataset
    from llmcompressor import oneshot
    from transformers import AutoModelForCausalLM

    samples = [list(sample) for sample in calibration.samples]
    data = Dataset.from_dict({"input_ids": samples, "attention_mask": [[1] * len(sample) for sample in samples]})
    try:
        torch.manual_seed(0)  # our recipes are not random, but a modifier might shuffle
        model = AutoModelForCausalLM.from_pretrained(source.folder, dtype="auto", local_files_only=True)
        oneshot(
            model=model,
            dataset=data,
            recipe=recipe_text(scheme),
            max_seq_length=max(map(len, samples)),
            num_calibration_samples=len(samples),
            shuffle_calibration_samples=False,
        )
        model.save_pretrained(target, save_compressed=True)
    except OSError:
        raise
    except Exception as error:  # torch, transformers and llm-compressor raise many types
        first = (str(error).strip().splitlines() or [""])[0]
        raise RunError(f"llm-compressor failed: {first}", "run it again with --debug for the traceback") from error


def recipe_text(scheme: Scheme) -> str:
    """The recipe for llm-compressor, which reads YAML; JSON is a subset of it."""
    modifiers: dict[str, Any] = {}
    for step in scheme.recipe:
        arguments = dict(step)
        modifiers[arguments.pop("modifier")] = arguments
    return json.dumps({"quantization_stage": {"quantization_modifiers": modifiers}}, indent=2)
