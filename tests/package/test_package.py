"""One submitter's submission becomes one package: whose, of what, and what its manifest says."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from submission_tree import BOOK, SUBMITTER, Tree, write_tree

from submitter.errors import InputError
from submitter.manifest import Manifest, ManifestFullRun
from submitter.package import MANIFEST, pack, prepare
from submitter.package.manifest import PackageManifest
from submitter.rulebook import load_rulebook
from submitter.submission import OpenSubmission, open_submission
from submitter.version import VERSION


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return write_tree(tmp_path / "tree")


def opened(tree: Tree) -> OpenSubmission:
    return open_submission(tree.root, BOOK)


def test_the_archive_is_the_manifest_and_the_tree(tree: Tree, tmp_path: Path) -> None:
    package = prepare(opened(tree))
    assert package.is_ready
    target = tmp_path / "x.tar.gz"
    sha256 = pack(package, target)
    assert sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    with tarfile.open(target) as tar:
        contents = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    names = list(contents)
    assert names[0] == MANIFEST
    assert names[1:] == sorted(names[1:])
    manifest = PackageManifest.model_validate_json(contents.pop(MANIFEST))
    on_disk = {
        path.relative_to(tree.root).as_posix(): path.read_bytes() for path in tree.root.rglob("*") if path.is_file()
    }
    assert contents == on_disk
    assert manifest.files == {name: hashlib.sha256(content).hexdigest() for name, content in on_disk.items()}
    assert (manifest.submitter, manifest.round, manifest.verdict) == (SUBMITTER, "v6.1", "pass")
    assert manifest.submitter_version == VERSION
    assert manifest.findings["error"] == 0
    assert [(result.path.rpartition("/")[2], result.value, result.verdict) for result in manifest.results] == [
        ("Offline", 61980.25, "valid"),
        ("Server", 58520.5, "valid"),
    ]
    assert str(tmp_path) not in json.dumps(manifest.model_dump())


def test_what_is_beside_the_submitter_is_not_packed(tree: Tree) -> None:
    (tree.root / "README.md").write_text("The results of a round.\n")
    (tree.root / "tools").mkdir()
    (tree.root / "tools" / "x.py").write_text("pass\n")
    assert all(name.startswith("closed/Acme/") for name in prepare(opened(tree)).manifest.files)


def test_a_tree_with_several_submitters(tree: Tree) -> None:
    shutil.copytree(tree.submitter, tree.root / "open" / "Zenith")
    with pytest.raises(InputError, match="has 2 submitters: Acme, Zenith") as error:
        prepare(opened(tree))
    assert "--submitter" in error.value.hint
    with pytest.raises(InputError, match="did you mean 'Zenith'"):
        _with_hint(tree, "Zenit")
    package = prepare(opened(tree), "Acme")
    assert package.is_ready  # Zenith's errors are its own
    assert package.manifest.submitter == "Acme"
    assert not [name for name in package.manifest.files if "Zenith" in name]


def _with_hint(tree: Tree, name: str) -> None:
    try:
        prepare(opened(tree), name)
    except InputError as error:
        raise InputError(f"{error.message} {error.hint}") from None


def test_a_part_of_a_submission_is_refused(tree: Tree) -> None:
    with pytest.raises(InputError, match="is a part of a submission") as error:
        prepare(open_submission(tree.submitter, BOOK))
    assert str(tree.root) in error.value.hint


def test_a_preview_is_never_packaged(tree: Tree) -> None:
    manifest = Manifest(
        submitter_version=VERSION,
        round=BOOK.name,
        smoke=True,
        full_run=ManifestFullRun(command="submitter run-all full.toml", expected_s=1),
        results=(),
        files={},
    )
    (tree.submitter / "documentation" / "submitter_manifest.json").write_text(manifest.model_dump_json())
    for only_valid in (False, True):
        with pytest.raises(InputError, match="is the preview of a smoke campaign, not a submission") as error:
            prepare(opened(tree), only_valid=only_valid)
        assert error.value.hint == "make the full runs: submitter run-all full.toml"


def test_errors_and_secrets_keep_it_from_being_ready(tree: Tree) -> None:
    (tree.submitter / "src" / "env.txt").write_text("DB_PASSWORD=9f8e7d" + "6c5b4a39\n")
    package = prepare(opened(tree))
    assert package.report.verdict == "pass"
    assert [str(block) for block in package.blocks] == ["closed/Acme/src/env.txt:1: secret in an environment variable"]
    assert not package.is_ready
    assert prepare(opened(tree), accepted=["closed/Acme/src/env.txt"]).is_ready
    tree.set(tree.performance_log(), result_validity="INVALID")
    package = prepare(opened(tree), accepted=["closed/Acme/src/env.txt"])
    assert package.report.verdict == "fail"
    assert not package.is_ready


def test_a_round_whose_checker_accepts_no_manifest_is_noted(tree: Tree) -> None:
    assert not [note for note in prepare(opened(tree)).notes if MANIFEST in note]
    tree.book = load_rulebook("v5.1")
    notes = prepare(open_submission(tree.root, tree.book)).notes
    assert notes[0].startswith(f"move {MANIFEST} away after unpacking")


def test_an_accepted_file_that_is_not_there(tree: Tree) -> None:
    with pytest.raises(InputError, match=r"closed/Acme/src/README\.txt"):
        prepare(opened(tree), accepted=["closed/Acme/src/README.txt"])


def test_progress_goes_from_nothing_to_all(tree: Tree, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    package = prepare(opened(tree), on_progress=lambda *step: seen.append(step))
    pack(package, tmp_path / "x.tar.gz", (), lambda *step: seen.append(step))
    for what in ("searching for secrets", "packing"):
        steps = [(done, total) for name, done, total in seen if name == what]
        assert steps[0][0] == 0
        assert steps[-1][0] == steps[-1][1] > 0


def test_an_encrypted_package_leaves_no_plain_one(tree: Tree, tmp_path: Path) -> None:
    pyrage = pytest.importorskip("pyrage")
    identity = pyrage.x25519.Identity.generate()
    package = prepare(opened(tree))
    plain = tmp_path / "plain.tar.gz"
    pack(package, plain)
    folder = tmp_path / "out"
    folder.mkdir()
    seen: dict[str, list[str]] = {}
    sha256 = pack(
        package,
        folder / "x.tar.gz.age",
        [str(identity.to_public())],
        lambda what, done, total: seen.update({what: [path.name for path in folder.iterdir()]}),
    )
    assert seen == {"packing": [], "encrypting": []}
    assert [path.name for path in folder.iterdir()] == ["x.tar.gz.age"]
    content = (folder / "x.tar.gz.age").read_bytes()
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert pyrage.decrypt(content, [identity]) == plain.read_bytes()
    with pytest.raises(InputError):
        pack(package, folder / "y.tar.gz.age", ["age1nobody"])
    assert [path.name for path in folder.iterdir()] == ["x.tar.gz.age"]
