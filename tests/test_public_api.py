"""The public API: what it is, that importing it is cheap, and that the documented examples run."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from echo_campaign import Campaign

import submitter

REPOSITORY = Path(submitter.__file__).parents[1]
TREE = REPOSITORY / "tests/fixtures/tiny-open.tar.xz"
NAMES = [
    "Finding",
    "Report",
    "__version__",
    "assemble",
    "check",
    "load_rulebook",
    "open_submission",
    "run_all",
    "score",
]
DOCUMENTS = ["README.md", "docs/library.md"]


def examples() -> list[tuple[str, str]]:
    """Each Python example of the documents, with the document's name."""
    texts = [(name, (REPOSITORY / name).read_text("utf-8")) for name in DOCUMENTS]
    return [(name, code) for name, text in texts for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]


def test_the_public_names() -> None:
    assert submitter.__all__ == NAMES
    assert set(NAMES) <= set(dir(submitter))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "__version__"])
def test_each_is_documented_and_typed(name: str) -> None:
    value = getattr(submitter, name)
    assert len(inspect.getdoc(value) or "") > 40
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        assert signature.return_annotation is not inspect.Signature.empty
        assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values())
        assert "Error" in (inspect.getdoc(value) or ""), "the docstring does not say which errors it raises"


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        submitter.no_such_name  # noqa: B018


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import submitter, sys; print(*(name for name in sys.modules if name.startswith('submitter')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"submitter", "submitter.version"}


def test_the_documents_have_examples() -> None:
    assert {name for name, _ in examples()} == set(DOCUMENTS)


@pytest.mark.parametrize(("document", "code"), [(n, c) for n, c in examples() if "run_all" not in c])
def test_an_example_that_checks(document: str, code: str, tmp_path: Path) -> None:
    with tarfile.open(TREE) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (tmp_path / "build/tiny-open").mkdir(parents=True)
    (holder,) = [folder.parent for folder in (tmp_path / "unpacked").rglob("open") if folder.is_dir()]
    holder.rename(tmp_path / "build/tiny-open/submission")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "tiny-llama/Offline" in done.stdout
    assert "valid" in done.stdout
    assert done.stdout.split()[-1] == "pass"


def test_the_example_that_runs(campaign: Campaign) -> None:
    (code,) = [code for _, code in examples() if "run_all" in code]
    assert "examples/demo.toml" in code
    script = campaign.folder / "example.py"
    script.write_text(code.replace("examples/demo.toml", str(campaign.file)))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=campaign.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{campaign.tree} preview"
    assert "echo-model Offline performance 192 " in done.stdout


def test_a_type_checker_sees_the_types(tmp_path: Path) -> None:
    """py.typed is there, and the examples are right by mypy's strict mode."""
    assert (REPOSITORY / "submitter/py.typed").is_file()
    for number, (_, code) in enumerate(examples()):
        (tmp_path / f"example_{number}.py").write_text(code)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(REPOSITORY / "pyproject.toml")]
    command += ["--cache-dir", str(REPOSITORY / ".mypy_cache"), *map(str, sorted(tmp_path.glob("*.py")))]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
