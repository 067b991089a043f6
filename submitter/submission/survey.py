"""What lies anywhere under a submitter's folder, gathered in one pass: names, sizes and links, not contents."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from submitter import layout
from submitter.submission.files import EntryKind, Files

# Far more than any submitter has, and little enough to be passed through in seconds.
_LIMIT_ENTRIES = 500_000

# What tools leave behind, secrets before litter.
_STRAY = re.compile(
    r"(?P<secret>\.env(?!\.(example|sample|template)$)(\..+)?|id_(rsa|ed25519|ecdsa)|.*\.(pem|key|p12|pfx)|\.netrc|\.pypirc"
    r"|\.git-credentials|credentials(\.json)?|kubeconfig|\.aws|\.ssh)"
    r"|(?P<stray_file>slurm-\d+.*\.(out|err)|nohup\.out|.*\.(swp|bak|orig|rej)|.*~|\._.*|\.DS_Store|core\.\d+|Thumbs\.db)"
    r"|(?P<stray_folder>\.git|__pycache__|\.ipynb_checkpoints|\.venv)"
)
_AUDITS = frozenset({layout.AUDIT_CONFIG, "audit.conf"})


@dataclass
class Survey:
    """Paths relative to the tree's root, sorted; links to folders are not entered.

    `dotted` and `spaced` have names that begin with a dot or hold a space, `large` files with their bytes, `adrift`
    links with a target that does not exist, from where they lie or from the tree's root on, `foreign` what is outside
    the tree or neither file nor folder. `filled` are the submitter's own folders that hold a file at any depth.
    """

    dotted: list[str] = field(default_factory=list)
    spaced: list[str] = field(default_factory=list)
    caches: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    large: list[tuple[str, int]] = field(default_factory=list)
    adrift: list[str] = field(default_factory=list)
    foreign: list[tuple[str, EntryKind]] = field(default_factory=list)
    strays: list[tuple[str, str]] = field(default_factory=list)
    audits: list[str] = field(default_factory=list)
    filled: set[str] = field(default_factory=set)


def survey(files: Files, submitter: PurePosixPath, large_bytes: int) -> Survey:
    """Walk a submitter's folder; a file of more than `large_bytes` is large."""
    found = Survey()
    depth = len(submitter.parts)
    pending, passed = [str(submitter)], 0
    _name(found, str(submitter), submitter.name)
    while pending and passed < _LIMIT_ENTRIES:
        here = pending.pop()
        entries = files.scan(here)
        passed += len(entries)
        top = here.split("/", depth + 1)[depth : depth + 1]
        if not entries:
            found.empty.append(here)
        for entry, kind in entries:
            path = f"{here}/{entry.name}"
            if entry.is_symlink():
                _link(found, files, path)
            elif kind is EntryKind.FOLDER:
                _name(found, path, entry.name)
                if entry.name.endswith("__pycache__"):
                    found.caches.append(path)
                pending.append(path)
            else:
                _name(found, path, entry.name)
                found.filled.update(top)
                _file(found, path, entry, kind, large_bytes)
    for paths in vars(found).values():
        if isinstance(paths, list) and len(paths) > 1:
            paths.sort(key=str)
    return found


def _name(found: Survey, path: str, name: str) -> None:
    if name.startswith("."):
        found.dotted.append(path)
    if " " in name:
        found.spaced.append(path)
    match = _STRAY.fullmatch(name)
    if match and match.lastgroup:
        found.strays.append((path, next(kind for kind, text in match.groupdict().items() if text)))
    if name in _AUDITS:
        found.audits.append(path)


def _file(found: Survey, path: str, entry: os.DirEntry[str], kind: EntryKind, large_bytes: int) -> None:
    try:
        if kind is not EntryKind.FILE:
            found.foreign.append((path, kind))
        elif (size := entry.stat(follow_symlinks=False).st_size) > large_bytes:
            found.large.append((path, size))
    except OSError:
        return


def _link(found: Survey, files: Files, path: str) -> None:
    kind = files.kind(PurePosixPath(path))
    if kind is EntryKind.FOLDER:
        return
    _name(found, path, path.rpartition("/")[2])
    if kind is not EntryKind.FILE:
        found.foreign.append((path, kind or EntryKind.OUTSIDE))
    # The official checks of old rounds resolve a link's target from the folder they work in, the tree's root, and then
    # ask for its size.
    link = files.root / path
    if not os.path.exists(link) or not os.path.exists(files.root / os.readlink(link)):
        found.adrift.append(path)
