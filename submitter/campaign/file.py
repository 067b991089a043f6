"""The campaign file, `CAMPAIGN.toml`, as a typed record. Paths in the file are relative to it."""

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

EMBEDDED = "embedded"  # instead of a path: the model or data set that comes with this package
_FOLDER_NAME = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"


class _CampaignPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SystemTable(_CampaignPart):
    """The system under test."""

    id: str = Field(pattern=_FOLDER_NAME)
    """The system_desc_id."""
    description: Path
    """A JSON file with the fields that cannot be detected; the others are read from the host."""


class LimitsTable(_CampaignPart):
    """How long to wait, in s, before a session or a run is ended."""

    start_s: float = Field(default=1800.0, gt=0)
    """How long the engine may take to load."""
    stall_s: float = Field(default=300.0, gt=0)
    """How long a run may go without a finished sample."""


class BenchmarkTable(_CampaignPart):
    """One benchmark with the model and the data set that it is run with."""

    name: str = Field(pattern=_FOLDER_NAME)
    """The name of its results folder."""
    official: str | None = None
    """In the open division: the round's benchmark that the submitter's own model is run as."""
    scenarios: tuple[Scenario, ...] = Field(min_length=1)
    model: str
    """A checkpoint folder, or `embedded`."""
    dataset: str
    """A file that `submitter dataset convert` made, or `embedded`."""
    measurements: Path
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
    submitter: str = Field(pattern=_FOLDER_NAME)
    smoke: bool = False
    """A short rehearsal: every record and the tree are marked as such, and it cannot be submitted."""
    full_run: Path | None = None
    """The campaign file of the submission that this smoke campaign rehearses."""
    output: Path
    """The folder for everything that the campaign writes."""
    documentation: Path | None = None
    """The folder of the documents that the submitter writes; required except in the open division."""
    system: SystemTable
    limits: LimitsTable = Field(default_factory=lambda: LimitsTable())
    benchmarks: tuple[BenchmarkTable, ...] = Field(min_length=1)

    @property
    def runs_folder(self) -> Path:
        """Where the logs and records of finished runs are."""
        return self.output / "runs"

    @property
    def engine_folder(self) -> Path:
        """Where the engines write their own logs."""
        return self.output / "engine"

    @property
    def tree(self) -> Path:
        """The folder of the submission; a smoke run's has another name, so that nobody takes it for a submission."""
        return self.output / ("preview" if self.smoke else "submission")

    @property
    def command(self) -> str:
        """The command that runs the whole campaign, as a user would type it in the working folder."""
        return f"submitter run-all {self.shown_path}"

    @property
    def shown_path(self) -> str:
        """The path of the file as a user would type it in the working folder."""
        return shlex.quote(_shown(self.path))


def _shown(path: Path) -> str:
    """A path as a user would type it in the working folder."""
    resolved, here = path.resolve(), Path.cwd()
    return str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(resolved)


CampaignSource = Campaign | Path | str
"""A campaign, or the path of its file."""


def as_campaign(source: CampaignSource) -> Campaign:
    """The campaign, loaded first if `source` is a path. InputError as `load_campaign` raises it."""
    return source if isinstance(source, Campaign) else load_campaign(Path(source))


def load_campaign(path: Path) -> Campaign:
    """Read a campaign file. InputError if it is missing or wrong; for an unknown key it names the nearest known one."""
    data = read_toml(path, "campaign file", "see examples/demo.toml for an example")
    campaign = validated(Campaign, {**data, "path": path}, str(path))
    return _resolved(campaign, path.resolve().parent)


def read_toml(path: Path, what: str, hint: str) -> dict[str, Any]:
    """The content of a TOML file. InputError with `hint` if it cannot be read; `what` names the kind of file in it."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no {what} {path}", hint) from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, not a {what}", "give the .toml file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path} is not a TOML file: {error}", hint) from None


def validated(kind: type[T], data: dict[str, Any], where: str) -> T:
    """`data` as an object of class `kind`. InputError names the wrong key and, if it is unknown, the nearest known."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        # A misspelt key is reported twice, as unknown and as missing: unknown is the one to show.
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
