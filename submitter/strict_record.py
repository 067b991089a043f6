"""The base of every pydantic record of ours that a file or another process holds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StrictRecord(BaseModel):
    """Cannot be changed once made, and an unknown key is an error: a misspelt one must not be passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)
