"""Quantisation with llm-compressor, from calibration samples: the only importer of llm-compressor.

Its pins exclude vLLM's (compressed-tensors 0.19 against 0.17), so it runs in an environment of its own, made from
`requirements/calibrate.txt`; docs/quantize.md has the commands.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from submitter.errors import InputError, NotInstalledError, RunError
from submitter.quantize.scheme import Scheme
from submitter.quantize.source import WideCheckpoint

PACKAGES = ("llmcompressor", "compressed-tensors", "transformers", "torch")
_INSTALL = (
    "an environment of its own: python -m venv calibrate; calibrate/bin/pip install . -r requirements/calibrate.txt"
)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The samples that are used, as token ids, in order, and where they come from.

    `name` is the data set's, which has `available` samples, and `sha256` its own checksum; `source` and `source_sha256`
    name the file that it was made from, and `published_as` is what MLCommons calls that file, empty if it is none of
    theirs.
    """

    samples: Sequence[Sequence[int]]
    name: str
    available: int
    sha256: str
    source: str = ""
    source_sha256: str = ""
    published_as: str = ""

    def require_vocabulary(self, size: object) -> None:
        """InputError if a token is none of the model's, or there is no sample: it is another model's data set."""
        if not self.samples:
            raise InputError(f"{self.name} gives no calibration sample", "ask for at least one")
        largest = max(max(sample) for sample in self.samples)
        if isinstance(size, int) and largest >= size:
            raise InputError(
                f"{self.name} has token {largest}, the model's vocabulary has {size}",
                "take the calibration set of this model's benchmark",
            )


def require_installed() -> None:
    """NotInstalledError without llm-compressor."""
    try:
        metadata.version("llmcompressor")
    except metadata.PackageNotFoundError:
        raise NotInstalledError("llm-compressor is not installed here", _INSTALL) from None


def write_checkpoint(source: WideCheckpoint, target: Path, scheme: Scheme, calibration: Calibration) -> None:
    """Calibrate, quantise and write the model into the folder `target`. RunError with llm-compressor's own words."""
    with redirect_stdout(sys.stderr):  # llm-compressor logs to stdout, which is for our report
        _write_checkpoint(source, target, scheme, calibration)


def _write_checkpoint(source: WideCheckpoint, target: Path, scheme: Scheme, calibration: Calibration) -> None:
    import torch
    from datasets import Dataset
    from llmcompressor import oneshot
    from transformers import AutoModelForCausalLM

    samples = [list(sample) for sample in calibration.samples]
    data = Dataset.from_dict({"input_ids": samples, "attention_mask": [[1] * len(sample) for sample in samples]})
    try:
        torch.manual_seed(0)  # nothing that we ask for is random; for what a modifier might shuffle
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
    except Exception as error:  # torch, transformers and llm-compressor raise whatever they like
        first = (str(error).strip().splitlines() or [""])[0]
        raise RunError(f"llm-compressor failed: {type(error).__name__}: {first}", "--debug shows the whole") from error


def recipe_text(scheme: Scheme) -> str:
    """The recipe in llm-compressor's YAML, of which JSON is a part."""
    modifiers: dict[str, Any] = {}
    for step in scheme.recipe:
        arguments = dict(step)
        modifiers[arguments.pop("modifier")] = arguments
    return json.dumps({"quantization_stage": {"quantization_modifiers": modifiers}}, indent=2)
