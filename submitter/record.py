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
    """The data set as it was run: of a smoke run, the part that `sample_limit` left."""

    name: str
    sample_count: int
    sha256: str
    """Of the prompts' tokens and the references, as `harness.dataset` computes it; not of the file."""


class ModelFacts(StrictRecord):
    """The checkpoint that was served."""

    name: str
    sha256: str
    """Over the names and hashes of its configuration, tokenizer and weight files (`weights.checkpoint_sha256`)."""
    weight_data_types: str = ""
    """The narrowest type of its weights: fp4, fp8, int8, bf16, fp16, fp32, or unknown."""


class RecordedMetric(StrictRecord):
    """The figure of a performance run."""

    key: str
    """Its key in LoadGen's detail log."""
    value: float
    """As LoadGen logged it."""
    unit: str
    """The unit of the results table, such as Tokens/s."""


class Provenance(StrictRecord):
    """What a run was made with beside its model and data set; empty where that is not known."""

    tokenizer_sha256: str = ""
    """Over the names and hashes of the model's tokenizer files."""
    campaign_sha256: str = ""
    """Of the campaign file."""
    loadgen_sha256: str = ""
    """Over the files of the installed LoadGen."""
    host: dict[str, str] = Field(default_factory=dict)
    """What `system.identity` returns: the host, without its name."""


class RunRecord(StrictRecord):
    """One finished LoadGen run.

    Version 2 brought `environment` and `provenance`; records of version 1 have neither, and are read as well.
    """

    version: int = 2
    smoke: bool
    """Whether the campaign was a short rehearsal, of which no submission may be made."""
    round: str
    system: str
    """The system_desc_id."""
    benchmark: str
    """The name of the results folder; in the open division it may be the submitter's own."""
    official_benchmark: str
    """The round's benchmark that it was run as."""
    scenario: Scenario
    mode: Mode
    plan_sha256: str
    """Equal for two runs that would measure the same thing (`SessionPlan.fingerprint`): then the run is kept."""
    engine: str
    engine_settings: dict[str, Any]
    """All of engine.toml but the engine's name."""
    dataset: DatasetFacts
    model: ModelFacts
    loadgen_version: str
    """As LoadGen logged it: the version, and the commit it was built from."""
    packages: dict[str, str] = Field(default_factory=dict)
    """The version of LoadGen's package and of each that the engine stands on."""
    environment: dict[str, str] = Field(default_factory=dict)
    """The variables that matter to the engine, with secrets masked."""
    provenance: Provenance = Provenance()
    started_utc: str
    """ISO 8601, to the second."""
    duration_s: float
    """LoadGen's whole test, from its start to its last log; the engine's loading is not in it."""
    sample_count: int
    """Samples answered."""
    token_count: int
    """Tokens of all answers, the end tokens included."""
    valid: bool | None = None
    """Whether LoadGen calls the run VALID; None for an accuracy run, which it does not judge."""
    metric: RecordedMetric | None = None
    """None unless it is a performance run whose log has it."""
    files: dict[str, str] = Field(default_factory=dict)
    """The SHA-256 of each file of the run's folder when the run ended, by the file's name."""


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
    """The SHA-256 of a file, in hexadecimal; OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
