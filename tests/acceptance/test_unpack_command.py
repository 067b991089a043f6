"""`submitter unpack`, and `check` and `score` of an archive, on the command line."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from echo_campaign import submitter
from hostile_archives import member, tar_bytes
from submission_tree import Tree

from submitter.archive.encryption import encrypt
from submitter.package.manifest import MANIFEST, PackagedResult, PackageManifest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_submitter(tmp_path: Path) -> Run:
    return partial(submitter, cwd=tmp_path)


@pytest.fixture
def archive(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a valid submission, with its manifest; the working folder is the one that it is in."""
    monkeypatch.chdir(tmp_path)
    files = {path.relative_to(tree.root).as_posix(): path for path in sorted(tree.root.rglob("*")) if path.is_file()}
    manifest = PackageManifest(
        submitter_version="0.1.0",
        round="v6.1",
        submitter="Acme",
        verdict="pass",
        findings={"error": 0, "note": 1},
        results=(PackagedResult(path="closed/Acme/results/2xH200/llama2-70b-99.9/Server", verdict="valid"),),
        files={name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()},
    )
    made = tmp_path / "acme-v6.1.tar.gz"
    with tarfile.open(made, "w:gz") as tar:
        content = manifest.model_dump_json().encode()
        info, _ = member(MANIFEST, content)
        tar.addfile(info, io.BytesIO(content))
        for name, path in files.items():
            tar.add(path, arcname=name)
    return made


def json_report(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def test_a_package_is_unpacked_and_verified_and_its_check_is_that_of_the_tree(
    tree: Tree, archive: Path, run_submitter: Run
) -> None:
    done = run_submitter("unpack", archive.name)
    assert (done.returncode, done.stderr) == (0, "")
    count = sum(path.is_file() for path in tree.root.rglob("*"))
    assert f"acme-v6.1: {count + 1} files, " in done.stdout
    assert f"✓ all {count} files are those of the manifest, and there is no other" in done.stdout
    assert "Acme, round v6.1; when it was packed, submitter 0.1.0 checked it: pass" in done.stdout
    assert (archive.parent / "acme-v6.1" / MANIFEST).is_file()
    checks = [run_submitter("check", str(path), "--format", "json") for path in ("acme-v6.1", archive, tree.root)]
    assert [done.returncode for done in checks] == [0, 0, 0]
    assert len({done.stdout for done in checks}) == 1
    scores = [run_submitter("score", str(path)) for path in (tree.root, archive)]
    assert scores[0].stdout == scores[1].stdout != ""


def test_a_finding_of_an_archive_fails_as_one_of_a_folder(tree: Tree, archive: Path, run_submitter: Run) -> None:
    (tree.result() / "README.md").unlink()
    with tarfile.open("bad.tar", "w") as tar:
        tar.add(tree.root, arcname="submission")
    of_folder, of_archive = (run_submitter("check", str(path), "--format", "json") for path in (tree.root, "bad.tar"))
    assert of_folder.returncode == of_archive.returncode == 1
    assert json_report(of_folder) == json_report(of_archive)
    sarif = run_submitter("check", "bad.tar", "--format", "sarif").stdout
    assert "closed/Acme" in sarif
    assert "submitter-archive" not in sarif


def test_a_changed_package_is_named_and_fails(archive: Path, run_submitter: Run) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall("changed", filter="data")
    user_conf = next(Path("changed").rglob("user.conf"))
    user_conf.write_text("changed")
    with tarfile.open("changed.tar", "w") as tar:
        tar.add("changed", arcname=".")
    done = run_submitter("unpack", "changed.tar", "--output", "again")
    assert done.returncode == 1
    assert f"✗ {user_conf.relative_to('changed')} is another file than the one that was packed" in done.stdout
    assert "FAIL  1 differences from the manifest" in done.stdout


def test_an_archive_without_our_manifest_is_fine(tree: Tree, archive: Path, run_submitter: Run) -> None:
    with tarfile.open("theirs.tar.xz", "w:xz") as tar:
        tar.add(tree.root, arcname=".")
    done = run_submitter("unpack", "theirs.tar.xz")
    assert done.returncode == 0
    assert "there is no manifest of submitter package in it: nothing else was verified" in done.stderr


def test_an_encrypted_package_needs_its_key(archive: Path, run_submitter: Run) -> None:
    pyrage = pytest.importorskip("pyrage")
    key = pyrage.x25519.Identity.generate()
    Path("key.txt").write_text(str(key))
    Path("key.txt").chmod(0o600)
    encrypt(archive, Path("acme.tar.gz.age"), [str(key.to_public())])
    for words in (("check", "acme.tar.gz.age"), ("unpack", "acme.tar.gz.age")):
        done = run_submitter(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "submitter: acme.tar.gz.age is encrypted\n"
            "  submitter unpack acme.tar.gz.age --identity FILE decrypts it with the secret key in FILE;"
            " so does age --decrypt\n"
        )
    done = run_submitter("unpack", "acme.tar.gz.age", "--identity", "key.txt")
    assert done.returncode == 0
    assert "✓ all" in done.stdout
    assert Path("acme").is_dir()


def test_a_hostile_archive_is_one_line_and_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_submitter: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("evil.tar").write_bytes(tar_bytes(member("closed/x"), member("../../evil")))
    for words in (("check", "evil.tar"), ("unpack", "evil.tar")):
        done = run_submitter(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines() == [
            "submitter: evil.tar was not unpacked: member '../../evil' has .. in its path",
            "  do not use this archive: ask its sender for another",
        ]
    assert os.listdir() == ["evil.tar"]


def test_limits_can_be_set(archive: Path, run_submitter: Run) -> None:
    done = run_submitter("unpack", archive.name, "--max-files", "10")
    assert done.returncode == 2
    assert done.stderr == (
        "submitter: acme-v6.1.tar.gz was not unpacked: it has more than 10 members\n"
        "  if you trust it: submitter unpack --max-gb N --max-files N\n"
    )
    assert "it unpacks to more than 1e-06 GB" in run_submitter("unpack", archive.name, "--max-gb", "0.000001").stderr


def test_a_check_that_is_ended_leaves_nothing(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    content = bytes(1000)
    (tmp_path / "large.tar").write_bytes(tar_bytes(*(member(f"closed/{number}", content) for number in range(20_000))))
    command = [sys.executable, "-m", "submitter.cli", "check", str(tmp_path / "large.tar")]
    process = subprocess.Popen(command, env=os.environ | {"TMPDIR": str(temporary)}, stderr=subprocess.PIPE, text=True)
    try:
        deadline_s = time.monotonic() + 30
        while not list(temporary.glob("*/.tree.*/tree/closed")):
            assert process.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 143
    assert "interrupted" in stderr
    assert not list(temporary.iterdir())


def test_a_check_of_a_folder_does_not_load_what_archives_need(tree: Tree) -> None:
    program = (
        "import sys; from submitter.checker import check; from pathlib import Path; check(Path(sys.argv[1]));"
        "assert not {'pyrage', 'submitter.archive.extraction'} & sys.modules.keys(), sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, tree.root], check=True)
