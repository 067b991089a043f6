"""`CAMPAIGN.toml`: what to run, on what, for which round. Paths in it are relative to the file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from submitter import plugins
from submitter.errors import InputError
from submitter.model import Division, Scenario

T = TypeVar("T", bound=BaseModel)

EMBEDDED = "embedded"  # in place of a path: the model or data set that ships with us


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SystemTable(_Table):
    """`id` is the system_desc_id; `description` a JSON file with what only a person knows, detection fills the rest."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")
    description: Path


class LimitsTable(_Table):
    """How long to wait, in s, for the engine to load and for the next finished sample before a run is ended."""

    start_s: float = Field(default=1800.0, gt=0)
    stall_s: float = Field(default=300.0, gt=0)


class BenchmarkTable(_Table):
    """One benchmark. `official` names the round's benchmark that an open division's own model is run as.

    `accuracy_target` are the lowest values an open division's own model must reach; the embedded benchmark and the
    official ones bring theirs. `max_new_tokens` and `eos_token_id` too.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")
    official: str | None = None
    scenarios: tuple[Scenario, ...] = Field(min_length=1)
    model: str
    dataset: str
    measurements: Path
    max_new_tokens: int | None = Field(None, gt=0)
    eos_token_id: int | None = None
    accuracy_target: dict[str, float] = Field(default_factory=dict)
    sample_limit: int | None = Field(None, gt=0)


class Campaign(_Table):
    """The whole file. `smoke` marks a short rehearsal: every record and the tree say so, and it is no submission.

    `documentation` is the folder of what a person writes for the submission: a closed one needs it.
    """

    path: Path
    round: str
    division: Division
    submitter: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")
    smoke: bool = False
    full_run: Path | None = None
    output: Path
    documentation: Path | None = None
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
