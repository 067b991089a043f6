"""Reads a file that a person named. It never waits for a pipe, and it says in words why a file cannot be read."""

from __future__ import annotations

import errno
import json
import stat
import tomllib
from pathlib import Path
from typing import Any

from submitter.errors import InputError, from_os_error, os_reason, os_remedy

_MISSING = (errno.ENOENT, errno.ENOTDIR)


def require_file(path: Path, what: str = "file", hint: str = "") -> int:
    """The size of the file at `path`, in bytes, which was not opened.

    `what` is the kind of file, for the message. InputError if there is nothing, or no file: reading a pipe would wait
    forever. `hint` is for a file that is missing, or that is something else.
    """
    try:
        found = path.stat()
    except OSError as error:
        if error.errno in _MISSING:
            raise InputError(f"there is no {what} {path}", hint or os_remedy(error)) from None
        raise from_os_error(error, path) from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise InputError(f"{path} is {kind}, not a {what}", hint or "give the path of a file")
    return found.st_size


def read_bytes(path: Path, what: str = "file", hint: str = "") -> bytes:
    """The content of a file. InputError as `require_file` raises it, or if it cannot be read."""
    require_file(path, what, hint)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {os_reason(error)}", os_remedy(error)) from None


def read_text(path: Path, what: str = "file", hint: str = "") -> str:
    """The text of a UTF-8 file, without a byte order mark. InputError as `read_bytes` raises it, or if it is not."""
    content = read_bytes(path, what, hint)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a {what}: it is not UTF-8 text (byte {error.start})", hint) from None


def read_toml(path: Path, what: str, hint: str = "") -> dict[str, Any]:
    """The content of a TOML file. InputError with `hint` if it cannot be read; `what` names the kind of file in it."""
    text = read_text(path, what, hint)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{path} is not a TOML file: it is nested too deeply", hint) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not a TOML file: {error}", hint) from None


def read_json_object(path: Path, what: str = "JSON file", hint: str = "") -> dict[str, Any]:
    """The JSON object in a file. InputError as `read_text` raises it, or if there is no JSON or no object in it."""
    text = read_text(path, what, hint)
    try:
        content = json.loads(text)
    except RecursionError:
        raise InputError(f"{path} is not a JSON file: it is nested too deeply", hint) from None
    except ValueError as error:
        why = "it is empty" if not text.strip() else str(error)
        raise InputError(f"{path} is not a JSON file: {why}", hint) from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a JSON object, as a {what} is", hint)
    return content
