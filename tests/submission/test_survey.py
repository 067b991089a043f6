"""One pass through a submitter's folder: names, sizes and links, gathered by what rules ask of them."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from submitter.submission.files import EntryKind, Files
from submitter.submission.survey import Survey, survey

ACME = "closed/Acme"
LARGE = 1000


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    folder = tmp_path / ACME
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "README.md").write_text("x")
    return folder


def surveyed(acme: Path) -> Survey:
    return survey(Files(acme.parents[1]), PurePosixPath(ACME), LARGE)


def add(acme: Path, *names: str) -> None:
    for name in names:
        (acme / name).parent.mkdir(parents=True, exist_ok=True)
        (acme / name).write_text("x")


def at(*names: str) -> list[str]:
    return [f"{ACME}/{name}" for name in names]


def test_a_clean_folder_has_nothing_to_tell_but_what_is_filled(acme: Path) -> None:
    assert surveyed(acme) == Survey(folders_with_files={"src"})


def test_names_with_a_dot_or_a_space(acme: Path) -> None:
    add(acme, "src/.hidden", ".config/x", "src/a b.txt", "c d/e.txt")
    found = surveyed(acme)
    assert found.dotted == at(".config", "src/.hidden")
    assert found.spaced == at("c d", "src/a b.txt")
    assert found.folders_with_files == {"src", ".config", "c d"}


def test_the_submitters_own_name_counts_too(tmp_path: Path) -> None:
    (tmp_path / "closed" / "A B").mkdir(parents=True)
    found = survey(Files(tmp_path), PurePosixPath("closed/A B"), LARGE)
    assert found.spaced == found.empty == ["closed/A B"]


def test_empty_folders_and_caches(acme: Path) -> None:
    (acme / "results" / "s" / "b").mkdir(parents=True)
    add(acme, "src/__pycache__/x.pyc")
    found = surveyed(acme)
    assert found.empty == at("results/s/b")
    assert found.caches == at("src/__pycache__")
    assert found.folders_with_files == {"src"}


def test_a_file_is_large_above_the_limit(acme: Path) -> None:
    (acme / "src" / "full").write_bytes(b"x" * LARGE)
    (acme / "src" / "over").write_bytes(b"x" * (LARGE + 1))
    with (acme / "src" / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert surveyed(acme).large == [(f"{ACME}/src/over", LARGE + 1), (f"{ACME}/src/sparse", 1 << 40)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".env", "secret"),
        (".env.local", "secret"),
        ("id_rsa", "secret"),
        ("server.key", "secret"),
        ("cert.pem", "secret"),
        (".netrc", "secret"),
        ("credentials.json", "secret"),
        ("kubeconfig", "secret"),
        ("slurm-17.out", "stray_file"),
        ("nohup.out", "stray_file"),
        ("x.swp", "stray_file"),
        ("x~", "stray_file"),
        ("core.123", "stray_file"),
        (".DS_Store", "stray_file"),
        (".git/HEAD", "stray_folder"),
        (".ipynb_checkpoints/x", "stray_folder"),
        (".aws/x", "secret"),
    ],
)
def test_what_tools_leave_behind(acme: Path, name: str, kind: str) -> None:
    add(acme, f"src/{name}")
    assert surveyed(acme).strays == [(f"{ACME}/src/{name.partition('/')[0]}", kind)]


@pytest.mark.parametrize(
    "name", [".env.example", ".env.template", "environment", "core", "slurm.out", "key", "pem.txt"]
)
def test_what_only_looks_like_it(acme: Path, name: str) -> None:
    add(acme, f"src/{name}")
    assert surveyed(acme).strays == []


def test_audit_files(acme: Path) -> None:
    add(acme, "results/audit.config", "src/audit.conf", "src/audit.configs")
    assert surveyed(acme).audit_configs == at("results/audit.config", "src/audit.conf")


def test_links_by_where_they_lead(acme: Path, tmp_path: Path) -> None:
    add(acme, "src/target", ".dotted/x")
    (tmp_path / "root_file").write_text("x")
    for name, target in {
        "src/here": "target",
        "src/from_root": f"{ACME}/src/target",
        "src/absolute": str(tmp_path / "root_file"),
        "src/out": "/etc/hostname",
        "src/nowhere": "nothing",
        "src/loop": "loop",
        "src/folder": "../src",
    }.items():
        (acme / name).symlink_to(target)
    found = surveyed(acme)
    kinds = dict(found.not_files)
    assert kinds.pop(f"{ACME}/src/folder") is EntryKind.LOOP
    assert set(kinds) == set(at("src/from_root", "src/out", "src/nowhere", "src/loop"))
    assert set(kinds.values()) == {EntryKind.OUTSIDE}
    # Of those that lead somewhere the one from the folder of the link misses from the root on.
    assert found.broken_links == at("src/from_root", "src/here", "src/loop", "src/nowhere")


def test_a_link_to_a_folder_is_not_entered(acme: Path) -> None:
    add(acme, "src/deep/a b.txt")
    (acme / "again").symlink_to("src")
    (acme / "src" / "circle").symlink_to("../src")
    found = surveyed(acme)
    assert found.spaced == at("src/deep/a b.txt")
    assert found.folders_with_files == {"src"}


def test_a_pipe_is_foreign(acme: Path) -> None:
    os.mkfifo(acme / "src" / "pipe")
    assert surveyed(acme).not_files == [(f"{ACME}/src/pipe", EntryKind.SPECIAL)]


def test_a_folder_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    assert survey(Files(tmp_path), PurePosixPath("closed/nobody"), LARGE) == Survey(empty=["closed/nobody"])


def test_a_walk_ends_at_its_limit(acme: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("submitter.submission.survey._LIMIT_ENTRIES", 3)
    for number in range(10):
        add(acme, f"{number}/a b.txt")
    assert len(surveyed(acme).spaced) < 10
