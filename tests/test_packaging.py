"""What `pip install .` gives: the data files are in the wheel, and a check needs nothing heavy."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel_files(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    pytest.importorskip("setuptools", "77")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a copy: building leaves files beside the sources
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "submitter", "schemas"):
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
    return set(zipfile.ZipFile(wheel).namelist())


def test_every_module_and_data_file_is_in_the_wheel(wheel_files: set[str]) -> None:
    wanted = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "submitter").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    wanted |= {f"submitter/{path.relative_to(ROOT)}" for path in (ROOT / "schemas").iterdir()}
    assert wanted <= wheel_files, sorted(wanted - wheel_files)
    assert "submitter/embedded/model/model.safetensors" in wheel_files
    assert "submitter/rulebooks/v6.1.toml" in wheel_files


def test_nothing_but_the_package_is_in_the_wheel(wheel_files: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel_files} == {"submitter", "submitter-0.1.0.dist-info"}


def test_the_lock_holds_what_the_package_asks_for_and_no_gpu() -> None:
    lines = (ROOT / "requirements/cpu.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    locked = {name.lower().replace("_", "-") for name in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(item for extra in project["optional-dependencies"].values() for item in extra)]
    for requirement in asked:
        name = requirement.split(">=")[0].split("==")[0].lower()
        assert name in locked, f"requirements/cpu.txt lacks {name}"
    assert not {name for name in locked if "cuda" in name or "nvidia" in name or name == "triton"}
    assert not locked & {"torchvision", "torchaudio", "torchcodec"}
    assert pins["torch"].endswith("+cpu")
