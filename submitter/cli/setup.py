"""The commands that prepare a system description and a model: `describe-system` and `quantize`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli.say import say
from submitter.errors import InputError
from submitter.units import BYTES_PER_MB

if TYPE_CHECKING:
    from submitter.quantize import Calibration, Quantized


def describe_system(
    base: Annotated[Path | None, typer.Argument(help="A JSON file with the fields that cannot be detected.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the description here instead of to stdout.")] = None,
) -> None:
    """Complete a system description from this host, and mark the fields that only a person can fill in."""
    import json

    from submitter import documents, record, system

    given = {} if base is None else system.read(base)
    description = system.complete(given, system.describe())
    description = system.complete(system.marked(system.missing(description)), description)
    open_parts = [
        f"  {field}: {what}" for field, value in description.items() for _, what in documents.unfilled(str(value))
    ]
    if not open_parts:
        system.validate(description)
    if output is None:
        print(json.dumps(description, indent=2))
    else:
        record.write_json_atomically(output, description)
    if open_parts:
        say("\n".join([f"{len(open_parts)} fields are for a person to fill in:", *open_parts]))


def quantize(
    source: Annotated[Path, typer.Argument(help="A bf16, fp16 or fp32 checkpoint; or any checkpoint to inspect.")],
    target: Annotated[
        Path | None, typer.Argument(help="The folder to create; without it, SOURCE is inspected.")
    ] = None,
    scheme: Annotated[
        str,
        typer.Option(help="fp8-block (for any device), fp8-static (CUDA, ROCm) or int8 (GPUs without FP8)."),
    ] = "fp8-block",
    calibration: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The calibration set, as dataset convert wrote it.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="How many calibration samples to use, from the first on.")
    ] = None,
) -> None:
    """Write a checkpoint with 8-bit weights for vLLM, or verify a quantised one and show what it holds."""
    from submitter import quantize as q

    if target is None:
        print(_checkpoint(q.inspect(source)))
        return
    data = None if calibration is None else _calibration(calibration, samples)
    command = f"submitter quantize {Path(os.path.realpath(source)).name} {target.name} --scheme {scheme}"
    if calibration is not None:
        command += f" --calibration {calibration.name}" + (f" --samples {samples}" if samples else "")
    made = q.quantize(source, target, scheme, data, command)
    before_mb, after_mb = made.source_bytes / BYTES_PER_MB, made.checkpoint.byte_count / BYTES_PER_MB
    print(
        f"{_checkpoint(made.checkpoint)}\n  size         {before_mb:,.1f} MB of weights before, {after_mb:,.1f} MB now"
    )
    say(f"{target / 'calibration.md'} is the description that a submission requires")


def _calibration(file: Path, samples: int | None) -> Calibration:
    """The first `samples` samples of a converted data set, or all of them."""
    from submitter.datasets.official import by_sha256
    from submitter.harness.dataset import Dataset
    from submitter.quantize import Calibration

    data = Dataset.open(file)
    data.verify()
    count = samples or len(data)
    if count > len(data):
        raise InputError(f"{file} has {len(data):,} samples, not {count:,}", "leave --samples out for all of them")
    published = by_sha256(data.header.source_sha256)
    return Calibration(
        samples=[data.prompt(index) for index in range(count)],
        name=data.name,
        available=len(data),
        sha256=data.sha256,
        source=data.header.source,
        source_sha256=data.header.source_sha256,
        published_as=published[0] if published else "",
    )


def _checkpoint(found: Quantized) -> str:
    """A summary of a quantised checkpoint, one property per line."""
    from submitter.quantize import summarised

    rows = {
        "method": found.method,
        "weights": found.weights,
        "activations": found.activations,
        "KV cache": found.kv_cache or "no scales; kv_cache_dtype of engine.toml decides",
        "quantised": f"{len(found.quantized)} linear layers: {', '.join(summarised(found.quantized))}",
        "unquantised": ", ".join(summarised(found.kept)) or "no matrix",
    }
    return "\n".join([f"{found.folder}: complete, every scale is there", *(f"  {k:<12} {v}" for k, v in rows.items())])
