"""Validates a JSON document against one of `schemas/`; each problem is described in words and names its field.

The folder `submitter/schemas` is a link to the top-level `schemas/`, so that a wheel carries the files too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from submitter import plugins
from submitter.errors import InputError


@cache
def load(name: str) -> dict[str, Any]:
    """The schema `schemas/<name>.schema.json`."""
    content: dict[str, Any] = json.loads(_file(name).read_text("utf-8"))
    return content


def _file(name: str) -> Path:
    return plugins.folder("submitter") / "schemas" / f"{name}.schema.json"


def validate(document: object, name: str, where: str) -> None:
    """InputError that lists every problem of `document` under schema `name`; `where` names the file."""
    found = list(dict.fromkeys(problems(document, name)))
    if found:
        count = f"{len(found)} problems: " if len(found) > 1 else ""
        raise InputError(f"{where}: {count}{'; '.join(found)}", hint(name))


def hint(name: str) -> str:
    """Where the user finds what each field means: the schema's file as it is installed."""
    return f"each field is described in {_file(name)}"


def problems(document: object, name: str) -> Iterator[str]:
    """One line per problem, each starting with the field."""
    from jsonschema import Draft202012Validator

    schema = load(name)
    for error in sorted(
        Draft202012Validator(schema).iter_errors(document), key=lambda error: list(map(str, error.path))
    ):
        field = ".".join(map(str, error.absolute_path)) or "the document"
        if error.validator == "required":
            yield from (f"{key} is missing" for key in error.validator_value if key not in error.instance)
        elif error.validator == "additionalProperties":
            yield from _unknown_keys(error.instance, schema)
        elif error.validator == "enum":
            allowed = ", ".join(map(str, error.validator_value))
            nearest = plugins.did_you_mean(str(error.instance), map(str, error.validator_value))
            hint = f" ({nearest})" if nearest.startswith("did") else ""
            yield f"{field} is {_shown(error.instance)}, not one of {allowed}{hint}"
        elif error.validator in ("pattern", "minLength", "minProperties") or (
            error.validator == "minimum" and not isinstance(error.instance, str)
        ):
            yield f"{field} is {_shown(error.instance)}, which is not a meaningful value"
        elif error.validator == "type":
            types = error.validator_value
            yield f"{field} is not of type {types if isinstance(types, str) else ' or '.join(types)}"
        else:
            yield f"{field}: {error.message[:200]}"


def _unknown_keys(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    known = list(schema.get("properties", {}))
    for key in document:
        if key not in known:
            hint = plugins.did_you_mean(key, known)
            yield f"{key[:80]} is not a known field" + (f" ({hint})" if hint.startswith("did") else "")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
