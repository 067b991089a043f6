"""What one run leaves beside LoadGen's logs: `record.json`, written last and atomically. No record, no run."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from submitter.errors import InputError
from submitter.model import Mode, Scenario
from submitter.strict_record import StrictRecord

RECORD = "record.json"


class DatasetFacts(StrictRecord):
    name: str
    sample_count: int
    sha256: str


class ModelFacts(StrictRecord):
    name: str
    sha256: str
    weight_data_types: str = ""


class Metric(StrictRecord):
    """The result's figure: LoadGen's key, its value, and the unit the results table uses."""

    key: str
    value: float
    unit: str


class Provenance(StrictRecord):
    """What a run was made with beside its model and data set; empty where that is not known.

    `host` is `system.identity()`. `tokenizer_sha256` is over the model's tokenizer files, `loadgen_sha256` over the
    files of the installed LoadGen, `campaign_sha256` of the campaign's file.
    """

    tokenizer_sha256: str = ""
    campaign_sha256: str = ""
    loadgen_sha256: str = ""
    host: dict[str, str] = Field(default_factory=dict)


class RunRecord(StrictRecord):
    """One finished LoadGen run. `files` maps each file of the run's folder to its SHA-256.

    `environment` holds the variables that matter to the engine, with secrets masked. Version 2 brought it and
    `provenance`; records of version 1 have neither, and are read as well.
    """

    version: int = 2
    smoke: bool
    round: str
    system: str
    benchmark: str
    official_benchmark: str
    scenario: Scenario
    mode: Mode
    plan_sha256: str
    engine: str
    engine_settings: dict[str, Any]
    dataset: DatasetFacts
    model: ModelFacts
    loadgen_version: str
    packages: dict[str, str] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    provenance: Provenance = Provenance()
    started_utc: str
    duration_s: float
    sample_count: int
    token_count: int
    valid: bool | None = None
    metric: Metric | None = None
    files: dict[str, str] = Field(default_factory=dict)


def read_record(run_folder: Path) -> RunRecord:
    """The record of a run folder; InputError if there is none or it is not one."""
    path = run_folder / RECORD
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"{run_folder} holds no finished run", "run it again: a run without record.json never ended"
        ) from None
    except (OSError, ValidationError) as error:
        raise InputError(f"{path} is no run record: {str(error).splitlines()[0]}", "run it again") from None


def write_json_atomically(path: Path, content: dict[str, Any]) -> None:
    """Write JSON so that a reader, or a crash, sees the whole file or none."""
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary file beside `path`, flush it to the disk, and rename it into place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
