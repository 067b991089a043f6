"""`calibration.md`, which a submission needs: written into the checkpoint's folder, from what was actually done."""

from __future__ import annotations

import platform
from importlib import metadata

from submitter import documents
from submitter.quantize import calibrated
from submitter.quantize.calibrated import Calibration
from submitter.quantize.formats import Quantized, summarised
from submitter.quantize.scheme import Scheme
from submitter.quantize.source import WideCheckpoint
from submitter.version import VERSION
from submitter.weights import checkpoint_sha256

CALIBRATION_FILE = "calibration.md"
_TEMPLATE = "quantized.md"
_NONE = "None was used: all scales come from the weights alone."


def calibration_document(
    source: WideCheckpoint,
    made: Quantized,
    *,
    name: str,
    scheme: Scheme,
    calibration: Calibration | None,
    command: str,
) -> str:
    """The document for the checkpoint `made` from `source` by `command`, in the folder `name`."""
    return documents.rendered(
        _TEMPLATE,
        {
            "target": name,
            "source": source.folder.resolve().name,
            "source_sha256": checkpoint_sha256(source.folder),
            "source_size": f"{source.byte_count:,} bytes of weights in {len(source.headers)} files",
            "scheme": scheme.name,
            "title": scheme.title,
            "weights": made.weights,
            "activations": made.activations,
            "kv_cache": made.kv_cache or "no scales in the checkpoint; the engine's settings choose its format",
            "quantized": f"{len(made.quantized)} linear layers: {', '.join(summarised(made.quantized))}",
            "kept": f"{', '.join(summarised(made.kept)) or 'no matrix'}; all norms and biases",
            "target_size": f"{made.byte_count:,} bytes of weights",
            "method": scheme.method.strip(),
            "recipe": _recipe(scheme),
            "data": _data(calibration) if calibration else _NONE,
            "command": command,
            "packages": ", ".join(_packages(scheme)),
        },
    )


def _recipe(scheme: Scheme) -> str:
    if not scheme.is_calibrated:
        return ""
    text = "\n".join(f"    {line}" for line in calibrated.recipe_text(scheme).splitlines())
    return f"\nThe recipe that llm-compressor used:\n\n{text}\n"


def _data(calibration: Calibration) -> str:
    count, available = len(calibration.samples), calibration.available
    part = f"all {count:,} samples" if count == available else f"the first {count:,} of {available:,} samples"
    lengths = sorted(map(len, calibration.samples))
    origin = (
        f"made from `{calibration.source}`, SHA-256 `{calibration.source_sha256}`" if calibration.source_sha256 else ""
    )
    known = (
        f"That file is MLCommons' published `{calibration.published_as}`."
        if calibration.published_as
        else "Its source is not known to be a file that MLCommons publishes."
    )
    return (
        f"`{calibration.name}`, {part}, in the file's order, as token ids: {sum(lengths):,} tokens, {lengths[0]} to "
        f"{lengths[-1]} per sample, none cut off.\nSHA-256 of the data set `{calibration.sha256}`"
        + (f"; {origin}" if origin else "")
        + f".\n{known}"
    )


def _packages(scheme: Scheme) -> list[str]:
    names = calibrated.PACKAGES if scheme.is_calibrated else ("torch", "safetensors")
    versions = [f"{name} {metadata.version(name)}" for name in names]
    return [f"submitter {VERSION}", f"Python {platform.python_version()}", *versions]
