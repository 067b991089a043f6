"""One trial: `main` is a program of its own, which prints the outcome as one line of JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from submitter import packages
from submitter.errors import NotInstalledError, SubmitterError


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


TRIALS: dict[str, Callable[[], dict[str, Any]]] = {
    packages.RUNS: _runs,
    packages.ENGINE: _engine,
    packages.ENDPOINT: _endpoint,
    packages.SCORING: _scoring,
    packages.QUANTISING: _quantising,
    packages.CALIBRATION: _calibration,
}


def main() -> None:
    try:
        outcome = TRIALS[sys.argv[1]]()
    except SubmitterError as error:
        outcome = {"problem": error.message, "hint": error.hint}
    print("\n" + json.dumps(outcome))
