"""The record of a finished run, `record.json`. It is written last and atomically: without a record there is no run.

`scored.json` beside it ties the run's score to what it was made from, so that an edited score is found.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from submitter.errors import InputError, os_reason, os_remedy
from submitter.model import Mode, Scenario
from submitter.scratch import temporary_beside
from submitter.strict_record import StrictRecord
from submitter.validation import in_words

RECORD = "record.json"
SCORED = "scored.json"
SCORE_AGAIN = "run submitter score on the campaign: it scores the run again"


class DatasetFacts(StrictRecord):
    """The data set of a run; with `sample_limit`, only its first samples."""

    name: str
    sample_count: int
    sha256: str
    """Over the prompts' tokens and the references, as `harness.dataset` computes it; not over the file."""


class ModelFacts(StrictRecord):
    """The checkpoint that was served."""

    name: str
    sha256: str
    """Over the names and hashes of its configuration, tokenizer and weight files (`weights.checkpoint_sha256`)."""
    weight_data_types: str = ""
    """The narrowest type of its weights: fp4, fp8, int8, bf16, fp16, fp32, or unknown."""


class RecordedMetric(StrictRecord):
    """The metric of a performance run."""

    key: str
    """Its key in LoadGen's detail log."""
    value: float
    """As LoadGen logged it."""
    unit: str
    """The unit of the results table, such as Tokens/s."""


class Provenance(StrictRecord):
    """What a run was made with, apart from its model and data set. A field is empty if its value is not known."""

    tokenizer_sha256: str = ""
    """Over the names and hashes of the model's tokenizer files."""
    campaign_sha256: str = ""
    """Over the campaign file."""
    loadgen_sha256: str = ""
    """Over the files of the installed LoadGen."""
    host: dict[str, str] = Field(default_factory=dict)
    """What `system.identity` returns: facts about the host, without its name."""


class DeviceTraffic(StrictRecord):
    """What a network interface or an RDMA device counted during a run; None for what it does not count."""

    is_rdma: bool
    is_virtual: bool
    """Whether no hardware of the host is behind it."""
    received_bytes: int | None = None
    sent_bytes: int | None = None
    received_packets: int | None = None
    sent_packets: int | None = None
    errors: int | None = None
    discarded_packets: int | None = None
    link_downs: int | None = None
    """How often the link was lost."""
    retransmits: int | None = None
    """How often an RDMA device had to send again."""
    pause_frames_received: int | None = None
    pause_frames_sent: int | None = None
    """Of IEEE 802.3x and of priority flow control."""
    ecn_marked_packets: int | None = None
    """Packets that arrived with a switch's mark of congestion."""
    congestion_notices_sent: int | None = None
    congestion_notices_received: int | None = None
    """RoCE's congestion notification packets (CNP)."""


class TcpTraffic(StrictRecord):
    """What TCP of the host, or of the container, counted during a run."""

    sent_segments: int = 0
    retransmitted_segments: int = 0
    ecn_marked_packets: int = 0
    """IP packets that arrived with a switch's mark of congestion."""


class NetworkTraffic(StrictRecord):
    """What the network of the host that drove a run counted during it. Other processes' traffic is counted, too."""

    interval_s: float
    """Of the samples in `network.csv`; the first one and the last one are at the run's ends."""
    sample_count: int
    devices: dict[str, DeviceTraffic]
    """By name, for RDMA devices after `rdma `; empty if the host, or the container, shows none."""
    tcp: TcpTraffic | None
    warnings: tuple[str, ...]
    """What may have cost time: errors, discarded packets, retransmits, a link that was lost."""


class RunRecord(StrictRecord):
    """One finished LoadGen run.

    Version 2 added `environment` and `provenance`, version 3 `engine_facts`, `answers` and `network`, version 4
    `campaign_settings`. Older records are read, too.
    """

    version: int = 4
    smoke: bool
    """Whether the run was part of a short rehearsal, which cannot be submitted."""
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
    """`SessionPlan.fingerprint`: equal for two runs that measure the same thing. Then a finished run is kept."""
    engine: str
    engine_settings: dict[str, Any]
    """The content of engine.toml, except the engine's name."""
    campaign_settings: dict[str, Any] = Field(default_factory=dict)
    """What else the campaign or the round set, such as `sample_limit` and `max_new_tokens`; empty if not known."""
    dataset: DatasetFacts
    model: ModelFacts
    loadgen_version: str
    """As LoadGen logged it: its version, and the commit that it was built from."""
    packages: dict[str, str] = Field(default_factory=dict)
    """The versions of LoadGen's package and of the packages that the engine uses."""
    environment: dict[str, str] = Field(default_factory=dict)
    """The environment variables that affect the engine, with secrets masked."""
    provenance: Provenance = Provenance()
    started_utc: str
    """ISO 8601, to the second."""
    duration_s: float
    """How long LoadGen's test took, from its start to its last log; engine loading is not included."""
    sample_count: int
    """How many samples were answered."""
    token_count: int
    """How many tokens all answers have, end tokens included."""
    engine_facts: dict[str, str] = Field(default_factory=dict)
    """What the engine said of itself once it was loaded, such as a server's version, model and settings."""
    answers: dict[str, int] = Field(default_factory=dict)
    """How many samples each rank or server answered, by its name; empty if there was only one."""
    network: NetworkTraffic | None = None
    """None if its counters could not be read in time."""
    valid: bool | None = None
    """Whether LoadGen reported the run as VALID; None for an accuracy run, which LoadGen does not judge."""
    metric: RecordedMetric | None = None
    """None unless this is a performance run whose log contains the metric."""
    files: dict[str, str] = Field(default_factory=dict)
    """The SHA-256 of each file in the run's folder at the end of the run, by file name."""


class ScoredRecord(StrictRecord):
    """What a run's score or verification was made from, `scored.json`. It is written after the files that it lists."""

    version: int = 1
    inputs: dict[str, str]
    """By name, everything that the outcome depends on: hashes of the log, the data set and the model, and versions."""
    files: dict[str, str]
    """The SHA-256 of each file that the scoring wrote into the run's folder."""


class DamagedRecordError(InputError):
    """A `record.json` is not a run's record; `path` is its path and `why` says in words what is wrong with it."""

    def __init__(self, path: Path, why: str, hint: str) -> None:
        super().__init__(f"{path} is damaged: {why}", hint)
        self.path = path
        self.why = why

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.path, self.why, self.hint)


def read_record(run_folder: Path, again: str = "run it again") -> RunRecord:
    """Read the record in a run's folder. InputError if it is missing, DamagedRecordError if it is not a record.

    `again` is the hint: what makes the run again.
    """
    path = run_folder / RECORD
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{run_folder} holds no finished run", again) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {os_reason(error)}", os_remedy(error)) from None
    try:
        return RunRecord.model_validate_json(content)
    except ValidationError as error:
        why = in_words(error.errors()[0]) if content.strip() else "it is empty"
        raise DamagedRecordError(path, why, again) from None


def write_scored(run_folder: Path, inputs: dict[str, str], names: Iterable[str]) -> None:
    """Write `scored.json` for the files `names`, which were made from `inputs`."""
    written = ScoredRecord(inputs=inputs, files={name: sha256_of(run_folder / name) for name in names})
    write_json_atomically(run_folder / SCORED, written.model_dump(mode="json"))


def read_scored(run_folder: Path) -> ScoredRecord:
    """The record of a run's score. InputError if there is none, or if one of its files was changed or removed since."""
    path = run_folder / SCORED
    try:
        scored = ScoredRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise InputError(f"{run_folder} is not scored: it has no {SCORED} that can be read", SCORE_AGAIN) from None
    for name, sha256 in scored.files.items():
        file = run_folder / name
        if not file.is_file():
            raise InputError(f"{file} is missing", SCORE_AGAIN)
        if sha256_of(file) != sha256:
            raise InputError(f"{file} was changed after the run was scored", SCORE_AGAIN)
    return scored


def write_json_atomically(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file as `write_atomically` does."""
    write_atomically(path, json_text(content).encode())


def json_text(content: dict[str, Any]) -> str:
    """The text of a JSON file that people read."""
    return json.dumps(content, indent=2) + "\n"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it exists completely or not at all, also after a crash.

    The content goes to a temporary file beside `path`, is flushed to the disk, and the file is renamed.
    """
    temporary = temporary_beside(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        # The user knows the path, or its folder if that is missing; not the temporary file.
        error.filename, error.filename2 = str(path.parent if error.errno == errno.ENOENT else path), None
        raise
    finally:
        with suppress(OSError):  # it is renamed, or was never made; a read-only disk refuses even that
            temporary.unlink()


_hashes: dict[tuple[int, ...], str] = {}


def sha256_once(path: Path) -> str:
    """Like `sha256_of`, but a process reads the file only once, as long as it stays as it is.

    The system changes a file's ctime with each write, and no program can set it.
    """
    stat = path.stat()
    key = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    if key not in _hashes:
        _hashes[key] = sha256_of(path)
    return _hashes[key]


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
