"""Checking needs no model, no LoadGen and no numerical library."""

from __future__ import annotations

import subprocess
import sys

from manifest_tree import write_manifest
from submission_tree import Tree

HEAVY = {"torch", "vllm", "mlperf_loadgen", "numpy", "nltk", "rouge_score", "transformers", "jsonschema", "tokenizers"}
PROGRAM = """
import sys
from pathlib import Path
from submitter.checker import check
from submitter.checker.reporters import json, text
from submitter.rulebook import load_rulebook
report = check(Path(sys.argv[1]), load_rulebook("v6.1"))
text.render(report, colour=True), json.render(report, colour=False)
print(report.exit_code, *sorted(name for name in sys.modules if "." not in name))
"""


def test_a_check_imports_nothing_heavy(tree: Tree) -> None:
    write_manifest(tree)
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tree.root)], capture_output=True, text=True, check=True)
    exit_code, *modules = done.stdout.split()
    assert exit_code == "0"
    assert not HEAVY & set(modules)
