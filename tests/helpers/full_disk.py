"""Disks that are full or read-only in earnest: a small tmpfs, mounted for the time of a test. Only root may mount."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_FILLER = "filler"
_CHUNK = b"\0" * 4096


def require_mounts() -> None:
    """Skip the test where it may not mount a file system."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A disk of `size_bytes`, mounted at the new folder `folder`; it is gone afterwards, with everything on it."""
    require_mounts()
    folder.mkdir(parents=True)
    options = f"size={size_bytes},mode=755"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        folder.rmdir()
        pytest.skip(f"this machine allows no mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: a process that a failed test left in the folder must not keep the disk.
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def free_bytes(disk: Path) -> int:
    """How much more the disk takes."""
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


@contextmanager
def filled(disk: Path, *, but_bytes: int = 0) -> Iterator[None]:
    """The disk takes no more than `but_bytes`, in whole pages, until the end of the block."""
    filler = disk / _FILLER
    with filler.open("wb", buffering=0) as file, suppress(OSError):  # another writer may be quicker
        while free_bytes(disk) >= but_bytes + len(_CHUNK):
            file.write(_CHUNK)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """The disk takes no writes until the end of the block, not even root's."""
    _remount(disk, "ro")
    try:
        yield
    finally:
        _remount(disk, "rw")


def _remount(disk: Path, access: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{access}", disk], check=True)
