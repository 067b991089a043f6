"""The system description: what the host shows, what only a person knows, and whether it is complete.

`host.py` and `accelerators.py` (with `nvidia.py`, `amd.py`, and `known.py` for what follows from an accelerator's name)
collect facts; `description.py` combines the published fields and validates them against `schemas/system.schema.json`.
A fact that the host does not show is left out, so that `missing` lists it for a person to add. Facts are never guessed
and never empty texts.
"""

from __future__ import annotations

from submitter.system.description import complete, describe, described, identity, marked, missing, read, validate

__all__ = ["complete", "describe", "described", "identity", "marked", "missing", "read", "validate"]
