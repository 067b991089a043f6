"""`scoring.try_out` finds before the runs whatever would stop scoring after them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from without_packages import without_packages

from submitter import packages, scoring
from submitter.errors import InputError

pytest.importorskip("nltk")
pytest.importorskip("rouge_score")
pytest.importorskip("tokenizers")

_PROGRAM = (
    "import sys\nfrom pathlib import Path\nfrom submitter import scoring\nfrom submitter.errors import SubmitterError\n"
    "if __name__ == '__main__':\n"
    "    try:\n"
    "        print(scoring.try_out(Path(sys.argv[1])))\n"
    "    except SubmitterError as error:\n"
    "        print(error.exit_code, error.message, error.hint, sep='\\n')\n"
)


def tried(tmp_path: Path, tokenizer_folder: Path, missing: list[str]) -> list[str]:
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    environment = without_packages(tmp_path / "hidden", missing) | {"NLTK_DATA": ""}
    command = [sys.executable, str(program), str(tokenizer_folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_it_scores(tmp_path: Path, tokenizer_folder: Path) -> None:
    (line,) = tried(tmp_path, tokenizer_folder, [])
    assert line == f"rouge of 2 made-up answers computed with {tokenizer_folder.name}'s tokenizer"


@pytest.mark.parametrize("package", packages.PARTS[packages.SCORING].packages)
def test_each_package_of_scoring_is_needed(tmp_path: Path, tokenizer_folder: Path, package: str) -> None:
    """So the table in `packages` has no package too many, and each is reported with what installs all of them."""
    code, message, hint = tried(tmp_path, tokenizer_folder, [package])
    assert (code, hint) == ("3", packages.install_command(packages.SCORING))
    assert message == f"scoring needs the package {package}, which is not installed"


def test_no_other_package_is_needed(tmp_path: Path, tokenizer_folder: Path) -> None:
    everything = {package for part in packages.PARTS.values() for package in part.packages}
    others = everything - set(packages.PARTS[packages.SCORING].packages)
    (line,) = tried(tmp_path, tokenizer_folder, sorted(others))
    assert line.startswith("rouge of 2")


def test_without_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no tokenizer\.json"):
        scoring.try_out(tmp_path)


def test_a_damaged_tokenizer(tmp_path: Path, tokenizer_folder: Path) -> None:
    whole = (tokenizer_folder / "tokenizer.json").read_bytes()
    (tmp_path / "tokenizer.json").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"tokenizer\.json is not a tokenizer"):
        scoring.try_out(tmp_path)


def test_an_unknown_metric(tokenizer_folder: Path) -> None:
    with pytest.raises(InputError, match="unknown metric 'rogue'"):
        scoring.try_out(tokenizer_folder, metric="rogue")
