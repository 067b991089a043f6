"""The log of a campaign, `submitter.log` in its output folder: each command on it, and everything that it said.

Each line has its time and the id of its process. That it cannot be written never ends or changes a command; where no
output folder was made, nothing is written.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from submitter.cli.help import Command
from submitter.console import copy_messages

if TYPE_CHECKING:
    from logging.handlers import RotatingFileHandler

_MAX_BYTES, _OLDER_FILES = 5_000_000, 3
_MAX_CAMPAIGN_BYTES = 1_000_000  # what is larger is an archive, and not worth reading
_COLOUR = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


class CampaignLog:
    """Appends lines to a log; those from before its folder exists are kept until it does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began_s = time.monotonic()
        self._waiting: list[str] = []
        self._rest = ""
        self._stdout: TextIO = sys.stdout
        self._file = _opened_when_needed(path)

    @property
    def path(self) -> Path | None:
        """None if nothing could be written to it."""
        return self._path if self._file.stream is not None else None

    def begin(self, command: Sequence[str]) -> None:
        """Note the command, and from now on everything that it says."""
        import platform

        from submitter.version import VERSION

        self.write(f"submitter {VERSION} on {platform.node()} in {Path.cwd()}: {_without_secrets(command)}")
        copy_messages(self.write)
        sys.stdout = cast(TextIO, _Copied(sys.stdout, self._write_part))

    def end(self, code: object) -> None:
        """Note the exit code, and note no more."""
        sys.stdout = self._stdout
        copy_messages(None)
        if self._rest:
            self.write(self._rest)
        self.write(f"ended with exit code {code or 0} after {time.monotonic() - self._began_s:.1f} s")
        with suppress(OSError):
            self._file.close()

    def write(self, text: str) -> None:
        """Add lines, without colours and secrets."""
        from submitter.harness.environment import masked

        now = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {os.getpid()}"
        self._waiting += [f"{now} {masked('', _COLOUR.sub('', line))}".rstrip() for line in text.splitlines()]
        if os.path.isdir(self._path.parent):
            import logging

            if os.path.isfile(self._path) or not os.path.lexists(self._path):  # writing to a pipe would wait
                for line in self._waiting:
                    self._file.emit(logging.makeLogRecord({"msg": line}))
            self._waiting = []

    def _write_part(self, text: str) -> None:
        """Add what is printed to stdout, which may end within a line."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self.write(line)


class _Copied:
    """A stream that also gives what is written to `copy`."""

    def __init__(self, stream: TextIO, copy: Any) -> None:
        self._stream, self._copy = stream, copy

    def write(self, text: str) -> int:
        self._copy(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


_current: CampaignLog | None = None


class LoggedCommand(Command):
    """A command on a campaign, whose log gets everything that it says. A dry run writes nothing."""

    def invoke(self, ctx: Any) -> Any:
        given = ctx.params.get("campaign") or ctx.params.get("path")
        if isinstance(given, Path) and not ctx.params.get("dry_run") and _may_be_a_campaign(given):
            _begin(given)
        return super().invoke(ctx)


def _may_be_a_campaign(path: Path) -> bool:
    return os.path.isfile(path) and os.path.getsize(path) < _MAX_CAMPAIGN_BYTES


def _begin(campaign: Path) -> None:
    """Open the log of the campaign with this file, if it is one."""
    from submitter.campaign import load_campaign
    from submitter.errors import SubmitterError

    global _current
    with suppress(SubmitterError, OSError):
        _current = CampaignLog(load_campaign(campaign).log)
        _current.begin(sys.argv)


@contextmanager
def logged() -> Iterator[None]:
    """End the log with the block, which ends with SystemExit or an error of ours."""
    global _current
    code: object = 1
    try:
        yield
    except SystemExit as ended:
        code = ended.code
        raise
    except BaseException:  # raised on under --debug
        log_traceback()
        raise
    finally:
        if _current is not None:
            _current.end(code)
            _current = None


def log_traceback() -> None:
    """Write the traceback of the exception that is handled to the log."""
    import traceback

    if _current is not None:
        _current.write(traceback.format_exc())


def log_path() -> Path | None:
    """The log of the campaign that this command works on; None if there is none."""
    return _current.path if _current is not None else None


def _without_secrets(command: Sequence[str]) -> str:
    """A command line as it is typed. The value of an option or variable whose name suggests a secret is masked."""
    import shlex

    from submitter.harness.environment import MASK, is_secret, masked

    words: list[str] = []
    for word in ("submitter", *command[1:]):
        name, is_assigned, value = word.partition("=")
        if words and words[-1].startswith("-") and "=" not in words[-1] and is_secret(words[-1].replace("-", "_")):
            words.append(MASK)
        else:
            words.append(f"{name}={masked(name.replace('-', '_'), value)}" if is_assigned else masked("", word))
    return shlex.join(words).replace(f"'{MASK}'", MASK)


def _opened_when_needed(path: Path) -> RotatingFileHandler:
    from logging.handlers import RotatingFileHandler

    class _File(RotatingFileHandler):
        def handleError(self, record: object) -> None:
            """A full disk, a folder that is gone: then there is no log, and the command goes on."""

    return _File(
        path, maxBytes=_MAX_BYTES, backupCount=_OLDER_FILES, delay=True, encoding="utf-8", errors="backslashreplace"
    )
