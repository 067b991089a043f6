"""The system description: what the host shows of itself, what only a person knows, and whether it is complete.

`host.py` and `accelerators.py` collect, `description.py` puts the published fields together and holds them to
`schemas/system.schema.json`. A fact that the host does not show stays out, so that `missing` lists it for a person; it
is never guessed and never an empty text.
"""

from __future__ import annotations

from submitter.system.description import complete, describe, identity, missing, read, validate

__all__ = ["complete", "describe", "identity", "missing", "read", "validate"]
