"""What `pip install .` gives, and that the lock, the changelog and the actions' pins agree with it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import submitter
from submitter.version import PROJECT_URL

ROOT = Path(__file__).parent.parent
# The folders at the top that the package links to, and what of each a wheel must have.
LINKED = {
    "schemas": ("schemas", "*.json"),
    "measurements": ("ready/measurements", "**/*"),
    "systems": ("ready/systems", "*.json"),
    "examples": ("ready/examples", "*.toml"),
    "docs": ("ready", "install.md"),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("setuptools", "77")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a copy: building leaves files beside the sources
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "submitter", *LINKED):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        folder,
        source,
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel_files(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_every_module_and_data_file_is_in_the_wheel(wheel_files: set[str]) -> None:
    wanted = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "submitter").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for name, (place, pattern) in LINKED.items():
        files = {path.relative_to(ROOT / name) for path in (ROOT / name).glob(pattern) if path.is_file()}
        assert files
        wanted |= {f"submitter/{place}/{path}" for path in files}
    assert wanted <= wheel_files, sorted(wanted - wheel_files)
    assert "submitter/embedded/model/model.safetensors" in wheel_files
    assert "submitter/rulebooks/v6.1.toml" in wheel_files
    assert "submitter/py.typed" in wheel_files


def test_init_works_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """Unpacked, as pip installs it, in an empty folder: no file of the checkout is near."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site-packages")
    (tmp_path / "work").mkdir()
    command = [sys.executable, "-P", "-m", "submitter.cli", "init", "--system-id", "8xMI300X"]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=tmp_path / "work",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site-packages")},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the ready set 8xMI300X (this machine's)" in done.stdout
    made = {str(path.relative_to(tmp_path / "work")) for path in (tmp_path / "work").rglob("*") if path.is_file()}
    assert {"campaign.toml", "measurements/README.md", "measurements/llama2-70b-99.9/Server/engine.toml"} <= made


def test_nothing_but_the_package_is_in_the_wheel(wheel_files: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel_files} == {"submitter", f"submitter-{submitter.__version__}.dist-info"}


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def lock() -> dict[str, tuple[Version, list[str]]]:
    """Each package of the lock, its name as PyPI spells it: its version and its hashes."""
    text = (ROOT / "requirements/cpu.txt").read_text().replace("\\\n", " ")
    packages = {}
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        pin, *hashes = line.split()
        name, version = pin.split("==")
        packages[canonicalize_name(name)] = (Version(version), hashes)
    return packages


def asked() -> list[Requirement]:
    """What the package and its extras ask for, other than its own extras."""
    extras = project()["optional-dependencies"].values()
    lines = [*project()["dependencies"], *(line for extra in extras for line in extra)]
    return [found for found in map(Requirement, lines) if found.name != "submitter"]


@pytest.mark.parametrize("requirement", asked(), ids=str)
def test_the_lock_holds_what_the_package_asks_for(requirement: Requirement) -> None:
    version, _ = lock()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version, prereleases=True)


def test_every_package_of_the_lock_has_hashes() -> None:
    for name, (_, hashes) in lock().items():
        assert hashes, f"{name} has no hash: run make lock"
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", text) for text in hashes), name


def test_the_lock_has_no_gpu_build() -> None:
    locked = lock()
    # nvidia-ml-py is Python alone: it asks the driver, where there is one.
    gpu = {name for name in locked if "cuda" in name or "nvidia" in name or name == "triton"}
    assert gpu == {"nvidia-ml-py"}
    assert not locked.keys() & {"torchvision", "torchaudio", "torchcodec"}
    assert locked["torch"][0].local == "cpu"


def test_the_newest_version_of_the_changelog_is_the_package_s() -> None:
    versions = re.findall(r"^## \[(\S+)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert versions[0] == submitter.__version__
    assert len(set(versions)) == len(versions)


def test_the_package_knows_where_it_is_hosted() -> None:
    urls = project()["urls"]
    assert urls["Homepage"] == PROJECT_URL
    assert all(url.startswith(PROJECT_URL) for url in urls.values())


WORKFLOWS = [ROOT / "action.yml", *(ROOT / ".github/workflows").glob("*.yml"), *(ROOT / "examples/ci").glob("*.yml")]


def test_actions_are_pinned_to_one_commit_each() -> None:
    """A tag can be moved, a commit cannot; the version stands beside it for people and for what updates the pins."""
    used = [line for path in WORKFLOWS for line in re.findall(r"\buses: *(.+)", path.read_text())]
    assert used
    pinned = [re.fullmatch(r"([\w./-]+)@([0-9a-f]{40}) # (v[\d.]+)", line) for line in used]
    assert all(pinned), used
    commits = {(match[1], match[2], match[3]) for match in pinned if match}
    assert len({name for name, _, _ in commits}) == len(commits), commits
