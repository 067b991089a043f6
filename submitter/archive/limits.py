"""How large what comes out of an archive may be."""

from __future__ import annotations

from dataclasses import dataclass

from submitter.archive.refusal import Refusal
from submitter.units import BYTES_PER_GB, BYTES_PER_MB

RAISE_HINT = "if you trust it: submitter unpack --max-gb N --max-files N"
PATH_LIMIT_BYTES = 1_000
NAME_LIMIT_BYTES = 255
DEPTH_LIMIT = 64
# To see where a link leads may take a while: over 40 others, each of them with a long path. Rounds have a few links.
LINK_LIMIT = 1_000
# What an archive may become however small it is: the ratio alone would refuse small archives of empty logs.
_ALWAYS_ALLOWED_BYTES = 100 * BYTES_PER_MB


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The defaults leave room for any published round, whole and as published.

    v5.1, the largest, has 37,626 files and folders; without code and with short accuracy logs they are 0.51 GB, in
    paths of up to 276 bytes and 10 levels. v4.1, v5.1 and v6.0 are 19 to 43 times as large as their tar.xz, and four
    trees of v5.0 that are much alike 116 times.
    """

    total_bytes: int = 20 * BYTES_PER_GB
    members: int = 500_000
    """Files, folders and links."""
    ratio: int | None = 300
    """How many times the archive's own size; None for no such limit."""

    def require(self, size_bytes: int, archive_bytes: int) -> None:
        """Refusal if an archive of `archive_bytes` may not become `size_bytes`."""
        if size_bytes > self.total_bytes:
            raise Refusal(f"it unpacks to more than {self.total_bytes / BYTES_PER_GB:g} GB", RAISE_HINT)
        if self.ratio and size_bytes > max(_ALWAYS_ALLOWED_BYTES, self.ratio * archive_bytes):
            raise Refusal(f"it unpacks to more than {self.ratio} times its size, as bombs do", RAISE_HINT)

    def require_count(self, count: int) -> None:
        """Refusal if an archive may not have so many members."""
        if count > self.members:
            raise Refusal(f"it has more than {self.members} members", RAISE_HINT)
