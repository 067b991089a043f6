"""`CAMPAIGN.toml`: what to run, on what, for which round. Paths in it are relative to the file."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from submitter import plugins
from submitter.errors import InputError
from submitter.model import Division, Scenario

T = TypeVar("T", bound=BaseModel)

EMBEDDED = "embedded"  # in place of a path: the model or data set that ships with us
_FOLDER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"


class _CampaignPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SystemTable(_CampaignPart):
    """The system under test."""

    id: str = Field(pattern=_FOLDER_NAME)
    """The system_desc_id."""
    description: Path
    """A JSON file with what only a person knows; detection fills in the rest."""


class LimitsTable(_CampaignPart):
    """How long to wait before a run is ended."""

    start_s: float = Field(default=1800.0, gt=0)
    """For the engine to load."""
    stall_s: float = Field(default=300.0, gt=0)
    """For the next finished sample."""


class BenchmarkTable(_CampaignPart):
    """One benchmark, and the model and data set it is run with."""

    name: str = Field(pattern=_FOLDER_NAME)
    """Of its results folder."""
    official: str | None = None
    """The round's benchmark that an open division's own model is run as."""
    scenarios: tuple[Scenario, ...] = Field(min_length=1)
    model: str
    """A checkpoint folder, or `embedded`."""
    dataset: str
    """A file that `submitter dataset convert` made, or `embedded`."""
    measurements: Path
    """A folder with one folder a scenario: user.conf, engine.toml, measurements.json and README.md."""
    max_new_tokens: int | None = Field(None, gt=0)
    """The longest answer, in tokens; None for what the embedded benchmark or the round says."""
    eos_token_id: int | None = None
    """The token that ends an answer; None for what the embedded benchmark or the round says."""
    accuracy_target: dict[str, float] = Field(default_factory=dict)
    """The lowest value of each metric that an open division's own model must reach; the embedded benchmark and the
    official ones bring theirs."""
    sample_limit: int | None = Field(None, gt=0)
    """Run only the first so many samples; for smoke runs."""


class Campaign(_CampaignPart):
    """The whole file, its paths made absolute."""

    path: Path
    """The file itself, as it was given."""
    round: str
    division: Division
    submitter: str = Field(pattern=_FOLDER_NAME)
    smoke: bool = False
    """A short rehearsal: every record and the tree say so, and it is no submission."""
    full_run: Path | None = None
    """The campaign that makes the submission that this smoke campaign rehearses."""
    output: Path
    """The folder of all that the campaign makes."""
    documentation: Path | None = None
    """The folder of what a person writes for the submission: a closed one needs it."""
    system: SystemTable
    limits: LimitsTable = Field(default_factory=lambda: LimitsTable())
    benchmarks: tuple[BenchmarkTable, ...] = Field(min_length=1)

    @property
    def runs_folder(self) -> Path:
        return self.output / "runs"

    @property
    def tree(self) -> Path:
        """Where the submission is assembled; a smoke run's goes where nobody mistakes it for one."""
        return self.output / ("preview" if self.smoke else "submission")

    @property
    def command(self) -> str:
        """What makes all of it, as a user would type it here."""
        return f"submitter run-all {shlex.quote(_shown(self.path))}"


def _shown(path: Path) -> str:
    """A path as a user would type it here."""
    resolved, here = path.resolve(), Path.cwd()
    return str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(resolved)


CampaignSource = Campaign | Path | str
"""A campaign, or the path of its file."""


def as_campaign(source: CampaignSource) -> Campaign:
    """InputError as `load_campaign` raises it."""
    return source if isinstance(source, Campaign) else load_campaign(Path(source))


def load_campaign(path: Path) -> Campaign:
    """Read a campaign; InputError with the nearest known key where a key is unknown."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no campaign file {path}", "see examples/demo.toml for one") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, not a campaign file", "give the .toml file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} is no TOML file: {error}", "see examples/demo.toml for one") from None
    campaign = validated(Campaign, {**data, "path": path}, str(path))
    return _resolved(campaign, path.resolve().parent)


def validated(kind: type[T], data: dict[str, Any], where: str) -> T:
    """`data` as a `kind`; InputError that names the key, what is wrong with it, and the nearest known one."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        # A misspelt key is also a missing one: say the former.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            hint = plugins.did_you_mean(str(first["loc"][-1]), _known_keys(kind, first["loc"][:-1]))
            raise InputError(f"{where}: unknown key '{key}'", hint) from None
        raise InputError(f"{where}: '{key}': {first['msg']}", "see docs/campaign.md for every key") from None


def _known_keys(kind: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys of the table at `loc` below a model of this kind."""
    for part in loc:
        if isinstance(part, int):
            continue
        annotation = kind.model_fields[part].annotation
        arguments = [a for a in getattr(annotation, "__args__", ()) if isinstance(a, type) and issubclass(a, BaseModel)]
        kind = arguments[0] if arguments else annotation  # type: ignore[assignment]
    return [name for name in kind.model_fields if name != "path"]


def _resolved(campaign: Campaign, base: Path) -> Campaign:
    def at(path: Path) -> Path:
        return (base / path).resolve()

    def place(name: str) -> str:
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
                        "model": place(table.model),
                        "dataset": place(table.dataset),
                        "measurements": at(table.measurements),
                    }
                )
                for table in campaign.benchmarks
            ),
        }
    )
