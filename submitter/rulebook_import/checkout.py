"""The files of a checkout of mlcommons/inference that a rule book is drafted from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from submitter import input_file, loadgen_conf
from submitter.errors import InputError
from submitter.rulebook_import.literals import Source

_CHECKER = "tools/submission/submission_checker"
_COMMIT_DIGITS = 8


class Checkout:
    """An official checkout, whose code is read and never run; InputError if the folder is not one.

    Until v5.1 the checker is one file, later a package.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder", "name a checkout of mlcommons/inference")
        self.is_package = (folder / _CHECKER / "constants.py").is_file()
        self.checker = _CHECKER if self.is_package else f"{_CHECKER}.py"
        """Where the checker is, in the checkout."""
        if not self.is_package and not (folder / self.checker).is_file():
            raise InputError(
                f"{folder} is not a checkout of mlcommons/inference: it has neither {_CHECKER}/constants.py "
                f"nor {_CHECKER}.py",
                "git clone https://github.com/mlcommons/inference, and check out the round's tag or commit",
            )
        self.constants = Source(folder / self.checker / "constants.py" if self.is_package else folder / self.checker)

    def code(self, file: str) -> Source | None:
        """A module of the checker by its path in the package; the whole checker if it is one file; None if missing."""
        if not self.is_package:
            return self.constants
        path = self.folder / self.checker / file
        return Source(path) if path.is_file() else None

    @cached_property
    def power(self) -> Path:
        """The folder of the checker of power measurements."""
        return self.folder / (f"{_CHECKER}/checks/power" if self.is_package else "tools/submission/power")

    @cached_property
    def loadgen(self) -> dict[str, int]:
        """LoadGen's built-in whole numbers by `model.scenario.key`."""
        # Until v4.1 the file was at the top.
        places = [self.folder / "loadgen/mlperf.conf", self.folder / "mlperf.conf"]
        path = next((place for place in places if place.is_file()), places[0])
        return {line.name: line.count_value for line in _lines(path)}

    @cached_property
    def loadgen_models(self) -> set[str]:
        """The models that LoadGen has a section for."""
        return {re.sub(r"\.(\*|[A-Z]\w+)\.\w+$", "", name) for name in self.loadgen}

    @cached_property
    def loadgen_version(self) -> str | None:
        path = self.folder / "loadgen/VERSION.txt"
        return input_file.read_text(path).strip() if path.is_file() else None

    @cached_property
    def audits(self) -> dict[str, dict[str, set[tuple[str, int]]]]:
        """The settings of the audit files, by compliance test and the folder that the file is in."""
        found: dict[str, dict[str, set[tuple[str, int]]]] = {}
        for path in sorted((self.folder / "compliance").rglob("audit.config")):
            parts = path.relative_to(self.folder).parts
            test = next((part for part in parts if re.fullmatch(r"TEST\d+", part)), None)
            if test:
                settings = {(line.name.rpartition(".")[2], line.count_value) for line in _lines(path)}
                # The thresholds are the verification's; and until v4.1 a file could say that the seeds are TEST05's.
                kept = {(key, value) for key, value in settings if not re.match(r"test\d\d", key)}
                found.setdefault(test, {})[path.parent.name] = kept
        return found

    @property
    def commit(self) -> str | None:
        """The beginning of the commit that is checked out, as git's own files say; None if they do not."""
        git = self.folder / ".git"
        try:
            if git.is_file():  # of a worktree
                git = self.folder / input_file.read_text(git).removeprefix("gitdir:").strip()
            head = input_file.read_text(git / "HEAD").strip()
            if head.startswith("ref: "):
                is_worktree = (git / "commondir").is_file()
                common = git / input_file.read_text(git / "commondir").strip() if is_worktree else git
                head = _reference(common, head.removeprefix("ref: "))
        except InputError:
            return None
        return head[:_COMMIT_DIGITS] if re.fullmatch(r"[0-9a-f]{40,64}", head) else None


def _reference(git: Path, name: str) -> str:
    loose = git / name
    if loose.is_file():
        return input_file.read_text(loose).strip()
    packed = input_file.read_text(git / "packed-refs").splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")


def _lines(path: Path) -> Iterator[loadgen_conf.Line]:
    text = input_file.read_text(path, "configuration of LoadGen", "take a whole checkout of mlcommons/inference")
    lines = list(loadgen_conf.read_lines(text))
    loadgen_conf.require_accepted(lines, str(path))
    return (line for line in lines if line.values)
