"""The base class of our pydantic records that are written to a file or sent to another process."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StrictRecord(BaseModel):
    """An immutable record. An unknown key is an error, so that a misspelt one is not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
