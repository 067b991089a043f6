"""Templates of the documents that only a person can finish, and the marks of their unfinished parts.

A template marks the parts that a person must write with `TODO(person): what to write`. As long as a file of the
submission has such a mark, preflight, assembly and the check report the file and the mark.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping

from submitter import plugins
from submitter.errors import InputError

MARK = "TODO(person)"
HINT = f"write this part, and remove the mark {MARK}"


def todo(what: str) -> str:
    """The mark for a part that a person must write; `what` says what to write."""
    return f"{MARK}: {what}"


def unfilled(text: str) -> Iterator[tuple[int, str]]:
    """Each line that still has a mark: its number, from 1, and what to write there."""
    if MARK not in text:
        return
    for number, line in enumerate(text.splitlines(), start=1):
        _, mark, what = line.partition(MARK)
        if mark:
            yield number, what.lstrip(": ").rstrip(' \t",|}').strip() or "a part that a person must write"


def require_filled(text: str, where: str) -> None:
    """InputError with the first unfinished part, and how many there are; `where` names the file."""
    parts = list(unfilled(text))
    if parts:
        number, what = parts[0]
        more = f" (and {len(parts) - 1} more)" if len(parts) > 1 else ""
        raise InputError(f"{where}:{number}: a person must write this part: {what}{more}", HINT)


def rendered(name: str, facts: Mapping[str, str]) -> str:
    """The template of this name, with `facts` in place of its `$names`."""
    folder = plugins.folder(__name__) / "templates"
    plugins.require(name, sorted(path.name for path in folder.iterdir()), "template")
    return string.Template((folder / name).read_text("utf-8")).substitute(facts)
