"""A member of an archive, whatever the archive's format."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import IO

from submitter.archive.member_path import parts_of, require_link_inside
from submitter.archive.refusal import of_member


class Kind(Enum):
    """What a member becomes. There is nothing else: hard links, devices, pipes and sparse files are refused."""

    FILE = "a file"
    FOLDER = "a folder"
    LINK = "a symbolic link"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A member. One whose path, or whose link's target, is not accepted cannot be made: Refusal."""

    name: str
    """As the archive has it."""
    kind: Kind
    size_bytes: int = 0
    """Of a file, as the archive says."""
    is_executable: bool = False
    link_target: str = ""
    """Of a link, as the archive has it."""
    opened: Callable[[], IO[bytes]] = io.BytesIO
    """Opens a file's content for reading; to be called before the next member is asked for."""
    parts: tuple[str, ...] = field(init=False)
    """The parts of its path; none for the folder that the archive is unpacked to."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", parts_of(self.name))
        if not self.parts and self.kind is not Kind.FOLDER:
            raise of_member(self.name, "has no name")
        if self.kind is Kind.LINK:
            require_link_inside(self.name, self.parts[:-1], self.link_target)
