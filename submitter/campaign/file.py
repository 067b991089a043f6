"""The campaign file, `CAMPAIGN.toml`, as a typed record. Paths in the file are relative to it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from submitter import input_file, plugins, validation
from submitter.cluster.slurm_table import SlurmTable
from submitter.errors import InputError, raise_all
from submitter.model import Division, Mode, Scenario
from submitter.quoting import shown
from submitter.rulebook import round_names

T = TypeVar("T", bound=BaseModel)

NO_NAME = "YourOrganisation"  # the submitter of a campaign whose author has not named one yet
EMBEDDED = "embedded"  # instead of a path: the model or data set that comes with this package
# The names in an output folder.
RUNS, ENGINE, FAILED = "runs", "engine", "failed"
SUBMISSION, PREVIEW = "submission", "preview"
FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def _folder_name(text: str) -> str:
    if not FOLDER_NAME.fullmatch(text):
        raise ValueError(
            f"{shown(text)} must begin with a letter or a digit, and may hold letters, digits and . _ + - only"
        )
    return text


def _path_text(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("a path must not be empty" if not text else "a path must not hold the character NUL")
    return text


FolderName = Annotated[str, AfterValidator(_folder_name)]
PathText = Annotated[str, AfterValidator(_path_text)]
UserPath = Annotated[Path, BeforeValidator(lambda value: _path_text(value) if isinstance(value, str) else value)]


class _CampaignPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SystemTable(_CampaignPart):
    """The system under test."""

    id: FolderName
    """The system_desc_id."""
    description: UserPath
    """A JSON file with the fields that cannot be detected; the others are read from the host."""


class LimitsTable(_CampaignPart):
    """How long to wait, in s, before a session or a run is ended."""

    start_s: float = Field(default=1800.0, gt=0)
    """How long the engine may take to load."""
    stall_s: float = Field(default=300.0, gt=0)
    """How long a run may go without a finished sample."""


class BenchmarkTable(_CampaignPart):
    """One benchmark with the model and the data set that it is run with."""

    name: FolderName
    """The name of its results folder."""
    official: str | None = None
    """In the open division: the round's benchmark that the submitter's own model is run as."""
    scenarios: tuple[Scenario, ...] = Field(min_length=1)
    model: PathText
    """A checkpoint folder, or `embedded`."""
    dataset: PathText
    """A file that `submitter dataset convert` made, or `embedded`."""
    measurements: UserPath
    """A folder with one folder a scenario: user.conf, engine.toml, measurements.json and README.md."""
    max_new_tokens: int | None = Field(None, gt=0)
    """The longest answer, in tokens; None for the value of the embedded benchmark or the round."""
    eos_token_id: int | None = None
    """The token that ends an answer; None for the value of the embedded benchmark or the round."""
    accuracy_target: dict[str, float] = Field(default_factory=dict)
    """In the open division: the lowest allowed value of each metric for the submitter's own model. The embedded
    benchmark and the official ones have theirs already."""
    sample_limit: int | None = Field(None, gt=0)
    """Run only this many samples, from the first on; for smoke runs."""


class Campaign(_CampaignPart):
    """The whole file, with absolute paths."""

    path: Path
    """The path of the file itself, as it was given."""
    round: str
    division: Division
    submitter: FolderName
    smoke: bool = False
    """A short rehearsal: every record and the tree are marked as such, and it cannot be submitted."""
    full_run: UserPath | None = None
    """The campaign file of the submission that this smoke campaign rehearses."""
    output: UserPath
    """The folder for everything that the campaign writes."""
    documentation: UserPath | None = None
    """The folder of the documents that the submitter writes; required except in the open division."""
    system: SystemTable
    limits: LimitsTable = Field(default_factory=lambda: LimitsTable())
    slurm: SlurmTable | None = None
    """What the job of `submitter slurm` requests."""
    benchmarks: tuple[BenchmarkTable, ...] = Field(min_length=1)

    @property
    def runs_folder(self) -> Path:
        """Where the logs and records of finished runs are."""
        return self.output / RUNS

    @property
    def engine_folder(self) -> Path:
        """Where the engines write their own logs."""
        return self.output / ENGINE

    @property
    def failed_folder(self) -> Path:
        """What failed runs left for diagnosis: a folder each."""
        return self.output / FAILED

    @property
    def log(self) -> Path:
        """The log of everything that the commands did with this campaign, and said."""
        return self.output / "submitter.log"

    @property
    def slurm_folder(self) -> Path:
        """Where the jobs of `submitter slurm` and their node processes write their output."""
        return self.output / "slurm"

    @property
    def tree(self) -> Path:
        """The folder of the submission; a smoke run's has another name, so that nobody takes it for a submission."""
        return self.output / (PREVIEW if self.smoke else SUBMISSION)

    @property
    def makes_runs(self) -> str:
        """The hint for a run that is missing or damaged."""
        return f"make it with: {self.command}"

    def repeats(self, scenario: Scenario, mode: Mode) -> str:
        """The hint for a run that is recorded as finished, but whose files are not those of the record."""
        return f"make it again with: submitter run {self.shown_path} --scenario {scenario} --mode {mode} --rerun"

    @property
    def command(self) -> str:
        """The command that runs the whole campaign, as a user would type it in the working folder."""
        return f"submitter run-all {self.shown_path}"

    @property
    def published_command(self) -> str:
        """The command as a tree states it: in the folder of this file, because no other reader has our folders."""
        return self.command_in(self.path)

    def command_in(self, other: Path) -> str:
        """The command in the folder of the campaign file `other`; without folders, if this file is elsewhere."""
        whole, folder = resolved(self.path), resolved(other).parent
        shown = whole.relative_to(folder) if whole.is_relative_to(folder) else Path(whole.name)
        return f"submitter run-all {shlex.quote(str(shown))}"

    @property
    def shown_path(self) -> str:
        """The path of the file as a user would type it in the working folder."""
        return typed(self.path)


def typed(path: Path) -> str:
    """A path as a user would type it in the working folder."""
    whole, here = resolved(path), Path.cwd()
    return shlex.quote(str(whole.relative_to(here) if whole.is_relative_to(here) else whole))


def resolved(path: Path) -> Path:
    """The absolute path without links. Links in a circle are left: opening them says what is wrong."""
    return Path(os.path.realpath(path))


CampaignSource = Campaign | Path | str
"""A campaign, or the path of its file."""


def as_campaign(source: CampaignSource) -> Campaign:
    """The campaign, loaded first if `source` is a path. InputError as `load_campaign` raises it."""
    return source if isinstance(source, Campaign) else load_campaign(Path(source))


def load_campaign(path: Path) -> Campaign:
    """Read a campaign file. InputError if it is missing or wrong; for an unknown key it names the nearest known one."""
    hint = "submitter init writes one with each key explained"
    if not os.path.exists(path) and (near := plugins.nearest(path.name, (p.name for p in path.parent.glob("*.toml")))):
        hint = f"did you mean '{path.with_name(near)}'?"
    data = input_file.read_toml(path, "campaign file", hint)
    campaign = validated(Campaign, {**data, "path": path}, str(path), list(_contradictions(data, path)))
    return _resolved(campaign, resolved(path).parent)


def _contradictions(data: dict[str, Any], path: Path) -> Iterator[InputError]:
    """What is wrong with the file although every key has a value of its type."""
    if "path" in data:  # the record has it, the file must not
        yield InputError(f"{path}: unknown key 'path'", "remove it")
    if isinstance(name := data.get("round"), str):
        try:
            plugins.require(name, round_names(), "round")
        except InputError as error:
            yield InputError(f"{path}: {error.message}", error.hint)
    tables = data.get("benchmarks")
    tables = [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    for name in _repeated(table.get("name") for table in tables):
        yield InputError(
            f"{path}: two benchmarks are named '{name}'", "give each benchmark once, with all its scenarios"
        )
    for table in tables:
        scenarios = table.get("scenarios")
        for name in _repeated(scenarios if isinstance(scenarios, list) else ()):
            yield InputError(f"{path}: benchmark '{table.get('name')}' has scenario {name} twice", "remove one of them")


def _repeated(values: Iterable[object]) -> list[str]:
    """The texts that are there more than once, in their order."""
    texts = [value for value in values if isinstance(value, str)]
    return list(dict.fromkeys(text for text in texts if texts.count(text) > 1))


def validated(kind: type[T], data: dict[str, Any], where: str, also: Sequence[InputError] = ()) -> T:
    """`data` as an object of class `kind`. InputError, or SeveralErrors, with every wrong key and with those in `also`.

    An unknown key or value gets the nearest known one.
    """
    try:
        found = kind.model_validate(data)
    except ValidationError as error:
        raise_all(
            [*also, *validation.problems(kind, error, where, "submitter init writes each file with its keys explained")]
        )
        raise  # never reached: pydantic's error has at least one problem
    raise_all(also)
    return found


def _resolved(campaign: Campaign, base: Path) -> Campaign:
    def at(path: Path) -> Path:
        return resolved(base / path)

    def path_or_embedded(name: str) -> str:
        return name if name == EMBEDDED else str(at(Path(name)))

    return campaign.model_copy(
        update={
            "output": at(campaign.output),
            "full_run": campaign.full_run and at(campaign.full_run),
            "documentation": campaign.documentation and at(campaign.documentation),
            "system": campaign.system.model_copy(update={"description": at(campaign.system.description)}),
            "benchmarks": tuple(
                table.model_copy(
                    update={
                        "model": path_or_embedded(table.model),
                        "dataset": path_or_embedded(table.dataset),
                        "measurements": at(table.measurements),
                    }
                )
                for table in campaign.benchmarks
            ),
        }
    )
