"""The settings file of `submitter check`: `[check]` of submitter.toml, or `[tool.submitter.check]` of pyproject.toml.

A stranger's tree must not configure its own check. So the file is looked for where the command is run, not in the tree
that is checked: in the working folder and, inside a git repository, in the folders above it up to the repository's
root. It has what decides the verdict; how the report looks and where it goes is for the command line alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from submitter import input_file, plugins
from submitter.checker.finding import Severity
from submitter.checker.registry import FULL, PROFILES, require_rule, require_selector
from submitter.errors import InputError, raise_all
from submitter.rulebook import round_names
from submitter.strict_record import StrictRecord

NEVER = "never"
SEVERITIES = (*(severity.value for severity in Severity), NEVER)
"""What `--fail-on` takes: the lowest severity that fails the check, or `never`."""
_PYPROJECT = "pyproject.toml"
_NAMES = ("submitter.toml", _PYPROJECT)
_UNKNOWN = "unknown_name"


def _known(require: Callable[[str], object]) -> AfterValidator:
    """A name for which `require` raises no InputError. What it raises is reported with all else that is wrong."""

    def known(name: str) -> str:
        try:
            require(name)
        except InputError as error:
            raise PydanticCustomError(_UNKNOWN, "{message}", {"message": error.message, "hint": error.hint}) from None
        return name

    return AfterValidator(known)


def _one_of(names: Callable[[], Collection[str]], what: str) -> AfterValidator:
    return _known(lambda name: plugins.require(name, names(), what))


_Selector = Annotated[str, _known(require_selector)]
_RuleId = Annotated[str, _known(require_rule)]
_Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_SELECTORS = 'a list of rules or beginnings of their ids, such as ["PRF", "ACC002"]'


class CheckSettings(StrictRecord):
    """The settings, named as the options are. A field's description is what the error of a wrong type says."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    round: Annotated[str, _one_of(round_names, "round")] | None = Field(
        default=None, description='a round, such as "v6.1"'
    )
    profile: Annotated[str, _one_of(lambda: PROFILES, "profile")] = Field(default=FULL, description="full or official")
    select: tuple[_Selector, ...] = Field(default=(), description=_SELECTORS)
    ignore: tuple[_Selector, ...] = Field(default=(), description=_SELECTORS)
    waive: dict[_RuleId, _Reason] = Field(
        default_factory=dict, description='a table of rules and reasons, such as MEA004 = "see issue 12"'
    )
    fail_on: Annotated[str, _one_of(lambda: SEVERITIES, "severity")] = Field(
        default=Severity.ERROR.value, description=f"one of {', '.join(SEVERITIES)}"
    )

    @property
    def names(self) -> list[str]:
        """The names of the settings that the file has."""
        fields = type(self).model_fields
        return [str(field.alias) for name, field in fields.items() if name in self.model_fields_set]


def read_settings(file: Path) -> CheckSettings:
    """The settings in a file. InputError for each thing that is wrong, or if the file has no settings."""
    found, problems = _table(file)
    if found is None and not problems:
        raise InputError(f"{file} has no settings for the check", f"they are in the table {_heading(file)}")
    return _validated(found, file, problems)


def find_settings() -> tuple[Path, CheckSettings] | None:
    """The nearest settings file from the working folder on, relative to it, and what it has; None if there is none."""
    for folder in _folders():
        for name in _NAMES:
            file = Path(os.path.relpath(folder / name))
            if not os.path.isfile(file):
                continue
            found, problems = _table(file)
            if found is not None or problems:
                return file, _validated(found, file, problems)
    return None


def _folders() -> Iterator[Path]:
    here = Path.cwd()
    above = (here, *here.parents)
    root = next((folder for folder in above if os.path.exists(folder / ".git")), here)
    yield from above[: above.index(root) + 1]


def _table(file: Path) -> tuple[Any, list[InputError]]:
    """The table `check` of a file, None if it has none; and a problem for each other thing in its place."""
    content: Any = input_file.read_toml(file, "settings file", "give another file, or --no-config")
    if file.name == _PYPROJECT:
        tool = content.get("tool")
        content = tool.get("submitter", {}) if isinstance(tool, dict) else {}
    others = [name for name in content if name != "check"] if isinstance(content, dict) else ["submitter"]
    problems = [
        InputError(
            f"{file}: '{other}' is not a table of a settings file",
            f"the settings are in the table {_heading(file)}; --no-config leaves the file out",
        )
        for other in others
    ]
    return (content.get("check") if isinstance(content, dict) else None), problems


def _heading(file: Path) -> str:
    return "[tool.submitter.check]" if file.name == _PYPROJECT else "[check]"


def _validated(table: Any, file: Path, problems: list[InputError]) -> CheckSettings:
    """The settings. InputError, or SeveralErrors, with `problems` and everything that is wrong in the table."""
    settings = CheckSettings()
    if table is not None:
        try:
            settings = CheckSettings.model_validate(table)
        except ValidationError as error:
            found = dict.fromkeys(_problem(one) for one in error.errors())
            own = [InputError(f"{file} {_heading(file)}: {message}", hint) for message, hint in found]
            problems = [*problems, *own]
    raise_all(problems)
    return settings


def _problem(error: ErrorDetails) -> tuple[str, str]:
    """What is wrong, and how to fix it."""
    settings = {str(field.alias): field for field in CheckSettings.model_fields.values()}
    if error["type"] == _UNKNOWN:
        return error["ctx"]["message"], error["ctx"]["hint"]
    if not error["loc"]:
        return "it is not a table", "see docs/ci.md"
    key, *within = map(str, error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown key '{key}'", plugins.did_you_mean(key, settings)
    if key == "waive" and within:
        return f"the waiver of {within[0]} has no reason", f'write {within[0]} = "the reason"'
    return f"'{key}' must be {settings[key].description}", "see docs/ci.md"
