"""What pydantic finds wrong with a person's file, in plain words: all of it, each with the key and the value found."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from submitter import plugins
from submitter.errors import InputError
from submitter.quoting import printable, shown

_SHOWN_CHARACTERS = 120
# What each of pydantic's types of errors requires; `{...}` is from its context.
_REQUIRED = {
    "string_type": "a text in quotes",
    "path_type": "a path in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "enum": "{expected}",
    "literal_error": "{expected}",
    "none_required": "left out",
}


def problems(kind: type[BaseModel], error: ValidationError, where: str, hint: str) -> Iterator[InputError]:
    """One error for each wrong key of the file `where`, in the order of pydantic.

    `kind` is the record that the file is read as, and `hint` is for the errors that have none of their own. A key that
    is unknown and near a missing one is a misspelling: the missing one is then not reported.
    """
    errors = error.errors()
    unknown = [one for one in errors if one["type"] == "extra_forbidden"]
    misspelt = {
        (*one["loc"][:-1], plugins.nearest(str(one["loc"][-1]), known_keys(kind, one["loc"][:-1]))) for one in unknown
    }
    seen = set()
    for one in errors:
        key = _key(one)
        if (one["type"] == "missing" and one["loc"] in misspelt) or key in seen or _follows(one, errors):
            continue
        seen.add(key)
        if one["type"] == "extra_forbidden":
            nearest = plugins.did_you_mean(str(one["loc"][-1]), known_keys(kind, one["loc"][:-1]))
            yield InputError(f"{where}: unknown key '{printable(key)}'", nearest)
        else:
            yield InputError(f"{where}: {in_words(one)}", nearest_choice(one) or hint)


def _follows(one: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """Whether an error only follows from others: a list whose wrong members were not counted is too short."""
    depth = len(one["loc"])
    return one["type"] == "too_short" and any(
        len(other["loc"]) > depth and other["loc"][:depth] == one["loc"] for other in errors
    )


def in_words(error: ErrorDetails) -> str:
    """The key, the value found, and what is required."""
    key, kind = printable(_key(error)), error["type"]
    if kind == "missing":
        return f"'{key}' is missing"
    if kind == "json_invalid":
        return f"it is not JSON: {error['ctx']['error']}"
    if kind in ("value_error", "assertion_error"):  # ours, which says what is wrong
        return f"'{key}': {error['ctx']['error']}"
    if kind == "too_short":
        return f"'{key}' is empty, and must have at least {error['ctx']['min_length']}"
    return f"'{key}' is {printable(shown(error['input']))[:_SHOWN_CHARACTERS]}, and must be {required(error)}"


def required(error: ErrorDetails) -> str:
    """What pydantic requires, in words."""
    words = _REQUIRED.get(error["type"])
    if words is None:
        return error["msg"].removeprefix("Input should be ")
    context = error.get("ctx", {})
    numbers = {name: f"{value:g}" if isinstance(value, float) else value for name, value in context.items()}
    return words.format_map(numbers).replace("'", "")


def nearest_choice(error: ErrorDetails, choices: Sequence[str] = ()) -> str:
    """A hint with the nearest of the allowed values; empty if the error is not about such a value, or none is near."""
    if error["type"] in ("enum", "literal_error"):
        allowed = choices or [part.strip("' ") for part in error["ctx"]["expected"].replace(" or ", ",").split(",")]
        nearest = plugins.nearest(str(error["input"]), allowed)
        return f"did you mean '{nearest}'?" if nearest else ""
    return ""


def known_keys(kind: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys of the table at `loc` in a record of this kind; none if the keys of that table are free."""
    for part in loc:
        if isinstance(part, int):
            continue
        found = _record_in(kind.model_fields[part].annotation) if part in kind.model_fields else None
        if found is None:
            return []
        kind = found
    return [name for name in kind.model_fields if name != "path"]


def _record_in(annotation: Any) -> type[BaseModel] | None:
    """The record that a type is or contains, such as that of `tuple[BenchmarkTable, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_record_in, typing.get_args(annotation))), None)


def _key(error: ErrorDetails) -> str:
    return ".".join(map(str, error["loc"]))
