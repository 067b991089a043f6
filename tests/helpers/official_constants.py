"""The constants of each round's own official checker, from a git checkout of mlcommons/inference with its tags.

MLCOMMONS_INFERENCE names the checkout. Of its code only assignments without calls are executed, the class `Config`, and
what leads a function to its list of compliance tests.
"""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Iterable
from functools import cache, cached_property
from typing import Any

import pytest

from submitter.model import Scenario

CHECKOUT = os.environ.get("MLCOMMONS_INFERENCE")
PACKAGE = "tools/submission/submission_checker"
REFERENCE = {"v4.1": "v4.1", "v5.0": "v5.0.1", "v5.1": "v5.1.1", "v6.0": "b66003e1", "v6.1": "b66003e1"}
# The official names of metrics, where ours is how accuracy.txt writes them.
NAMES = {
    "ROUGE1": "rouge1",
    "ROUGE2": "rouge2",
    "ROUGEL": "rougeL",
    "ROUGELSUM": "rougeLsum",
    "GEN_LEN": "gen_len",
    "TOKENS_PER_SAMPLE": "tokens_per_sample",
}

needs_checkout = pytest.mark.skipif(not CHECKOUT, reason="MLCOMMONS_INFERENCE names no checkout of mlcommons/inference")
each_round = pytest.mark.parametrize("name", sorted(REFERENCE))


@cache
def text_of(reference: str, path: str) -> str:
    command = ["git", "-C", str(CHECKOUT), "show", f"{reference}:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the checkout of mlcommons/inference has no {reference}:{path}")
    return done.stdout


@cache
def paths_of(reference: str) -> str:
    command = ["git", "-C", str(CHECKOUT), "ls-tree", "-r", "--name-only", reference]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def assignment(tree: ast.AST, name: str) -> Any:
    """The literal that a variable of this name is set to, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise LookupError(name)


def function(tree: ast.AST, name: str) -> ast.FunctionDef:
    return next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name)


def _run(nodes: Iterable[ast.stmt], namespace: dict[str, Any]) -> None:
    exec(compile(ast.Module(list(nodes), []), "official", "exec"), namespace)


class Official:
    """One round's official checker: its constants, its `Config`, and the lists that stand inside its functions."""

    def __init__(self, round_name: str) -> None:
        self.round, self.reference = round_name, REFERENCE[round_name]
        self.is_package = round_name >= "v6"
        self.tree = self._parse("constants.py" if self.is_package else None)
        # Constants without a call: arithmetic and literals, nothing that could do anything.
        literal = [
            node
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id.isupper()
            and not any(isinstance(part, ast.Call | ast.Attribute) for part in ast.walk(node.value))
        ]
        self.constants: dict[str, Any] = {"__builtins__": {}}
        _run(literal, self.constants)
        self.model_config: dict[str, Any] = self.constants["MODEL_CONFIG"][round_name]

    def _parse(self, file: str | None) -> ast.Module:
        return ast.parse(text_of(self.reference, f"{PACKAGE}/{file}" if file else f"{PACKAGE}.py"))

    @cached_property
    def config(self) -> Any:
        tree = self._parse("configuration/configuration.py") if self.is_package else self.tree
        namespace = {name: value for name, value in self.constants.items() if name.isupper()}
        _run([node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Config"], namespace)
        return namespace["Config"](self.round, "model_mapping.json")

    @cached_property
    def loadgen(self) -> str:
        """LoadGen's configuration at the tag; that of v6.0 is of a later round by then."""
        return text_of(self.reference, "mlperf.conf" if self.round == "v4.1" else "loadgen/mlperf.conf")

    @cached_property
    def dataset_sizes(self) -> dict[str, int]:
        if "dataset-size" in self.model_config:
            return self.model_config["dataset-size"]
        return Official("v5.1").constants["MODEL_CONFIG"]["v5.0"]["dataset-size"]

    @cached_property
    def llm_models(self) -> list[str]:
        if self.is_package:
            return self.config.get_llm_models()
        (test,) = (
            node.test
            for node in ast.walk(function(self.tree, "check_performance_dir"))
            if isinstance(node, ast.If) and "extra_check_llm" in ast.unparse(node.body[0])
        )
        assert isinstance(test, ast.Compare)
        return ast.literal_eval(test.comparators[0])

    @cached_property
    def units(self) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """The units by scenario, and those of single benchmarks."""
        if self.is_package:
            return self.constants["UNIT_DICT"], self.constants["SPECIAL_UNIT_DICT"]
        special = {} if self.round == "v4.1" else assignment(self.tree, "special_unit_dict")
        return assignment(self.tree, "unit_dict"), special

    def tests(self, model: str) -> set[str]:
        if self.is_package:
            lists = {key: value for key, value in self.model_config.items() if key.startswith("models_TEST")}
            return {key.removeprefix("models_") for key, models in lists.items() if model in models}
        body = function(self.tree, "check_compliance_dir").body
        first = next(i for i, node in enumerate(body) if "compliance_dir)" in ast.unparse(node))
        namespace: dict[str, Any] = {"model": model, "config": self.config}
        _run(body[:first], namespace)
        return set(namespace["test_list"])

    def equal_issue(self, model: str, division: str) -> bool:
        if self.round == "v5.1":
            return self.config.requires_equal_issue(model)
        return self.config.requires_equal_issue(model, division)

    def token_latency(self, model: str) -> dict[str, dict[str, int]]:
        limits = self.constants["LLM_LATENCY_LIMITS"].get(model, {})
        limits = limits.get("conversational", limits)
        if "ttft" in limits:
            return {scenario: limits for scenario in ("Server", "SingleStream", "MultiStream")}
        return limits

    def delta_percent(self, model: str, metric: str) -> float:
        # v5.0.1's check_compliance_acc_dir asks with acc_type[0], and acc_type is no longer a pair there.
        return self.config.get_delta_perc(model, metric[0] if self.round == "v5.0" else metric)


@cache
def official_of(round_name: str) -> Official:
    return Official(round_name)


def pairs(flat: tuple[Any, ...]) -> dict[str, float]:
    return {NAMES.get(name, name): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def by_name(table: dict[Scenario, Any]) -> dict[str, Any]:
    return {scenario.value: value for scenario, value in table.items()}
