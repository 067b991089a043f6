"""Everything under a submitter's folder, gathered in one pass: names, sizes and links, not contents."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath

from submitter import layout
from submitter.submission.files import EntryKind, Files

# Far more entries than any submitter has, and few enough to be listed in seconds.
_LIMIT_ENTRIES = 500_000

# Names of files that tools leave behind: secrets first, then other stray files.
_STRAY = re.compile(
    r"(?P<secret>\.env(?!\.(example|sample|template)$)(\..+)?|id_(rsa|ed25519|ecdsa)|.*\.(pem|key|p12|pfx)|\.netrc|\.pypirc"
    r"|\.git-credentials|credentials(\.json)?|kubeconfig|\.aws|\.ssh)"
    r"|(?P<stray_file>slurm-\d+.*\.(out|err)|.*\.[eo]\d{4,}|nohup\.out|.*\.(swp|bak|orig|rej)|.*~|\._.*|\.DS_Store|core\.\d+|Thumbs\.db)"
    r"|(?P<stray_folder>\.git|__pycache__|\.ipynb_checkpoints|\.venv)"
)
_AUDIT_CONFIGS = frozenset({layout.AUDIT_CONFIG, "audit.conf"})


@dataclass(kw_only=True)
class Survey:
    """What is in a submitter's folder at any depth. Paths are relative to the tree's root, and sorted.

    Symbolic links to folders are not followed.
    """

    dotted: list[str] = field(default_factory=list)
    """Paths whose name begins with a dot."""
    spaced: list[str] = field(default_factory=list)
    """Paths whose name contains a space."""
    unprintable: list[str] = field(default_factory=list)
    """Paths whose name is not UTF-8 text, or has a control character such as a line break."""
    caches: list[str] = field(default_factory=list)
    """Folders whose name ends in `__pycache__`."""
    empty: list[str] = field(default_factory=list)
    """Folders without entries."""
    large: list[tuple[str, int]] = field(default_factory=list)
    """Files over the size limit, each with its size in bytes."""
    broken_links: list[str] = field(default_factory=list)
    """Links whose target does not exist, seen from the link's own folder or from the tree's root."""
    not_files: list[tuple[str, EntryKind]] = field(default_factory=list)
    """Links that leave the tree or lead nowhere, and entries that are neither a file nor a folder."""
    strays: list[tuple[str, str]] = field(default_factory=list)
    """Files and folders that tools leave behind, each with its kind: `secret`, `stray_file` or `stray_folder`."""
    audit_configs: list[str] = field(default_factory=list)
    """Files that switch LoadGen to audit settings."""
    folders_with_files: set[str] = field(default_factory=set)
    """Names of the folders directly in the submitter's folder that hold a file at any depth."""


def survey(files: Files, submitter: PurePosixPath, large_bytes: int) -> Survey:
    """List a submitter's folder; a file of more than `large_bytes` counts as large."""
    found = Survey()
    depth = len(submitter.parts)
    pending, entry_count = [str(submitter)], 0
    _name(found, str(submitter), submitter.name)
    while pending and entry_count < _LIMIT_ENTRIES:
        here = pending.pop()
        entries = files.scan(here)
        entry_count += len(entries)
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
                found.folders_with_files.update(top)
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
    if not name.isprintable():
        found.unprintable.append(path)
    if kind := _stray_kind(name):
        found.strays.append((path, kind))
    if name in _AUDIT_CONFIGS:
        found.audit_configs.append(path)


@lru_cache(maxsize=1024)
def _stray_kind(name: str) -> str:
    """`secret`, `stray_file` or `stray_folder`; empty for any other name. A tree repeats a few dozen names."""
    match = _STRAY.fullmatch(name)
    return next(kind for kind, text in match.groupdict().items() if text) if match else ""


def _file(found: Survey, path: str, entry: os.DirEntry[str], kind: EntryKind, large_bytes: int) -> None:
    try:
        if kind is not EntryKind.FILE:
            found.not_files.append((path, kind))
        elif (size := entry.stat(follow_symlinks=False).st_size) > large_bytes:
            found.large.append((path, size))
    except OSError:
        return


def _link(found: Survey, files: Files, path: str) -> None:
    kind = files.kind(PurePosixPath(path))
    if kind is EntryKind.LOOP:
        found.not_files.append((path, kind))
    if kind in (EntryKind.FOLDER, EntryKind.LOOP):
        return
    _name(found, path, path.rpartition("/")[2])
    if kind is not EntryKind.FILE:
        found.not_files.append((path, kind or EntryKind.OUTSIDE))
    # The official checks of old rounds resolve a link's target from their working directory, which is the tree's root,
    # and then read its size.
    link = files.root / path
    if not os.path.exists(link) or not os.path.exists(files.root / os.readlink(link)):
        found.broken_links.append(path)
