"""Every command as a user who may not read or write everything; root is made such a user by dropping capabilities."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from echo_campaign import Campaign, make_campaign
from submission_tree import Tree

REPOSITORY = Path(__file__).resolve().parents[2]
_WITHOUT_POWER = "-dac_override,-dac_read_search"
_CLOSED, _OPEN = 0o000, 0o755


def command(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command line with the rights of a user."""
    prefix = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not installed, and root may read and write everything")
        prefix = ["setpriv", f"--bounding-set={_WITHOUT_POWER}", f"--inh-caps={_WITHOUT_POWER}"]
    words = [*prefix, sys.executable, "-m", "submitter.cli", *arguments]
    return subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False, env=env)


@pytest.fixture
def closed() -> Iterator[Callable[[Path], Path]]:
    """Closes a file or folder to its owner until the test ends."""
    changed: list[Path] = []

    def close(path: Path, mode: int = _CLOSED) -> Path:
        changed.append(path)
        path.chmod(mode)
        return path

    yield close
    for path in changed:
        path.chmod(_OPEN)


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    for wrong in ("internal error", "Traceback", "Errno", "PermissionError"):
        assert wrong not in done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert "ls -ld" in done.stderr


WITH_A_CAMPAIGN = {
    "plan": (),
    "run-all": (),
    "score": (),
    "assemble": (),
    "templates": (),
    "run": ("--scenario", "Offline"),
    "tune": ("--scenario", "Server"),
}


@pytest.mark.parametrize("name", WITH_A_CAMPAIGN)
def test_a_campaign_that_may_not_be_read(name: str, campaign: Campaign, closed: Callable[[Path], Path]) -> None:
    closed(campaign.file)
    refused(command(name, str(campaign.file), *WITH_A_CAMPAIGN[name]), str(campaign.file))


@pytest.mark.parametrize("name", sorted(set(WITH_A_CAMPAIGN) - {"templates", "score"}))
def test_an_output_that_may_not_be_written(name: str, campaign: Campaign, closed: Callable[..., Path]) -> None:
    place = campaign.folder / "results"
    place.mkdir()
    campaign.edit(campaign.file, 'output = "out"', 'output = "results/out"')
    closed(place, 0o555)
    refused(command(name, str(campaign.file), *WITH_A_CAMPAIGN[name]), f"{place / 'out'}: permission denied")


@pytest.mark.parametrize(
    "path", ["data", "system.json", "measurements/Offline/engine.toml", "model/config.json", "model"]
)
def test_a_file_of_the_campaign_that_may_not_be_read(
    path: str, campaign: Campaign, closed: Callable[[Path], Path]
) -> None:
    closed(campaign.folder / path)
    done = command("plan", str(campaign.file))
    if path == "system.json":  # a document, which blocks no run
        assert f"preflight due      {campaign.folder / path} cannot be read: permission denied" in done.stderr
        assert done.returncode == 0
    else:
        refused(done, str(campaign.folder / path), "permission denied")


def test_runs_that_may_not_be_read(campaign: Campaign, closed: Callable[[Path], Path]) -> None:
    runs = campaign.output / "runs/echo-system/echo-model/Offline"
    runs.mkdir(parents=True)
    closed(runs)
    for name in ("score", "assemble"):
        done = command(name, str(campaign.file))
        refused(done, str(runs), "permission denied")
        assert "no finished run" not in done.stderr


def test_templates_that_may_not_be_written(campaign: Campaign, closed: Callable[..., Path]) -> None:
    place = campaign.folder / "documents"
    place.mkdir()
    campaign.edit(campaign.file, "[system]", 'documentation = "documents"\n[system]')
    closed(place, 0o555)
    refused(command("templates", str(campaign.file)), f"{place / 'calibration.md'}: permission denied")


@pytest.mark.parametrize("name", ["check", "score", "explain"])
@pytest.mark.parametrize("level", [0, 1, 2, 3, 4])
def test_a_submission_that_may_not_be_read(name: str, level: int, tree: Tree, closed: Callable[[Path], Path]) -> None:
    """The folder that may not be read is named at each level above the results, and nothing "holds no result"."""
    folders = [tree.root, tree.root / "closed", tree.submitter, tree.submitter / "results"]
    folders.append(next((tree.submitter / "results").iterdir()))
    folder = closed(folders[level])
    done = command(name, str(tree.root))
    refused(done, str(folder))
    assert "holds no" not in done.stderr


@pytest.mark.parametrize("part", ["documentation", "systems", "results/{system}/{benchmark}/Server"])
def test_a_part_of_a_submission_that_may_not_be_read_never_passes(
    part: str, tree: Tree, closed: Callable[[Path], Path]
) -> None:
    system = next((tree.submitter / "results").iterdir())
    folder = tree.submitter / part.format(system=system.name, benchmark=next(system.iterdir()).name)
    assert command("check", str(tree.root)).returncode == 0
    closed(folder)
    done = command("check", str(tree.root))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "INT002  the folder cannot be read: permission denied" in done.stdout
    assert f"{folder.name}\n" in done.stdout.split("INT002  the folder cannot be read")[1]
    assert "FAIL" in done.stdout
    partial = command("check", str(tree.root), "--partial")
    assert partial.returncode == 1
    for only in ("--select", "PRF"), ("--jobs", "2"):
        assert command("check", str(tree.root), *only).returncode in (0, 1)


def test_reports_and_descriptions_that_may_not_be_written(
    tree: Tree, tmp_path: Path, closed: Callable[..., Path]
) -> None:
    place = tmp_path / "reports"
    place.mkdir()
    closed(place, 0o555)
    refused(command("check", str(tree.root), "--output", str(place / "report.txt")), str(place / "report.txt"))
    description = str(REPOSITORY / "systems/cpu-demo.json")
    done = command("describe-system", description, "--output", str(place / "system.json"))
    refused(done, f"{place / 'system.json'}: permission denied")


@pytest.mark.parametrize(
    "words",
    [
        ("describe-system", "PATH"),
        ("quantize", "PATH"),
        ("dataset", "verify", "PATH"),
        ("dataset", "stats", "PATH"),
        ("dataset", "convert", "PATH", "TARGET.safetensors"),
        ("explain", "PATH"),
    ],
)
@pytest.mark.parametrize("is_inside", [False, True])
def test_other_files_that_may_not_be_read(
    words: tuple[str, ...], is_inside: bool, tmp_path: Path, closed: Callable[[Path], Path]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "thing.json"
    path.write_text("{}")
    closed(folder if is_inside else path)
    names = {"PATH": str(path), "TARGET.safetensors": str(tmp_path / "target.safetensors")}
    refused(command(*(names.get(word, word) for word in words)), str(path))


def test_a_quantised_checkpoint_that_may_not_be_written(tmp_path: Path, closed: Callable[..., Path]) -> None:
    pytest.importorskip("torch")
    made = make_campaign(tmp_path)
    place = tmp_path / "models"
    place.mkdir()
    closed(place, 0o555)
    done = command("quantize", str(made.folder / "model"), str(place / "target"))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Errno" not in done.stderr


def test_the_rules_need_no_rights() -> None:
    assert command("rules").returncode == 0
