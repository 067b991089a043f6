"""`submitter package`: the same bytes from everywhere, nothing that must not be sent, one line if the disk is full."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from submission_tree import SUBMITTER, Tree, write_tree

# Of the example in age's README.
PUBLIC_KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
REPOSITORY = Path(__file__).resolve().parents[2]


def package(
    folder: Path, *arguments: object, umask: int = 0o022, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "submitter.cli", "package", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return write_tree(tmp_path / "submission")


def test_two_packages_of_one_tree_are_equal(tree: Tree, tmp_path: Path) -> None:
    """From two folders, with other umasks, users' names, time zones and hash seeds, of a copy whose files are newer."""
    first = package(tmp_path, "submission", PYTHONHASHSEED="1", TZ="UTC", USER="alice")
    assert first.returncode == 0, first.stdout + first.stderr
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copy = elsewhere / "other"
    for path in sorted(tree.root.rglob("*"), reverse=True):  # made in another order
        if path.is_file():
            target = copy / path.relative_to(tree.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            target.chmod(0o600)
    second = package(elsewhere, copy, "-o", "x.tar.gz", umask=0o077, PYTHONHASHSEED="2", TZ="Asia/Tokyo", USER="bob")
    assert second.returncode == 0, second.stdout + second.stderr
    written = tmp_path / f"{SUBMITTER}-v6.1.tar.gz"
    assert written.read_bytes() == (elsewhere / "x.tar.gz").read_bytes()
    line = f"sha256 {sha256_of(written)}"
    assert line in first.stdout
    assert line in second.stdout
    assert "check: pass, " in first.stdout
    assert "confirm the results" in first.stdout


def test_errors_refuse_it_and_only_valid_leaves_them_out(tree: Tree, tmp_path: Path) -> None:
    # The open division has valid results, so that something is left.
    write_tree(tree.root, "open")
    tree.set(tree.performance_log("Server"), result_validity="INVALID")
    before = {path: path.read_bytes() for path in tree.root.rglob("*") if path.is_file()}
    done = package(tmp_path, "submission")
    assert done.returncode == 1, done.stderr
    assert "PRF010 closed/Acme/results/2xH200/llama2-70b-99.9/Server" in done.stdout
    assert "nothing was packed" in done.stdout
    assert not list(tmp_path.glob("*.tar.gz"))
    done = package(tmp_path, "submission", "--only-valid")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Offline" in done.stdout
    assert "STR008 a required scenario is missing" in done.stdout
    assert (tmp_path / "Acme-v6.1.tar.gz").is_file()
    assert {path: path.read_bytes() for path in tree.root.rglob("*") if path.is_file()} == before


def test_a_secret_is_named_by_place_and_never_shown(tree: Tree, tmp_path: Path) -> None:
    secret = "9f8e7d" + "6c5b4a39"
    (tree.submitter / "src" / "env.txt").write_text(f"PATH=/bin\nDB_PASSWORD={secret}\n")
    done = package(tmp_path, "submission")
    assert done.returncode == 1
    assert "closed/Acme/src/env.txt:2: secret in an environment variable" in done.stdout
    assert secret not in done.stdout + done.stderr
    assert not list(tmp_path.glob("*.tar.gz"))
    assert package(tmp_path, "submission", "--accept", "closed/Acme/src/env.txt").returncode == 0


def test_dry_run_writes_nothing(tree: Tree, tmp_path: Path) -> None:
    done = package(tmp_path, "submission", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "Acme-v6.1.tar.gz would be written" in done.stdout
    assert not list(tmp_path.glob("*.tar.gz"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["submission", "-o", "nowhere/x.tar.gz"], "there is no folder"),
        (["submission", "-o", "submission/x.tar.gz"], "is in the tree itself"),
        (["submission", "-o", "submission"], "is a folder"),
        (["submission", "--submitter", "Acm"], "did you mean 'Acme'?"),
        (["submission", "--round", "v6.2"], "did you mean"),
        (["submission", "--encrypt", "age1nobody"], "age1nobody"),
        (["nothing"], "does not exist"),
        (["campaign.toml"], "campaign.toml"),
    ],
)
def test_wrong_input_is_one_line(tree: Tree, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = package(tmp_path, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.tar.gz*"))


def test_a_campaign_names_its_tree(tree: Tree, tmp_path: Path) -> None:
    example = (REPOSITORY / "examples" / "tiny-open.toml").read_text()
    assert 'output = "../build/tiny-open"' in example
    (tmp_path / "campaign.toml").write_text(example.replace("../build/tiny-open", "build"))
    done = package(tmp_path, "campaign.toml")
    assert done.returncode == 2
    assert "build/submission does not exist\n  submitter run-all campaign.toml makes it" in done.stderr
    (tmp_path / "build").mkdir()
    tree.root.rename(tmp_path / "build" / "submission")
    assert package(tmp_path, "campaign.toml").returncode == 0
    assert (tmp_path / "Acme-v6.1.tar.gz").is_file()


def test_a_smoke_campaign_is_refused(tmp_path: Path) -> None:
    done = package(tmp_path, REPOSITORY / "examples" / "demo.toml")
    assert done.returncode == 2
    assert "is a smoke campaign: its tree is a preview, not a submission" in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True, check=False
    ).returncode:
        pytest.skip("only root may mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "encrypted"])
def test_a_full_disk(tree: Tree, tmp_path: Path, small_disk: Path, is_encrypted: bool) -> None:
    (tree.submitter / "src" / "random.bin").write_bytes(os.urandom(100_000))
    recipient = ["--encrypt", PUBLIC_KEY] if is_encrypted else []
    done = package(tmp_path, "submission", "-o", small_disk / "x.tar.gz", *recipient)
    assert done.returncode == 4, done.stdout + done.stderr
    assert done.stderr.startswith(f"submitter: the disk is full at {small_disk / 'x.tar.gz'}\n  ")
    assert not list(small_disk.iterdir())


def test_a_read_only_folder(tree: Tree, tmp_path: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = package(tmp_path, "submission", "-o", small_disk / "x.tar.gz")
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"submitter: {small_disk} cannot be written to\n  ")


def test_the_tree_may_be_read_only(tree: Tree, tmp_path: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    shutil.copytree(tree.root, small_disk / "submission")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = package(tmp_path, small_disk / "submission")
    assert done.returncode == 0, done.stdout + done.stderr
