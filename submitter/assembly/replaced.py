"""What a new tree may take the place of: nothing, or an assembled tree as it was assembled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from submitter.errors import InputError
from submitter.manifest import Manifest, is_edited
from submitter.record import sha256_of

_MOST_NAMED = 10
_MOVE_AWAY = "move it away, or assemble into another folder"


def require_assembled(target: Path, manifest_path: PurePosixPath) -> None:
    """InputError unless `target` is missing, or an empty folder, or a folder with the manifest of an assembled tree."""
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink() or not target.is_dir():
        raise InputError(f"{target} exists and is not a folder", _MOVE_AWAY)
    if any(target.iterdir()) and not (target / manifest_path).is_file():
        raise InputError(
            f"{target} exists and has no {manifest_path}, so it was not assembled by submitter", _MOVE_AWAY
        )


def require_unedited(target: Path, manifest_path: PurePosixPath, sources: Mapping[PurePosixPath, Path]) -> None:
    """InputError if a person changed the assembled tree at `target`: a new one would overwrite that.

    It names the files, and for those that the submitter wrote the source file, from `sources`, that a new tree takes
    them from.
    """
    if not target.exists() or not any(target.iterdir()):
        return
    edits = dict(_edits(target, manifest_path))
    if not edits:
        return
    named = [f"{name} ({how})" for name, how in list(edits.items())[:_MOST_NAMED]]
    others = f" and {len(edits) - _MOST_NAMED} more" if len(edits) > _MOST_NAMED else ""
    origins = [f"{name} comes from {source}" for name in edits if (source := sources.get(PurePosixPath(name)))]
    raise InputError(
        f"{target} is not as it was assembled, and a new tree would overwrite that: {', '.join(named)}{others}",
        "; ".join([f"move it away (mv {target.name} {target.name}.edited) and assemble again", *origins[:_MOST_NAMED]]),
    )


def _edits(target: Path, manifest_path: PurePosixPath) -> Iterator[tuple[str, str]]:
    """The name of each file that is not as it was assembled, and what was done to it."""
    try:
        text = (target / manifest_path).read_text("utf-8")
        manifest = Manifest.model_validate_json(text)
    except (OSError, ValueError):
        yield str(manifest_path), "changed: it cannot be read any more"
        return
    if is_edited(text):
        yield str(manifest_path), "changed"
    present = {
        path.relative_to(target).as_posix(): path
        for path in sorted(target.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    }
    for name, sha256 in manifest.files.items():
        path = present.pop(name, None)
        if path is None:
            yield name, "removed"
        elif path.is_symlink() or not path.is_file() or sha256_of(path) != sha256:
            yield name, "changed"
    present.pop(str(manifest_path), None)
    yield from ((name, "added") for name in present)
