"""The quantisation schemes: one TOML file each in `schemes/`; the file's name is the scheme's name."""

from __future__ import annotations

import tomllib
from typing import Any

from submitter import plugins
from submitter.strict_record import StrictRecord

DEFAULT = "fp8-block"
_PACKAGE, _SUFFIX = "submitter.quantize.schemes", ".toml"


class Scheme(StrictRecord):
    """A scheme. `recipe` has llm-compressor's modifiers and their arguments; without one, `block.py` does the work."""

    name: str
    title: str
    method: str
    recipe: tuple[dict[str, Any], ...] = ()

    @property
    def is_calibrated(self) -> bool:
        return bool(self.recipe)


def names() -> list[str]:
    return plugins.names(_PACKAGE, _SUFFIX)


def load_scheme(name: str) -> Scheme:
    """The scheme `name`; InputError with the nearest known name if there is no such scheme."""
    plugins.require(name, names(), "scheme")
    text = (plugins.folder(_PACKAGE) / f"{name}{_SUFFIX}").read_text("utf-8")
    return Scheme.model_validate({"name": name, **tomllib.loads(text)})
