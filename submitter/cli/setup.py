"""The commands that get a machine and a model ready."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from submitter.errors import InputError


def describe_system(
    base: Annotated[Path | None, typer.Argument(help="A JSON file with what only a person knows.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the description here instead of to stdout.")] = None,
) -> None:
    """Fill a system description from this host; says which fields only a person can fill."""
    import json

    from submitter import record, system

    person = {} if base is None else system.read(base)
    description = system.complete(person, system.describe())
    if output is None:
        print(json.dumps(description, indent=2))
    else:
        record.write_json_atomically(output, description)
    missing = system.missing(description)
    if missing:
        raise InputError(f"only a person knows: {', '.join(missing)}", "put them into a JSON file and give it as BASE")
    system.validate(description)


def quantize(
    source: Annotated[Path, typer.Argument(help="A bf16, fp16 or fp32 checkpoint.")],
    target: Annotated[Path, typer.Argument(help="The folder to make.")],
) -> None:
    """Make an FP8 checkpoint with 128x128 block weights, which vLLM reads."""
    from submitter import quantize as q

    made = q.quantize(source, target)
    print(f"{target}: {made}")
