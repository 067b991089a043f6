"""A tree is made of what ran, is the same wherever it is assembled, and the check finds each edit in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from echo_campaign import Campaign

from submitter import campaign as c
from submitter.checker import check
from submitter.errors import InputError
from submitter.manifest import Manifest, ManifestResult
from submitter.rulebook import load_rulebook

Finished = tuple[Any, subprocess.CompletedProcess[str]]

RESULT = "open/Example/results/echo-system/echo-model"
MANIFEST = "open/Example/documentation/submitter_manifest.json"


@pytest.fixture
def campaign(finished: Finished, tmp_path: Path) -> Campaign:
    return copied(finished, tmp_path / "campaign")


def copied(finished: Finished, folder: Path) -> Campaign:
    shutil.copytree(finished[0].folder, folder)
    return Campaign(folder)


def contents(tree: Path) -> dict[str, bytes]:
    return {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def everything(tree: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of every entry."""
    return {
        path.relative_to(tree).as_posix(): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in (tree, *tree.rglob("*"))
    }


def test_the_same_runs_make_the_same_tree_wherever_and_by_whomever(finished: Finished, tmp_path: Path) -> None:
    """Each byte and mode: in another place and working folder, with another umask, locale, time zone and hash seed."""
    made = []
    for place, umask, environment in (
        ("one", 0o022, {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "1"}),
        ("another/folder", 0o077, {"LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "2"}),
    ):
        campaign = copied(finished, tmp_path / place)
        shutil.rmtree(campaign.tree)
        folder = tmp_path if umask == 0o077 else campaign.folder
        command = [sys.executable, "-m", "submitter.cli", "assemble", os.path.relpath(campaign.file, folder)]
        done = subprocess.run(
            command, cwd=folder, umask=umask, env={**os.environ, **environment}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        made.append(everything(campaign.tree))
        assert not [name for name, content in contents(campaign.tree).items() if str(tmp_path).encode() in content]
    assert made[0] == made[1]
    assert {oct(mode & 0o7777) for mode, _ in made[0].values()} == {"0o755", "0o644"}
    readme = (campaign.tree / "open/Example/src/README.md").read_text()
    assert "\n    submitter run-all campaign.toml\n" in readme


ORIGINS: dict[type, dict[str, str]] = {
    Manifest: {
        "version": "of the format",
        "submitter_version": "of the assembly",
        "round": "the records: another one is refused, but with --round",
        "smoke": "the campaign: a smoke run is refused in another tree",
        "full_run": "the campaign: it is still to be made",
        "results": "below",
        "files": "of the tree",
        "content_sha256": "of the manifest",
    },
    ManifestResult: {
        "path": "the records: another system, benchmark or scenario is refused",
        "runs": "the records",
        "scores": "the accuracy run's folder",
        "accuracy_target": "the campaign or the round: no run has it",
        "accuracy_log_sha256": "the accuracy run's folder",
    },
}


@pytest.mark.parametrize("record", ORIGINS)
def test_each_field_of_the_manifest_has_a_known_origin(record: Any) -> None:
    assert set(ORIGINS[record]) == set(record.model_fields)


def test_only_what_no_run_has_comes_from_todays_files(campaign: Campaign) -> None:
    """The documents and the targets are today's; the settings and the host are the runs', although they changed."""
    before = contents(campaign.tree)
    for scenario in ("Offline", "Server"):
        engine = campaign.measurement(scenario, "engine.toml")
        engine.write_text("# another day\n" + engine.read_text())
        campaign.measurement(scenario, "serve.yaml").write_text("not: of these runs\n")
        readme = campaign.measurement(scenario, "README.md")
        readme.write_text("run it with submitter, and read campaign.toml\n")
        described = campaign.measurement(scenario, "measurements.json")
        described.write_text(described.read_text().replace('"none"', '"no file"', 1))
    campaign.edit(campaign.folder / "system.json", "Demo host, CPU only", "Another name")
    campaign.edit(campaign.file, "rouge1 = 80.0", "rouge1 = 70.0")
    c.assemble(campaign.file)
    after = contents(campaign.tree)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {
        f"{RESULT}/Offline/README.md",
        f"{RESULT}/Offline/measurements.json",
        f"{RESULT}/Server/README.md",
        f"{RESULT}/Server/measurements.json",
        "open/Example/systems/echo-system.json",
        MANIFEST,
    }
    old, new = (Manifest.model_validate_json(each[MANIFEST]) for each in (before, after))
    for was, now in zip(old.results, new.results, strict=True):
        assert now.accuracy_target == {"rouge1": 70.0}
        assert now == was.model_copy(update={"accuracy_target": {"rouge1": 70.0}})


def test_a_tree_has_the_settings_of_its_runs_byte_for_byte(campaign: Campaign) -> None:
    for scenario in ("Offline", "Server"):
        run = campaign.output / "runs/echo-system/echo-model" / scenario / "performance"
        listed = json.loads((run / "record.json").read_text())["files"]
        for name in ("user.conf", "engine.toml"):
            assert (campaign.tree / RESULT / scenario / name).read_bytes() == (run / name).read_bytes()
            assert name in listed


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("campaign.toml", "max_new_tokens = 64", "max_new_tokens = 65"),
        ("campaign.toml", "max_new_tokens = 64", "max_new_tokens = 64\nsample_limit = 40"),
        ("measurements/Server/engine.toml", "in_flight = 64", "in_flight = 32"),
        ("measurements/Server/user.conf", "target_qps = 400", "target_qps = 399"),
    ],
)
def test_settings_that_are_no_longer_those_of_the_runs_are_refused(
    campaign: Campaign, file: str, old: str, new: str
) -> None:
    before = contents(campaign.tree)
    campaign.edit(campaign.folder / file, old, new)
    with pytest.raises(InputError, match="changed after these runs"):
        c.assemble(campaign.file)
    assert contents(campaign.tree) == before


def test_the_check_finds_an_edit_of_each_file_of_a_tree(campaign: Campaign) -> None:
    """One rule each, with the name of the file: PRV003 for what the manifest lists, PRV011 for the manifest itself."""
    book = load_rulebook("v6.1")

    def found(rule: str) -> list[tuple[str, str]]:
        report = check(campaign.tree, book, jobs=1)
        return sorted((finding.path, finding.message) for finding in report.findings if finding.rule == rule)

    assert found("PRV003") == found("PRV011") == []
    for name, content in contents(campaign.tree).items():
        path = campaign.tree / name
        if "/Offline/" in name:  # the same files as in Server
            continue
        if name == MANIFEST:
            path.write_bytes(content.replace(b'"rouge1": 80.0', b'"rouge1": 70.0'))
            assert found("PRV011") == [(name, "the manifest was changed after it was written")]
        else:
            path.write_bytes(content + b"\n")
            assert found("PRV003") == [(name, "the file was changed after it was assembled")]
            path.unlink()
            assert found("PRV003") == [(name, "a file of the manifest is missing")]
        path.write_bytes(content)
    added = [campaign.tree / RESULT / "Server/notes.txt", campaign.tree / "open/Example/src/link.py"]
    added[0].write_text("added")
    added[1].symlink_to("/etc/passwd")
    names = [path.relative_to(campaign.tree).as_posix() for path in added]
    assert found("PRV003") == [(name, "the file is not in the manifest") for name in sorted(names)]


def test_a_manifest_made_to_fit_an_edit_is_still_found(campaign: Campaign) -> None:
    """Score, verdict and figure in the manifest's records are compared with the logs, whatever the hashes say."""
    content = json.loads((campaign.tree / MANIFEST).read_text())
    runs = content["results"][0]["runs"]
    runs["performance"]["metric"]["value"] *= 10
    runs["performance"]["valid"] = not runs["performance"]["valid"]
    content["results"][0]["scores"]["rouge1"] = 99.9
    (campaign.tree / MANIFEST).write_text(json.dumps(content))
    report = check(campaign.tree, load_rulebook("v6.1"))
    assert {finding.rule for finding in report.findings if finding.severity == "error"} == {
        "PRV008",
        "PRV011",
        "PRV012",
        "PRV013",
    }
