"""`[sampling]` of engine.toml: how the next token is chosen.

The rules for language models require greedy decoding, so all keys are for the open division; `campaign/closed.py` has
the clauses that forbid them in the closed division. An engine refuses the keys that it does not support.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from submitter.strict_record import StrictRecord


class Sampling(StrictRecord):
    """Without any key decoding is greedy. The keys for beams and their penalties have transformers' names."""

    temperature: float | None = Field(default=None, ge=0)
    top_k: int | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    min_p: float | None = Field(default=None, ge=0, le=1)
    seed: int | None = None
    repetition_penalty: float | None = Field(default=None, gt=0)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    num_beams: int | None = Field(default=None, ge=1)
    length_penalty: float | None = None
    early_stopping: bool | None = None

    @property
    def chosen(self) -> dict[str, Any]:
        """The keys that are set, with their values."""
        return self.model_dump(exclude_none=True)


GREEDY = Sampling()
