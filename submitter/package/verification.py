"""An unpacked package against its manifest: every file is the one that was packed, none is missing, none was added.

The manifest is not signed. It shows that nothing was damaged or lost on the way, and not who packed it.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from submitter.errors import InputError, os_reason
from submitter.package.manifest import MANIFEST, PackageManifest
from submitter.quoting import printable
from submitter.record import sha256_of
from submitter.units import BYTES_PER_MIB
from submitter.validation import in_words

_LIMIT_BYTES = 64 * BYTES_PER_MIB


def read_manifest(folder: Path) -> PackageManifest | None:
    """The manifest in an unpacked package; None if there is none. InputError if it is not a package's."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    hint = "a file of this name belongs to submitter package: nothing was verified"
    try:
        if path.stat().st_size > _LIMIT_BYTES:
            raise InputError(f"{path} is too large for the manifest of a package", hint)
        return PackageManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"{path} is not the manifest of a package: {in_words(error.errors()[0])}", hint) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {os_reason(error)}", hint) from None


def differences(folder: Path, manifest: PackageManifest) -> list[str]:
    """What is not as the manifest says, in words, by path. Only files in the folder are read."""
    present = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not _is_folder(path)}
    del present[MANIFEST]
    reasons = {name: "is missing" for name in manifest.files.keys() - present.keys()}
    for name, path in present.items():
        if name not in manifest.files:
            reasons[name] = "is not in the manifest"
        elif path.is_symlink():
            reasons[name] = "is a link, and was a file"
        elif sha256_of(path) != manifest.files[name]:
            reasons[name] = "is another file than the one that was packed"
    return [f"{printable(name)} {reason}" for name, reason in sorted(reasons.items())]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
