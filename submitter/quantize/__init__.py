"""`submitter quantize`: turns a bf16, fp16 or fp32 checkpoint into a narrow one that vLLM serves unchanged.

Schemes without calibration are computed here (`block.py`), schemes with calibration by llm-compressor
(`calibrated.py`). In both cases everything that the headers show is checked before the first weight is read. The target
folder appears only when it is complete and has all its scales, and its `calibration.md` describes what was done.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from submitter.errors import InputError, os_reason
from submitter.quantize import block, calibrated
from submitter.quantize.calibrated import Calibration
from submitter.quantize.document import CALIBRATION_FILE, calibration_document
from submitter.quantize.formats import Quantized, check_scales, inspect, summarised
from submitter.quantize.scheme import DEFAULT, Scheme, load_scheme
from submitter.quantize.source import WideCheckpoint
from submitter.record import write_atomically

__all__ = [
    "Calibration",
    "QuantizeResult",
    "Quantized",
    "check_scales",
    "inspect",
    "load_scheme",
    "quantize",
    "summarised",
]

# What serving needs besides the weights: the tokenizer's files, the generation defaults, the chat template.
COPIED_PATTERNS = (
    "tokenizer*",
    "special_tokens_map.json",
    "generation_config.json",
    "vocab.*",
    "merges.txt",
    "chat_template*",
)


@dataclass(frozen=True)
class QuantizeResult:
    """The new checkpoint, and the size of the weights that it was made from."""

    checkpoint: Quantized
    source_bytes: int


def quantize(
    source: Path,
    target: Path,
    scheme_name: str = DEFAULT,
    calibration: Calibration | None = None,
    command: str = "submitter quantize SOURCE TARGET",
) -> QuantizeResult:
    """Quantise the checkpoint in folder `source` into the new folder `target`.

    `calibration` is for the schemes that need samples; `command` is the command that the document tells readers to
    repeat. InputError if `target` exists or its disk is too small, or if `source` is not a complete checkpoint, is
    already quantised, or has a tensor that does not fit the scheme. NotInstalledError if a library is missing. RunError
    if llm-compressor fails.
    """
    scheme = load_scheme(scheme_name)
    if target.exists():
        raise InputError(f"{target} already exists", "name a new folder, or remove this one first")
    checkpoint = WideCheckpoint.open(source)
    _require(scheme, checkpoint, calibration)
    checkpoint.require_room(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        if calibration is None:
            block.write_checkpoint(checkpoint, temporary)
        else:
            calibrated.write_checkpoint(checkpoint, temporary, scheme, calibration)
        for pattern in COPIED_PATTERNS:
            for file in sorted(source.glob(pattern)):
                shutil.copyfile(file, temporary / file.name)
        quantized = inspect(temporary)
        text = calibration_document(
            checkpoint, quantized, name=target.name, scheme=scheme, calibration=calibration, command=command
        )
        write_atomically(temporary / CALIBRATION_FILE, text.encode())
        temporary.replace(target)
    except OSError as error:
        raise InputError(f"{target} cannot be written: {os_reason(error)}", block.WRITE_ELSEWHERE) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return QuantizeResult(replace(quantized, folder=target), checkpoint.byte_count)


def _require(scheme: Scheme, checkpoint: WideCheckpoint, calibration: Calibration | None) -> None:
    """InputError or NotInstalledError for anything that would fail later."""
    if not scheme.is_calibrated:
        if calibration is not None:
            raise InputError(f"scheme {scheme.name} does not use calibration samples", "remove --calibration")
        block.require_blocks(checkpoint)
        block.require_installed()
        return
    if calibration is None:
        hint = "give --calibration FILE; submitter dataset convert makes it from the benchmark's calibration set"
        raise InputError(f"scheme {scheme.name} needs calibration samples", hint)
    calibration.require_vocabulary(checkpoint.config.get("vocab_size"))
    calibrated.require_installed()
