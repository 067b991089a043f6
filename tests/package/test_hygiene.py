"""What blocks a package, what is left out without loss, and what is only noted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from submission_tree import BOOK, SUBMITTER, Tree, write_tree

from submitter.package.hygiene import Contents, Inspector, contents_of, name_notes
from submitter.submission import open_submission

OFFLINE = "closed/Acme/results/2xH200/llama2-70b-99.9/Offline"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return write_tree(tmp_path / "tree")


def contents(tree: Tree) -> Contents:
    opened = open_submission(tree.root, BOOK)
    return contents_of(opened, opened.submitters)


def blocks(tree: Tree) -> list[str]:
    return [str(block) for block in contents(tree).blocks]


def test_a_clean_tree(tree: Tree) -> None:
    program = tree.submitter / "src" / "run.sh"
    program.write_text("#!\n")
    program.chmod(0o700)
    found = contents(tree)
    assert not found.blocks
    assert not found.leftovers
    on_disk = sorted(path.relative_to(tree.root).as_posix() for path in tree.root.rglob("*") if path.is_file())
    assert [file.path for file in found.files] == on_disk
    assert [file.path for file in found.files if file.is_executable] == ["closed/Acme/src/run.sh"]


def _link(tree: Tree) -> None:
    (tree.submitter / "src" / "copy.md").symlink_to("README.md")


def _link_to_folder(tree: Tree) -> None:
    (tree.submitter / "src" / "docs").symlink_to("../documentation")


def _pipe(tree: Tree) -> None:
    os.mkfifo(tree.submitter / "src" / "pipe")


def _audit(tree: Tree) -> None:
    (tree.result() / "audit.config").write_text("*.*.mode = 2\n")


def _large(tree: Tree) -> None:
    with (tree.submitter / "src" / "model.bin").open("wb") as file:
        file.truncate(BOOK.round.file_max_bytes + 1)


def _control(tree: Tree) -> None:
    (tree.submitter / "src" / "a\nb").write_text("x")


def _no_utf8(tree: Tree) -> None:
    Path(os.fsdecode(os.fsencode(tree.submitter / "src") + b"/\xff")).write_text("x")


def _case(tree: Tree) -> None:
    (tree.submitter / "src" / "Readme.md").write_text("x")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (_link, "closed/Acme/src/copy.md: a symbolic link"),
        (_link_to_folder, "closed/Acme/src/docs: a symbolic link"),
        (_pipe, "closed/Acme/src/pipe: this is neither a file nor a folder"),
        (_audit, f"{OFFLINE}/audit.config: a left audit.config"),
        (_large, f"closed/Acme/src/model.bin: a file of {BOOK.round.file_max_bytes + 1} bytes"),
        (_control, r"closed/Acme/src/a\x0ab: a name with control characters, or not in UTF-8"),
        (_no_utf8, r"closed/Acme/src/\udcff: a name with control characters, or not in UTF-8"),
        (_case, "closed/Acme/src/Readme.md: the same name as README.md on macOS and Windows"),
    ],
)
def test_what_blocks(tree: Tree, damage: Callable[[Tree], None], expected: str) -> None:
    damage(tree)
    assert blocks(tree) == [expected]


def test_audit_settings_may_be_in_the_code_and_with_their_test(tree: Tree) -> None:
    for folder in (tree.submitter / "src", tree.result() / "TEST06"):
        (folder / "audit.config").write_text("*.*.mode = 2\n")
    assert not blocks(tree)


@pytest.mark.parametrize(
    "name",
    "slurm-4711.out slurm-4711_3.err job.sh.o12345 nohup.out core.4711 .DS_Store notes.md~ a.swp __pycache__/x.pyc"
    " .git/config .ipynb_checkpoints/x.ipynb".split(),
)
def test_what_tools_leave_behind_is_left_out(tree: Tree, name: str) -> None:
    file = tree.submitter / "src" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("x")
    found = contents(tree)
    assert list(found.leftovers) == [f"closed/Acme/src/{name.partition('/')[0]}"]
    assert not [each for each in found.files if name in each.path]
    assert not found.blocks


def test_folders_without_files_are_left_out(tree: Tree) -> None:
    (tree.submitter / "src" / "a" / "b").mkdir(parents=True)
    (tree.submitter / "src" / "c").mkdir()
    (tree.submitter / "src" / "c" / ".DS_Store").write_text("x")
    assert {path for path, reason in contents(tree).leftovers.items() if "folder" in reason} == {
        f"closed/{SUBMITTER}/src/{name}" for name in ("a/b", "a", "c")
    }


def test_names_that_may_give_trouble_are_noted() -> None:
    assert not list(name_notes(["closed/Acme/a.txt"]))
    names = ["closed/A B/a.txt", "closed/Größe", "x/17:50.json", "x/aux.txt", "x/" + "y/" * 130, "closed/A B/b.txt"]
    assert list(name_notes(names)) == [
        "paths with a space: 2, such as closed/A B/a.txt",
        "paths outside of ASCII: 1, such as closed/Größe",
        "names that Windows refuses: 2, such as x/17:50.json",
        f"paths longer than the 259 characters of Windows: 1, such as {names[4]}",
    ]


def inspected(tmp_path: Path, name: str, text: str, *accepted: str) -> Inspector:
    file = tmp_path / "file"
    file.write_text(text)
    inspector = Inspector(accepted)
    with file.open("rb") as content:
        inspector.inspect(name, content)
    return inspector


SECRET = "export DB_PASSWORD=9f8e7d" + "6c5b4a39"


def test_a_secret_blocks_and_is_not_repeated(tmp_path: Path) -> None:
    (block,) = inspected(tmp_path, "closed/Acme/env.txt", f"PATH=/bin\n{SECRET}\n").found.blocks
    assert str(block) == "closed/Acme/env.txt:2: secret in an environment variable"
    assert "withdraw it" in block.remedy
    assert "9f8e7d" not in repr(block)


def test_an_accepted_file_s_secrets_are_none(tmp_path: Path) -> None:
    found = inspected(tmp_path, "closed/Acme/env.txt", SECRET, "closed/Acme/env.txt").found
    assert not found.blocks
    assert set(found.sha256) == {"closed/Acme/env.txt"}


def test_home_folders_and_compressed_files_are_noted(tmp_path: Path) -> None:
    notes = list(inspected(tmp_path, "closed/Acme/log.gz", "loaded /home/alice/model\n").found.notes)
    assert notes == [
        "files that name a home folder: 1, such as closed/Acme/log.gz with /home/alice",
        "compressed files, which were not searched for secrets: 1, such as closed/Acme/log.gz",
    ]
