"""One trial: `main` is a program of its own, which prints the outcome as one line of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from submitter import packages
from submitter.errors import NotInstalledError, SubmitterError

# Of the example in age's README: any key that is well-formed would do.
_PUBLIC_KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def _runs() -> dict[str, Any]:
    from submitter.harness import loadgen
    from submitter.rulebook import load_rulebook, round_names

    loadgen.built_in_seeds()
    with packages.required(packages.RUNS, "numpy"):
        import numpy
    rounds = []
    for name in round_names():
        try:
            loadgen.require_for(load_rulebook(name))
        except NotInstalledError:
            continue
        rounds.append(name)
    return {"summary": f"LoadGen {loadgen.version()}, numpy {numpy.__version__}", "rounds": rounds}


def _engine() -> dict[str, Any]:
    from submitter.harness.engines import vllm

    return {"summary": vllm.try_out()}


def _endpoint() -> dict[str, Any]:
    from submitter.harness.engines import endpoint

    endpoint.runs_on()
    return {"summary": f"aiohttp {packages.version_of('aiohttp')}"}


def _scoring() -> dict[str, Any]:
    from submitter import scoring
    from submitter.embedded.benchmark import model_folder

    return {"summary": scoring.try_out(model_folder())}


def _quantising() -> dict[str, Any]:
    from submitter.quantize import block

    block.require_installed()
    return {"summary": f"torch {packages.version_of('torch')}"}


def _calibration() -> dict[str, Any]:
    from submitter.quantize import calibrated

    calibrated.try_out()
    return {"summary": f"llm-compressor {packages.version_of('llmcompressor')}"}


def _packaging() -> dict[str, Any]:
    from submitter.package.secrets import SecretScan

    SecretScan()
    return {"summary": f"detect-secrets {packages.version_of('detect-secrets')}"}


def _encryption() -> dict[str, Any]:
    from submitter.archive import encryption

    encryption.require_recipients([_PUBLIC_KEY])
    return {"summary": f"pyrage {packages.version_of('pyrage')}"}


TRIALS: dict[str, Callable[[], dict[str, Any]]] = {
    packages.RUNS: _runs,
    packages.ENGINE: _engine,
    packages.ENDPOINT: _endpoint,
    packages.SCORING: _scoring,
    packages.PACKAGING: _packaging,
    packages.ENCRYPTION: _encryption,
    packages.QUANTISING: _quantising,
    packages.CALIBRATION: _calibration,
}


def main() -> None:
    try:
        outcome = TRIALS[sys.argv[1]]()
    except SubmitterError as error:
        outcome = {"problem": error.message, "hint": error.hint}
    print("\n" + json.dumps(outcome))
