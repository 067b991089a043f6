"""Imports go down only, and each heavy library has one importer: docs/architecture.md draws it, this holds it."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from without_packages import without_packages

from submitter import packages

PACKAGE = Path(__file__).resolve().parents[1] / "submitter"

# From the bottom up: a module imports only from lower layers, or from its own part.
LAYERS = [
    {"errors", "model", "units", "quoting", "version", "strict_record", "scratch"},
    {"plugins", "input_file", "packages"},
    {"schema", "logs", "loadgen_conf", "layout", "documents", "early_stopping", "tensor_file", "rulebook_tables"}
    | {"validation"},
    {"rulebook", "record", "archive"},
    {"weights", "manifest", "system", "compliance", "rulebook_import"},
    {"submission"},
    {"checker", "harness", "cluster", "scoring", "assembly", "quantize"},
    {"insight", "embedded", "datasets", "package"},
    {"campaign", "doctor"},
    {"console"},
    {"cli"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
IMPORTERS = {
    "mlperf_loadgen": {"harness/loadgen.py"},
    "vllm": {"harness/engines/vllm.py", "harness/engines/_vllm_cpu_kernel.py"},
    "rouge_score": {"scoring/metrics/rouge.py"},
    "nltk": {"scoring/english.py"},
    "aiohttp": {"harness/remote/client.py"},
    "yarl": {"harness/remote/client.py"},
    "yaml": {"submission/endpoints.py"},
    "detect_secrets": {"package/secrets.py"},
    "pyrage": {"archive/encryption.py"},
    "llmcompressor": {"quantize/calibrated.py"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a file imports anywhere in it, also for types only; `from package import name` gives both."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def targets(path: Path, known: Collection[str]) -> set[str]:
    """The modules of ours that a file needs: of `from package import module` the module, not the package."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = (f"{node.module}.{alias.name}" for alias in node.names)
            names |= {name if name in known else node.module for name in full}
    return names & set(known)


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_part_has_its_layer() -> None:
    parts = {part_of(path) for path in MODULES} - {"__init__", "rulebooks", "schemas"}
    assert parts == set(LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    mine = part_of(path)
    if mine in ("__init__", "rulebooks", "schemas"):
        return
    for name in imported(path):
        pieces = name.split(".")
        if pieces[0] != "submitter" or len(pieces) < 2 or pieces[1] not in LEVEL:
            continue
        other = pieces[1]
        assert other == mine or LEVEL[other] < LEVEL[mine], f"{path.name} imports {name}"


def test_no_import_leads_back() -> None:
    """No circle of modules, not even one of imports for types only. A package's `__init__` counts as a module."""
    known = {module_of(path): path for path in MODULES}
    imports = {module: targets(path, known.keys()) - {module} for module, path in known.items()}
    order = list(graphlib.TopologicalSorter(imports).static_order())  # CycleError names the circle
    assert set(order) == set(known)


def test_only_rules_import_rules() -> None:
    rules = "submitter.checker.rules."
    outside = [path for path in MODULES if path.parent.name != "rules"]
    assert not [path for path in outside if any(name.startswith(rules) for name in imported(path))]


def test_rules_touch_no_files() -> None:
    """They are given what the reading room has read."""
    system = {"os", "shutil", "subprocess", "io", "tempfile"}
    for path in (PACKAGE / "checker" / "rules").glob("*.py"):
        assert not imported(path) & system, path.name
        assert not re.search(r"\bopen\(|\.read_(text|bytes)\(", path.read_text("utf-8")), path.name


@pytest.mark.parametrize("library", IMPORTERS)
def test_a_heavy_library_has_one_importer(library: str) -> None:
    found = {
        str(path.relative_to(PACKAGE)) for path in MODULES if any(n.split(".")[0] == library for n in imported(path))
    }
    assert found == IMPORTERS[library]


def test_check_needs_nothing_heavy() -> None:
    """Every module `check` loads, with the libraries of runs and of the host made impossible to import."""
    code = (
        "import sys\n"
        "runs = 'torch vllm mlperf_loadgen numpy nltk rouge_score transformers tokenizers'\n"
        "host = 'psutil pynvml amdsmi'\n"
        "sys.modules |= dict.fromkeys(f'{runs} {host}'.split())\n"
        "import submitter.cli, submitter.system, submitter.checker, submitter.checker.registry as r\n"
        "from submitter.rulebook import load_rulebook\n"
        "from submitter import plugins\n"
        "print(len(r.all_rules()), load_rulebook('v6.1').name)\n"
        "folder = 'submitter.checker.reporters'\n"
        "[plugins.load(folder, name, 'format') for name in plugins.names(folder)]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] == "v6.1"


def test_a_campaign_is_planned_without_the_packages_of_its_runs(tmp_path: Path) -> None:
    """The light install plans: nothing that a campaign imports, or that opens a data set, needs more."""
    everything = {package for part in packages.PARTS.values() for package in part.packages}
    code = (
        "from pathlib import Path; import submitter.campaign, submitter.datasets, submitter.embedded.dataset\n"
        "from submitter.harness.dataset import Dataset, write_dataset\n"
        f"path = Path({str(tmp_path / 'two.safetensors')!r})\n"
        "write_dataset(path, 'two', [[1, 2], [3]], ['a', 'b'])\n"
        "dataset = Dataset.open(path)\n"
        "dataset.verify()\n"
        "print(dataset.header.sample_count, dataset.prompt(1), submitter.campaign.make_plan.__name__)\n"
    )
    environment = without_packages(tmp_path / "hidden", everything)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 [3] make_plan\n"
