"""Templates of the documents that only a person can finish, and the marks of their unfinished parts.

A template marks the parts that a person must write with `TODO(person): what to write`. As long as a file of the
submission has such a mark, preflight, assembly and the check report the file and the mark.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping

from submitter import plugins
from submitter.errors import InputError

MARK = "TODO(person)"
_MARK = re.compile(r"TODO ?\(person\)[ \t]*:?", re.IGNORECASE)
_OPENING, _CLOSING = "([{", ")]}"
# Where the part of a line that belongs to a mark ends: a quote, a bar, the end of an HTML comment or of a sentence.
_END = re.compile(r"[\"|]|-->|[.;!?](?=\s)")
HINT = f"write this part, and remove the mark {MARK}"


def todo(what: str) -> str:
    """The mark for a part that a person must write; `what` says what to write."""
    return f"{MARK}: {what}"


def unfilled(text: str) -> Iterator[tuple[int, str]]:
    """Each mark: the number of its line, from 1, and what to write there.

    A mark is found in any capitalisation, also several times in a line. What to write ends where the mark's part of
    the line ends: at the next mark, a quote, a table's bar, a bracket that the part does not open, or the sentence.
    """
    if not _MARK.search(text):
        return
    for number, line in enumerate(text.splitlines(), start=1):
        _, *parts = _MARK.split(line)
        for part in parts:
            yield number, _own(part) or "a part that a person must write"


def _own(part: str) -> str:
    """What to write, from the text between a mark and the next one."""
    depth = 0
    for at, character in enumerate(part):
        depth += (character in _OPENING) - (character in _CLOSING)
        if depth < 0 or _END.match(part, at):
            part = part[:at]
            break
    return part.strip(" \t,;.\\*_")


def problems(text: str, where: str) -> Iterator[InputError]:
    """An error for each mark; `where` names the file."""
    for number, what in unfilled(text):
        yield InputError(f"{where}:{number}: a person must write this part: {what}", HINT)


def require_filled(text: str, where: str) -> None:
    """InputError with the first unfinished part, and the lines of the others; `where` names the file."""
    parts = list(unfilled(text))
    if parts:
        (number, what), *others = parts
        lines = dict.fromkeys(str(line) for line, _ in others)
        more = f" (and {len(others)} more, in line{'s' * (len(lines) > 1)} {', '.join(lines)})" if others else ""
        raise InputError(f"{where}:{number}: a person must write this part: {what}{more}", HINT)


def rendered(name: str, facts: Mapping[str, str]) -> str:
    """The template of this name, with `facts` in place of its `$names`."""
    folder = plugins.folder(__name__) / "templates"
    plugins.require(name, sorted(path.name for path in folder.iterdir()), "template")
    return string.Template((folder / name).read_text("utf-8")).substitute(facts)
