"""The error for a value in `[settings]` of engine.toml that an engine does not accept: one wording for all engines."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic_core import ErrorDetails

from submitter import plugins
from submitter.errors import InputError
from submitter.quoting import printable, shown
from submitter.validation import required

_SHOWN_CHARACTERS = 120


def wrong_value(
    engine: str, key: str, value: object, problems: Iterable[ErrorDetails], choices: Iterable[str] = ()
) -> InputError:
    """The error for `key`: the value found and what is required. With `choices` it names the nearest one."""
    expected = dict.fromkeys(map(required, problems))
    nearest = plugins.did_you_mean(str(value), choices) if choices else ""
    return InputError(
        f"engine.toml: '{key}' cannot be {printable(shown(value))[:_SHOWN_CHARACTERS]}",
        nearest or f"{engine} takes {' or '.join(expected)} here",
    )
