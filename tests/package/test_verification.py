"""What an unpacked package is compared with: its manifest, and nothing outside of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from submitter.errors import InputError
from submitter.package.manifest import MANIFEST, PackageManifest
from submitter.package.verification import differences, read_manifest

FILES = {"closed/Acme/a": b"one", "closed/Acme/b/c": b"two"}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An unpacked package as it should be."""
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    write_manifest(tmp_path, hashes)
    return tmp_path


def write_manifest(folder: Path, files: dict[str, str]) -> None:
    made = PackageManifest(submitter_version="0.1.0", round="v6.1", submitter="Acme", verdict="pass", files=files)
    (folder / MANIFEST).write_text(made.model_dump_json())


def found(package: Path) -> list[str]:
    manifest = read_manifest(package)
    assert manifest is not None
    return differences(package, manifest)


def test_a_package_as_it_was_packed_has_no_difference(package: Path) -> None:
    assert found(package) == []
    (package / MANIFEST).unlink()
    assert read_manifest(package) is None


def test_each_difference_is_named(package: Path) -> None:
    (package / "closed/Acme/a").write_bytes(b"onE")
    (package / "closed/Acme/b/c").unlink()
    (package / "closed/Acme/new").touch()
    (package / "closed/Acme/folder").mkdir()  # a folder is no file
    assert found(package) == [
        "closed/Acme/a is another file than the one that was packed",
        "closed/Acme/b/c is missing",
        "closed/Acme/new is not in the manifest",
    ]


def test_no_file_outside_is_read(package: Path) -> None:
    secret = package.parent / "secret"
    secret.write_bytes(b"one")
    sha256 = hashlib.sha256(b"one").hexdigest()
    (package / "closed/Acme/a").unlink()
    (package / "closed/Acme/a").symlink_to(secret)
    write_manifest(package, {"closed/Acme/a": sha256, "../secret": sha256, str(secret): sha256})
    assert found(package) == [
        "../secret is missing",
        f"{secret} is missing",
        "closed/Acme/a is a link, and was a file",
        "closed/Acme/b/c is not in the manifest",
    ]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"files": 1}', "\0", '{"a": ' * 5000])
def test_a_file_that_is_no_manifest_is_one_line(package: Path, content: str) -> None:
    (package / MANIFEST).write_text(content)
    with pytest.raises(InputError, match=r"MANIFEST\.json is not the manifest of a package") as refused:
        read_manifest(package)
    assert "\n" not in refused.value.message
