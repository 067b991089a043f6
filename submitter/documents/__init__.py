"""Documents that a submission needs and only a person can finish: templates, and what is still empty in them.

A template marks what it cannot know with `TODO(person): what belongs here`. As long as such a mark stands anywhere in
what is handed in, preflight, assembly and the check refuse it by name.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping

from submitter import plugins
from submitter.errors import InputError

MARK = "TODO(person)"
HINT = f"write what is asked for there, and remove the mark {MARK}"


def todo(what: str) -> str:
    """The mark of a part that a person must write."""
    return f"{MARK}: {what}"


def unfilled(text: str) -> Iterator[tuple[int, str]]:
    """Each line that still bears a mark: its number, from 1 on, and what is asked for."""
    if MARK not in text:
        return
    for number, line in enumerate(text.splitlines(), start=1):
        _, mark, wanted = line.partition(MARK)
        if mark:
            yield number, wanted.lstrip(": ").rstrip(' \t",|}').strip() or "a person's part"


def require_filled(text: str, where: str) -> None:
    """InputError that names the first part still empty, and how many there are."""
    empty = list(unfilled(text))
    if empty:
        number, wanted = empty[0]
        more = f" (and {len(empty) - 1} more)" if len(empty) > 1 else ""
        raise InputError(f"{where}:{number}: a person's part is empty: {wanted}{more}", HINT)


def rendered(name: str, facts: Mapping[str, str]) -> str:
    """The template of this name with its `$facts` filled in."""
    folder = plugins.folder(__name__) / "templates"
    plugins.require(name, sorted(path.name for path in folder.iterdir()), "template")
    return string.Template((folder / name).read_text("utf-8")).substitute(facts)
