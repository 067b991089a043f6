"""What a rule book is drafted from, of one commit of mlcommons/inference, as files in a folder."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from official_constants import CHECKOUT, paths_of, text_of

_FILES = re.compile(
    r"^(?:tools/submission/.*\.py|tools/submission/.*/sources_checksums\.json|tools/submission/power/.*\.json"
    r"|loadgen/(?:mlperf\.conf|VERSION\.txt)|compliance/.*audit\.config)$",
    re.M,
)


def write_checkout(folder: Path, reference: str) -> Path:
    """The files of `reference`, a tag or commit of the checkout that MLCOMMONS_INFERENCE names, under `folder`."""
    for name in _FILES.findall(paths_of(reference)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(reference, name), "utf-8")
    command = ["git", "-C", str(CHECKOUT), "rev-parse", f"{reference}^{{commit}}"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text(commit, "utf-8")
    return folder
